"""What becomes of steps: attendance, the clock, staff who open a missed step again, a session called off or moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from db.transaction import transaction
from domain.studio.completion import complete_sessions
from tests.school import CLASSES, School
from worker import clock

ALL = [codes[0] for codes in CLASSES.values()]


@pytest.fixture
def package(school: School) -> int:
    """Give Ada's course with all of its steps booked."""
    package = school.enroll("ada", school.cohort())
    school.book_all("ada", package, *ALL[:3])
    return package


def attend(school: School, now: FrozenDateTimeFactory, code: str, status: str = "ATTENDED") -> str:
    """Mark Ada in one of her sessions, once it has begun."""
    session = school.sessions[code]
    if clock.now() < school.start(session):
        now.move_to(school.start(session))
    booking = school.timetable.studio.one(
        "SELECT id FROM bookings WHERE session_id = %(id)s AND place IS NOT NULL", id=session
    )
    return school.timetable.attend(session, (booking["id"], status)).code


def test_who_came_has_completed_the_step(school: School, package: int, now: FrozenDateTimeFactory) -> None:
    attend(school, now, "SFZ-1-DAY")

    assert school.progress(package)["SFZ-1"] == "COMPLETED"
    row = school.timetable.studio.one("SELECT * FROM student_course_step_progress WHERE status = 'COMPLETED'")
    assert (row["booked_at"] is not None, row["completed_at"]) == (True, clock.now())


