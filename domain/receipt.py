"""What a purchase receipt tells: what was paid, and what the student holds now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from db.models import OrderStatus
from db.transaction import fetch
from domain.grant_rows import RECEIPT
from domain.money import written


@dataclass(frozen=True, slots=True)
class ReceiptPackage:
    """One package of the purchase; days are the organization's own."""

    name: str
    bundle_description: str
    last_day: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt, ready to be rendered; `email` is None where the student has none."""

    message_id: str
    organization: str
    sender: str
    student_name: str | None
    email: str | None
    order_id: int
    paid: str
    packages: Sequence[ReceiptPackage]
    drafts: int


class UnknownKind(Exception):
    """A mail of a kind that this version does not know: a newer one wrote it, and sends it."""


ORDER = """
SELECT n.message_id::text, n.order_id, g.name AS organization, g.email_sender, g.slug, g.timezone, s.name, s.email,
       o.paid, o.currency, o.status,
       (SELECT count(*) FROM bookings b WHERE b.order_id = o.id AND b.status = 'DRAFT') AS drafts
  FROM notifications n
  JOIN organizations g ON g.id = n.organization_id
  JOIN orders o ON o.id = n.order_id
  JOIN students s ON s.id = n.student_id
 WHERE n.id = %(id)s AND n.kind = %(kind)s
"""
PACKAGES = """
SELECT name, bundle_description, expires_at FROM student_packages WHERE order_id = %(order)s ORDER BY line, unit
"""


RETRY = """
UPDATE notifications SET status = 'PENDING', due_at = %(at)s, attempts = 0, crashes = 0, last_error = NULL
 WHERE student_id = ANY(%(students)s) AND status IN ('PARKED', 'VOID')
"""


def retry_receipts(session: Session, students: Sequence[int], *, at: datetime) -> None:
    """Make receipts due again that did not leave: the address may be known now, or the refund have failed.

    What is still untrue or still without an address ends where it was.
    """
    fetch(session, RETRY, students=list(students), at=at)


def read_receipt(session: Session, notification_id: int) -> Receipt | None:
    """Read what a receipt must say at the moment it leaves; None if all of it was refunded meanwhile.

    Raises:
        UnknownKind: it is no receipt.

    """
    orders = fetch(session, ORDER, id=notification_id, kind=RECEIPT)
    if not orders:
        raise UnknownKind
    (order,) = orders
    if order["status"] == OrderStatus.REFUNDED:
        return None
    packages = fetch(session, PACKAGES, order=order["order_id"])
    return Receipt(
        message_id=order["message_id"],
        organization=order["organization"],
        # A studio without a sender of its own still has a valid one to develop with.
        sender=order["email_sender"] or f"{order['slug']}@localhost",
        student_name=order["name"],
        email=order["email"],
        order_id=order["order_id"],
        paid=written(order["paid"], order["currency"]),
        packages=[
            ReceiptPackage(row["name"], row["bundle_description"], _last_day(row["expires_at"], order["timezone"]))
            for row in packages
        ],
        drafts=order["drafts"],
    )


def _last_day(expires_at: datetime | None, timezone: str) -> str | None:
    """Return the last local day of a validity, whose end is the midnight after it."""
    if expires_at is None:
        return None
    midnight = expires_at.astimezone(ZoneInfo(timezone))
    return midnight.date().fromordinal(midnight.date().toordinal() - 1).strftime("%-d %B %Y")
