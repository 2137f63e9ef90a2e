"""The ledger as people read it: what was spent, what came back, what it was for, and what was left each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import BookingStatus, ServiceType, UseKind
from db.transaction import fetch
from domain.listing import Part
from domain.mail.readable_time import short

# The balance of a line is what its allowance holds behind it, whichever part of the list is asked for. A draft has
# many sessions in its life: only the last line about it is about the one that it has now.
LINES = """
WITH lines AS (
  SELECT u.id, u.created_at, u.kind, u.credits, u.allowance_id, u.booking_id, u.refund_id, u.reason, u.actor,
         a.service_type, a.student_package_id, k.name AS package_name, k.product_code, k.organization_id,
         a.credits - sum(u.credits) OVER (PARTITION BY u.allowance_id ORDER BY u.id) AS balance,
         lead(u.id) OVER (PARTITION BY u.allowance_id, u.booking_id ORDER BY u.id) IS NULL AS is_last
    FROM student_packages k
    JOIN student_package_allowances a ON a.student_package_id = k.id
    JOIN package_uses u ON u.allowance_id = a.id
   WHERE k.organization_id = %(organization_id)s AND k.student_id = %(student_id)s
     AND (%(package_id)s::bigint IS NULL OR k.id = %(package_id)s))
SELECT l.*, o.timezone, b.session_id, b.start_at, b.guest_name, b.status, g.name AS session_name
  FROM lines l JOIN organizations o ON o.id = l.organization_id
  LEFT JOIN bookings b ON b.id = l.booking_id AND (l.is_last OR b.booking_type <> 'PACKAGE_SESSION')
  LEFT JOIN class_sessions c ON c.id = b.session_id
  LEFT JOIN group_classes g ON g.id = c.group_class_id
 WHERE %(after)s::bigint IS NULL OR l.id < %(after)s
 ORDER BY l.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line: `credits` below zero were spent or taken, above zero came or came back.

    `balance_before` and `balance_after` are of its allowance. `session_id`, `session_name` and `start_at` say what a
    booking is for by now; `actor` is who adjusted, for staff alone.
    """

    id: int
    created_at: datetime
    kind: UseKind
    credits: int
    balance_before: int
    balance_after: int
    allowance_id: int
    service_type: ServiceType
    student_package_id: int
    package_name: str
    product_code: str
    booking_id: int | None
    session_id: int | None
    session_name: str | None
    start_at: datetime | None
    guest: str | None
    reason: str | None
    actor: str | None
    description: str
    refund_id: int | None = None


def ledger(
    session: Session, organization_id: int, student_id: int, part: Part, *, package_id: int | None = None
) -> list[LedgerLine]:
    """Return the lines of a student's packages, or of one of them, newest first, with one statement."""
    values = {"organization_id": organization_id, "student_id": student_id, "package_id": package_id}
    return [_line(row) for row in fetch(session, LINES, **values, after=part.after, limit=part.limit)]


def _line(row: Mapping[str, Any]) -> LedgerLine:
    return LedgerLine(
        id=row["id"],
        created_at=row["created_at"],
        kind=UseKind(row["kind"]),
        credits=-row["credits"],
        balance_before=int(row["balance"]) + row["credits"],
        balance_after=int(row["balance"]),
        allowance_id=row["allowance_id"],
        service_type=ServiceType(row["service_type"]),
        student_package_id=row["student_package_id"],
        package_name=row["package_name"],
        product_code=row["product_code"],
        booking_id=row["booking_id"],
        session_id=row["session_id"],
        session_name=row["session_name"],
        start_at=row["start_at"],
        guest=row["guest_name"],
        reason=row["reason"],
        actor=row["actor"],
        description=describe(row),
        refund_id=row["refund_id"],
    )


def describe(row: Mapping[str, Any]) -> str:
    """Return what a line says in one sentence, such as `Booked Ride, Sat 28 Nov 08:00`, in the studio's own time."""
    kind = UseKind(row["kind"])
    if kind is UseKind.SPEND:
        late = ", given up too late" if row["status"] == BookingStatus.FORFEITED else ""
        return f"Booked {_what(row)}{late}"
    if kind is UseKind.RETURN:
        return f"Cancelled {_what(row)}"
    if kind is UseKind.ADJUST:
        return f"{'Given' if row['credits'] < 0 else 'Taken'} by the studio: {row['reason']}"
    if kind is UseKind.BONUS:
        return "Given as a bonus"
    return "Taken back with a refund" if row["credits"] > 0 else "Given back: the refund failed"


def _what(row: Mapping[str, Any]) -> str:
    """Return which session; of one that has no time any more, its service."""
    if row["session_name"] is None or row["start_at"] is None:
        return f"a {row['service_type'].lower()} session"
    guest = f" for {row['guest_name']}" if row["guest_name"] else ""
    return f"{row['session_name']}{guest}, {short(row['start_at'], row['timezone'])}"
