"""A school with a course: its document, and whoever is enrolled in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import (
    CourseCohort,
    CourseProgram,
    EnrollmentStatus,
    Organization,
    Product,
    ReviewReason,
    StepStatus,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
)
from db.transaction import transaction
from domain.course import program
from tests.cli.conftest import organization
from tests.domain.calendar.test_file import a_class, session
from tests.studio import Studio
from tests.webhook_gateway.world import AT, World

# New York is five hours behind: 14:00 there is 19:00 UTC.
DEADLINE = "2036-12-01T18:00"
DAYS = {"BAKE-1": "2036-12-04", "BAKE-2": "2036-12-07"}
PRIVATE = {"service_type": "PRIVATE", "credits": 2, "credit_unit_minutes": 30}


def start(step: str, hour: int) -> str:
    return f"{DAYS[step]}T{hour}:00"


def served(step: str, of: str = "DAY", hour: int = 14) -> dict[str, str]:
    return {"step": step, "class": f"{step}-{of}", "start": start(step, hour)}


def cohort(code: str = "WINTER", **members: Any) -> dict[str, Any]:
    usual = {"name": code.title(), "capacity": 10, "enrollment_deadline": DEADLINE}
    return {"code": code, "sessions": [served("BAKE-1"), served("BAKE-2")]} | usual | members


def step(label: str, *options: Any, **members: Any) -> dict[str, Any]:
    return {
        "label": label,
        "title": f"Step {label}",
        "options": list(options or (f"{label}-DAY", f"{label}-EVE")),
    } | members


def course(code: str = "BAKE", **members: Any) -> dict[str, Any]:
    """Return a course that is published, with two steps of two options each and one cohort of ten."""
    usual: dict[str, Any] = {
        "title": "Bread from Zero",
        "price": 49_900,
        "validity_days": 365,
        "published": True,
        "bundle_components": [PRIVATE],
        "steps": [step("BAKE-1"), step("BAKE-2", "BAKE-2-DAY", {"class": "BAKE-2-EVE", "active": False})],
        "cohorts": [cohort()],
    }
    return {"code": code} | usual | members


def school(*courses: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a school in New York with the classes of the course, and a session of each by day."""
    codes = [f"{label}-{of}" for label in DAYS for of in ("DAY", "EVE")]
    usual: dict[str, Any] = {
        "timezone": "America/New_York",
        "currency": "USD",
        "classes": [
            *(a_class(code, service_type="COURSE", capacity=10) for code in codes),
            a_class("YOGA"),
            a_class("LESSON", service_type="PRIVATE", capacity=1, minutes=30),
        ],
        "sessions": [session(start(label, 14), f"{label}-DAY") for label in DAYS]
        + [session(start(label, 19), f"{label}-EVE") for label in DAYS],
    }
    return {"organizations": [organization("north", **usual | members, courses=list(courses))]}


