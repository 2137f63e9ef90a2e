"""Old progress in courses: one enrollment of each, what was done as it was, what was booked booked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from cli.demo import DEMO
from tests.domain.booking.world import nothing_written, organization, soon, told
from tests.domain.legacy.old import ADA, GRACE, became, package, refused, take
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")

BOUGHT = "2026-08-01T10:00"


def step(number: int, status: str = "UNBOOKED", **changes: Any) -> dict[str, Any]:
    """Return Ada's progress with a step of Spanish from Zero."""
    usual = {"legacy_id": 500 + number, "student_id": 1, "course_code": "SFZ", "step_label": f"SFZ-{number}"}
    return usual | {"status": status} | changes


def booked(number: int, code: str, **changes: Any) -> dict[str, Any]:
    return step(number, "BOOKED", class_code=code, booked_at="2026-09-01T10:00", **changes)


def done(number: int, status: str = "COMPLETED", **changes: Any) -> dict[str, Any]:
    return step(number, status, booked_at=BOUGHT, completed_at="2026-08-08T11:00", **changes)


def session(timetable: Timetable, code: str, start: datetime, capacity: int = 10) -> int:
    """Add a session of a class of the course."""
    said = {"class": code, "start": start.isoformat(timespec="minutes"), "capacity": capacity}
    timetable.studio.apply({"organizations": [organization("thrive") | {"sessions": [said]}]})
    return int(timetable.studio.one("SELECT max(id) AS id FROM class_sessions")["id"])


def cohort(timetable: Timetable, capacity: int = 10, **served: datetime) -> None:
    """Add the cohort AUTUMN, whose sessions serve steps: SFZ_1_DAY=start."""
    (thrive,) = [each for each in yaml.safe_load(DEMO.read_text())["organizations"] if each["slug"] == "thrive"]
    sessions = [
        {"step": name[:5].replace("_", "-"), "class": name.replace("_", "-"), "start": start.isoformat()[:16] + "Z"}
        for name, start in served.items()
    ]
    said = {"code": "AUTUMN", "name": "Autumn", "capacity": capacity, "enrollment_deadline": "2026-09-01T00:00"}
    course = thrive["courses"][0] | {"cohorts": [said | {"sessions": sessions}]}
    timetable.studio.apply({"organizations": [organization("thrive") | {"courses": [course]}]})


def progress(timetable: Timetable) -> list[tuple[str, str, bool]]:
    """Return label, status and whether it has a booking of every step of every enrollment."""
    rows = timetable.studio.rows(
        "SELECT s.label, g.status, g.booking_id IS NOT NULL AS has FROM student_course_step_progress g"
        " JOIN course_steps s ON s.id = g.course_step_id ORDER BY g.enrollment_id, s.position"
    )
    return [(row["label"], row["status"], row["has"]) for row in rows]


def why(report: Any) -> list[tuple[str, str]]:
    return [(each.legacy_id, each.why) for each in report.unmapped]


def test_rows_of_one_student_and_course_are_one_enrollment_with_every_step(timetable: Timetable) -> None:
    rows = [done(1), done(2, "MISSED"), step(3)]

    report = take(timetable, students=[ADA], course_progress=rows)

    order = timetable.studio.one("SELECT order_type, status, paid, payment_id FROM orders")
    held = timetable.studio.one("SELECT id, product_code, purchased_at FROM student_packages")
    enrollment = timetable.studio.one("SELECT * FROM student_course_enrollments")
    lines = timetable.studio.rows("SELECT service_type, credits FROM student_package_allowances")
    assert order == {"order_type": "COURSE", "status": "PAID", "paid": 0, "payment_id": None}
    assert held["product_code"] == "SFZ"
    assert held["purchased_at"] == enrollment["created_at"] == datetime(2026, 8, 1, 14, tzinfo=UTC)
    assert lines == [{"service_type": "COURSE", "credits": 4}]
    assert timetable.left(held["id"]) == [2]
    assert (enrollment["status"], enrollment["cohort_id"]) == ("ACTIVE", None)
    assert progress(timetable) == [
        ("SFZ-1", "COMPLETED", False),
        ("SFZ-2", "MISSED", False),
        ("SFZ-3", "UNBOOKED", False),
        ("SFZ-4", "UNBOOKED", False),
    ]
    assert became(report, "course_progress") == {"in_file": 3, "taken_over": 3}


