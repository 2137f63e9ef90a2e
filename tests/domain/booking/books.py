"""What a studio knows, as simply as it can be said: a list of bookings, from which all else is counted anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONES = {"lumen": ZoneInfo("Europe/Istanbul"), "thrive": ZoneInfo("America/New_York")}


@dataclass(frozen=True)
class Product:
    org: str
    price: int
    days: int
    lines: tuple[tuple[str, int, int, int], ...] = ()  # service, teacher tier, unit in minutes, credits
    is_pass: bool = False
    friend_days: int = 0
    from_first_use: bool = False


@dataclass(eq=False)
class Package:
    id: int
    student: str
    product: Product
    bought_at: datetime
    pass_from: datetime
    standing: str = "ACTIVE"


@dataclass(eq=False)
class Session:
    id: int
    org: str
    service: str
    tier: int
    start: datetime
    end: datetime
    capacity: int
    seats: dict[int, int]  # what each costs, in their order

    @property
    def minutes(self) -> int:
        return int((self.end - self.start) / timedelta(minutes=1))

    @property
    def day(self) -> date:
        return self.start.astimezone(ZONES[self.org]).date()

    def overlaps(self, other: Session) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Means:
    """What pays: by which line of which package, and how many credits."""

    payment: str
    package: Package | None = None
    line: int | None = None
    credits: int = 0


@dataclass(eq=False)
class Booking:
    student: str
    session: Session
    seat: int | None
    means: Means
    made_at: datetime
    host: Booking | None = None
    status: str = "CONFIRMED"


@dataclass
class Command:
    kind: str
    student: str
    asked_at: datetime
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
    made: list[Booking] = field(default_factory=list)


def end_of_days(start: datetime, days: int, org: str) -> datetime:
    """The local midnight that ends the day start + N."""
    last = start.astimezone(ZONES[org]).date() + timedelta(days=days)
    return datetime.combine(last + timedelta(days=1), time(), ZONES[org]).astimezone(UTC)


@dataclass
class Books:
    orgs: dict[str, str] = field(default_factory=dict)  # of each student
    packages: list[Package] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)

    def buy(self, number: int, student: str, product: Product, at: datetime) -> Package:
        """A pass begins when the student's last one ends."""
        passes = [p for p in self.held(student) if p.product.is_pass and p.standing != "REVOKED"]
        ends = [self.window(p)[1] or at for p in passes]
        self.packages.append(Package(number, student, product, at, max([at, *ends])))
        return self.packages[-1]

    def held(self, student: str) -> list[Package]:
        return [p for p in self.packages if p.student == student]

    def spent(self, package: Package) -> list[Booking]:
        """What a package paid for and did not get back."""
        return [b for b in self.bookings if b.means.package is package and b.status != "CANCELLED"]

    def left(self, package: Package) -> list[int]:
        means = [b.means for b in self.spent(package)]
        lines = enumerate(package.product.lines)
        return [line[3] - sum(each.credits for each in means if each.line == number) for number, line in lines]

    def friend_came(self, package: Package) -> bool:
        return any(b.host for b in self.spent(package))

    def days(self, student: str) -> list[date]:
        """The days on which All-Access was used."""
        paid = [b for package in self.held(student) for b in self.spent(package)]
        return sorted(b.session.day for b in paid if b.means.payment == "ALL_ACCESS")

    def inside(self, session: Session) -> list[Booking]:
        return [b for b in self.bookings if b.session is session and b.status == "CONFIRMED"]

    def booked(self, student: str) -> list[Booking]:
        return [b for b in self.bookings if b.student == student and not b.host and b.status == "CONFIRMED"]

    def guest(self, host: Booking) -> Booking | None:
        return next((b for b in self.bookings if b.host is host and b.status == "CONFIRMED"), None)

    def starts(self, package: Package) -> list[datetime]:
        return [b.session.start for b in self.booked(package.student) if b.means.package is package]

    def window(self, package: Package) -> tuple[datetime | None, datetime | None]:
        """From when to when a package is valid; one whose days begin with its first session has no window before it."""
        product = package.product
        start = package.pass_from if product.is_pass else package.bought_at
        if product.from_first_use:
            first = min(self.starts(package), default=None)
            return first, end_of_days(first, product.days, product.org) if first else None
        return start, end_of_days(start, product.days, product.org)
