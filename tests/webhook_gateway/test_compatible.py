"""What would pay for a session, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from db.models import DisputeStatus, ServiceType
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, SOON, World

ADDRESS = "/api/packages/compatible-for-session"
GROUP, PRIVATE = ServiceType.GROUP, ServiceType.PRIVATE


@pytest.fixture(autouse=True)
def _then(app: Any) -> Any:
    with freeze_time(AT, tick=True):
        yield


def test_ways_to_pay_and_why_the_rest_does_not(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    student, product = world.student(lumen, "ada"), world.product(lumen, "P")
    group = world.package(world.order(student, product), (GROUP, 3, 60))
    private = world.package(world.order(student, product), (PRIVATE, 3, 30), name="Lessons")
    disputed = world.payment(lumen, dispute_status=DisputeStatus.OPEN)
    suspended = world.package(world.order(student, product, disputed), (GROUP, 3, 60))
    session = world.session(lumen.id, AT + timedelta(days=1))

    answer = browser.get(f"{ADDRESS}/{session.id}")

    exact = {
        "id": group.id,
        "productCode": "CORE-10",
        "packageName": "Core",
        "paymentType": "CREDIT",
        "creditsNeeded": 1,
        "expiresAt": SOON.isoformat().replace("+00:00", "Z"),
        "allowanceId": group.allowances[0].id,
        "serviceType": "GROUP",
        "teacherTier": 0,
        "remaining": 3,
    }
    lesson = {"id": private.id, "packageName": "Lessons", "creditsNeeded": 2, "serviceType": "PRIVATE"}
    assert answer.get_json() == {
        "exactMatch": [exact],
        "higherTier": [exact | lesson | {"allowanceId": private.allowances[0].id}],
        "recommended": exact,
        "requiresCourseEnrollment": False,
        "isEnrolledInCourse": False,
        "unusable": [
            {
                "id": suspended.id,
                "productCode": "CORE-10",
                "packageName": "Core",
                "code": "package_suspended",
                "detail": "The payment of Core is disputed, or about to go back: it pays again if it stays.",
            }
        ],
    }


def test_who_holds_nothing_is_recommended_nothing(browser: Browser, world: World) -> None:
    session = world.session(world.organization("lumen").id, AT + timedelta(days=1))

    answer = browser.get(f"{ADDRESS}/{session.id}", sub="new").get_json()

    assert (answer["recommended"], answer["exactMatch"], answer["unusable"]) == (None, [], [])


def test_sessions_of_others_are_not_there(browser: Browser, world: World) -> None:
    world.organization("lumen")
    session = world.session(world.organization("thrive").id, AT + timedelta(days=1))

    for number in (session.id, session.id + 1, 0):
        answer = browser.get(f"{ADDRESS}/{number}")
        assert (answer.status_code, answer.get_json(force=True)["code"]) == (404, "not_found")


@pytest.mark.parametrize("seat", ["0", "x", "", "9"])
def test_a_seat_must_be_one_of_the_sessions(browser: Browser, world: World, seat: str) -> None:
    session = world.session(world.organization("lumen").id, AT + timedelta(days=1))

    answer = browser.get(f"{ADDRESS}/{session.id}?seatId={seat}")

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "validation_failed")


def test_only_students_hold_packages(browser: Browser, world: World) -> None:
    session = world.session(world.organization("lumen").id, AT + timedelta(days=1))

    assert browser.client.get(f"{ADDRESS}/{session.id}").status_code == 401
    assert browser.get(f"{ADDRESS}/{session.id}", role="staff", sub="desk").status_code == 403
