"""Students who are enrolled in a course, made one."""

from __future__ import annotations

from domain.errors import AlreadyEnrolled
from tests.domain.desk.merging import joined, refused
from tests.school import School


def test_an_enrollment_goes_along_with_its_steps(school: School) -> None:
    package = school.enroll("old", school.cohort())
    school.timetable.student("ada", "thrive")

    done = joined(school.timetable, "old", "ada", org="thrive")

    assert (done.moved["enrollments"], done.moved["bookings"]) == (1, 1)
    assert school.book("ada", package, "SFZ-1-DAY").code == "done"


def test_two_places_in_one_cohort_are_named_and_nothing_is_merged(school: School) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    school.enroll("ada", winter)
    package = school.enroll("old", winter)
    for student, number in (("ada", 1), ("old", package)):
        school.cancel(student, number, "SFZ-4")

    said = refused(school.timetable, "old", "ada", AlreadyEnrolled, org="thrive")
    school.assign(package, spring)
    school.cancel("old", package, "SFZ-4")

    assert "Winter" in said
    assert joined(school.timetable, "old", "ada", org="thrive").moved["enrollments"] == 1
