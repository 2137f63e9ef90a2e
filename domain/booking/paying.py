"""What a session costs a student: an All-Access pass, else credits, else what would be needed (PRODUCT.md §3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db.models import PaymentType
from domain.booking.command import Wish
from domain.booking.fit import Fit, cost, fits
from domain.booking.standing import Standing
from domain.booking.state import Line, Package, Pass, Seat, Session, Student
from domain.enrollment.taking import Taking
from domain.errors import (
    AllAccessUsedToday,
    ConfirmationRequired,
    InsufficientCredits,
    NotFound,
    PackageExpired,
    PackageNotStarted,
    PackageRevoked,
    PackageSuspended,
    Refusal,
)
from domain.holding.package import PackageStatus

# Of several reasons why nothing pays, the one that its student can do most about.
MOST_TELLING = (ConfirmationRequired, AllAccessUsedToday, PackageSuspended, PackageExpired, PackageNotStarted)


@dataclass(frozen=True, slots=True)
class Means:
    """What pays: a pass with the day's slot, a line with its credits, or nobody (FREE)."""

    payment: PaymentType
    package: Package | None = None
    line: Line | None = None
    credits: int = 0
    slot: int | None = None
    # Whether it is worth more than the session asks for.
    fit: Fit = Fit.EXACT


Judgement = Means | Refusal


def choose(student: Student, session: Session, seat: Seat | None, wish: Wish) -> Means:
    """Return what pays for a session.

    Raises:
        Refusal: nothing that the student holds does; the message says what would.

    """
    if wish.payment is PaymentType.FREE:
        return Means(PaymentType.FREE)
    judged = [judgement for _, judgement in judge(student, session, seat, wish)]
    means = best((judgement for judgement in judged if isinstance(judgement, Means)), session, wish)
    if means is None:
        raise _most_telling([j for j in judged if isinstance(j, Refusal)], session, seat, wish)
    if means.fit is Fit.HIGHER and not wish.confirmed:
        raise ConfirmationRequired(
            f"{means.package.name if means.package else ''} would pay {means.credits} credit(s) of a higher tier: send"
            " confirmHigherTier true to use them."
        )
    return means


def draw(student: Student, session: Session, seat: Seat | None, draft: Standing) -> Means:
    """Return the credit of a draft as what pays for a session; whoever names the draft confirms what it is worth.

    Raises:
        Refusal: it is for other sessions, or the package cannot pay.

    """
    package = student.packages.get(draft.student_package_id or 0)
    line = package.line(draft.allowance_id or 0) if package else None
    if package is None or line is None:
        raise InsufficientCredits("The package of this draft ended long ago: book a session with another one.")
    judged = _fallen(package) or _by_line(package, line, session, seat)
    if isinstance(judged, Means):
        judged = _invalid(student.zone, package, session.start_at) or judged
    if isinstance(judged, Refusal):
        raise judged
    return judged


def enroll(student: Student, session: Session, taking: Taking) -> Means:
    """Return the credit of a course as what pays for one of its steps.

    Raises:
        Refusal: the package cannot pay, or ends before the session.

    """
    package, line = taking.package, taking.package.course_line
    refusal = _fallen(package) or _invalid(student.zone, package, session.start_at)
    if refusal:
        raise refusal
    if line is None or line.remaining < 1:
        raise InsufficientCredits(f"{package.name} has no step left to book: ask the studio.")
    return Means(PaymentType.COURSE, package, line, 1)


def judge(student: Student, session: Session, seat: Seat | None, wish: Wish) -> list[tuple[Package, Judgement]]:
    """Say of each package that may be meant how it would pay, or why it cannot; passes and lines each on their own."""
    if wish.package_id is not None and wish.package_id not in student.packages:
        raise NotFound(f"The student holds no package {wish.package_id}: GET /api/students/me/packages lists them.")
    meant = sorted(
        (p for p in student.packages.values() if wish.package_id in {None, p.id}), key=lambda package: package.turn
    )
    judged: list[tuple[Package, Judgement]] = []
    for package in meant:
        if package.all_access and wish.payment in {None, PaymentType.ALL_ACCESS}:
            judged.append((package, _by_pass(student, package, package.all_access, session)))
        if package.lines and wish.payment in {None, PaymentType.CREDIT}:
            judged.append((package, _by_lines(student, package, session, seat, wish)))
    return judged


def best(means: Iterable[Means], session: Session, wish: Wish) -> Means | None:
    """Return the first to pay: passes, then credits of the session's own service, what needs no confirmation first.

    Of equals the first stays: packages come in the order in which they end.
    """

    def turn(each: Means) -> tuple[bool, bool, bool]:
        unconfirmed = each.fit is Fit.HIGHER and not wish.confirmed
        other_service = each.line is not None and each.line.service is not session.service
        return each.payment is not PaymentType.ALL_ACCESS, unconfirmed, other_service

    return min(means, key=turn, default=None)


