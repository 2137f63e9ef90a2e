"""A step of a course booked, changed and cancelled: one transaction of booking, progress, ledger and what is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import contest, nothing_written, told
from tests.school import School
from tests.timetable import Outcome
from worker import clock

Refused = Callable[[School, int], Outcome]


@pytest.fixture
def package(school: School) -> int:
    """Give Ada's course, in a cohort of ten; its last step is booked by itself."""
    return school.enroll("ada", school.cohort())


def test_booking_a_step_makes_a_booking_of_its_session_with_the_fields_that_say_so(
    school: School, package: int
) -> None:
    done = school.book("ada", package, "SFZ-1-DAY")

    assert done.result
    booking, progress = done.result["booking"], done.result["progress"]
    assert booking["sessionId"] == school.sessions["SFZ-1-DAY"]
    assert (booking["status"], booking["bookingType"], booking["paymentType"]) == ("CONFIRMED", "COURSE_STEP", "COURSE")
    assert (booking["courseStepId"], booking["studentPackageId"]) == (school.step("SFZ-1"), package)
    assert booking["metadata"] == {"stepOrder": 1, "stepLabel": "SFZ-1", "packageName": "Spanish from Zero"}
    assert (progress["status"], progress["bookingId"]) == ("BOOKED", booking["id"])
    assert (progress["courseStepId"], progress["bookedAt"]) == (school.step("SFZ-1"), "2026-10-05T08:00:00Z")
    assert progress["courseStepOptionId"] == school.option("SFZ-1-DAY")


def test_it_spends_one_credit_of_the_course_and_none_of_the_extras(school: School, package: int) -> None:
    school.book("ada", package, "SFZ-1-DAY")

    assert school.timetable.left(package) == [2, 2]


def test_its_student_is_told_by_mail_and_other_systems_by_events(school: School, package: int) -> None:
    done = school.book("ada", package, "SFZ-1-DAY")

    assert told(school.timetable, "ada", "thrive") == ["booking.confirmed", "booking.confirmed"]
    assert school.events("ada") == ["enrollment.created", "course.step.booked", "course.step.booked"]
    event = school.timetable.studio.one(
        "SELECT data FROM domain_events WHERE type = 'course.step.booked' ORDER BY id DESC LIMIT 1"
    )
    assert (event["data"]["bookingId"], event["data"]["stepLabel"]) == (done.id, "SFZ-1")


def test_the_confirmation_says_which_step_it_is(school: School, package: int) -> None:
    school.book("ada", package, "SFZ-1-DAY")
    school.timetable.studio.rows("UPDATE students SET email = 'ada@example.com'")

    school.timetable.studio.relay()

    texts = [path.read_text() for path in school.timetable.studio.mails()]
    assert any("SFZ-1, Spanish from Zero 1, by day" in text for text in texts)
    assert any(
        "It is step SFZ-1, Hello, of your course Spanish from Zero." in text.replace("=\n", "") for text in texts
    )


def test_cancelling_in_time_opens_the_step_again_and_gives_its_credit_back(school: School, package: int) -> None:
    first = school.book("ada", package, "SFZ-1-DAY")

    done = school.cancel("ada", package, "SFZ-1", reason="away")

    assert done.result == {"success": True}
    assert school.progress(package)["SFZ-1"] == "CANCELLED"
    assert school.timetable.left(package) == [3, 2]
    assert school.timetable.booking(first.id)["status"] == "CANCELLED"
    assert school.book("ada", package, "SFZ-1-EVE").code == "done"
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_an_ordinary_cancellation_of_its_booking_does_the_same(school: School, package: int) -> None:
    booked = school.book("ada", package, "SFZ-1-DAY")

    school.timetable.do("booking.cancel", "ada", org="thrive", bookingId=booked.id)

    assert school.progress(package)["SFZ-1"] == "CANCELLED"
    assert school.timetable.left(package) == [3, 2]


def test_inside_the_window_a_step_is_neither_changed_nor_cancelled(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    school.book("ada", package, "SFZ-1-DAY")
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - timedelta(hours=23))

    assert school.change("ada", package, "SFZ-1-EVE").code == "cancellation_window_closed"
    assert school.cancel("ada", package, "SFZ-1").code == "cancellation_window_closed"
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_who_accepts_the_forfeit_has_missed_the_step(school: School, package: int, now: FrozenDateTimeFactory) -> None:
    booked = school.book("ada", package, "SFZ-1-DAY")
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - timedelta(hours=23))

    done = school.cancel("ada", package, "SFZ-1", acceptForfeit=True)

    assert done.code == "done"
    assert school.timetable.booking(booked.id)["status"] == "FORFEITED"
    assert school.progress(package)["SFZ-1"] == "MISSED"
    assert school.timetable.left(package) == [2, 2]
    assert school.timetable.who(school.sessions["SFZ-1-DAY"]) == []
    assert school.book("ada", package, "SFZ-1-EVE").code == "step_already_booked"


