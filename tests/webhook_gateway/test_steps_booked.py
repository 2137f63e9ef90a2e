"""A command about a step on its whole way: over HTTP into a job, through the engine, and back as its answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.school import School
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import STAFF, pointers, said
from tests.webhook_gateway.test_booked import fits, performed
from webhook_gateway.schema.base import Output
from webhook_gateway.schema.booking import Booked
from webhook_gateway.schema.course_step import CohortAssigned, StepBooked, StepCancelled, StepReopened, StepsBooked
from worker import clock

pytestmark = pytest.mark.usefixtures("of_a_worker")

MINE = "/api/students/me/course-packages"
ENROLLMENTS = "/api/admin/enrollments"
THRIVE: dict[str, Any] = {"org": "thrive"}
DESK = STAFF | THRIVE


@pytest.fixture
def school(timetable: Timetable) -> School:
    """Give the course, with a date for each of its classes in the next days."""
    school = School(timetable)
    school.plan()
    return school


@pytest.fixture
def package(school: School) -> int:
    """Give Ada's course, in a cohort of ten; its last step is booked by itself."""
    return school.enroll("ada", school.cohort())


def asked(browser: Browser, school: School, path: str, body: object = None, **more: Any) -> TestResponse:
    """Send a command, have a worker do it, and return the answer."""
    return performed(browser, school.timetable, path, body, **THRIVE | more)


def done(answer: TestResponse, shape: type[Output]) -> dict[str, Any]:
    """Return what a command was answered with, which has exactly the shape that is documented."""
    assert answer.status_code in {200, 201}, answer.text
    assert fits(shape, answer.get_json())
    return said(answer)


def option(school: School, code: str) -> dict[str, int]:
    return {"courseStepOptionId": school.option(code)}


def begin(school: School, session: int) -> None:
    """Let a session have begun, and be over."""
    at = {"start": clock.now() - timedelta(minutes=5), "end": clock.now() - timedelta(minutes=4)}
    for table, key in (("class_sessions", "id"), ("bookings", "session_id")):
        school.timetable.studio.rows(
            f"UPDATE {table} SET start_at = %(start)s, end_at = %(end)s WHERE {key} = %(id)s", id=session, **at
        )


def test_a_step_is_booked_changed_and_given_up(browser: Browser, school: School, package: int) -> None:
    step = f"{MINE}/{package}/steps/{school.step('SFZ-2')}"

    booked = asked(browser, school, f"{step}/book-session", option(school, "SFZ-2-DAY"))
    named = option(school, "SFZ-2-EVE") | {"sessionId": school.sessions["SFZ-2-EVE"]}
    changed = asked(browser, school, f"{step}/change-session", named)
    cancelled = asked(browser, school, f"{step}/booking", {"reason": "away"}, method="DELETE")
    again = asked(browser, school, f"{step}/book-session", option(school, "SFZ-2-DAY"))
    bare = asked(browser, school, f"{step}/booking", method="DELETE")

    assert [each.status_code for each in (booked, changed, cancelled, again, bare)] == [201, 200, 200, 201, 200]
    first, second = done(booked, StepBooked), done(changed, StepBooked)
    assert first["skippedSteps"] == [school.step("SFZ-1")]
    assert "skippedSteps" not in second
    assert first["booking"]["metadata"]["stepLabel"] == first["progress"]["stepLabel"] == "SFZ-2"
    assert (second["booking"]["sessionId"], second["progress"]["bookingId"]) == (
        school.sessions["SFZ-2-EVE"],
        second["booking"]["id"],
    )
    assert done(cancelled, StepCancelled) == done(bare, StepCancelled) == {"success": True}
    assert school.progress(package)["SFZ-2"] == "CANCELLED"
    assert school.timetable.studio.audit() == []


def test_its_progress_is_shown_as_it_was_answered(browser: Browser, school: School, package: int) -> None:
    step = f"{MINE}/{package}/steps/{school.step('SFZ-1')}/book-session"

    answer = done(asked(browser, school, step, option(school, "SFZ-1-DAY")), StepBooked)

    shown = browser.get(f"{MINE}/{package}", **THRIVE).get_json()["steps"][0]
    del shown["session"]
    assert answer["progress"] == shown
    (listed,) = [
        each
        for each in browser.get("/api/students/me/bookings", **THRIVE).get_json()["items"]
        if each["id"] == answer["booking"]["id"]
    ]
    assert answer["booking"] == listed


def test_many_are_booked_at_once(browser: Browser, school: School, package: int) -> None:
    school.cancel("ada", package, "SFZ-4")
    selections = [school.choice("SFZ-1-DAY"), school.choice("SFZ-3-EVE", school.sessions["SFZ-3-EVE"])]

    answer = asked(browser, school, f"{MINE}/{package}/book-sessions", {"selections": selections})

    told = done(answer, StepsBooked)
    assert answer.status_code == 201
    assert [each["progress"]["stepLabel"] for each in told["bookings"]] == ["SFZ-1", "SFZ-3", "SFZ-4"]
    assert told["manualSelections"] == [school.step("SFZ-1"), school.step("SFZ-3")]
    assert (told["autoBooked"], told["notBooked"]) == ([school.step("SFZ-4")], [])


def test_what_could_not_be_booked_by_itself_is_told(browser: Browser, school: School, package: int) -> None:
    school.cancel("ada", package, "SFZ-4")
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-4-EVE"]
    )
    school.enroll("bea", "WINTER")

    told = done(asked(browser, school, f"{MINE}/{package}/book-sessions", {"selections": []}), StepsBooked)

    (missing,) = told["notBooked"]
    assert (missing["courseStepId"], missing["code"]) == (school.step("SFZ-4"), "session_full")
    assert told["bookings"] == []


