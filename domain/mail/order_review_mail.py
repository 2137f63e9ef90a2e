"""What staff are told of an order that one of them must look at, until somebody says that it is settled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import ReviewKind
from db.transaction import fetch
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, msgid, voice_of

REVIEW = "order.review"

# Why, in a sentence, and what to do about it. Nobody is named: staff look the order up.
SAID: Mapping[ReviewKind, tuple[str, str]] = {
    ReviewKind.PARTIAL_REFUND: (
        msgid("Part of an order was refunded in Stripe"),
        msgid("No credits were taken back for it: take back those that are not to be used any more."),
    ),
    ReviewKind.REFUND_FAILED: (
        msgid("A refund failed"),
        msgid("The money did not go back, and what the refund had taken is there again. Cancelled bookings stay so."),
    ),
    ReviewKind.CONSUMED: (
        msgid("An order went back of which something was used"),
        msgid("Its bookings ahead were cancelled. See whether what was used is to be paid for."),
    ),
    ReviewKind.DISPUTED: (
        msgid("A payment is disputed"),
        msgid("Answer it in Stripe in time. What was bought cannot be used while the bank keeps the money."),
    ),
    ReviewKind.COUPON_EXHAUSTED: (
        msgid("A coupon was used more often than it may be"),
        msgid("It was paid for when its coupon had no use left. The purchase stands: see whether it is to."),
    ),
}

# A mail's key ends with the number of the note.
ABOUT = """
SELECT n.message_id::text, g.name AS organization, g.email_sender, g.slug, g.timezone, g.language, NULL AS name,
       g.staff_email AS email, o.id, o.currency, o.paid, d.name AS product, r.kind, r.about, r.resolved_at,
       coalesce(p.amount_refunded, 0) AS refunded,
       (SELECT array_agg(k.name ORDER BY k.line, k.unit) FROM student_packages k WHERE k.order_id = o.id) AS packages
  FROM notifications n
  JOIN organizations g ON g.id = n.organization_id
  JOIN orders o ON o.id = n.order_id
  JOIN order_reviews r ON r.id = split_part(n.dedupe_key, ':', 2)::bigint AND r.order_id = o.id
  LEFT JOIN products d ON d.id = o.product_id
  LEFT JOIN payments p ON p.id = o.payment_id
 WHERE n.id = %(id)s
"""


def read_review_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what staff must be told of an order; None if it is settled, or so no more, or nobody is to hear."""
    rows = fetch(session, ABOUT, id=notification_id)
    is_open = rows and rows[0]["email"] is not None and rows[0]["resolved_at"] is None
    return review_mail(rows[0]) if is_open else None


def review_mail(row: Mapping[str, Any]) -> Letter:
    """Return the mail of a row of `ABOUT`."""
    voice = voice_of(row)
    heading, advice = SAID[ReviewKind(row["kind"])]
    what = ", ".join(row["packages"] or ()) or row["product"] or voice.say("Your purchase")
    paid, refunded = (voice.money(row[name], row["currency"]) for name in ("paid", "refunded"))
    money = voice.say("Paid: {paid}, given back: {refunded}", paid=paid, refunded=refunded)
    return Letter(
        **envelope(row, voice, voice.say("order {number} needs you", number=row["id"])),
        heading=voice.say(heading),
        cards=(Card(what, (money,)),),
        notes=(voice.say(advice), voice.say("Once you have seen to it, settle it: then it leaves the list.")),
        facts=(
            voice.say("Order: {number}", number=row["id"]),
            _name(row["about"], voice),
        ),
    )


def _name(about: str, voice: Voice) -> str:
    """Return by what staff find it: its Stripe id, or the number of a refund of ours that Stripe did not make."""
    _, is_ours, number = about.partition("refund:")
    return voice.say("Refund: {number}", number=number) if is_ours else voice.say("In Stripe: {name}", name=about)
