"""Who is enrolled, as staff read it over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from db.models import EnrollmentStatus, ReviewReason, ServiceType, StepStatus
from tests.enrolled import AT, DAY, SOON, Academy, counted, spring
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF
from tests.webhook_gateway.world import World

__all__ = ["spring"]
pytestmark = pytest.mark.usefixtures("spring")

LIST = "/api/admin/enrollments"


@pytest.fixture
def academy(world: World) -> Academy:
    return Academy(world)


def found(browser: Browser, query: str = "") -> list[int]:
    return [item["enrollmentId"] for item in browser.get(f"{LIST}?{query}", **STAFF).get_json()["items"]]


def test_staff_see_who_is_in_which_course_and_who_waits_for_them(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    cohort = academy.cohort(program)
    academy.student("ada", name="Ada")
    first, _ = academy.steps(program)
    noted = {"courseStepId": first.id, "stepLabel": "SFZ-1", "code": "session_full", "detail": "No place."}
    reason = ReviewReason.COHORT_FULL
    bought = academy.enroll(
        "ada",
        program,
        cohort,
        status=EnrollmentStatus.NEEDS_REVIEW,
        review_reason=reason,
        details={"cohort": "WINTER", "notBooked": [noted]},
    )

    shown = browser.get(LIST, **STAFF).get_json()

    assert shown == {
        "items": [
            {
                "enrollmentId": bought.id,
                "studentId": "ada",
                "name": "Ada",
                "packageId": bought.student_package_id,
                "courseCode": "SFZ",
                "courseTitle": "The SFZ course",
                "cohort": {"id": cohort.id, "code": "SPRING", "name": "In spring"},
                "requestedCohort": "WINTER",
                "status": "NEEDS_REVIEW",
                "packageStatus": "ACTIVE",
                "reviewReason": "COHORT_FULL",
                "enrolledAt": "2026-03-01T12:00:00Z",
                "expiresAt": SOON.isoformat().replace("+00:00", "Z"),
                "progress": {
                    "totalSteps": 2,
                    "requiredSteps": 2,
                    "completedSteps": 0,
                    "completedRequiredSteps": 0,
                    "bookedSteps": 0,
                    "openSteps": 2,
                    "missedSteps": 0,
                    "percent": 0,
                },
                "notBooked": [noted],
            }
        ],
        "nextCursor": None,
    }


def test_an_enrollment_shows_its_steps_and_what_else_is_left(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    first, _ = academy.steps(program)
    option = academy.option(first)
    bought = academy.enroll("ada", program, extras=[(ServiceType.PRIVATE, 2, 30)])
    date = academy.date(option, AT + DAY)
    booking = academy.stand(bought, first, StepStatus.BOOKED, option, date)
    assert booking is not None

    shown = browser.get(f"{LIST}/{bought.id}", **STAFF).get_json()

    (listed,) = browser.get(LIST, **STAFF).get_json()["items"]
    more = {name: shown.pop(name) for name in ("steps", "extras", "packageName")}
    assert shown == listed
    assert [(step["stepLabel"], step["status"]) for step in more["steps"]] == [
        ("SFZ-1", "BOOKED"),
        ("SFZ-2", "UNBOOKED"),
    ]
    assert (more["steps"][0]["bookingId"], more["steps"][0]["session"]["sessionId"]) == (booking.id, date.id)
    assert [(line["serviceType"], line["remaining"]) for line in more["extras"]] == [("PRIVATE", 2)]
    assert more["packageName"] == "The SFZ course"


def test_a_list_is_narrowed(browser: Browser, academy: Academy) -> None:
    program, other = academy.course(), academy.course("ABC")
    cohort = academy.cohort(program)
    own = academy.enroll("ada", program, cohort)
    gone = academy.enroll("bob", program, payment={"amount_refunded": 49_900})
    elsewhere = academy.enroll("eve", other, status=EnrollmentStatus.COMPLETED)

    assert found(browser) == [elsewhere.id, gone.id, own.id]
    assert found(browser, "status=ACTIVE") == [own.id]
    assert found(browser, "status=REVOKED") == [gone.id]
    assert found(browser, "course=ABC") == [elsewhere.id]
    assert found(browser, f"cohortId={cohort.id}&status=ACTIVE&course=SFZ") == [own.id]
    assert found(browser, "course=NONE") == []
    for query in ("status=GONE", "cohortId=0", f"course={'x' * 65}", "student=ada", "limit=201"):
        assert browser.get(f"{LIST}?{query}", **STAFF).status_code == 422


def test_a_list_comes_in_pages(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    ids = [academy.enroll(f"s-{number}", program).id for number in range(3)]

    first = browser.get(f"{LIST}?limit=2&course=SFZ", **STAFF).get_json()
    rest = browser.get(f"{LIST}?limit=2&course=SFZ&cursor={first['nextCursor']}", **STAFF).get_json()

    assert [item["enrollmentId"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["nextCursor"] is None


def test_a_guest_has_no_name_of_the_frontends(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    bought = academy.enroll("guest", program)
    academy.changed(academy.student("guest"), external_id=None)

    (item,) = browser.get(LIST, **STAFF).get_json()["items"]

    assert (item["enrollmentId"], item["studentId"], item["name"]) == (bought.id, None, None)


def test_only_staff_of_the_organization_look(browser: Browser, academy: Academy) -> None:
    bought = academy.enroll("ada", academy.course())
    Academy(academy.world, "thrive")

    for address in (LIST, f"{LIST}/{bought.id}"):
        assert browser.get(address, **STAFF).status_code == 200
        assert browser.get(address, **ADMIN).status_code == 200
        assert browser.get(address).status_code == 403
        assert browser.get(address, **PLATFORM).status_code == 403
        assert browser.client.get(address).status_code == 401
    assert browser.get(LIST, org="thrive", **STAFF).get_json() == {"items": [], "nextCursor": None}
    assert browser.get(f"{LIST}/{bought.id}", org="thrive", **STAFF).status_code == 404
    assert browser.get(f"{LIST}/999999", **STAFF).status_code == 404


def test_a_long_list_costs_no_more_statements_than_a_short_one(browser: Browser, academy: Academy) -> None:
    counts: list[Any] = []
    for size in (1, 4):
        for number in range(size):
            academy.enroll(f"s-{size}-{number}", academy.course(f"C-{size}-{number}", *(f"S-{n}" for n in range(size))))
        with counted(academy.world.engine) as statements:
            browser.get(LIST, **STAFF)
        counts.append(len(statements))

    assert counts[0] == counts[1]
