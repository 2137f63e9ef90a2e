"""What mails tell of money: a refund that is done, one that failed after all, or a payment that failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import OrderStatus
from db.transaction import fetch
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, voice_of
from domain.purchase.payment import Purchase

REFUNDED, UNDONE, FAILED = "refund.done", "refund.failed", "payment.failed"
# What a refund is that did not go back in the end.
CAME_TO_NOTHING = frozenset({"failed", "canceled"})
# What an order is that was never paid, and will not be.
GIVEN_UP = frozenset({OrderStatus.FAILED, OrderStatus.EXPIRED})

# A mail's key is the name of what Stripe said of the refund.
ORDER = """
SELECT n.message_id::text, g.name AS organization, g.email_sender, g.slug, g.timezone, g.language, s.name, s.email,
       o.id, o.status, o.list_price, o.currency, r.name AS product,
       p.facts -> n.dedupe_key ->> 'status' AS refund_status, n.dedupe_key, p.facts,
       p.amount_received, p.amount_refunded, p.currency AS payment_currency,
       (SELECT array_agg(k.name ORDER BY k.line, k.unit) FROM student_packages k WHERE k.order_id = o.id) AS packages
  FROM notifications n
  JOIN organizations g ON g.id = n.organization_id
  JOIN orders o ON o.id = n.order_id
  JOIN students s ON s.id = n.student_id
  LEFT JOIN products r ON r.id = o.product_id
  LEFT JOIN payments p ON p.id = o.payment_id
 WHERE n.id = %(id)s
"""

Row = Mapping[str, Any]


def read_refund_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a refund must say; None if it did not succeed in the end."""
    (row,) = fetch(session, ORDER, id=notification_id)
    return refund_mail(row) if row["refund_status"] == "succeeded" else None


def read_undone_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a refund that failed after all must say; None if it counts again."""
    (row,) = fetch(session, ORDER, id=notification_id)
    return undone_mail(row) if row["refund_status"] in CAME_TO_NOTHING else None


def read_failed_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a payment that failed must say; None if the order was paid after all."""
    (row,) = fetch(session, ORDER, id=notification_id)
    return failed_mail(row) if row["status"] in GIVEN_UP else None


def refund_mail(row: Row) -> Letter:
    """Return the mail about a refund, of a row of `ORDER`."""
    voice = voice_of(row)
    total, paid = (voice.money(row[name], row["payment_currency"]) for name in ("amount_refunded", "amount_received"))
    amount = _amount(row, voice)
    if row["amount_refunded"] < row["amount_received"]:
        of_all = voice.say("In all, {total} of the {paid} that you paid went back.", total=total, paid=paid)
    else:
        of_all = voice.say("With it all that you paid went back: {paid}.", paid=paid)
    return Letter(
        **envelope(row, voice, voice.say("{amount} went back to you", amount=amount)),
        heading=voice.say("Your refund is done"),
        cards=(Card(_bought(row, voice), (voice.say("{amount} went back to you", amount=amount),)),),
        notes=(of_all, voice.say("It may take your bank some days to show it.")),
        facts=(voice.say("Order: {number}", number=row["id"]),),
    )


def undone_mail(row: Row) -> Letter:
    """Return the mail about a refund that was done and failed after all, of a row of `ORDER`."""
    voice = voice_of(row)
    amount = voice.say("{amount} did not go back to you", amount=_amount(row, voice))
    return Letter(
        **envelope(row, voice, amount),
        heading=voice.say("Your refund failed"),
        cards=(Card(_bought(row, voice), (amount,)),),
        notes=(
            voice.say("It had been made, but your bank did not take it, or it was called off. The studio knows."),
            voice.say("Credits that it had taken back are there again; what was cancelled is not booked again."),
            voice.say("If you hear nothing about the money, ask the studio."),
        ),
        facts=(voice.say("Order: {number}", number=row["id"]),),
    )


def failed_mail(row: Row) -> Letter:
    """Return the mail about a payment that failed, or was never made, of a row of `ORDER`."""
    voice = voice_of(row)
    if row["status"] == OrderStatus.EXPIRED:
        heading = voice.say("Your purchase was not completed")
        why = voice.say("It was not paid in time: you were given nothing, and nothing was charged.")
    else:
        heading = voice.say("Your payment failed")
        why = voice.say("The payment did not go through: you were given nothing.")
    what = _bought(row, voice)
    return Letter(
        **envelope(row, voice, voice.say("{what}, not paid", what=what)),
        heading=heading,
        cards=(Card(what, (voice.money(row["list_price"], row["currency"]),)),),
        notes=(
            why,
            voice.say("If you still want it, buy it again. If your bank shows a payment, tell the studio."),
        ),
        facts=(voice.say("Order: {number}", number=row["id"]),),
    )


def _amount(row: Row, voice: Voice) -> str:
    """Return what a refund is, in the currency of the order, whatever the card was charged in."""
    refunds = Purchase(0, "", row["facts"]).refunds
    amount = next(refund.amount for refund in refunds if refund.id == row["dedupe_key"].partition(":")[2])
    return voice.money(amount, row["payment_currency"])


def _bought(row: Row, voice: Voice) -> str:
    """Return what an order is for."""
    return ", ".join(row["packages"] or ()) or row["product"] or voice.say("Your purchase")
