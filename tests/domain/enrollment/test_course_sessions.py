"""Sessions that serve a step, taken by the ordinary routes: booked, waited for, asked what would pay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from db.transaction import reading, transaction
from domain.booking.compatible import Compatible, compatible
from domain.course import program, step
from tests.domain.booking.world import GRACE, give_back, sell, soon
from tests.school import School
from tests.timetable import Outcome
from worker import clock


def book(school: School, student: str, session: int, **more: object) -> Outcome:
    return school.timetable.do("booking.book", student, org="thrive", sessionId=session, **more)


def ask(school: School, student: str, session: int) -> Compatible:
    """Ask what would pay for a session."""
    number = school.timetable.student(student, "thrive")
    with reading(school.timetable.engine) as transaction:
        return compatible(transaction, number, session, at=clock.now())


def open_to_all(school: School, session: int) -> None:
    """Let a session of the course be a group's, which also serves its step."""
    school.timetable.studio.rows("UPDATE class_sessions SET service_type = 'GROUP' WHERE id = %(id)s", id=session)


@pytest.fixture
def full(school: School) -> int:
    """Give a session of the first step that is full: Bea has its only place."""
    session = school.sessions["SFZ-1-DAY"]
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=session)
    school.book("bea", school.enroll("bea"), "SFZ-1-DAY", session)
    return session


def test_who_is_not_enrolled_is_told_which_course_to_buy(school: School) -> None:
    refused = book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert refused.problem
    assert (refused.code, refused.problem["more"]) == ("enrollment_required", {"courses": ["SFZ"]})
    assert "buy SFZ" in refused.problem["detail"]


def test_a_course_that_is_not_on_sale_is_not_advised(school: School) -> None:
    school.course(published=False)

    refused = book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert refused.problem
    assert (refused.code, "more" in refused.problem) == ("enrollment_required", False)


def test_who_is_enrolled_takes_the_step_by_an_ordinary_booking(school: School) -> None:
    package = school.enroll("ada")

    done = book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert (done.booking["bookingType"], done.booking["courseStepId"]) == ("COURSE_STEP", school.step("SFZ-1"))
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_who_takes_a_later_step_by_whatever_way_skips_those_before(school: School) -> None:
    package = school.enroll("ada")

    book(school, "ada", school.sessions["SFZ-2-DAY"])

    assert school.progress(package)["SFZ-1"] == "UNBOOKED*"


def test_a_step_is_taken_once_by_whatever_way(school: School) -> None:
    school.enroll("ada")
    book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert book(school, "ada", school.sessions["SFZ-1-EVE"]).code == "step_already_booked"


def test_a_cohort_binds_ordinary_bookings_too(school: School) -> None:
    school.enroll("ada", school.cohort())
    elsewhere = school.meet("SFZ-1-DAY", clock.now() + timedelta(days=2))

    assert book(school, "ada", elsewhere).code == "invalid_option"


@pytest.mark.parametrize("payment", ["CREDIT", "ALL_ACCESS", "FREE"])
def test_a_session_of_a_course_takes_its_course_and_nothing_else(school: School, payment: str) -> None:
    school.enroll("ada")

    refused = book(school, "ada", school.sessions["SFZ-1-DAY"], paymentType=payment, reason="why not")

    assert refused.code == "enrollment_required"


def test_nobody_brings_a_friend_to_a_course(school: School) -> None:
    school.enroll("ada")

    refused = book(school, "ada", school.sessions["SFZ-1-DAY"], friend={"name": "Grace", "email": "g@example.com"})

    assert refused.code == "validation_failed"


def test_a_group_session_that_serves_a_step_is_open_to_both(school: School) -> None:
    session = school.sessions["SFZ-1-DAY"]
    open_to_all(school, session)
    package = school.enroll("ada")
    school.timetable.buy("bea", "BUNDLE-5P-3G")

    as_step = book(school, "ada", session, paymentType="COURSE")
    as_group = book(school, "bea", session)

    assert (as_step.booking["paymentType"], as_group.booking["paymentType"]) == ("COURSE", "CREDIT")
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_an_ordinary_booking_of_it_leaves_the_step_alone(school: School) -> None:
    open_to_all(school, school.sessions["SFZ-1-DAY"])
    package = school.enroll("ada")
    school.timetable.buy("ada", "BUNDLE-5P-3G")

    done = book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert (done.booking["bookingType"], done.booking["paymentType"]) == ("DROP_IN", "CREDIT")
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"


def test_who_asks_for_the_course_to_pay_must_be_enrolled(school: School) -> None:
    school.timetable.buy("ada", "BUNDLE-5P-3G")

    refused = book(school, "ada", school.timetable.session(soon(), org="thrive"), paymentType="COURSE")

    assert refused.code == "enrollment_required"


def test_a_place_that_comes_free_books_the_step_of_who_waits(school: School, full: int) -> None:
    package = school.enroll("ada")
    waits = school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)

    school.cancel("bea", 1, "SFZ-1")
    school.timetable.work()

    assert waits.code == "done"
    assert school.timetable.who(full) == ["ada"]
    assert school.progress(package)["SFZ-1"] == "BOOKED"
    assert school.timetable.line(full) == [("ada", "PROMOTED", None)]
    assert "waitlist.promoted" in school.timetable.kinds("ada")


def test_only_who_may_take_the_step_waits_for_it(school: School, full: int) -> None:
    school.timetable.student("ada", "thrive")

    assert school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=full).code == "enrollment_required"


