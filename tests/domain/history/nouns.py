"""The nouns of the model: what is sold, who holds what, where, and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONES = {"lumen": ZoneInfo("Europe/Istanbul"), "thrive": ZoneInfo("America/New_York")}


def end_of_days(start: datetime, days: int, org: str) -> datetime:
    """The local midnight that ends the day start + N."""
    last = start.astimezone(ZONES[org]).date() + timedelta(days=days)
    return datetime.combine(last + timedelta(days=1), time(), ZONES[org]).astimezone(UTC)


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
    standing: str = "ACTIVE"
    until: datetime | None = None  # an end that the studio gave it
    given: list[int] = field(default_factory=list)  # to each line, beside what was sold
    drafts: list[int | None] = field(default_factory=list)  # their numbers; None is one that nobody was told yet
    shelved: list[int | None] = field(default_factory=list)  # drafts that ended with the package
    numbers: set[int] = field(default_factory=set)  # of all its drafts that ever were
    coupon: str | None = None

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


@dataclass(repr=False)
class Command:
    kind: str
    asked_at: datetime
    student: str = ""
    session: Session | None = None
    number: int = 0
    booking: Booking | None = None
    seat: int | None = None
    payment: str | None = None
    package: Package | None = None
    confirmed: bool = False
    friend: bool = False
    friend_seat: int | None = None
    forfeit: bool = False
    override: bool = False
    start: datetime | None = None
    minutes: int | None = None
    capacity: int | None = None
    until: datetime | None = None
    teacher: Teacher | None = None
    line: int = 0
    credits: int = 0
    coupon: str | None = None
    product: str | None = None
    by_student: bool = False
    marks: dict[int, str] = field(default_factory=dict)
    marked: dict[int, Booking | None] = field(default_factory=dict)
    # What came of it.
    made: list[Booking] = field(default_factory=list)
    joined: Wait | None = None
    redeemed: Package | None = None
    paid: int = 0

    def __repr__(self) -> str:
        said = [f"{each.name}={value}" for each in fields(self)[2:] if (value := getattr(self, each.name))]
        return f"{self.kind}({', '.join(said)})"