def test_what_was_done_keeps_its_times_and_what_was_passed_over_is_flagged(timetable: Timetable) -> None:
    take(timetable, students=[ADA], course_progress=[done(2), done(3, "MISSED"), step(4, "CANCELLED")])

    rows = timetable.studio.rows(
        "SELECT booked_at, completed_at, missed_at, skipped FROM student_course_step_progress ORDER BY id"
    )
    begun, ended = datetime(2026, 8, 1, 14, tzinfo=UTC), datetime(2026, 8, 8, 15, tzinfo=UTC)
    assert [tuple(each.values()) for each in rows] == [
        (None, None, None, True),
        (begun, ended, None, False),
        (begun, None, ended, False),
        (None, None, None, False),
    ]


def test_other_systems_hear_of_it_and_its_student_does_not(timetable: Timetable) -> None:
    take(timetable, students=[ADA], course_progress=[done(1)])

    events = timetable.studio.rows("SELECT type FROM domain_events ORDER BY sequence")
    assert [each["type"] for each in events] == ["package.fulfilled", "enrollment.created"]
    assert timetable.studio.count("notifications") == 0


def test_what_was_booked_is_a_booking_in_the_next_session_of_its_class_with_a_free_place(timetable: Timetable) -> None:
    full = session(timetable, "SFZ-2-DAY", soon(), capacity=1)
    free = session(timetable, "SFZ-2-DAY", soon(5))
    session(timetable, "SFZ-2-DAY", soon(8))
    session(timetable, "SFZ-2-DAY", soon() - timedelta(days=7))
    rows = [booked(2, "SFZ-2-DAY"), booked(2, "SFZ-2-DAY", legacy_id=602, student_id=2)]

    report = take(timetable, students=[ADA, GRACE], course_progress=[done(1), *rows])

    taken = timetable.studio.rows("SELECT session_id, status, booking_type, payment_type FROM bookings ORDER BY id")
    assert [tuple(each.values()) for each in taken] == [
        (full, "CONFIRMED", "COURSE_STEP", "COURSE"),
        (free, "CONFIRMED", "COURSE_STEP", "COURSE"),
    ]
    assert progress(timetable)[1] == ("SFZ-2", "BOOKED", True)
    assert told(timetable, "ada", "thrive") == ["booking.confirmed"]
    assert timetable.left(timetable.studio.one("SELECT min(id) AS id FROM student_packages")["id"]) == [2]
    assert report.unmapped == []


def test_the_cohorts_session_is_taken_where_the_cohort_has_one(timetable: Timetable) -> None:
    session(timetable, "SFZ-1-DAY", soon())
    own = session(timetable, "SFZ-1-DAY", soon(6))
    cohort(timetable, SFZ_1_DAY=soon(6))

    take(timetable, students=[ADA], course_progress=[booked(1, "SFZ-1-DAY", cohort_code="AUTUMN"), step(2)])

    assert timetable.studio.one("SELECT session_id FROM bookings")["session_id"] == own
    assert timetable.studio.one("SELECT place FROM student_course_enrollments")["place"] == 1


def test_what_cannot_be_booked_stays_open_and_is_listed(timetable: Timetable) -> None:
    rows = [booked(1, "SFZ-2-DAY"), step(2, "BOOKED"), booked(3, "SFZ-3-EVE"), step(4, "BOOKED")]
    last = session(timetable, "SFZ-4-EVE", soon())

    report = take(timetable, students=[ADA], course_progress=rows)

    assert [row[:2] for row in why(report)[:2]] == [
        ("501", "class SFZ-2-DAY does not serve SFZ-1"),
        ("502", "it says no class_code, and SFZ-2 has 2 options"),
    ]
    assert why(report)[2][1].startswith("No session of this option for SFZ-3 has a free place")
    assert timetable.studio.one("SELECT session_id FROM bookings")["session_id"] == last
    assert [status for _, status, _ in progress(timetable)] == ["UNBOOKED", "UNBOOKED", "UNBOOKED", "BOOKED"]
    assert became(report, "course_progress") == {"in_file": 4, "taken_over": 1, "not_mappable": 3}


