"""A command on its whole way: over HTTP into a job, through the engine, and back as its answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.domain.booking.test_book import soon
from tests.stack import wait_for
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from webhook_gateway.schema.base import Output
from webhook_gateway.schema.booking import Booked, Booking, Cancelled
from worker.inbox import drain_batch
from worker.job_inbox import JOBS

pytestmark = pytest.mark.usefixtures("of_a_worker")

WAIT = {"Prefer": "wait=30"}
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}


def performed(browser: Browser, timetable: Timetable, *args: Any, **options: Any) -> TestResponse:
    """Send a command, have a worker do it, and return the answer."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(browser.command, *args, **options, headers=WAIT)
        wait_for(lambda: answer.done() or drain_batch(JOBS, timetable.engine), what="the batch")
        return answer.result()


def fits(shape: type[Output], said: dict[str, Any]) -> bool:
    """Say whether a shape has a place for every field, and shows them all as they are."""
    return shape.model_validate(said, by_alias=True).model_dump(mode="json") == said


def test_a_place_is_booked_changed_and_given_up(browser: Browser, timetable: Timetable) -> None:
    package = timetable.buy("ada")
    first, second = timetable.session(soon(), seats=[1, 1]), timetable.session(soon(4))
    seat = timetable.studio.one("SELECT max(id) AS id FROM seats")["id"]

    booked = performed(browser, timetable, body={"sessionId": first, "seatId": seat, "packageId": package})
    path = f"/api/bookings/{booked.get_json()['booking']['id']}"
    changed = performed(browser, timetable, f"{path}/change", {"sessionId": second})
    path = f"/api/bookings/{changed.get_json()['booking']['id']}"
    cancelled = performed(browser, timetable, path, {"reason": "ill"}, method="DELETE")

    assert [each.status_code for each in (booked, changed, cancelled)] == [201, 200, 200]
    assert fits(Booked, booked.get_json())
    assert fits(Booked, changed.get_json())
    assert fits(Cancelled, cancelled.get_json())
    assert booked.get_json()["booking"]["seatId"] == seat
    assert changed.get_json()["booking"]["sessionId"] == second
    assert cancelled.get_json()["booking"]["status"] == "CANCELLED"
    assert timetable.left(package) == [5]
    assert timetable.studio.audit() == []


def test_a_friend_gets_a_place_and_keeps_their_address_to_themselves(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    friend = {"name": "Grace", "email": "grace@example.org"}

    answer = performed(browser, timetable, body={"sessionId": timetable.session(soon()), "friend": friend})

    assert answer.status_code == 201
    assert fits(Booked, answer.get_json())
    assert answer.get_json()["guestBooking"]["guestName"] == "Grace"
    assert "grace@example.org" not in answer.text


def test_a_refusal_is_a_problem_and_nothing_is_written(browser: Browser, timetable: Timetable) -> None:
    session = timetable.session(soon())

    answer = performed(browser, timetable, body={"sessionId": session})

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (409, "insufficient_credits")
    assert answer.mimetype == "application/problem+json"
    assert timetable.active(session) == 0


@pytest.mark.parametrize("session", [999_999, None], ids=["of nobody", "of another organization"])
def test_a_session_that_is_not_there_is_not_found(browser: Browser, timetable: Timetable, session: int | None) -> None:
    timetable.buy("ada")
    session = session or timetable.session(soon(), org="thrive")

    answer = performed(browser, timetable, body={"sessionId": session})

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (404, "not_found")


def test_staff_give_a_place_away(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    body = {"sessionId": timetable.session(soon()), "studentId": "ada", "paymentType": "FREE", "reason": "a birthday"}

    answer = performed(browser, timetable, body=body, **STAFF)

    assert answer.status_code == 201
    assert answer.get_json()["booking"]["paymentType"] == "FREE"


def test_the_last_place_goes_to_one_of_many(browser: Browser, timetable: Timetable) -> None:
    session = timetable.session(soon(), capacity=1)
    students = [f"student-{number}" for number in range(8)]
    for student in students:
        timetable.buy(student)

    def ask(student: str) -> int:
        own = Browser(browser.client.application.test_client())
        return own.command(body={"sessionId": session}, sub=student, headers=WAIT).status_code

    with ThreadPoolExecutor(len(students)) as pool:
        answers = [pool.submit(ask, student) for student in students]
        wait_for(
            lambda: all(each.done() for each in answers) or (drain_batch(JOBS, timetable.engine) and False),
            what="all answers",
        )

    assert sorted(each.result() for each in answers) == [201] + [409] * (len(students) - 1)
    assert timetable.active(session) == 1


def test_a_booking_is_listed_as_it_was_answered(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    answer = performed(browser, timetable, body={"sessionId": timetable.session(soon())})

    (listed,) = browser.get("/api/students/me/bookings").get_json()["items"]

    assert set(listed) <= {field.alias for field in Booking.model_fields.values()}
    assert listed["id"] == answer.get_json()["booking"]["id"]


def test_a_student_sees_where_they_wait_and_nobody_elses_waits(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("bea")
    session = timetable.session(soon(), capacity=1)
    timetable.book("bea", session)
    for student in ("grace", "ada"):
        assert timetable.join(student, session).code == "done"

    (shown,) = browser.get("/api/students/me/waitlists").get_json()["items"]

    assert (shown["sessionId"], shown["status"], shown["position"]) == (session, "WAITING", 2)
    assert shown["startAt"] == soon().isoformat().replace("+00:00", "Z")
    timetable.leave("grace", session)
    assert browser.get("/api/students/me/waitlists").get_json()["items"][0]["position"] == 1
    (left,) = browser.get("/api/students/me/waitlists", sub="grace").get_json()["items"]
    assert left["status"] == "LEFT"
    assert "position" not in left
