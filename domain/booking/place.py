"""A student put into a session, with a friend if there is one: a place, a seat, and what pays for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from db.models import BookingStatus, BookingType, PaymentType
from domain.booking.command import Friend, Wish
from domain.booking.desk import Desk
from domain.booking.outgoing import Row
from domain.booking.paying import Means, choose, draw, enroll
from domain.booking.seating import find_seats
from domain.booking.standing import Standing
from domain.booking.state import Line, Package, Seat, Session, Span, Student
from domain.enrollment.progress import book
from domain.enrollment.taking import Taking
from domain.errors import FriendPassUnavailable
from domain.holding.package import PackageStatus

# Each is sent a mail: a friend pass that came back so often is asked for something else than a friend.
MOST_FRIENDS = 10


@dataclass(frozen=True, slots=True)
class Party:
    """Who comes and how they pay. `note` goes onto the bookings; `instead_of` is the booking that these replace.

    `draft` is the one that pays, `taking` the step of a course that is taken; whoever `stays` has a place, and only
    moves to another seat.
    """

    seat_id: int | None
    wish: Wish
    friend: Friend | None
    note: Row = field(default_factory=dict)
    instead_of: Standing | None = None
    draft: Standing | None = None
    taking: Taking | None = None
    stays: bool = False


def take_places(desk: Desk, session: Session, party: Party) -> list[Row]:
    """Book a party into a session, all of it or nobody; return the rows, the host's first.

    Raises:
        Refusal: there is no room, or nothing that pays.

    """
    friend = party.friend
    guest_seat_id, promised = friend.seat_id if friend else None, _promised(desk, session, party)
    seat, guest_seat = find_seats(session, party.seat_id, guest_seat_id, guest=friend is not None, promised=promised)
    means = _means(desk, session, seat, party)
    friend_pass = _friend_pass(desk.student, session) if friend else None
    host = _host(desk, session, seat, means) | {"metadata": party.note}
    if party.taking:
        host |= _of_step(party.taking, party.note)
    _pay(desk, session, means, host)
    if party.taking:
        book(desk.outgoing, desk.student, party.taking, host["id"], at=desk.at)
    if friend is None or friend_pass is None:
        return [host]
    guest = _guest(desk, session, guest_seat, friend_pass, host) | {"guest_name": friend.name}
    guest |= {"guest_email": friend.email, "metadata": party.note}
    friend_pass.friend_came = True
    friend_pass.friends_asked += 1
    desk.outgoing.booked.append(guest)
    desk.world.guests[host["id"]] = Standing.of(guest)
    return [host, guest]


def _promised(desk: Desk, session: Session, party: Party) -> int:
    """Return how many free places are for others: none, where the party has one and only moves to another seat."""
    return 0 if party.stays else session.promised(desk.student, at=desk.at)


def _means(desk: Desk, session: Session, seat: Seat | None, party: Party) -> Means:
    """Return what pays: the credit of a step or a draft, else what is chosen."""
    if party.taking:
        return enroll(desk.student, session, party.taking)
    if party.draft is None:
        return choose(desk.student, session, seat, _wish(party, desk.student, session))
    means = draw(desk.student, session, seat, party.draft)
    if means.line:
        named = party.draft.id
        means.line.drafts.sort(key=lambda draft: draft != named)
    return means


def _wish(party: Party, student: Student, session: Session) -> Wish:
    """Return how to pay: another seat in the same session is paid as the old one was, what replaces a gift is one."""
    old, wish = party.instead_of, party.wish
    if old is None or wish.payment is not None or wish.package_id is not None:
        return wish
    if old.payment_type is PaymentType.FREE:
        return replace(wish, payment=PaymentType.FREE)
    if old.session_id == session.id and old.student_package_id in student.packages:
        return Wish(old.payment_type, old.student_package_id, confirmed=True)
    return wish


def _friend_pass(student: Student, session: Session) -> Package:
    """Return the package that brings a friend: of several the one whose friend pass ends first."""
    with_pass = [(p.friend_until, p) for p in student.packages.values() if p.friend_until]
    for until, package in sorted(with_pass, key=lambda pair: (pair[0], pair[1].id)):
        may = package.status is PackageStatus.ACTIVE and not package.friend_came and session.start_at < until
        if may and package.friends_asked < MOST_FRIENDS:
            return package
    raise FriendPassUnavailable(
        "No package of yours may bring a friend to this session: a friend pass is for once, and ends. Book without one,"
        " or cancel the guest's booking first."
    )


def _host(desk: Desk, session: Session, seat: Seat | None, means: Means) -> Row:
    """Return the row of a student's booking: a new one, or the draft that it was."""
    draft = desk.world.bookings[means.line.drafts[0]] if means.line and means.line.drafts else None
    row = asdict(draft) | {"created_at": desk.at} if draft else _row(desk, session, means.package)
    return (
        row
        | _seated(desk, session, seat)
        | {
            "allowance_id": means.line.id if means.line else None,
            "booking_type": (BookingType.PACKAGE_SESSION if draft else _kind(session)).value,
            "payment_type": means.payment.value,
            "credits_used": means.credits,
        }
    )


