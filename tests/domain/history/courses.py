"""The nouns of courses: what they lead through, who is enrolled, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.domain.history.nouns import Booking, Package, Product, Session

FOLLOWS = {
    "CONFIRMED": "BOOKED",
    "COMPLETED": "COMPLETED",
    "NO_SHOW": "MISSED",
    "FORFEITED": "MISSED",
    "CANCELLED": "CANCELLED",
}
OPEN = {"UNBOOKED", "CANCELLED"}
# That nothing has.
UNKNOWN = 999_999_999


@dataclass(eq=False, repr=False)
class Option:
    kind: str  # of the class that serves the step
    active: bool
    number: int = 0

    def __repr__(self) -> str:
        return f"<option {self.kind}>"


@dataclass(eq=False, repr=False)
class Step:
    label: str
    required: bool
    options: list[Option]
    number: int = 0

    def __repr__(self) -> str:
        return f"<step {self.label}>"


@dataclass(eq=False, repr=False)
class Course:
    code: str
    product: Product
    steps: list[Step]

    def __repr__(self) -> str:
        return f"<course {self.code}>"


@dataclass(eq=False, repr=False)
class Cohort:
    number: int
    course: Course
    capacity: int
    deadline: datetime
    sessions: dict[Option, Session]

    def __repr__(self) -> str:
        return f"<cohort {self.number} of {self.course.code}>"


@dataclass(frozen=True)
class Selection:
    """A step and an option, perhaps of another course or step; the session is one that is named."""

    step: Step
    option: Option | None = None
    session: Session | None = None


@dataclass(eq=False, repr=False)
class Progress:
    """How far somebody is with a step: as the last of its bookings is."""

    enrollment: Enrollment
    step: Step
    booking: Booking | None = None
    option: Option | None = None
    skipped: bool = False
    was_booked: bool = False
    closed: bool = False  # it was open when the money went back

    @property
    def status(self) -> str:
        if self.booking:
            return FOLLOWS[self.booking.status]
        return "CANCELLED" if self.closed else "UNBOOKED"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def book(self, booking: Booking, option: Option) -> None:
        self.booking, self.option, self.skipped = booking, option, False
        self.was_booked, self.closed = True, False
        booking.taken = self

    def __repr__(self) -> str:
        return f"<{self.step.label} of {self.enrollment}: {self.status}>"


@dataclass(eq=False, repr=False)
class Enrollment:
    package: Package
    course: Course
    number: int = 0
    cohort: Cohort | None = None
    place: int | None = None
    waits_for: str | None = None  # why staff must look at it
    named: Cohort | str | None = None  # the cohort that its purchase names
    by_staff: bool = False  # whether staff chose its cohort
    progress: dict[Step, Progress] = field(default_factory=dict)
    not_booked: Sequence[tuple[int, str]] = ()

    @property
    def meant(self) -> Cohort | None:
        """The cohort that it is in, or was when its money went back; else the one that its purchase means."""
        named = self.named
        return self.cohort or (named if isinstance(named, Cohort) and named.course is self.course else None)

    @property
    def is_enrolled(self) -> bool:
        return self.status in {"ACTIVE", "COMPLETED"}

    @property
    def status(self) -> str:
        if self.package.standing == "REVOKED":
            return "REVOKED"
        if self.waits_for:
            return "NEEDS_REVIEW"
        required = [each for each in self.progress.values() if each.step.required]
        return "COMPLETED" if all(each.status == "COMPLETED" for each in required) else "ACTIVE"

    def __repr__(self) -> str:
        return f"<enrollment {self.number} of {self.package.student}>"
