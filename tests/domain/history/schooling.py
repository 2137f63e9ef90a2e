"""Courses in a history: planned, met for, bought; each on the studio that runs, and in the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.domain.history import school
from tests.domain.history.comparing_courses import TAKEN
from tests.domain.history.courses import Cohort, Course, Enrollment, Option
from tests.domain.history.faults import Time
from tests.domain.history.model import Model
from tests.domain.history.nouns import Booking, Session
from tests.domain.history.payments import News, Payment
from tests.stripe_objects import Event, checkout, intent, refund
from tests.studio import Studio
from tests.timetable import Timetable

_numbers = count(1)
BOUGHT = """
SELECT p.stripe_key, k.id, e.id AS enrollment FROM student_packages k JOIN orders o ON o.id = k.order_id
  JOIN payments p ON p.id = o.payment_id JOIN student_course_enrollments e ON e.student_package_id = k.id
 WHERE p.stripe_key = ANY(%(keys)s) ORDER BY k.id
"""
# How Stripe tells of a purchase: by which events, and which of them comes much later.
WAYS = ("once", "twice", "both", "late")


@dataclass(frozen=True)
class Buying:
    """A course that somebody is about to buy, the cohort that they name, and how it is told."""

    student: str
    course: Course
    cohort: Cohort | str | None
    way: str
    refunded: bool = False  # before anybody heard of it


@dataclass
class Schooling:
    timetable: Timetable
    model: Model = field(default_factory=Model)
    bookings: dict[int, Booking] = field(default_factory=dict)
    courses: list[Course] = field(default_factory=list)
    # Checkouts that Stripe has not told of yet, and the cohorts that they name.
    late: dict[Enrollment, tuple[Event, Cohort]] = field(default_factory=dict)

    @property
    def studio(self) -> Studio:
        return self.timetable.studio

    def meet(self, kind: str, hours: int, capacity: int) -> None:
        """Add a session of a class that serves courses, unless it has one then."""
        start = Time.at.replace(minute=0) + timedelta(hours=hours)
        if any(each.kind == kind and each.start == start and not each.off for each in self.model.sessions):
            return
        service, minutes = school.KINDS[kind]
        end = start + timedelta(minutes=minutes)
        row = self.studio.one(school.MEET, kind=kind, start=start, end=end, capacity=capacity, at=Time.at)
        said = (row["id"], school.ORG, service, 0, start, end, capacity)
        self.model.sessions.append(Session(*said, {}, kind=kind))

    def plan(self, course: Course, capacity: int, deadline: datetime, sessions: dict[Option, Session]) -> None:
        """Add a cohort."""
        code = f"H-{next(_numbers)}"
        about = {"course": course.code, "code": code, "capacity": capacity, "deadline": deadline, "at": Time.at}
        planned = {"options": [o.number for o in sessions], "sessions": [each.id for each in sessions.values()]}
        number = self.studio.one(school.COHORT, **about, **planned)["id"]
        self.model.cohorts.append(Cohort(number, course, capacity, deadline, sessions))

    def toggle(self, option: Option) -> None:
        """Let an option take bookings, or none any more."""
        option.active = not option.active
        self.studio.rows(school.ACTIVE, id=option.number, active=option.active)

    def buy_courses(self, *purchases: Buying) -> None:
        """Students buy courses, all at once."""
        told = {f"pi_course_{next(_numbers)}": each for each in purchases}
        events = {key: _events(key, each) for key, each in told.items()}
        gone = [_refund(key, each.course.product.price) for key, each in told.items() if each.refunded]
        now = [event for key, each in told.items() for event in events[key][: 1 if each.way == "late" else None]]
        self.studio.deliver(*gone, *now)
        gone_packages = []
        for row in self.studio.rows(BOUGHT, keys=list(told)):
            key, each = row["stripe_key"], told[row["stripe_key"]]
            package = self.model.buy(row["id"], each.student, each.course.product, Time.at)
            package.payment = Payment(key, package.product.price)
            if each.refunded:
                package.payment.hear(refund_of(package.payment))
                gone_packages.append(package)
            named = None if each.way == "late" else each.cohort
            enrollment = self.model.enroll(package, each.course, named, Time.at)
            enrollment.number = row["enrollment"]
            if each.way == "late" and isinstance(each.cohort, Cohort):
                self.late[enrollment] = (events[key][1], each.cohort)
        self.model.turn(dict.fromkeys(gone_packages, "ACTIVE"), Time.at)
        self.learn_steps()

    def tell_late(self, enrollment: Enrollment) -> None:
        """Tell of the Checkout at last."""
        event, cohort = self.late.pop(enrollment)
        self.studio.deliver(event)
        self.model.tell_late(enrollment, cohort, Time.at)
        self.learn_steps()

    def learn_steps(self) -> None:
        """Learn the numbers of bookings that nobody was told: each package's of a step in their order."""
        new = [each for each in self.model.bookings if each.taken and each.number is None]
        if not new:
            return
        for row in self.studio.rows(TAKEN, known=list(self.bookings)):
            meant = [each for each in new if each.number is None and _is_of(each, row["package"], row["step"])]
            assert meant, row
            assert meant[0].session.id == row["session_id"], (row, meant[0])
            meant[0].number = row["id"]
            self.bookings[row["id"]] = meant[0]


def refund_of(payment: Payment) -> News:
    """All of it goes back."""
    return News(payment, f"re_{payment.key}", "succeeded", payment.amount)


def _refund(key: str, amount: int) -> Event:
    return refund(key, amount=amount, refund_id=f"re_{key}")


def _is_of(booking: Booking, package: int, step: int) -> bool:
    means, taken = booking.means, booking.taken
    return bool(means.package and means.package.id == package and taken and taken.step.number == step)


def _events(key: str, buying: Buying) -> Sequence[Event]:
    """Return what Stripe tells of a purchase; of one that is told late the cohort by its Checkout alone."""
    price, code = buying.course.product.price, buying.course.code
    metadata = {"org": school.ORG, "product_code": code}
    named = {"cohort_id": str(getattr(buying.cohort, "number", buying.cohort))} if buying.cohort else {}
    about: dict[str, Any] = {"payment": key, "amount": price, "currency": "usd", "org": school.ORG}
    session = checkout(code, student=buying.student, email=None, metadata=metadata | named, **about)
    paid = intent(key, amount=price, currency="usd", student_id=buying.student, **metadata)
    return {"once": [session], "twice": [session, session | {"id": f"{session['id']}_2"}]}.get(
        buying.way, [paid, session]
    )
