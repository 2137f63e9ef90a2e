"""PaymentIntents and charges."""

from __future__ import annotations

from fake_stripe.ids import fresh
from fake_stripe.nouns.customer import ADDRESS
from fake_stripe.store import Json

DECLINED = "Your card was declined."
# What a card is seen as; the number that every developer knows.
CARD = {
    "brand": "visa",
    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
    "country": "US",
    "exp_month": 8,
    "exp_year": 2040,
    "fingerprint": "fakefakefakefake",
    "funding": "credit",
    "installments": None,
    "last4": "4242",
    "mandate": None,
    "network": "visa",
    "network_token": {"used": False},
    "three_d_secure": None,
    "wallet": None,
}
DEBIT = {"bank_name": "STRIPE TEST BANK", "country": "DE", "last4": "3000", "fingerprint": "fakefakefakefake"}


def payment_intent(amount: int, currency: str, customer: str | None, metadata: Json, *, at: int) -> Json:
    """Return a PaymentIntent that waits for a means of payment."""
    key = fresh("payment_intent")
    return {
        "id": key,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{key}_secret_{fresh('customer')[4:]}",
        "confirmation_method": "automatic",
        "created": at,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def charge(intent: Json, status: str, *, email: str | None, name: str | None, debit: bool, at: int) -> Json:
    """Return one try to take a PaymentIntent's money: `succeeded`, `pending` or `failed`."""
    paid, failed = status == "succeeded", status == "failed"
    kind = "sepa_debit" if debit else "card"
    return {
        "id": fresh("charge"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": fresh("balance_transaction") if paid else None,
        "billing_details": {"address": {**ADDRESS}, "email": email, "name": name, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": "PUNCHCARD",
        "captured": paid,
        "created": at,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": "card_declined" if failed else None,
        "failure_message": DECLINED if failed else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": outcome(status),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": fresh("payment_method"),
        "payment_method_details": {kind: {**(DEBIT if debit else CARD)}, "type": kind},
        "receipt_email": email,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }


def outcome(status: str) -> Json:
    """Return what the network said of a charge."""
    failed = status == "failed"
    return {
        "advice_code": "try_again_later" if failed else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if failed else "approved_by_network",
        "reason": "generic_decline" if failed else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details." if failed else "Payment complete.",
        "type": "issuer_declined" if failed else "authorized",
    }


def declined(charge: Json) -> Json:
    """Return the error that stands in a PaymentIntent whose charge failed."""
    return {
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": "generic_decline",
        "doc_url": "https://docs.stripe.com/error-codes/card-declined",
        "message": DECLINED,
        "payment_method": {"id": charge["payment_method"], "object": "payment_method", "type": "card"},
        "type": "card_error",
    }
