"""A cohort that staff give to an enrollment."""

from __future__ import annotations

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory

from tests.school import School
from worker import clock


def test_what_waits_for_staff_gets_another_cohort_and_its_steps(school: School) -> None:
    full, other = school.cohort("WINTER", capacity=1), school.cohort("SPRING")
    school.enroll("ada", full)
    package = school.enroll("bea", full)

    done = school.assign(package, other)

    enrollment = school.enrollment(package)
    assert done.result
    assert (done.result["enrollment"]["status"], done.result["notBooked"]) == ("ACTIVE", [])
    assert (enrollment["status"], enrollment["review_reason"]) == ("ACTIVE", None)
    assert (enrollment["cohort_id"], enrollment["place"]) == (other, 1)
    assert school.progress(package)["SFZ-4"] == "BOOKED"
    assert school.events("bea") == ["enrollment.created", "enrollment.assigned", "course.step.booked"]


def test_staff_may_put_somebody_in_after_the_deadline(school: School, now: FrozenDateTimeFactory) -> None:
    cohort = school.cohort(deadline=clock.now() + timedelta(days=1))
    now.tick(timedelta(days=2))
    package = school.enroll("ada", cohort)

    assert school.assign(package, cohort).code == "done"


def test_without_a_cohort_the_steps_are_taken_whenever_there_is_a_session(school: School) -> None:
    full = school.cohort("WINTER", capacity=1)
    school.enroll("ada", full)
    package = school.enroll("bea", full)

    assert school.assign(package, None).code == "done"
    assert school.enrollment(package)["cohort_id"] is None
    assert school.progress(package)["SFZ-4"] == "BOOKED"


def test_who_is_enrolled_changes_cohorts_and_leaves_a_place(school: School) -> None:
    winter, spring = school.cohort("WINTER", capacity=1), school.cohort("SPRING")
    ada = school.enroll("ada", winter)

    school.assign(ada, spring)

    assert school.enrollment(school.enroll("bea", winter))["status"] == "ACTIVE"
    assert school.progress(ada)["SFZ-4"] == "BOOKED"


def test_a_full_cohort_stays_full(school: School) -> None:
    winter = school.cohort("WINTER", capacity=1)
    school.enroll("ada", winter)
    package = school.enroll("bea", winter)

    assert school.assign(package, winter).code == "cohort_full"
    assert school.enrollment(package)["status"] == "NEEDS_REVIEW"


def test_nobody_has_two_places_in_a_cohort(school: School) -> None:
    winter = school.cohort("WINTER")
    school.enroll("ada", winter)
    package = school.enroll("ada", winter)

    assert school.assign(package, winter).code == "already_enrolled"


def test_two_who_are_assigned_in_one_batch_get_a_place_each(school: School) -> None:
    winter, spring = school.cohort("WINTER", capacity=1), school.cohort("SPRING", capacity=1)
    school.enroll("ada", winter)
    packages = [school.enroll(name, winter) for name in ("bea", "cy")]
    jobs = [
        school.timetable.ask(
            "enrollment.assign-cohort",
            name,
            org="thrive",
            enrollmentId=school.enrollment(package)["id"],
            cohortId=spring,
        )
        for name, package in zip(("bea", "cy"), packages, strict=True)
    ]
    school.timetable.work()

    assert school.timetable.codes(jobs) == ["done", "cohort_full"]


def test_another_courses_cohort_is_none(school: School) -> None:
    package = school.enroll("ada", school.cohort())

    assert school.assign(package, 999_999).code == "not_found"


def test_an_enrollment_that_was_revoked_stays_so(school: School) -> None:
    cohort = school.cohort()
    package = school.enroll("ada")
    school.timetable.studio.rows("UPDATE student_course_enrollments SET status = 'REVOKED'")

    assert school.assign(package, cohort).code == "enrollment_required"
