"""The nouns of the model: what is sold, who holds what, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.domain.history.payments import Payment

if TYPE_CHECKING:
    from tests.domain.history.courses import Progress

ZONES = {"lumen": ZoneInfo("Europe/Istanbul"), "thrive": ZoneInfo("America/New_York")}


def end_of_days(start: datetime, days: int, org: str) -> datetime:
    """The local midnight that ends the day start + N."""
    last = start.astimezone(ZONES[org]).date() + timedelta(days=days)
    return datetime.combine(last + timedelta(days=1), time(), ZONES[org]).astimezone(UTC)


def days_later(end: datetime, days: int, org: str) -> datetime:
    """The local midnight so many days after another one."""
    return end_of_days(end, days - 1, org)


def in_order(drafts: Sequence[int | None]) -> list[int | None]:
    """Drafts as they were made; what nobody was told yet is new."""
    return sorted(drafts, key=lambda number: (number is None, number or 0))


@dataclass(frozen=True)
class Product:
    org: str
    price: int
    days: int
    lines: tuple[tuple[str, int, int, int], ...] = ()  # service, teacher tier, unit in minutes, credits
    is_pass: bool = False
    friend_days: int = 0
    from_first_use: bool = False
    later: bool = False  # its one line is of hours with a teacher of tier 0, scheduled later
    weights: tuple[int, ...] = ()  # what a credit of each line counts; 1 unless it is said
    policy: str = "UNUSED_ONLY"  # what goes back once something was used


@dataclass(frozen=True)
class Coupon:
    org: str
    kind: str
    percent: int = 0
    amount: int = 0
    product: str | None = None
    price: int | None = None
    credits: int = 0
    bonus: int = 0
    applies_to: tuple[str, ...] = ()
    days: int | None = None  # from the beginning of a history
    most: int = 1_000
    most_each: int = 1


@dataclass(eq=False, repr=False)
class Package:
    id: int
    student: str
    product: Product
    bought_at: datetime
    pass_from: datetime
    pass_until: datetime
    extended: bool = False  # the pass, by a day that it got
    friend_until: datetime | None = None
    payment: Payment | None = None  # of what was not handed over at the desk
    until: datetime | None = None  # an end that the studio gave it
    given: list[int] = field(default_factory=list)  # to each line, beside what was sold
    drafts: list[int | None] = field(default_factory=list)  # their numbers; None is one that nobody was told yet
    shelved: list[int | None] = field(default_factory=list)  # drafts that ended, or went, with the package
    numbers: set[int] = field(default_factory=set)  # of all its drafts that ever were
    coupon: str | None = None

    @property
    def standing(self) -> str:
        return self.payment.standing if self.payment else "ACTIVE"

    def taken(self, line: int) -> int:
        """How many credits of a line refunds took back."""
        return self.payment.taken(line) if self.payment else 0

    def __repr__(self) -> str:
        return f"<package {self.id} of {self.student}>"


@dataclass(frozen=True)
class Teacher:
    id: int
    org: str
    tier: int
    opens: time
    closes: time

    def can(self, start: datetime, end: datetime) -> bool:
        """Whether a span is inside their hours of the local day on which it starts."""
        zone = ZONES[self.org]
        day = start.astimezone(zone).date()
        opens, closes = (datetime.combine(day, clock, zone).astimezone(UTC) for clock in (self.opens, self.closes))
        return opens <= start and end <= closes


@dataclass(eq=False, repr=False)
class Session:
    id: int
    org: str
    service: str
    tier: int
    start: datetime
    end: datetime
    capacity: int
    seats: dict[int, int]  # what each costs, in their order
    teacher: Teacher | None = None  # of one that was made for a student
    off: bool = False
    kind: str = ""  # the class, of one that serves courses

    @property
    def minutes(self) -> int:
        return int((self.end - self.start) / timedelta(minutes=1))

    @property
    def day(self) -> date:
        return self.start.astimezone(ZONES[self.org]).date()

    def meets(self, start: datetime, end: datetime) -> bool:
        return self.start < end and start < self.end

    def __repr__(self) -> str:
        return f"<session {self.id}: {self.service} {self.start:%d %b %H:%M}, {self.minutes} min, {self.capacity}>"


@dataclass(frozen=True)
class Means:
    """What pays: by which line of which package, and how many credits."""

    payment: str
    package: Package | None = None
    line: int | None = None
    credits: int = 0


@dataclass(eq=False, repr=False)
class Booking:
    student: str
    session: Session
    seat: int | None
    means: Means
    made_at: datetime
    day: date  # that a pass gave for it
    host: Booking | None = None
    status: str = "CONFIRMED"
    number: int | None = None
    undo_until: datetime | None = None  # of one that the waitlist made
    moved: bool = False
    taken: Progress | None = None  # the step of a course
    reopened: bool = False  # its missed step, which gave the credit back

    @property
    def is_draft(self) -> bool:
        """Whether it was a draft, and becomes one again."""
        return self.means.payment == "CREDIT" and self.means.package is not None and self.means.package.product.later

    def __repr__(self) -> str:
        return f"<booking {self.number} of {self.student}: {self.status} {self.session}>"


@dataclass(eq=False, repr=False)
class Wait:
    student: str
    session: Session
    until: datetime | None
    status: str = "WAITING"
    reason: str | None = None
    number: int = 0
    booking: Booking | None = None

    def end(self, status: str, reason: str | None = None) -> None:
        self.status, self.reason = status, reason

    def __repr__(self) -> str:
        return f"<wait of {self.student}: {self.status} {self.session}>"