def test_of_several_the_one_that_is_impossible_is_pointed_at(browser: Browser, school: School, package: int) -> None:
    codes = ("SFZ-1-DAY", "SFZ-2-DAY", "SFZ-1-EVE")

    answer = asked(
        browser, school, f"{MINE}/{package}/book-sessions", {"selections": [school.choice(code) for code in codes]}
    )

    assert (answer.status_code, said(answer)["code"]) == (409, "step_already_booked")
    assert pointers(answer) == ["#/selections/2"]
    assert said(browser.get(answer.headers["Location"], **THRIVE))["problem"] == said(answer)
    assert school.progress(package)["SFZ-1"] == "UNBOOKED"


def test_who_is_not_enrolled_is_told_what_to_buy_also_later(browser: Browser, school: School) -> None:
    school.timetable.student("eve", "thrive")

    answer = asked(browser, school, "/api/bookings", {"sessionId": school.sessions["SFZ-1-DAY"]}, sub="eve")

    problem = said(answer)
    assert (answer.status_code, problem["code"], problem["courses"]) == (409, "enrollment_required", ["SFZ"])
    assert said(browser.get(answer.headers["Location"], sub="eve", **THRIVE))["problem"] == problem
    (listed,) = browser.get("/api/admin/jobs?status=FAILED", **DESK).get_json()["items"]
    assert listed["problem"] == problem


def test_a_session_of_the_course_is_its_step_by_the_ordinary_route(
    browser: Browser, school: School, package: int
) -> None:
    body = {"sessionId": school.sessions["SFZ-1-EVE"], "packageId": package, "paymentType": "COURSE"}

    booked = done(asked(browser, school, "/api/bookings", body), Booked)
    by_staff = asked(
        browser, school, "/api/bookings", {"sessionId": school.sessions["SFZ-2-DAY"], "studentId": "ada"}, **STAFF
    )

    assert (booked["booking"]["bookingType"], booked["booking"]["courseStepId"]) == (
        "COURSE_STEP",
        school.step("SFZ-1"),
    )
    assert done(by_staff, Booked)["booking"]["paymentType"] == "COURSE"
    assert school.progress(package) == {"SFZ-1": "BOOKED", "SFZ-2": "BOOKED", "SFZ-3": "UNBOOKED", "SFZ-4": "BOOKED"}


def test_staff_assign_a_cohort(browser: Browser, school: School) -> None:
    full, other = school.cohort("WINTER", capacity=1), school.cohort("SPRING")
    school.enroll("ada", full)
    waiting = school.enrollment(school.enroll("bea", full))
    path = f"{ENROLLMENTS}/{waiting['id']}/assign-cohort"

    refused = asked(browser, school, path, {"cohortId": full}, **STAFF)
    assigned = asked(browser, school, path, {"cohortId": other, "reason": "the other is full"}, **STAFF)
    without = asked(browser, school, path, {"cohortId": None}, **STAFF)

    assert (refused.status_code, said(refused)["code"]) == (409, "cohort_full")
    assert (assigned.status_code, without.status_code) == (200, 200)
    told = done(assigned, CohortAssigned)
    assert told["enrollment"] == {
        "enrollmentId": waiting["id"],
        "packageId": waiting["student_package_id"],
        "courseCode": "SFZ",
        "cohortId": other,
        "studentId": "bea",
        "status": "ACTIVE",
    }
    assert told["notBooked"] == []
    assert done(without, CohortAssigned)["enrollment"]["cohortId"] is None


def test_staff_open_a_missed_step_again(browser: Browser, school: School, package: int) -> None:
    booked = school.book("ada", package, "SFZ-1-DAY").id
    begin(school, school.sessions["SFZ-1-DAY"])
    enrollment = school.enrollment(package)["id"]
    path = f"{ENROLLMENTS}/{enrollment}/steps/{school.step('SFZ-1')}/reopen"

    early = asked(browser, school, path, {"reason": "was ill"}, **STAFF)
    marks = {"marks": [{"bookingId": booked, "status": "NO_SHOW"}]}
    marked = asked(browser, school, f"/api/admin/sessions/{school.sessions['SFZ-1-DAY']}/attendance", marks, **STAFF)
    reopened = asked(browser, school, path, {"reason": "was ill"}, **STAFF)
    strange = asked(browser, school, f"{ENROLLMENTS}/{enrollment}/steps/999999/reopen", {"reason": "ill"}, **STAFF)

    assert (early.status_code, said(early)["code"]) == (409, "step_not_booked")
    assert marked.status_code == 200
    told = done(reopened, StepReopened)["progress"]
    assert (told["stepLabel"], told["status"], "bookingId" in told) == ("SFZ-1", "UNBOOKED", False)
    assert (strange.status_code, said(strange)["code"]) == (404, "not_found")
    assert school.timetable.left(package) == [3, 2]


def test_a_package_that_is_no_course_is_refused(browser: Browser, school: School) -> None:
    package = school.timetable.buy("ada", "BUNDLE-5P-3G")

    answer = asked(
        browser, school, f"{MINE}/{package}/steps/{school.step('SFZ-1')}/book-session", option(school, "SFZ-1-DAY")
    )

    assert (answer.status_code, said(answer)["code"]) == (404, "not_found")
