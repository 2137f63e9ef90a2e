"""What a studio knows, as simply as it can be said: lists of what happened, from which all else is counted anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from tests.domain.history.courses import Cohort, Enrollment
from tests.domain.history.nouns import Booking, Coupon, Package, Product, Session, Teacher, Wait, end_of_days

ACTIVE = {"CONFIRMED", "COMPLETED", "NO_SHOW"}
IN_LINE = {"WAITING", "SKIPPED"}


class Refused(Exception):
    """A command that cannot be done, by its code."""


def refuse_if(*reasons: tuple[bool, str]) -> None:
    """Refuse by the first reason that is one."""
    for is_one, code in reasons:
        if is_one:
            raise Refused(code)


@dataclass
class Books:
    begun: datetime = datetime(2027, 1, 1, tzinfo=UTC)
    orgs: dict[str, str] = field(default_factory=dict)  # of each student
    products: dict[str, Product] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    teachers: list[Teacher] = field(default_factory=list)  # in the order in which they are asked
    sessions: list[Session] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    enrollments: list[Enrollment] = field(default_factory=list)
    cohorts: list[Cohort] = field(default_factory=list)

    def buy(self, number: int, student: str, product: Product, at: datetime, bonus: int = 0) -> Package:
        """A pass begins when the student's last one ends."""
        passes = [p for p in self.held(student) if p.product.is_pass and p.standing != "REVOKED"]
        begins = max([at, *(p.pass_until for p in passes)])
        package = Package(number, student, product, at, begins, end_of_days(begins, product.days, product.org))
        if product.friend_days:
            package.friend_until = end_of_days(at, product.friend_days, product.org)
        package.given = [bonus] * len(product.lines)
        package.drafts = [None] * self.left(package)[0] if product.later else []
        self.packages.append(package)
        return package

    def held(self, student: str) -> list[Package]:
        return [p for p in self.packages if p.student == student]

    def spent(self, package: Package) -> list[Booking]:
        """What a package paid for and did not get back."""
        return [b for b in self.bookings if b.means.package is package and b.status != "CANCELLED"]

    def left(self, package: Package) -> list[int]:
        means = [b.means for b in self.spent(package) if not b.reopened]
        lines = zip(range(len(package.given)), package.product.lines, package.given, strict=True)
        return [
            sold[3] + given - package.taken(number) - sum(m.credits for m in means if m.line == number)
            for number, sold, given in lines
        ]

    def friend_came(self, package: Package) -> bool:
        return any(b.host for b in self.spent(package))

    def days(self, student: str) -> list[date]:
        """The days on which All-Access was used."""
        paid = [b for package in self.held(student) for b in self.spent(package)]
        return sorted(b.day for b in paid if b.means.payment == "ALL_ACCESS")

    def inside(self, session: Session) -> list[Booking]:
        return [b for b in self.bookings if b.session is session and b.status in ACTIVE]

    def room(self, session: Session) -> int:
        """How many more can come."""
        inside = self.inside(session)
        free = session.capacity - len(inside)
        return min(free, len(session.seats.keys() - {b.seat for b in inside})) if session.seats else free

    def booked(self, student: str) -> list[Booking]:
        return [b for b in self.bookings if b.student == student and not b.host and b.status in ACTIVE]

    def party(self, host: Booking) -> list[Booking]:
        """A booking, and that of the guest who hangs on it."""
        return [host, *(b for b in self.bookings if b.host is host and b.status in ACTIVE)]

    def starts(self, package: Package) -> list[datetime]:
        return [b.session.start for b in self.booked(package.student) if b.means.package is package]

    def lasting(self, package: Package, start: datetime) -> datetime:
        """Until when a package lasts whose days begin then: never shorter than the studio said."""
        end = end_of_days(start, package.product.days, package.product.org)
        return max(end, package.until or end)

    def window(self, package: Package) -> tuple[datetime | None, datetime | None]:
        """From when to when a package is valid; one whose days begin with its first session has no window before it."""
        if package.product.is_pass:
            return package.pass_from, package.pass_until
        if package.product.from_first_use:
            first = min(self.starts(package), default=None)
            return first, self.lasting(package, first) if first else None
        return package.bought_at, self.lasting(package, package.bought_at)

    def has_ended(self, package: Package, at: datetime) -> bool:
        end = self.window(package)[1]
        return end is not None and end <= at

    def has_begun(self, package: Package, at: datetime) -> bool:
        start = self.window(package)[0]
        return start is not None and start <= at and not self.has_ended(package, at)

    def line(self, session: Session) -> list[Wait]:
        return [w for w in self.waits if w.session is session and w.status in IN_LINE]

    def wait(self, session: Session, student: str) -> Wait | None:
        return next((w for w in self.line(session) if w.student == student), None)