def test_who_did_not_come_has_missed_it_and_its_credit_stays_spent(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    attend(school, now, "SFZ-1-DAY", "NO_SHOW")

    assert school.progress(package)["SFZ-1"] == "MISSED"
    assert school.timetable.left(package) == [0, 2]


def test_a_mark_may_be_corrected(school: School, package: int, now: FrozenDateTimeFactory) -> None:
    attend(school, now, "SFZ-1-DAY", "NO_SHOW")
    attend(school, now, "SFZ-1-DAY")

    assert school.progress(package)["SFZ-1"] == "COMPLETED"


def test_all_required_steps_completed_complete_the_course(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    for code in ALL:
        assert school.enrollment(package)["status"] == "ACTIVE"
        attend(school, now, code)

    enrollment = school.enrollment(package)
    assert (enrollment["status"], enrollment["completed_at"], enrollment["place"]) == ("COMPLETED", clock.now(), 1)
    assert school.events("ada")[-2:] == ["course.step.completed", "enrollment.completed"]


def test_an_optional_step_need_not_be(school: School, now: FrozenDateTimeFactory) -> None:
    cohort = school.cohort()
    school.timetable.studio.rows("UPDATE course_steps SET is_required = label <> 'SFZ-2'")
    package = school.enroll("ada", cohort)
    school.book_all("ada", package, ALL[0], ALL[2])

    for code in (ALL[0], ALL[2], ALL[3]):
        attend(school, now, code)

    assert school.enrollment(package)["status"] == "COMPLETED"
    later = school.meet("SFZ-2-DAY", clock.now() + timedelta(days=9))
    assert school.book("ada", package, "SFZ-2-DAY", later).code == "done"


def test_what_a_step_is_after_it_was_sold_changes_nothing_for_who_bought_it(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    for code in ALL[:3]:
        attend(school, now, code)

    school.timetable.studio.rows("UPDATE course_steps SET is_required = false WHERE label = 'SFZ-4'")

    assert school.enrollment(package)["status"] == "ACTIVE"
    attend(school, now, ALL[3])
    assert school.enrollment(package)["status"] == "COMPLETED"


def test_a_course_is_not_completed_any_more_if_a_mark_is_taken_back(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    for code in ALL:
        attend(school, now, code)

    attend(school, now, "SFZ-4-EVE", "NO_SHOW")

    enrollment = school.enrollment(package)
    assert (enrollment["status"], enrollment["completed_at"]) == ("ACTIVE", None)
    assert school.events("ada")[-1] == "enrollment.reopened"


def test_the_clock_completes_what_nobody_marked(school: School, package: int, now: FrozenDateTimeFactory) -> None:
    now.move_to(school.start(school.sessions["SFZ-4-EVE"]) + timedelta(hours=6))

    with transaction(school.timetable.engine) as session:
        complete_sessions(session, at=clock.now())

    assert set(school.progress(package).values()) == {"COMPLETED"}
    assert school.enrollment(package)["status"] == "COMPLETED"


def test_a_missed_step_that_staff_open_is_booked_again_with_a_credit_that_came_back(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    attend(school, now, "SFZ-1-DAY", "NO_SHOW")

    opened = school.reopen(package, "SFZ-1", reason="was ill")

    assert opened.result
    assert opened.result["progress"]["status"] == "UNBOOKED"
    assert school.timetable.left(package) == [1, 2]
    line = school.timetable.studio.one("SELECT kind, credits, reason, actor FROM package_uses ORDER BY id DESC LIMIT 1")
    assert (line["kind"], line["credits"], line["reason"]) == ("RETURN", -1, "was ill")
    assert school.book("ada", package, "SFZ-1-EVE").code == "done"
    assert school.progress(package)["SFZ-1"] == "BOOKED"
    assert school.timetable.left(package) == [0, 2]


def test_a_step_that_was_given_up_too_late_is_opened_the_same_way(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - timedelta(hours=2))
    school.cancel("ada", package, "SFZ-1", acceptForfeit=True)

    school.reopen(package, "SFZ-1")

    assert school.progress(package)["SFZ-1"] == "UNBOOKED"
    assert school.timetable.left(package) == [1, 2]


@pytest.mark.parametrize("label", ["SFZ-1", "SFZ-2"])
def test_only_a_missed_step_is_opened(school: School, package: int, label: str) -> None:
    if label == "SFZ-2":
        school.cancel("ada", package, label)

    assert school.reopen(package, label).code == "step_not_booked"


def test_what_was_opened_again_is_not_marked_any_more(school: School, package: int, now: FrozenDateTimeFactory) -> None:
    attend(school, now, "SFZ-1-DAY", "NO_SHOW")
    school.reopen(package, "SFZ-1")

    assert attend(school, now, "SFZ-1-DAY") == "validation_failed"


def test_what_was_opened_again_gives_nothing_back_twice_when_its_session_is_called_off(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    attend(school, now, "SFZ-1-DAY", "NO_SHOW")
    school.reopen(package, "SFZ-1")

    school.timetable.call_off(school.sessions["SFZ-1-DAY"])

    assert school.timetable.left(package) == [1, 2]
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"


def test_a_session_that_the_studio_calls_off_opens_its_step(school: School, package: int) -> None:
    school.timetable.call_off(school.sessions["SFZ-1-DAY"], reason="a storm")

    assert school.progress(package)["SFZ-1"] == "CANCELLED"
    assert school.timetable.left(package) == [1, 2]
    assert school.book("ada", package, "SFZ-1-EVE").code == "done"


def test_a_course_that_has_ended_meanwhile_lasts_until_the_step_can_be_taken(
    school: School, now: FrozenDateTimeFactory
) -> None:
    cohort = school.cohort()
    school.course(validity_days=5)
    package = school.enroll("ada", cohort)
    school.book("ada", package, "SFZ-1-DAY")
    now.tick(timedelta(days=9))

    school.timetable.call_off(school.sessions["SFZ-1-DAY"])

    row = school.timetable.studio.one("SELECT expires_at FROM student_packages WHERE id = %(id)s", id=package)
    assert timedelta(days=14) <= row["expires_at"] - clock.now() <= timedelta(days=15)
    assert school.progress(package)["SFZ-1"] == "CANCELLED"


def test_a_session_that_the_studio_moves_keeps_its_steps(school: School, package: int) -> None:
    start = school.start(school.sessions["SFZ-1-DAY"]) + timedelta(hours=1)

    school.timetable.move(school.sessions["SFZ-1-DAY"], start)

    booking = school.timetable.studio.one("SELECT start_at FROM bookings WHERE session_id = 1")
    assert booking["start_at"] == start
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_the_lines_of_a_course_are_not_adjusted(school: School, package: int) -> None:
    steps, extras = school.timetable.lines(package)

    assert school.timetable.adjust("ada", steps, 1, org="thrive").code == "validation_failed"
    assert school.timetable.adjust("ada", extras, 1, org="thrive").code == "done"
