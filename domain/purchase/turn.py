"""What becomes of packages when their money goes back, is disputed, or comes back after all (PRODUCT.md §2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from db.models import DisputeStatus
from db.transaction import fetch
from domain.booking.drafts import close, reopen
from domain.booking.outgoing import Outgoing
from domain.booking.rows import write
from domain.booking.state import Student
from domain.booking.students import complete, read_students
from domain.purchase.grant import Sale
from domain.purchase.lost_days import give_back, give_back_friends
from domain.purchase.pass_queue import move_up, put_behind
from domain.purchase.payment import Purchase
from domain.purchase.withdraw import withdraw

# The events; the first and the last are kinds of mail, too (domain.mail.standing_mail).
REVOKED, SUSPENDED, REINSTATED = "package.revoked", "package.suspended", "package.reinstated"
REFUND, DISPUTE = "REFUNDED", "DISPUTE_LOST"

PACKAGES = """
SELECT id, order_id, student_id, product_code FROM student_packages WHERE order_id = ANY(%(orders)s) ORDER BY id
"""
# By now: a dispute that is won may have given them days.
LASTING = "SELECT id FROM student_packages WHERE id = ANY(%(ids)s) AND (expires_at IS NULL OR expires_at > %(at)s)"


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
    since: datetime | None = None
    was_disputed: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether a dispute is over that took days, and left the money, whatever a refund did besides."""
        return self.was_disputed and self.purchase.dispute is DisputeStatus.WON

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
            turns.append(Turn(granted[standing.payment_id], sale.purchase, State.STANDING))
        elif standing.fulfilled and standing.order and standing.before:
            known = standing.before
            was_disputed = known.dispute is DisputeStatus.OPEN
            turn = Turn(standing.order.id, sale.purchase, State.of(known), standing.suspended_at, was_disputed)
            turns.append(turn)
    return [turn for turn in turns if turn.before is not turn.after or turn.is_settled]


def act(session: Session, turns: Sequence[Turn], *, at: datetime) -> None:
    """Do what follows for the packages of orders, and tell; their students are held."""
    if not turns:
        return
    by_order = {turn.order_id: turn for turn in turns}
    rows = fetch(session, PACKAGES, orders=list(by_order))
    packages = [Turned(turn=by_order[row.pop("order_id")], **row) for row in rows]
    gone = [each.id for each in packages if each.turn.after is State.REVOKED is not each.turn.before]
    withdraw(session, dict.fromkeys(gone, at), at=at)
    close(session, gone)
    back = [each.id for each in packages if _is_back(each)]
    behind = put_behind(session, back, at=at)
    move_up(session, gone + back, at=at)
    _tell(session, packages, at=at)
    lasting = fetch(session, LASTING, ids=back + behind, at=at)
    reopen(session, [row["id"] for row in lasting])


def _is_back(package: Turned) -> bool:
    return package.turn.before is State.REVOKED is not package.turn.after


def _tell(session: Session, packages: Sequence[Turned], *, at: datetime) -> None:
    """Publish what became of each package, and give back the days that a dispute took."""
    students = read_students(session, {each.student_id for each in packages})
    settled = [each.id for each in packages if each.turn.is_settled]
    if settled:
        complete(session, students, [], named=settled, at=at)
    outgoing, lost, given = Outgoing(), dict[int, datetime](), dict[int, int]()
    for each in packages:
        student, since = students[each.student_id], each.turn.since
        if each.turn.is_settled and since:
            lost[each.id] = since
            given[each.id] = give_back(outgoing, student, student.packages[each.id], since, at=at)
        if each.turn.before is not each.turn.after:
            _publish(outgoing, student, each, _why(each, given), at=at)
    write(session, outgoing, at=at)
    give_back_friends(session, lost, at=at)


def _why(package: Turned, given: Mapping[int, int]) -> dict[str, Any]:
    if package.turn.after is State.REVOKED:
        return {"reason": package.turn.reason}
    return {"daysAdded": given[package.id]} if package.id in given else {}


def _publish(outgoing: Outgoing, student: Student, package: Turned, said: dict[str, Any], *, at: datetime) -> None:
    what = {State.REVOKED: REVOKED, State.SUSPENDED: SUSPENDED, State.STANDING: REINSTATED}[package.turn.after]
    about = {"packageId": package.id, "orderId": package.turn.order_id, "productCode": package.product_code}
    owner = {"studentId": student.external_id}
    outgoing.publish(student, what, f"package/{package.id}", about | owner | said, at=at)
    # Of a refund its own mail tells.
    if what == REINSTATED or (what == REVOKED and package.turn.reason == DISPUTE):
        key = f"package:{package.id}:{student.sequence}:s{student.id}"
        outgoing.mail(student, what, key, student_package_id=package.id, at=at)