def test_a_cohort_is_never_oversold_and_who_does_not_fit_waits_for_staff(timetable: Timetable) -> None:
    session(timetable, "SFZ-1-DAY", soon())
    cohort(timetable, capacity=1)
    rows = [booked(1, "SFZ-1-DAY", cohort_code="AUTUMN")]
    more = [booked(1, "SFZ-1-DAY", cohort_code="AUTUMN", legacy_id=601, student_id=2)]

    report = take(timetable, students=[ADA, GRACE], course_progress=[*rows, *more])

    enrolled = timetable.studio.rows("SELECT status, review_reason FROM student_course_enrollments ORDER BY id")
    assert [tuple(each.values()) for each in enrolled] == [("ACTIVE", None), ("NEEDS_REVIEW", "COHORT_FULL")]
    assert why(report) == [("601", "cohort AUTUMN is full: the enrollment waits for staff")]


def test_a_course_of_which_all_is_done_is_completed(timetable: Timetable) -> None:
    take(timetable, students=[ADA], course_progress=[done(number) for number in (1, 2, 3, 4)])

    enrollment = timetable.studio.one("SELECT status, completed_at FROM student_course_enrollments")
    assert enrollment == {"status": "COMPLETED", "completed_at": datetime(2026, 8, 8, 15, tzinfo=UTC)}


def test_its_old_package_says_when_it_was_bought_and_for_how_much(timetable: Timetable) -> None:
    course = package(product_code="SFZ", service_type="COURSE", price_paid=39_900, purchased_at="2026-07-01T10:00")
    course |= {"total_sessions": 4, "remaining_sessions": 3, "expires_at": "2027-01-31"}

    report = take(timetable, students=[ADA], packages=[course], course_progress=[done(1, package_legacy_id=10)])

    held = timetable.studio.one("SELECT purchased_at, expires_at FROM student_packages")
    assert held["purchased_at"] == datetime(2026, 7, 1, 14, tzinfo=UTC)
    assert held["expires_at"] == datetime(2027, 2, 1, 5, tzinfo=UTC)
    assert timetable.studio.one("SELECT paid FROM orders")["paid"] == 39_900
    assert became(report, "packages") == {"in_file": 1, "taken_over": 1}


def test_who_is_enrolled_already_is_listed(timetable: Timetable) -> None:
    take(timetable, students=[ADA], course_progress=[step(1)])
    same = {"legacy_id": 9, "external_id": "ada"}

    with nothing_written_but_students(timetable):
        report = take(timetable, students=[same], course_progress=[done(1, legacy_id=700, student_id=9)])

    assert why(report) == [("700", "the student is enrolled in this course already")]


def nothing_written_but_students(timetable: Timetable) -> Any:
    take(timetable, students=[{"legacy_id": 9, "external_id": "ada"}])
    return nothing_written(timetable)


def test_running_it_twice_changes_nothing(timetable: Timetable) -> None:
    session(timetable, "SFZ-2-DAY", soon())
    course = package(product_code="SFZ", service_type="COURSE")
    rows = [done(1, package_legacy_id=10), booked(2, "SFZ-2-DAY"), booked(3, "SFZ-3-DAY"), step(4)]
    files: dict[str, Any] = {"students": [ADA], "packages": [course], "course_progress": rows}
    take(timetable, **files)

    with nothing_written(timetable):
        again = take(timetable, **files)

    assert became(again, "course_progress") == {"in_file": 4, "known": 4}
    assert became(again, "packages") == {"in_file": 1, "known": 1}
    assert again.unmapped == []