def test_not_even_with_a_forfeit_is_a_step_changed_inside_the_window(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    booked = school.book("ada", package, "SFZ-1-DAY")
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - timedelta(hours=3))

    said = {"bookingId": booked.id, "sessionId": school.sessions["SFZ-1-EVE"], "acceptForfeit": True}
    done = school.timetable.do("booking.change", "ada", org="thrive", **said)

    assert done.code == "cancellation_window_closed"
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_a_step_booked_inside_the_window_is_undone_free_for_some_minutes(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    now.move_to(school.start(school.sessions["SFZ-1-DAY"]) - timedelta(hours=3))
    school.book("ada", package, "SFZ-1-DAY")

    now.tick(timedelta(minutes=15))

    assert school.cancel("ada", package, "SFZ-1").code == "done"
    assert school.progress(package)["SFZ-1"] == "CANCELLED"


def test_changing_cancels_the_old_and_books_the_new_in_one(school: School, package: int) -> None:
    old = school.book("ada", package, "SFZ-1-DAY")

    new = school.change("ada", package, "SFZ-1-EVE")

    assert new.result
    assert school.timetable.booking(old.id)["status"] == "CANCELLED"
    assert new.booking["sessionId"] == school.sessions["SFZ-1-EVE"]
    assert new.booking["metadata"]["changedFrom"] == old.id
    assert new.result["progress"]["bookingId"] == new.id
    assert school.progress(package)["SFZ-1"] == "BOOKED"
    assert school.timetable.left(package) == [2, 2]


def test_if_the_new_one_is_impossible_the_old_one_stands(school: School, package: int) -> None:
    old = school.book("ada", package, "SFZ-1-DAY")
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-1-EVE"]
    )
    school.book("bea", school.enroll("bea", "WINTER"), "SFZ-1-EVE")
    job = school.timetable.ask(
        "course.change-step", "ada", org="thrive", packageId=package, **school.choice("SFZ-1-EVE")
    )

    with nothing_written(school.timetable):
        school.timetable.work()

    assert school.timetable.outcome(job).code == "session_full"
    assert school.timetable.booking(old.id)["status"] == "CONFIRMED"


def test_an_ordinary_change_of_a_steps_booking_stays_with_the_step(school: School, package: int) -> None:
    booked = school.book("ada", package, "SFZ-1-DAY")

    other = school.timetable.do(
        "booking.change", "ada", org="thrive", bookingId=booked.id, sessionId=school.sessions["SFZ-2-DAY"]
    )
    same = school.timetable.do(
        "booking.change", "ada", org="thrive", bookingId=booked.id, sessionId=school.sessions["SFZ-1-EVE"]
    )

    assert other.code == "invalid_option"
    assert same.booking["courseStepId"] == school.step("SFZ-1")
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_in_a_cohort_an_option_is_taken_in_the_cohorts_session(school: School, package: int) -> None:
    elsewhere = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=2))

    refused = school.book("ada", package, "SFZ-1-DAY", elsewhere)
    done = school.book("ada", package, "SFZ-1-DAY")

    assert refused.code == "invalid_option"
    assert done.booking["sessionId"] == school.sessions["SFZ-1-DAY"]


def test_the_cohorts_session_may_be_named(school: School, package: int) -> None:
    done = school.book("ada", package, "SFZ-1-DAY", school.sessions["SFZ-1-DAY"])

    assert done.code == "done"


def test_where_the_cohorts_session_was_called_off_another_of_its_class_will_do(school: School, package: int) -> None:
    elsewhere = school.meet("SFZ-4-EVE", clock.now() + timedelta(days=20))

    school.timetable.call_off(school.sessions["SFZ-4-EVE"])
    done = school.book("ada", package, "SFZ-4-EVE")

    assert done.booking["sessionId"] == elsewhere
    assert school.progress(package)["SFZ-4"] == "BOOKED"


def test_without_a_cohort_the_next_session_with_a_place_is_taken(school: School) -> None:
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-1-DAY"]
    )
    later = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=25))
    school.book("bea", school.enroll("bea"), "SFZ-1-DAY")

    done = school.book("ada", school.enroll("ada"), "SFZ-1-DAY")

    assert done.booking["sessionId"] == later


def test_without_a_cohort_the_date_may_be_chosen(school: School) -> None:
    later = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=25))

    done = school.book("ada", school.enroll("ada"), "SFZ-1-DAY", later)

    assert done.booking["sessionId"] == later


def test_a_session_that_clashes_is_passed_over_where_any_will_do(school: School) -> None:
    later = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=25))
    clash = school.timetable.session(school.start(school.sessions["SFZ-1-DAY"]), org="thrive", minutes=30)
    package = school.enroll("ada")
    school.timetable.do("booking.book", "ada", org="thrive", sessionId=clash, confirmHigherTier=True)

    done = school.book("ada", package, "SFZ-1-DAY")

    assert done.booking["sessionId"] == later


