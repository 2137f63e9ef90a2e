"""A session called off by the studio: everything comes back to everybody, whatever the window (PRODUCT.md §4.10)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.models import BookingStatus, PaymentType, SessionStatus, WaitlistStatus
from db.transaction import fetch
from domain.booking.desk import Desk
from domain.booking.drafts import close, reopen
from domain.booking.facts import reserve
from domain.booking.outgoing import Outgoing, Row
from domain.booking.release import most_new, release
from domain.booking.rows import write
from domain.booking.shape import written
from domain.booking.standing import EXTENDED, Standing
from domain.booking.state import Package, Session, Waiting, World
from domain.booking.students import complete
from domain.calendar.shape import shown_session
from domain.enrollment.enrolled import enrollments_of
from domain.errors import SessionCancelled
from domain.family import Result
from domain.holding.package import PackageStatus
from domain.purchase.holder import refresh_flags
from domain.studio.command import CallOff
from domain.studio.extension import gain_a_day, to_spend
from domain.studio.gathering import Gathering, gather
from domain.waitlist.line import end, told_entry

MAIL, EVENT, CLOSED = "session.cancelled", "booking.cancelled", "waitlist.closed"

END = "UPDATE class_sessions SET status = %(status)s, cancel_reason = %(reason)s WHERE id = %(id)s"


def call_off(transaction: Transaction, command: CallOff, *, at: datetime) -> Result:
    """Cancel a session with all its bookings and its line; whoever was marked gets everything back, too.

    Raises:
        SessionCancelled: it was called off before.

    """
    gathered = gather(transaction, command)
    session = gathered.session
    if not session.is_scheduled:
        raise SessionCancelled(f"{session.name} was called off before.")
    world = _world(transaction, gathered, at)
    outgoing = Outgoing()
    ended = _over(world, at)
    note = {"cancelReason": command.reason} if command.reason else {}
    cancelled = sum(_free(Desk(world, outgoing, host.student_id, at), host, note) for host in gathered.hosts)
    for entry in list(session.line):
        _close(Desk(world, outgoing, entry.student_id, at), session, entry)
    # Nobody gave a promotion back.
    outgoing.undone.clear()
    write(transaction, outgoing, at=at)
    reopen(transaction, ended - _over(world, at))
    close(transaction, _revoked(world))
    if outgoing.validities:
        refresh_flags(transaction, gathered.students, at=at)
    fetch(transaction, END, id=session.id, status=SessionStatus.CANCELLED.value, reason=command.reason)
    return {"session": shown_session(transaction, command.organization_id, session.id), "cancelled": cancelled}


def _close(desk: Desk, session: Session, entry: Waiting) -> None:
    """End a place in line, and tell whose it was."""
    end(desk, session, entry, WaitlistStatus.CLOSED, reason=SessionCancelled.code)
    said = told_entry(entry, session, desk.student.external_id)
    desk.outgoing.publish(desk.student, CLOSED, f"waitlist/{entry.id}", said, at=desk.at)
    desk.outgoing.mail(desk.student, CLOSED, f"waitlist:{entry.id}", waitlist_entry_id=entry.id, at=desk.at)


def _world(transaction: Transaction, gathered: Gathering, at: datetime) -> World:
    """Return what stands of all who are in a session; not the session itself: its places are offered to nobody."""
    named = [each.student_package_id for each in gathered.bookings if each.student_package_id]
    enrollments = enrollments_of(transaction, gathered.bookings, at=at)
    complete(transaction, gathered.students, [], named=named, enrollments=enrollments, at=at)
    bookings = {each.id: each for each in gathered.bookings}
    ids = reserve(transaction, "bookings", most_new(gathered.bookings))
    return World(gathered.students, {}, bookings, gathered.guests, ids)


def _over(world: World, at: datetime) -> set[int]:
    """Return the packages that have ended."""
    packages = [package for student in world.students.values() for package in student.packages.values()]
    return {each.id for each in packages if each.expires_at is not None and each.expires_at <= at}


def _revoked(world: World) -> set[int]:
    """Return the packages whose money went back: what comes back to them opens no draft."""
    packages = [package for student in world.students.values() for package in student.packages.values()]
    return {each.id for each in packages if each.status is PackageStatus.REVOKED}


def _free(desk: Desk, host: Standing, note: Row) -> int:
    """Cancel a booking and that of its guest, and tell both; return how many they are."""
    package = desk.package_of(host)
    rows = release(desk, host, BookingStatus.CANCELLED, note)
    until = _extended(desk, host, package) if package else None
    if until:
        rows[0]["metadata"] |= {EXTENDED: written(until)}
    for row in rows:
        desk.outgoing.tell(desk.student, EVENT, row, mail=MAIL, at=desk.at)
    return len(rows)


def _extended(desk: Desk, host: Standing, package: Package) -> datetime | None:
    """Return until when what paid lasts now, if that is longer than before."""
    if package.status is PackageStatus.REVOKED:
        return None
    if host.payment_type is PaymentType.ALL_ACCESS:
        return gain_a_day(desk.outgoing, desk.student, package, at=desk.at)
    if host.payment_type in {PaymentType.CREDIT, PaymentType.COURSE}:
        return to_spend(desk.outgoing, desk.student, package, at=desk.at)
    return None