@dataclass(frozen=True)
class School:
    """A school whose course was applied, with verbs for what tests of the rules do to it."""

    studio: Studio

    @contextmanager
    def planning(self, code: str = "BAKE") -> Iterator[tuple[Session, CourseProgram]]:
        """Give a transaction that holds the course."""
        with transaction(self.studio.engine) as session:
            yield session, program.held(session, self.id, code)

    @property
    def id(self) -> int:
        return self.number("SELECT id FROM organizations WHERE slug = 'north'")

    def number(self, statement: str, **values: object) -> int:
        (value,) = self.studio.one(statement, **values).values()
        return int(value)

    def product(self, code: str = "BAKE") -> int:
        own = "SELECT id FROM products WHERE code = %(code)s AND organization_id = %(org)s"
        return self.number(own, code=code, org=self.id)

    def program(self, code: str = "BAKE") -> int:
        return self.number("SELECT id FROM course_programs WHERE product_id = %(id)s", id=self.product(code))

    def class_id(self, code: str) -> int:
        return self.number(
            "SELECT id FROM group_classes WHERE code = %(code)s AND organization_id = %(org)s", code=code, org=self.id
        )

    def step_id(self, label: str) -> int:
        return self.number("SELECT id FROM course_steps WHERE label = %(label)s AND deleted_at IS NULL", label=label)

    def option_id(self, code: str) -> int:
        return self.number(
            "SELECT o.id FROM course_step_options o JOIN group_classes c ON c.id = o.group_class_id"
            " WHERE code = %(code)s",
            code=code,
        )

    def session_id(self, code: str) -> int:
        return self.number(
            "SELECT s.id FROM class_sessions s JOIN group_classes c ON c.id = s.group_class_id WHERE code = %(code)s",
            code=code,
        )

    def cohort_id(self, code: str = "WINTER") -> int:
        return self.number("SELECT id FROM course_cohorts WHERE code = %(code)s AND deleted_at IS NULL", code=code)

    def labels(self) -> list[tuple[int, str]]:
        """Return the steps that stand, by their positions."""
        rows = self.studio.rows(
            "SELECT position, label FROM course_steps WHERE deleted_at IS NULL AND course_program_id = %(id)s"
            " ORDER BY position",
            id=self.program(),
        )
        return [(row["position"], row["label"]) for row in rows]

    def options(self, label: str) -> dict[str, bool]:
        """Return the classes that serve a step, and whether they take bookings."""
        rows = self.studio.rows(
            "SELECT c.code, o.active FROM course_step_options o JOIN group_classes c ON c.id = o.group_class_id"
            " JOIN course_steps s ON s.id = o.course_step_id"
            " WHERE s.label = %(label)s AND o.deleted_at IS NULL AND s.deleted_at IS NULL ORDER BY c.code",
            label=label,
        )
        return {row["code"]: row["active"] for row in rows}

    def serving(self) -> list[tuple[str, str]]:
        """Return which class's session serves which cohort."""
        rows = self.studio.rows(
            "SELECT h.code AS cohort, c.code FROM course_cohort_sessions m JOIN course_cohorts h ON h.id = m.cohort_id"
            " JOIN class_sessions s ON s.id = m.session_id JOIN group_classes c ON c.id = s.group_class_id"
            " ORDER BY h.code, c.code"
        )
        return [(row["cohort"], row["code"]) for row in rows]

    def published(self, code: str = "BAKE") -> bool:
        return bool(self.studio.one("SELECT active FROM products WHERE code = %(code)s", code=code)["active"])

    def enroll(
        self,
        name: str,
        place: int | None = None,
        *,
        status: EnrollmentStatus = EnrollmentStatus.ACTIVE,
        steps: dict[str, StepStatus] | None = None,
    ) -> int:
        """Enroll a new student in the course's cohort, where there is a place; return the enrollment."""
        world = World(self.studio.engine)
        with transaction(self.studio.engine) as tables:
            owner = tables.scalars(select(Organization).where(Organization.slug == "north")).one()
            sold = tables.scalars(select(Product).where(Product.code == "BAKE")).one()
            course_id = tables.scalars(select(CourseProgram.id).where(CourseProgram.product_id == sold.id)).one()
            run = tables.scalars(select(CourseCohort).where(CourseCohort.code == "WINTER")).one()
        package = world.package(world.order(world.student(owner, name), sold))
        enrollment = StudentCourseEnrollment(
            organization_id=owner.id,
            student_id=package.student_id,
            student_package_id=package.id,
            course_program_id=course_id,
            cohort_id=run.id,
            cohort_capacity=run.capacity if place else None,
            place=place,
            status=status,
            review_reason=ReviewReason.COHORT_FULL if status is EnrollmentStatus.NEEDS_REVIEW else None,
            created_at=AT,
        )
        with transaction(self.studio.engine) as tables:
            tables.add(enrollment)
            tables.flush()
            for label, stands in (steps or {}).items():
                progress = StudentCourseStepProgress(
                    organization_id=owner.id,
                    enrollment_id=enrollment.id,
                    course_step_id=self.step_id(label),
                    status=stands,
                    booked_at=AT,
                )
                tables.add(progress)
        return enrollment.id

    def places(self) -> list[tuple[int, int]]:
        """Return the places that are taken, with the capacity that they are counted by."""
        rows = self.studio.rows(
            "SELECT place, cohort_capacity FROM student_course_enrollments WHERE place IS NOT NULL ORDER BY place"
        )
        return [(row["place"], row["cohort_capacity"]) for row in rows]


def open_school(studio: Studio, *courses: dict[str, Any], **members: Any) -> School:
    studio.apply(school(*(courses or (course(),)), **members))
    return School(studio)