def test_a_step_before_the_one_that_is_chosen_is_flagged_as_skipped_until_it_is_booked(
    school: School, package: int
) -> None:
    chosen = school.book("ada", package, "SFZ-3-DAY")

    assert chosen.result
    assert chosen.result["skippedSteps"] == [school.step("SFZ-1"), school.step("SFZ-2")]
    assert school.progress(package) == {
        "SFZ-1": "UNBOOKED*",
        "SFZ-2": "UNBOOKED*",
        "SFZ-3": "BOOKED",
        "SFZ-4": "BOOKED",
    }
    school.book("ada", package, "SFZ-1-DAY")
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_a_step_that_is_booked_by_itself_skips_nothing(school: School, package: int) -> None:
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"


def test_a_suspended_course_books_nothing_and_keeps_what_is_booked(school: School, package: int) -> None:
    contest(school.timetable, package)

    assert school.book("ada", package, "SFZ-1-DAY").code == "package_suspended"
    assert school.progress(package)["SFZ-4"] == "BOOKED"
    contest(school.timetable, package, "won")
    assert school.book("ada", package, "SFZ-1-DAY").code == "done"


def test_a_course_pays_for_sessions_that_start_before_it_ends(school: School) -> None:
    package = school.enroll("ada")
    late = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=366))

    assert school.book("ada", package, "SFZ-1-DAY", late).code == "package_expired"


REFUSED: dict[str, tuple[str, Refused]] = {
    "another student's course": ("not_found", lambda school, package: school.book("bea", package, "SFZ-1-DAY")),
    "a package that is no course": (
        "not_found",
        lambda school, _: school.book("bea", school.timetable.buy("bea", "BUNDLE-5P-3G"), "SFZ-1-DAY"),
    ),
    "a step that it has not": (
        "not_found",
        lambda school, package: school.do(
            "course.book-step", "ada", package, courseStepId=999_999, courseStepOptionId=school.option("SFZ-1-DAY")
        ),
    ),
    "another step's option": (
        "invalid_option",
        lambda school, package: school.do(
            "course.book-step",
            "ada",
            package,
            courseStepId=school.step("SFZ-1"),
            courseStepOptionId=school.option("SFZ-2-DAY"),
        ),
    ),
    "a step that is booked": ("step_already_booked", lambda school, package: school.book("ada", package, "SFZ-4-EVE")),
    "another class's session": (
        "invalid_option",
        lambda school, package: school.book("ada", package, "SFZ-1-DAY", school.sessions["SFZ-2-DAY"]),
    ),
    "a session that is not there": (
        "not_found",
        lambda school, package: school.book("ada", package, "SFZ-1-DAY", 999_999),
    ),
    "a change of what is not booked": (
        "step_not_booked",
        lambda school, package: school.change("ada", package, "SFZ-1-DAY"),
    ),
    "a cancellation of what is not booked": (
        "step_not_booked",
        lambda school, package: school.cancel("ada", package, "SFZ-1"),
    ),
    "a change to the session that it is": (
        "already_booked",
        lambda school, package: school.change("ada", package, "SFZ-4-EVE"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_without_a_trace(school: School, package: int, what: str) -> None:
    code, refused = REFUSED[what]
    school.timetable.student("bea", "thrive")

    assert refused(school, package).code == code
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"
    assert school.timetable.left(package) == [3, 2]


def test_an_inactive_option_takes_nobody_and_keeps_who_is_booked(school: School, package: int) -> None:
    school.book("ada", package, "SFZ-1-DAY")
    school.timetable.studio.rows("UPDATE course_step_options SET active = false")

    assert school.change("ada", package, "SFZ-1-EVE").code == "invalid_option"
    assert school.cancel("ada", package, "SFZ-1").code == "done"


def test_behind_a_session_with_many_places_there_are_others(school: School) -> None:
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 60 WHERE id = %(id)s", id=school.sessions["SFZ-1-DAY"]
    )
    later = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=9))
    package = school.enroll("ada")
    school.book("ada", package, "SFZ-1-DAY")

    assert school.change("ada", package, "SFZ-1-DAY").booking["sessionId"] == later


def test_behind_many_sessions_that_are_full_there_is_one_with_a_place(school: School) -> None:
    start = clock.now() + timedelta(days=20)
    for number in range(61):
        school.meet("SFZ-1-EVE", start + timedelta(hours=2 * number), capacity=1)
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-1-EVE"]
    )
    crowd = [f"student-{number}" for number in range(61)]
    packages = {name: school.enroll(name) for name in crowd}
    wanted = school.option("SFZ-1-EVE"), school.step("SFZ-1")
    asked = [
        (name, {"packageId": packages[name], "courseStepOptionId": wanted[0], "courseStepId": wanted[1]})
        for name in crowd
    ]
    jobs = school.timetable.ask_all("course.book-step", asked, org="thrive")
    school.timetable.work()

    done = school.book("ada", school.enroll("ada"), "SFZ-1-EVE")

    assert set(school.timetable.codes(jobs)) == {"done"}
    assert done.code == "done"
