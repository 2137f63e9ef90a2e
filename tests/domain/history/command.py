"""What is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime

from tests.domain.history.courses import Cohort, Enrollment, Selection, Step
from tests.domain.history.nouns import Booking, Package, Session, Teacher, Wait
from tests.domain.history.payments import Ordered


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
    enrollment: Enrollment | None = None
    selections: list[Selection] = field(default_factory=list)
    cohort: Cohort | None = None
    sessions: int | None = None  # that go back, of the one line; or credits of each of some
    lines: dict[int, int] = field(default_factory=dict)
    marks: dict[int, str] = field(default_factory=dict)
    marked: dict[int, Booking | None] = field(default_factory=dict)
    # What came of it.
    made: list[Booking] = field(default_factory=list)
    joined: Wait | None = None
    redeemed: Package | None = None
    paid: int = 0
    ordered: Ordered | None = None
    auto: list[Step] = field(default_factory=list)
    not_booked: list[tuple[int, str]] = field(default_factory=list)

    def __repr__(self) -> str:
        said = [f"{each.name}={value}" for each in fields(self)[2:] if (value := getattr(self, each.name))]
        return f"{self.kind}({', '.join(said)})"
