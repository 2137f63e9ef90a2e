"""The database alone, as the last guard of courses: plain SQL that breaks a rule is refused, by the rule's name."""

from __future__ import annotations

from typing import Any

import orjson
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.races.courses import enrolled
from tests.school import School
from tests.timetable import Timetable


class Office:
    """Ada, Bea and Cy in a cohort of three, Dan without one; Ada's last step is booked, and her first one missed."""

    def __init__(self, timetable: Timetable) -> None:
        self.school = School(timetable)
        self.school.plan()
        self.studio = timetable.studio
        self.cohort = self.school.cohort(capacity=3)
        held = enrolled(self.school, ["ada", "bea", "cy"], self.cohort) | enrolled(self.school, ["dan"])
        self.enrollments = {name: int(self.school.enrollment(package)["id"]) for name, package in held.items()}
        self.package = held["ada"]
        self.step = self.school.step("SFZ-4")
        row = self.studio.one(
            "SELECT id FROM bookings WHERE student_package_id = %(id)s AND course_step_id IS NOT NULL", id=self.package
        )
        self.booking = int(row["id"])

    def copy(self, table: str, row: int, **changes: Any) -> None:
        """Insert a row again under an id of its own, but for what is said."""
        self.studio.rows(
            f"INSERT INTO {table} SELECT (jsonb_populate_record(t, %(changes)s)).* FROM {table} t WHERE id = %(id)s",
            id=row,
            changes=Jsonb({"id": 1_000_000} | changes, dumps=orjson.dumps),
        )

    def enrollment(self, name: str, **changes: Any) -> None:
        self.change("student_course_enrollments", self.enrollments[name], **changes)

    def progress(self, label: str) -> int:
        row = self.studio.one(
            "SELECT id FROM student_course_step_progress WHERE enrollment_id = %(id)s AND course_step_id = %(step)s",
            id=self.enrollments["ada"],
            step=self.school.step(label),
        )
        return int(row["id"])

    def change(self, table: str, row: int, **changes: Any) -> None:
        said = ", ".join(f"{name} = %({name})s" for name in changes)
        self.studio.rows(f"UPDATE {table} SET {said} WHERE id = %(id)s", id=row, **changes)

    def elsewhere(self) -> dict[str, Any]:
        """Return what a booking says of another session, on a place that is free."""
        row = self.studio.one(
            "SELECT id AS session_id, capacity AS session_capacity, start_at, end_at FROM class_sessions"
            " WHERE id = %(id)s",
            id=self.school.sessions["SFZ-1-DAY"],
        )
        return {"place": 1} | row


def step_twice(office: Office) -> None:
    office.copy("bookings", office.booking, **office.elsewhere())


def step_again_after_it_was_completed(office: Office) -> None:
    office.change("bookings", office.booking, status="COMPLETED")
    office.copy("bookings", office.booking, **office.elsewhere() | {"status": "CONFIRMED"})


def step_that_no_course_pays(office: Office) -> None:
    office.change("bookings", office.booking, payment_type="CREDIT")


def place_twice(office: Office) -> None:
    office.enrollment("bea", place=1)


def student_twice(office: Office) -> None:
    ada = office.school.timetable.student("ada", "thrive")
    office.enrollment("bea", student_id=ada)


def place_beyond_the_capacity(office: Office) -> None:
    office.enrollment("dan", cohort_id=office.cohort, cohort_capacity=3, place=4)


def place_of_a_capacity_that_the_cohort_has_not(office: Office) -> None:
    office.enrollment("dan", cohort_id=office.cohort, cohort_capacity=4, place=4)


def capacity_below_a_place(office: Office) -> None:
    office.change("course_cohorts", office.cohort, capacity=2)


def cohort_without_a_place(office: Office) -> None:
    office.enrollment("dan", cohort_id=office.cohort)


def place_of_who_waits_for_staff(office: Office) -> None:
    office.enrollment("ada", status="NEEDS_REVIEW", review_reason="COHORT_FULL")


def review_without_a_reason(office: Office) -> None:
    office.enrollment("dan", status="NEEDS_REVIEW")


def completed_at_no_time(office: Office) -> None:
    office.enrollment("dan", status="COMPLETED")


def package_enrolled_twice(office: Office) -> None:
    office.copy("student_course_enrollments", office.enrollments["dan"])


def step_of_an_enrollment_twice(office: Office) -> None:
    office.copy("student_course_step_progress", office.progress("SFZ-1"))


def booking_of_two_steps(office: Office) -> None:
    said = {"status": "BOOKED", "booking_id": office.booking, "booked_at": "2026-01-01T00:00:00Z"}
    office.change("student_course_step_progress", office.progress("SFZ-1"), **said)


def booked_without_a_booking(office: Office) -> None:
    office.change("student_course_step_progress", office.progress("SFZ-4"), booking_id=None)


def open_with_a_booking(office: Office) -> None:
    office.change("student_course_step_progress", office.progress("SFZ-4"), status="CANCELLED")


REFUSED = {
    step_twice: "uq_bookings_step",
    step_again_after_it_was_completed: "uq_bookings_step",
    step_that_no_course_pays: "ck_bookings_step_is_paid_by_course",
    place_twice: "uq_student_course_enrollments_place",
    student_twice: "uq_student_course_enrollments_student",
    place_beyond_the_capacity: "ck_student_course_enrollments_place_within_capacity",
    place_of_a_capacity_that_the_cohort_has_not: "fk_student_course_enrollments_cohort_capacity",
    capacity_below_a_place: "ck_student_course_enrollments_place_within_capacity",
    cohort_without_a_place: "ck_student_course_enrollments_enrolled_has_place",
    place_of_who_waits_for_staff: "ck_student_course_enrollments_enrolled_has_place",
    review_without_a_reason: "ck_student_course_enrollments_review_has_reason",
    completed_at_no_time: "ck_student_course_enrollments_completed_says_when",
    package_enrolled_twice: "uq_student_course_enrollments_student_package_id",
    step_of_an_enrollment_twice: "uq_student_course_step_progress_enrollment_id_course_step_id",
    booking_of_two_steps: "uq_student_course_step_progress_booking_id",
    booked_without_a_booking: "ck_student_course_step_progress_booking_follows_status",
    open_with_a_booking: "ck_student_course_step_progress_booking_follows_status",
}


@pytest.mark.parametrize("breaking", REFUSED, ids=lambda breaking: breaking.__name__)
def test_the_database_says_no_whoever_writes(timetable: Timetable, breaking: Any) -> None:
    office = Office(timetable)

    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        breaking(office)

    assert refused.value.diag.constraint_name == REFUSED[breaking]


def test_a_missed_step_that_is_opened_again_is_taken_anew(timetable: Timetable) -> None:
    office = Office(timetable)
    office.change("bookings", office.booking, status="NO_SHOW")

    office.copy("bookings", office.booking, **office.elsewhere() | {"status": "CONFIRMED"})
