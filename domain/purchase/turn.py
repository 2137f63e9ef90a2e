"""What becomes of packages when their money goes back, is disputed, or comes back after all (PRODUCT.md §2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from db.models import DisputeStatus
from db.transaction import fetch
from domain.booking.drafts import close, reopen
from domain.booking.outgoing import Outgoing
from domain.booking.rows import write
from domain.booking.state import Package, Student
from domain.booking.students import complete, read_students
from domain.purchase.grant import Sale
from domain.purchase.payment import Purchase
from domain.purchase.withdraw import withdraw
from domain.studio.extension import last_of
from domain.validity import end_of_days

# The events; the first and the last are kinds of mail, too (domain.mail.standing_mail).
REVOKED, SUSPENDED, REINSTATED = "package.revoked", "package.suspended", "package.reinstated"
REFUND, DISPUTE = "REFUNDED", "DISPUTE_LOST"

PACKAGES = """
SELECT id, order_id, student_id, product_code FROM student_packages WHERE order_id = ANY(%(orders)s) ORDER BY id
"""
FRIENDS = """
UPDATE student_packages k SET friend_pass_expires_at =
       (k.friend_pass_expires_at AT TIME ZONE g.timezone + make_interval(days => new.days)) AT TIME ZONE g.timezone
  FROM unnest(%(ids)s::bigint[], %(days)s::int[], %(since)s::timestamptz[]) AS new (id, days, since), organizations g
 WHERE k.id = new.id AND g.id = k.organization_id AND k.friend_pass_expires_at > new.since
"""


class State(StrEnum):
    """What the money of an order says of what it bought."""

    STANDING = "STANDING"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"

    @classmethod
    def of(cls, purchase: Purchase) -> State:
        """Return what a payment says."""
        if purchase.is_revoked:
            return cls.REVOKED
        return cls.SUSPENDED if purchase.is_suspended else cls.STANDING


@dataclass(frozen=True, slots=True)
class Turn:
    """An order whose money turned: what it was before, what it is now, and since when it was disputed, if it was."""

    order_id: int
    purchase: Purchase
    before: State
    since: datetime | None

    @property
    def after(self) -> State:
        """What it is now."""
        return State.of(self.purchase)

    @property
    def reason(self) -> str:
        """Why it is revoked."""
        return DISPUTE if self.purchase.dispute is DisputeStatus.LOST else REFUND


@dataclass(frozen=True, slots=True)
class Turned:
    """A package of an order that turned."""

    id: int
    student_id: int
    product_code: str
    turn: Turn


def turns_of(sales: Iterable[Sale], granted: Mapping[int, int]) -> list[Turn]:
    """Return the orders whose money turned; `granted` are those that were fulfilled just now, by their payments."""
    turns = []
    for sale in sales:
        standing = sale.standing
        if standing.payment_id in granted:
            turns.append(Turn(granted[standing.payment_id], sale.purchase, State.STANDING, None))
        elif standing.fulfilled and standing.order and standing.before:
            before = State.of(standing.before)
            turns.append(Turn(standing.order.id, sale.purchase, before, standing.suspended_at))
    return [turn for turn in turns if turn.before is not turn.after]


def act(session: Session, turns: Sequence[Turn], *, at: datetime) -> None:
    """Do what follows for the packages of orders, and tell; their students are held."""
    if not turns:
        return
    by_order = {turn.order_id: turn for turn in turns}
    rows = fetch(session, PACKAGES, orders=list(by_order))
    packages = [Turned(row["id"], row["student_id"], row["product_code"], by_order[row["order_id"]]) for row in rows]
    gone = [each.id for each in packages if each.turn.after is State.REVOKED]
    withdraw(session, dict.fromkeys(gone, at), at=at)
    close(session, gone)
    reopen(session, [each.id for each in packages if each.turn.before is State.REVOKED])
    _tell(session, packages, at=at)


def _tell(session: Session, packages: Sequence[Turned], *, at: datetime) -> None:
    """Publish what became of each package, and give back the days that a dispute took."""
    students = read_students(session, {each.student_id for each in packages})
    resumed = [each.id for each in packages if _is_resumed(each)]
    if resumed:
        complete(session, students, [], named=resumed, at=at)
    outgoing, lost = Outgoing(), dict[int, int]()
    for each in packages:
        student = students[each.student_id]
        said: dict[str, Any] = {"reason": each.turn.reason} if each.turn.after is State.REVOKED else {}
        if _is_resumed(each) and each.turn.since:
            lost[each.id] = _resume(outgoing, student, student.packages[each.id], each.turn.since, at)
            said = {"daysAdded": lost[each.id]}
        _publish(outgoing, student, each, said, at=at)
    write(session, outgoing, at=at)
    values = {"ids": list(lost), "days": list(lost.values()), "since": [_since(packages, each) for each in lost]}
    if any(lost.values()):
        fetch(session, FRIENDS, **values)


def _since(packages: Sequence[Turned], package_id: int) -> datetime | None:
    return next(each.turn.since for each in packages if each.id == package_id)


def _is_resumed(package: Turned) -> bool:
    return package.turn.before is State.SUSPENDED and package.turn.after is State.STANDING


def _publish(outgoing: Outgoing, student: Student, package: Turned, said: dict[str, Any], *, at: datetime) -> None:
    what = {State.REVOKED: REVOKED, State.SUSPENDED: SUSPENDED, State.STANDING: REINSTATED}[package.turn.after]
    about = {"packageId": package.id, "orderId": package.turn.order_id, "productCode": package.product_code}
    owner = {"studentId": student.external_id}
    outgoing.publish(student, what, f"package/{package.id}", about | owner | said, at=at)
    # Of a refund its own mail tells.
    if what == REINSTATED or (what == REVOKED and package.turn.reason == DISPUTE):
        key = f"package:{package.id}:{student.sequence}:s{student.id}"
        outgoing.mail(student, what, key, student_package_id=package.id, at=at)


def _resume(outgoing: Outgoing, student: Student, package: Package, since: datetime, at: datetime) -> int:
    """Add the local days that a dispute took to the ends of a package; return how many.

    Those of a pass go to the last one of those that follow it: a day that two passes pay for is none gained.
    """
    zone, began = student.zone, package.all_access.starts_at if package.all_access else package.starts_at
    days = (at.astimezone(zone).date() - max(since, began or since).astimezone(zone).date()).days
    if days <= 0:
        return 0
    gaining = package
    if package.all_access and package.all_access.ends_at > since:
        gaining = last_of(package, student, at=at)
        window = gaining.all_access
        assert window is not None  # noqa: S101 - only passes follow a pass
        gaining.all_access = replace(window, ends_at=_later(window.ends_at, days, student))
    for each in {package.id: package, gaining.id: gaining}.values():
        # A pass that others follow ends where it did: its days are at the end of them all.
        if (each is gaining or each.lines) and each.expires_at is not None and each.expires_at > since:
            each.expires_at = each.extended_until = _later(each.expires_at, days, student)
        outgoing.keep(each)
    return days


def _later(end: datetime, days: int, student: Student) -> datetime:
    """Return the local midnight so many days behind an end."""
    return end_of_days(end - timedelta(microseconds=1), days, student.zone.key)
