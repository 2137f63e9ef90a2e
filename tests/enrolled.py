"""Courses, and those who bought them, written straight into the tables; how far each is, is the test's to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import Engine, event, select

from db.models import (
    Booking,
    BookingStatus,
    BookingType,
    ClassSession,
    CourseCohort,
    CourseCohortSession,
    CourseProgram,
    CourseStep,
    CourseStepOption,
    EnrollmentStatus,
    GroupClass,
    Order,
    PaymentType,
    Product,
    ProductType,
    ServiceType,
    StepStatus,
    Student,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
    StudentPackage,
)
from db.transaction import transaction
from tests.webhook_gateway.world import AT, SOON, Row, World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# What a booking is when its step stands so.
BOOKED_AS = {
    StepStatus.BOOKED: BookingStatus.CONFIRMED,
    StepStatus.COMPLETED: BookingStatus.COMPLETED,
    StepStatus.MISSED: BookingStatus.NO_SHOW,
}
ENROLLED = {EnrollmentStatus.ACTIVE, EnrollmentStatus.COMPLETED}


@pytest.fixture(scope="module")
def spring(shared_engine: Engine) -> Iterator[None]:
    """Stop the clock for a module at the moment of the world, once the server is up."""
    assert shared_engine
    with freeze_time(AT, ignore=["_pytest", "pytest"]):
        yield


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Give the statements that a block runs."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


class Academy:
    """An organization that sells courses."""

    def __init__(self, world: World, slug: str = "lumen", *, timezone: str = "Europe/Istanbul") -> None:
        self.world = world
        self.of = self.changed(world.organization(slug), timezone=timezone)
        self._places: dict[int, int] = {}

    def add(self, row: Row) -> Row:
        with transaction(self.world.engine) as session:
            session.add(row)
        return row

    def changed(self, row: Row, **values: Any) -> Row:
        """Return a row with other values."""
        with transaction(self.world.engine) as session:
            session.add(row)
            for name, value in values.items():
                setattr(row, name, value)
        return row

    def course(
        self,
        code: str = "SFZ",
        *labels: str,
        components: Sequence[tuple[ServiceType, int, int]] = (),
        required: Mapping[str, bool] | None = None,
        product: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> CourseProgram:
        """Add a course on sale; its steps are labelled, by default SFZ-1 and SFZ-2."""
        values = {"name": f"The {code} course", "price": 49_900, "validity_days": 365} | dict(product or {})
        sold = self.world.product(self.of, code, *components, product_type=ProductType.COURSE, **values)
        said = {"timezone": self.of.timezone} | fields
        program = self.add(CourseProgram(organization_id=self.of.id, product_id=sold.id, created_at=AT, **said))
        for label in labels or (f"{code}-1", f"{code}-2"):
            self.step(program, label, is_required=(required or {}).get(label, True))
        return program

    def product(self, program: CourseProgram) -> Product:
        with transaction(self.world.engine) as session:
            return session.get_one(Product, program.product_id)

    def step(self, program: CourseProgram, label: str, **fields: Any) -> CourseStep:
        """Add a step behind the others."""
        values = {"position": len(self.steps(program)) + 1, "title": f"Step {label}", "is_required": True} | fields
        row = CourseStep(organization_id=self.of.id, course_program_id=program.id, label=label, created_at=AT, **values)
        return self.add(row)

    def steps(self, program: CourseProgram) -> list[CourseStep]:
        with transaction(self.world.engine) as session:
            own = select(CourseStep).where(CourseStep.course_program_id == program.id, CourseStep.deleted_at.is_(None))
            return list(session.scalars(own.order_by(CourseStep.position)))

    def option(self, step: CourseStep, group_class: GroupClass | None = None, **fields: Any) -> CourseStepOption:
        """Let a class serve a step, one of its own unless it is named."""
        serves = group_class or self.world.group_class(self.of)
        values = {"group_class_id": serves.id, "active": True} | fields
        return self.add(CourseStepOption(organization_id=self.of.id, course_step_id=step.id, created_at=AT, **values))

    def date(self, option: CourseStepOption, start_at: datetime, **fields: Any) -> ClassSession:
        """Add a session of an option's class."""
        with transaction(self.world.engine) as session:
            group_class = session.get_one(GroupClass, option.group_class_id)
        return self.world.session_of(group_class, start_at, **fields)

    def cohort(
        self,
        program: CourseProgram,
        code: str = "SPRING",
        sessions: Sequence[tuple[CourseStepOption, ClassSession]] = (),
        **fields: Any,
    ) -> CourseCohort:
        values = {"name": f"In {code.lower()}", "capacity": 10, "enrollment_deadline": AT + 10 * DAY} | fields
        row = CourseCohort(organization_id=self.of.id, course_program_id=program.id, code=code, created_at=AT, **values)
        row.sessions = [
            CourseCohortSession(organization_id=self.of.id, course_step_option_id=option.id, session_id=session.id)
            for option, session in sessions
        ]
        return self.add(row)

    def student(self, name: str, /, **fields: Any) -> Student:
        """Return a student, who is added where there is none of that name."""
        with transaction(self.world.engine) as session:
            named = select(Student).where(Student.organization_id == self.of.id, Student.external_id == name)
            found = session.scalar(named)
        return self.changed(found or self.world.student(self.of, name), **fields)

    def enroll(
        self,
        student: str,
        program: CourseProgram,
        cohort: CourseCohort | None = None,
        *,
        status: EnrollmentStatus = EnrollmentStatus.ACTIVE,
        extras: Sequence[tuple[ServiceType, int, int]] = (),
        payment: Mapping[str, Any] | None = None,
        order: Mapping[str, Any] | None = None,
        package: Mapping[str, Any] | None = None,
        at_desk: bool = False,
        **fields: Any,
    ) -> StudentCourseEnrollment:
        """Let a student have bought a course: its steps are open."""
        product, steps = self.product(program), self.steps(program)
        paid = {"amount_received": product.price, "currency": product.currency} | dict(payment or {})
        paying = None if at_desk else self.world.payment(self.of, **paid)
        bought = self.world.order(self.student(student), product, paying, **dict(order or {}))
        held = self.package(bought, product, len(steps), extras, **dict(package or {}))
        return self.seat(held, program, cohort, status, fields)

    def package(
        self, order: Order, product: Product, steps: int, extras: Sequence[tuple[ServiceType, int, int]], **fields: Any
    ) -> StudentPackage:
        values = {"product_code": product.code, "name": product.name} | fields
        lines = [(ServiceType.COURSE, steps, 60)] if steps else []
        return self.world.package(self.changed(order, product_id=product.id), *lines, *extras, **values)

    def order(self, enrollment: StudentCourseEnrollment) -> Order:
        with transaction(self.world.engine) as session:
            return session.get_one(Order, session.get_one(StudentPackage, enrollment.student_package_id).order_id)

    def seat(
        self,
        held: StudentPackage,
        program: CourseProgram,
        cohort: CourseCohort | None,
        status: EnrollmentStatus,
        fields: Mapping[str, Any],
    ) -> StudentCourseEnrollment:
        values: dict[str, Any] = {"completed_at": AT if status is EnrollmentStatus.COMPLETED else None} | dict(fields)
        if cohort:
            values["cohort_id"] = cohort.id
        if cohort and status in ENROLLED:
            self._places[cohort.id] = self._places.get(cohort.id, 0) + 1
            values |= {"place": self._places[cohort.id], "cohort_capacity": cohort.capacity}
        row = self.add(
            StudentCourseEnrollment(
                organization_id=self.of.id,
                student_id=held.student_id,
                student_package_id=held.id,
                course_program_id=program.id,
                status=status,
                created_at=AT,
                **values,
            )
        )
        for step in self.steps(program):
            own = {"organization_id": self.of.id, "enrollment_id": row.id, "course_step_id": step.id}
            self.add(StudentCourseStepProgress(**own, is_required=step.is_required, status=StepStatus.UNBOOKED))
        return row

    def progress(self, enrollment: StudentCourseEnrollment, step: CourseStep) -> StudentCourseStepProgress:
        with transaction(self.world.engine) as session:
            own = select(StudentCourseStepProgress).where(
                StudentCourseStepProgress.enrollment_id == enrollment.id,
                StudentCourseStepProgress.course_step_id == step.id,
            )
            return session.scalars(own).one()

    def stand(
        self,
        enrollment: StudentCourseEnrollment,
        step: CourseStep,
        status: StepStatus = StepStatus.BOOKED,
        option: CourseStepOption | None = None,
        session: ClassSession | None = None,
        **fields: Any,
    ) -> Booking | None:
        """Let a step stand otherwise; with a session, by a booking of it."""
        booking = self._booking(enrollment, step, session, BOOKED_AS[status]) if session else None
        values: dict[str, Any] = {"course_step_option_id": option.id if option else None} | fields
        if booking:
            values |= {"booking_id": booking.id, "booked_at": AT}
        self.changed(self.progress(enrollment, step), status=status, **values)
        return booking

    def _booking(
        self, enrollment: StudentCourseEnrollment, step: CourseStep, in_session: ClassSession, status: BookingStatus
    ) -> Booking:
        with transaction(self.world.engine) as session:
            student = session.get_one(Student, enrollment.student_id)
            taken = session.query(Booking).filter(Booking.session_id == in_session.id).count()
        return self.world.place(
            in_session,
            student,
            taken + 1,
            status=status,
            booking_type=BookingType.COURSE_STEP,
            payment_type=PaymentType.COURSE,
            course_step_id=step.id,
            student_package_id=enrollment.student_package_id,
            credits_used=1,
        )


__all__ = ["AT", "DAY", "HOUR", "SOON", "Academy", "counted", "spring"]