def _kind(session: Session) -> BookingType:
    """Return what a booking of a session is that nothing else makes it."""
    return BookingType.WORKSHOP if session.is_workshop else BookingType.DROP_IN


def _of_step(taking: Taking, note: Row) -> Row:
    """Return what a booking says of the step that is taken with it."""
    step = {"course_step_id": taking.step.step_id, "booking_type": BookingType.COURSE_STEP.value}
    return step | {"metadata": taking.note | note}


def _guest(desk: Desk, session: Session, seat: Seat | None, package: Package, host: Row) -> Row:
    """Return the row of a guest's booking, which hangs on their host's."""
    kind = host["booking_type"] if host["course_step_id"] is None else _kind(session).value
    paid = {"booking_type": kind, "payment_type": PaymentType.FRIEND_PASS.value}
    row = _row(desk, session, package) | _seated(desk, session, seat) | paid
    return row | {"guest_of": host["id"]}


def _row(desk: Desk, session: Session, package: Package | None) -> Row:
    """Return what a new booking begins with."""
    return {
        "id": desk.new_id(),
        "student_id": desk.student_id,
        "guest_of": None,
        "guest_name": None,
        "guest_email": None,
        "order_id": package.order_id if package else None,
        "student_package_id": package.id if package else None,
        "course_step_id": None,
        "allowance_id": None,
        "credits_used": 0,
        "service_type": session.service.value,
        "minutes": session.minutes,
        "teacher_tier": None,
        "created_at": desk.at,
    }


def _seated(desk: Desk, session: Session, seat: Seat | None) -> Row:
    """Take a place and a seat; return the columns that say so."""
    place = session.next_place()
    session.places.add(place)
    if seat:
        session.sat.add(seat.id)
    return {
        "organization_id": desk.student.organization_id,
        "session_id": session.id,
        "session_capacity": session.capacity,
        "place": place,
        "seat_id": seat.id if seat else None,
        "status": BookingStatus.CONFIRMED.value,
        "start_at": session.start_at,
        "end_at": session.end_at,
    }


def _pay(desk: Desk, session: Session, means: Means, host: Row) -> None:
    """Write the booking and what pays for it, and let the student's state know of both."""
    desk.world.bookings[host["id"]] = Standing.of(host)
    desk.student.spans[host["id"]] = Span(host["id"], session.id, session.start_at, session.end_at)
    package, line = means.package, means.line
    if line and line.drafts:
        _take_drafts(desk, line, host)
    else:
        desk.outgoing.booked.append(host)
    if line:
        line.remaining -= means.credits
        desk.use(line.id, means.credits, host["id"])
    if package and means.slot:
        _use_day(desk, package, means.slot, host)
    if package and package.begins_with_use:
        package.starts.append(session.start_at)
        desk.outgoing.date(desk.student, package)


def _take_drafts(desk: Desk, line: Line, host: Row) -> None:
    """Spend as many drafts as credits: the first becomes the booking, the others are gone with it."""
    count = host["credits_used"]
    taken, line.drafts = line.drafts[:count], line.drafts[count:]
    desk.outgoing.take(host)
    desk.world.bookings[taken[0]] = Standing.of(host)
    for number in taken[1:]:
        gone = asdict(desk.world.bookings[number]) | {"organization_id": host["organization_id"]}
        spent = {
            "status": BookingStatus.CANCELLED.value,
            "session_capacity": None,
            "metadata": {"spentWith": host["id"]},
        }
        desk.world.bookings[number] = Standing.of(gone | spent)
        desk.outgoing.release(gone | spent)


def _use_day(desk: Desk, package: Package, slot: int, host: Row) -> None:
    """Use a local day of a pass: the day on which the session starts."""
    day = desk.student.day(host["start_at"])
    desk.student.days.setdefault(day, {})[host["id"]] = slot
    desk.outgoing.days.append(
        {
            "organization_id": host["organization_id"],
            "student_id": desk.student_id,
            "student_package_id": package.id,
            "booking_id": host["id"],
            "usage_date": day,
            "slot": slot,
            "created_at": desk.at,
        }
    )