def test_who_has_booked_the_step_elsewhere_meanwhile_is_skipped(school: School, full: int) -> None:
    package = school.enroll("ada")
    school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    school.book("ada", package, "SFZ-1-EVE")

    school.cancel("bea", 1, "SFZ-1")
    school.timetable.work()

    assert school.timetable.line(full) == [("ada", "SKIPPED", "step_already_booked")]
    assert school.timetable.who(full) == []


def test_a_promotion_may_be_undone_and_opens_the_step_again(
    school: School, full: int, now: FrozenDateTimeFactory
) -> None:
    package = school.enroll("ada")
    school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    school.cancel("bea", 1, "SFZ-1")
    school.timetable.work()
    now.tick(timedelta(minutes=30))

    undone = school.cancel("ada", package, "SFZ-1")

    assert undone.code == "done"
    assert school.progress(package)["SFZ-1"] == "CANCELLED"
    assert school.timetable.line(full) == [("ada", "LEFT", None)]


def test_who_gets_a_place_by_the_step_waits_for_it_no_more(school: School, full: int) -> None:
    package = school.enroll("ada")
    school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 2 WHERE id = %(id)s", id=full)

    school.book("ada", package, "SFZ-1-DAY", full)

    assert school.timetable.line(full) == [("ada", "CLOSED", "booked")]


def test_what_would_pay_for_a_course_is_its_enrollment(school: School) -> None:
    session = school.sessions["SFZ-1-DAY"]
    before = ask(school, "ada", session)
    package = school.enroll("ada")
    after = ask(school, "ada", session)
    book(school, "ada", session)
    then = ask(school, "ada", session)

    assert (before.requires_course_enrollment, before.is_enrolled_in_course, before.recommended) == (True, False, None)
    assert after.recommended
    assert (after.is_enrolled_in_course, after.recommended.id, after.recommended.remaining) == (True, package, 3)
    assert [(each.id, each.code) for each in then.unusable] == [(package, "step_already_booked")]


def test_of_a_group_session_it_is_said_whether_its_student_is_enrolled(school: School) -> None:
    open_to_all(school, school.sessions["SFZ-1-DAY"])
    school.enroll("ada")
    school.timetable.student("bea", "thrive")

    ada, bea = (ask(school, name, school.sessions["SFZ-1-DAY"]) for name in ("ada", "bea"))

    assert (ada.is_enrolled_in_course, bea.is_enrolled_in_course) == (True, False)
    assert (ada.requires_course_enrollment, bea.requires_course_enrollment) == (False, False)


def remove(school: School, label: str) -> None:
    """Take a step off the course, as staff do."""
    with transaction(school.timetable.engine) as session:
        held = program.held(session, school.timetable.organization("thrive"), "SFZ")
        step.remove(session, held, step.one(session, held, school.step(label)), at=clock.now())


def test_a_friend_comes_along_to_a_group_that_serves_a_step(school: School) -> None:
    session = school.sessions["SFZ-1-DAY"]
    open_to_all(school, session)
    school.enroll("ada")
    sell(school.timetable, "ada", org="thrive", friend_pass_days=30)

    done = book(school, "ada", session, paymentType="COURSE", friend=GRACE)

    assert done.result
    types = [done.result[name]["bookingType"] for name in ("booking", "guestBooking")]
    assert types == ["COURSE_STEP", "DROP_IN"]
    assert "stepLabel" not in done.result["guestBooking"]["metadata"]


def test_who_was_paid_back_for_the_course_gets_a_free_place_with_their_credits(school: School) -> None:
    session = school.sessions["SFZ-1-DAY"]
    open_to_all(school, session)
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=session)
    bea = school.enroll("bea")
    school.book("bea", bea, "SFZ-1-DAY", session)
    package = school.enroll("ada")
    school.timetable.buy("ada", "BUNDLE-5P-3G")
    school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=session)
    give_back(school.timetable, package)

    school.cancel("bea", bea, "SFZ-1")
    school.timetable.work()

    assert school.timetable.who(session) == ["ada"]


def test_of_two_courses_the_one_that_lasts_pays(school: School, now: FrozenDateTimeFactory) -> None:
    school.course(validity_days=5)
    school.enroll("ada")
    now.tick(timedelta(days=10))
    school.plan()
    school.course(validity_days=365)
    package = school.enroll("ada")
    school.assign(package, None)

    done = book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert done.booking["studentPackageId"] == package


def test_a_step_that_was_removed_is_taken_by_those_who_have_it(school: School, full: int) -> None:
    package = school.enroll("ada")
    remove(school, "SFZ-1")

    waits = school.timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    done = book(school, "ada", school.sessions["SFZ-1-EVE"])

    assert (waits.code, done.code) == ("done", "done")
    assert school.progress(package)["SFZ-1"] == "BOOKED"


def test_nobody_is_advised_to_buy_a_course_for_a_step_that_was_removed(school: School) -> None:
    remove(school, "SFZ-1")

    refused = book(school, "ada", school.sessions["SFZ-1-DAY"])

    assert refused.problem
    assert (refused.code, "more" in refused.problem) == ("enrollment_required", False)


def test_who_is_in_a_session_has_nothing_to_wait_for(school: School, full: int) -> None:
    joined = school.timetable.do("waitlist.join", "bea", org="thrive", sessionId=full)

    assert joined.code == "already_booked"