def _by_pass(student: Student, package: Package, window: Pass, session: Session) -> Judgement:
    if refusal := _fallen(package):
        return refusal
    if session.service.value not in window.services:
        return InsufficientCredits(f"{package.name} is for {_listed(window.services)} sessions.")
    if refusal := _outside(student.zone, package, window.starts_at, window.ends_at, session.start_at):
        return refusal
    day = student.day(session.start_at)
    used = student.days.get(day, {})
    if len(used) >= window.daily_limit:
        return AllAccessUsedToday(f"{package.name} is used for {day:%-d %B}: choose another day, or pay with credits.")
    slot = next(slot for slot in range(1, window.daily_limit + 1) if slot not in used.values())
    return Means(PaymentType.ALL_ACCESS, package, slot=slot)


def _by_lines(student: Student, package: Package, session: Session, seat: Seat | None, wish: Wish) -> Judgement:
    if refusal := _fallen(package):
        return refusal
    judged = [_by_line(package, line, session, seat) for line in package.lines]
    means = best((judgement for judgement in judged if isinstance(judgement, Means)), session, wish)
    if means is None:
        return next(judgement for judgement in judged if isinstance(judgement, Refusal))
    return _invalid(student.zone, package, session.start_at) or means


def _by_line(package: Package, line: Line, session: Session, seat: Seat | None) -> Judgement:
    fit = fits(line.service, line.tier, session.service, session.tier)
    if fit is Fit.NO:
        kind = session.service.value.lower()
        return InsufficientCredits(f"{package.name} has no credits for {kind} sessions with a teacher of this tier.")
    price = cost(session.minutes, line.unit_minutes, seat.credit_cost if seat else None)
    if line.remaining < price:
        return InsufficientCredits(
            f"{package.name} has {line.remaining} credit(s) left, and the session costs {price}."
        )
    return Means(PaymentType.CREDIT, package, line, price, fit=fit)


def _fallen(package: Package) -> Refusal | None:
    if package.status is PackageStatus.REVOKED:
        return PackageRevoked(f"The payment of {package.name} went back: buy it again, or ask the studio.")
    if package.status is PackageStatus.SUSPENDED:
        return PackageSuspended(
            f"The payment of {package.name} is disputed, or about to go back: it pays again if it stays."
        )
    return None


def _invalid(zone: ZoneInfo, package: Package, start_at: datetime) -> Refusal | None:
    """Return why a package does not last for a session; what is booked is judged by its start."""
    if package.begins_with_use:
        return _pushing(zone, package, start_at)
    return _outside(zone, package, package.starts_at, package.expires_at, start_at)


def _pushing(zone: ZoneInfo, package: Package, start_at: datetime) -> Refusal | None:
    """Return why a session cannot be the first or the last of a package whose days begin with its first one."""
    first, last = min([*package.starts, start_at]), max([*package.starts, start_at])
    end = package.end_from(first, zone)
    if last < end:
        return None
    if start_at == last:
        return _outside(zone, package, None, end, start_at)
    return PackageExpired(
        f"{package.name} lasts {package.days} days from its first session: with this one it would end on"
        f" {_last_day(end, zone)}, before another session that it pays for: choose a later one, or cancel that first."
    )


def _outside(
    zone: ZoneInfo, package: Package, starts_at: datetime | None, ends_at: datetime | None, start_at: datetime
) -> Refusal | None:
    if ends_at is not None and start_at >= ends_at:
        return PackageExpired(f"{package.name} is valid through {_last_day(ends_at, zone)}: choose an earlier session.")
    if starts_at is not None and start_at < starts_at:
        begins = f"{starts_at.astimezone(zone):%-d %B %Y}"
        return PackageNotStarted(f"{package.name} begins on {begins}: choose a later session.")
    return None


def _last_day(end: datetime, zone: ZoneInfo) -> str:
    """Return the last local day of a validity, whose end is the midnight after it."""
    midnight = end.astimezone(zone).date()
    return f"{midnight.fromordinal(midnight.toordinal() - 1):%-d %B %Y}"


def _most_telling(refusals: Sequence[Refusal], session: Session, seat: Seat | None, wish: Wish) -> Refusal:
    """Return why nothing pays; of a package that was named, what is the matter with it."""
    if wish.package_id is not None and refusals:
        return refusals[0]
    for kind in MOST_TELLING:
        if found := next((refusal for refusal in refusals if isinstance(refusal, kind)), None):
            return found
    return InsufficientCredits(
        f"The session costs {_price(session, seat)}, and nothing that is held pays it:"
        f" GET /api/packages?forSession={session.id} lists what would."
    )


def _price(session: Session, seat: Seat | None) -> str:
    kind = session.service.value.lower()
    return f"{seat.credit_cost} {kind} credit(s)" if seat else f"{kind} credits for {session.minutes} minutes"


def _listed(services: Iterable[str]) -> str:
    return " and ".join(sorted(service.lower() for service in services))
