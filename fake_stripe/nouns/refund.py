"""Refunds and disputes."""

from __future__ import annotations

from fake_stripe.ids import fresh
from fake_stripe.store import Json

DAY = 24 * 60 * 60
EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "product_description",
    "receipt",
    "refund_policy",
    "service_date",
    "service_documentation",
    "uncategorized_file",
    "uncategorized_text",
)


def refund(charge: Json, amount: int, status: str, *, reason: str | None, metadata: Json, at: int) -> Json:
    """Return a refund of a part of a charge, or all of it."""
    return {
        "id": fresh("refund"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": fresh("balance_transaction"),
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def dispute(charge: Json, amount: int, *, inquiry: bool, reason: str, at: int) -> Json:
    """Return a dispute; an inquiry asks only, and moves no money."""
    return {
        "id": fresh("dispute"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [] if inquiry else [withdrawn(amount, charge["currency"], at=at)],
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE),
        "evidence_details": {
            "due_by": at + 9 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def withdrawn(amount: int, currency: str, *, at: int) -> Json:
    """Return the movement of money of a dispute; a negative amount is money that comes back."""
    return {
        "id": fresh("balance_transaction"),
        "object": "balance_transaction",
        "amount": -amount,
        "created": at,
        "currency": currency,
        "fee": 0,
        "net": -amount,
        "reporting_category": "dispute" if amount > 0 else "dispute_reversal",
        "type": "adjustment",
    }