def test_a_step_that_comes_after_its_enrollment_was_taken_over_is_listed(timetable: Timetable) -> None:
    take(timetable, students=[ADA], course_progress=[done(1)])

    with nothing_written(timetable):
        report = take(timetable, course_progress=[done(2)])

    assert why(report) == [("502", "its enrollment was taken over before, without it")]


def test_a_step_that_was_taken_over_can_be_booked(timetable: Timetable) -> None:
    dated = session(timetable, "SFZ-2-DAY", soon())
    take(timetable, students=[ADA], course_progress=[done(1)])
    held = timetable.studio.one("SELECT id FROM student_packages")["id"]
    step_id, option = timetable.studio.one(
        "SELECT s.id, x.id AS option FROM course_steps s JOIN course_step_options x ON x.course_step_id = s.id"
        " JOIN group_classes g ON g.id = x.group_class_id WHERE g.code = 'SFZ-2-DAY'"
    ).values()

    said = {"packageId": held, "courseStepId": step_id, "courseStepOptionId": option}
    outcome = timetable.do("course.book-step", "ada", org="thrive", **said)

    assert outcome.booking["sessionId"] == dated


REFUSED = [
    ([step(1, student_id=9)], "row 1, student_id: there is no student 9"),
    ([step(1, course_code="NONE")], "row 1, course_code: there is no course of this code"),
    ([step(1, course_code="WELLNESS-3")], "row 1, course_code: there is no course of this code"),
    ([step(9)], "row 1, step_label: it has no step of this label, but SFZ-1, SFZ-2, SFZ-3, SFZ-4"),
    ([step(1, cohort_code="NONE")], "row 1, cohort_code: SFZ has no cohort NONE"),
    ([booked(1, "NONE")], "row 1, class_code: there is no class NONE"),
    ([booked(1, "RIDE")], "row 1, class_code: there is no class RIDE"),
    ([done(1) | {"completed_at": "2026-11-01"}], "row 1, completed_at: it is still ahead"),
    ([step(1), step(1, legacy_id=7)], "row 2, step_label: row 1 is the same step of this student"),
    ([step(1, package_legacy_id=10)], "row 1, package_legacy_id: there is no package 10 in the file"),
    ([step(1, "DONE")], "row 1, status: Input should be 'UNBOOKED'"),
]


@pytest.mark.parametrize(("rows", "reason"), REFUSED)
def test_what_is_wrong_with_a_row_is_told_and_nothing_is_left_behind(
    timetable: Timetable, rows: list[Any], reason: str
) -> None:
    with nothing_written(timetable):
        said = refused(timetable, students=[ADA, GRACE], course_progress=rows)

    assert said[0].startswith(f"course_progress.json, {reason}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"student_id": 2}, "student_id: it is the package of a course, and its progress says 1"),
        ({"product_code": "WELLNESS-3"}, "product_code: it is the package of a course, and its progress says SFZ"),
    ],
)
def test_a_package_of_a_course_is_of_its_student_and_course(
    timetable: Timetable, changes: dict[str, Any], reason: str
) -> None:
    course = package(product_code="SFZ", service_type="COURSE") | changes

    (said,) = refused(
        timetable, students=[ADA, GRACE], packages=[course], course_progress=[step(1, package_legacy_id=10)]
    )

    assert said == f"packages.json, row 1, {reason}"


def test_a_package_of_a_course_comes_with_its_progress(timetable: Timetable) -> None:
    (said,) = refused(timetable, students=[ADA], packages=[package(product_code="SFZ", service_type="COURSE")])

    assert "its package comes with the rows of course_progress" in said


def test_rows_of_one_enrollment_agree(timetable: Timetable) -> None:
    cohort(timetable)
    rows = [step(1, cohort_code="AUTUMN"), step(2), step(3, cohort_code="SPRING")]

    said = refused(timetable, students=[ADA], course_progress=rows)

    assert "course_progress.json, row 3, cohort_code: row 1 of the same enrollment says AUTUMN" in said
