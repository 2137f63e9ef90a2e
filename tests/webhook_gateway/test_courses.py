"""Courses on sale, their cohorts, and the calendar's marks, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from db.models import ServiceType
from tests.enrolled import AT, DAY, HOUR, Academy, spring
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World

__all__ = ["spring"]
pytestmark = pytest.mark.usefixtures("spring")

COURSES = "/api/courses"
CALENDAR = "/api/calendar"


@pytest.fixture
def academy(world: World) -> Academy:
    return Academy(world)


def items(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    return list(client.get(f"{path}{'&' if '?' in path else '?'}org=lumen").get_json()["items"])


def test_a_course_says_what_it_is_and_what_comes_with_it(client: FlaskClient, academy: Academy) -> None:
    program = academy.course(
        "SFZ",
        "SFZ-1",
        components=[(ServiceType.PRIVATE, 2, 30)],
        summary="Four talks",
        description="From hello to goodbye.",
        image_url="https://example.com/sfz.jpg",
        timezone="America/New_York",
    )
    optional = academy.step(program, "SFZ-2", is_required=False, summary="Numbers")
    first, _ = academy.steps(program)

    shown = client.get(f"{COURSES}?org=lumen").get_json()

    assert shown == {
        "items": [
            {
                "id": program.id,
                "code": "SFZ",
                "title": "The SFZ course",
                "summary": "Four talks",
                "description": "From hello to goodbye.",
                "imageUrl": "https://example.com/sfz.jpg",
                "timezone": "America/New_York",
                "price": 49_900,
                "currency": "TRY",
                "validityDays": 365,
                "bundleDescription": "2 course steps + 2 Private (30 min)",
                "bundleComponents": [
                    {"serviceType": "PRIVATE", "teacherTier": 0, "credits": 2, "creditUnitMinutes": 30}
                ],
                "steps": [
                    {
                        "stepId": first.id,
                        "stepLabel": "SFZ-1",
                        "stepTitle": "Step SFZ-1",
                        "stepOrder": 1,
                        "summary": None,
                        "isRequired": True,
                    },
                    {
                        "stepId": optional.id,
                        "stepLabel": "SFZ-2",
                        "stepTitle": "Step SFZ-2",
                        "stepOrder": 2,
                        "summary": "Numbers",
                        "isRequired": False,
                    },
                ],
            }
        ],
        "nextCursor": None,
    }


def test_a_course_shows_what_serves_its_steps_next(client: FlaskClient, academy: Academy) -> None:
    teacher = academy.world.teacher(academy.of, "LUCA")
    group_class = academy.world.group_class(academy.of, name="Evening talk", teacher_id=teacher.id)
    first, _ = academy.steps(academy.course())
    option = academy.option(first, group_class)
    date = academy.date(option, AT + DAY)
    academy.world.place(date, academy.student("eve"))

    shown = client.get(f"{COURSES}/SFZ?org=lumen").get_json()

    assert shown["steps"][0]["options"] == [
        {
            "courseStepOptionId": option.id,
            "groupClassId": group_class.id,
            "groupClassName": "Evening talk",
            "isActive": True,
            "sessions": [
                {
                    "sessionId": date.id,
                    "startAt": "2026-03-02T12:00:00Z",
                    "endAt": "2026-03-02T13:00:00Z",
                    "capacityMax": 8,
                    "spotsAvailable": 7,
                    "teacherName": "Luca",
                }
            ],
        }
    ]
    assert shown["steps"][1]["options"] == []
    (listed,) = items(client, COURSES)
    plain = [{name: value for name, value in step.items() if name != "options"} for step in shown["steps"]]
    assert shown | {"steps": plain} == listed


def test_a_cohort_says_when_it_is_and_whether_one_can_still_come(client: FlaskClient, academy: Academy) -> None:
    program = academy.course()
    first, _ = academy.steps(program)
    option = academy.option(first)
    date = academy.date(option, AT + 20 * DAY)
    cohort = academy.cohort(program, sessions=[(option, date)])
    academy.enroll("ada", program, cohort)

    shown = client.get(f"{COURSES}/SFZ/cohorts?org=lumen").get_json()

    assert shown == {
        "items": [
            {
                "id": cohort.id,
                "code": "SPRING",
                "name": "In spring",
                "capacity": 10,
                "placesAvailable": 9,
                "isFull": False,
                "isEnrollmentOpen": True,
                "enrollmentDeadline": "2026-03-11T12:00:00Z",
                "startsAt": "2026-03-21T12:00:00Z",
                "endsAt": "2026-03-21T13:00:00Z",
                "sessions": [
                    {
                        "courseStepOptionId": option.id,
                        "stepId": first.id,
                        "stepLabel": "SFZ-1",
                        "sessionId": date.id,
                        "startAt": "2026-03-21T12:00:00Z",
                        "endAt": "2026-03-21T13:00:00Z",
                        "spotsAvailable": 8,
                    }
                ],
            }
        ],
        "nextCursor": None,
    }


def test_a_shop_without_courses_is_an_empty_page(client: FlaskClient, academy: Academy) -> None:
    assert client.get(f"{COURSES}?org=lumen").get_json() == {"items": [], "nextCursor": None}
    academy.course()
    assert client.get(f"{COURSES}/SFZ/cohorts?org=lumen").get_json() == {"items": [], "nextCursor": None}


@pytest.mark.parametrize("what", ["courses", "cohorts"])
def test_pages_show_each_once(client: FlaskClient, academy: Academy, what: str) -> None:
    program = academy.course()
    if what == "courses":
        path, ids = COURSES, [program.id, *(academy.course(f"C-{number}").id for number in range(2))]
    else:
        path, ids = f"{COURSES}/SFZ/cohorts", [academy.cohort(program, f"C-{number}").id for number in range(3)]

    first = client.get(f"{path}?org=lumen&limit=2").get_json()
    rest = client.get(f"{path}?org=lumen&limit=2&cursor={first['nextCursor']}").get_json()

    assert [each["id"] for each in first["items"] + rest["items"]] == ids
    assert rest["nextCursor"] is None


@pytest.mark.parametrize("path", [COURSES, f"{COURSES}/SFZ", f"{COURSES}/SFZ/cohorts"])
def test_each_organization_sells_its_own(browser: Browser, academy: Academy, path: str) -> None:
    academy.cohort(academy.course())
    Academy(academy.world, "thrive")

    own, theirs = browser.get(path), browser.get(path, org="thrive")

    assert own.status_code == 200
    assert theirs.get_json().get("items", "none") in ([], "none")
    assert theirs.status_code == (200 if path == COURSES else 404)
    assert browser.get(f"{path}?org=lumen", org="thrive").status_code == 403
    assert browser.client.get(f"{path}?org=lumen").get_json() == own.get_json()
    assert browser.client.get(path).status_code == 422
    assert browser.client.get(f"{path}?org=nobody").status_code == 403
    assert browser.client.get(f"{path}?org=lumen&color=red").status_code == 422


@pytest.mark.parametrize("how", [{"active": False}, {"deleted_at": AT}])
def test_what_is_not_on_sale_is_not_there(client: FlaskClient, academy: Academy, how: dict[str, Any]) -> None:
    program = academy.course()
    academy.cohort(program)
    academy.changed(academy.product(program), **how)
    academy.world.product(academy.of, "CORE-10")

    assert items(client, COURSES) == []
    for path in ("SFZ", "SFZ/cohorts", "CORE-10", "NONE", "sfz", "%20", "S" * 200):
        assert client.get(f"{COURSES}/{path}?org=lumen").status_code in {404, 422}, path
    assert client.get(f"{COURSES}/SFZ?org=lumen").get_json()["code"] == "not_found"


def test_a_calendar_marks_what_serves_a_step(client: FlaskClient, academy: Academy) -> None:
    first, second = academy.steps(academy.course())
    shared = academy.world.group_class(academy.of)
    served = academy.date(academy.option(second, shared), AT + HOUR)
    academy.option(first, shared)
    plain = academy.world.session(academy.of.id, AT + 2 * HOUR)

    marked, bare = items(client, CALENDAR)

    assert marked["courseSteps"] == [
        {"courseCode": "SFZ", "stepId": first.id, "stepLabel": "SFZ-1", "stepOrder": 1},
        {"courseCode": "SFZ", "stepId": second.id, "stepLabel": "SFZ-2", "stepOrder": 2},
    ]
    assert "courseSteps" not in bare
    assert client.get(f"{CALENDAR}/{served.id}?org=lumen").get_json() == marked
    assert client.get(f"{CALENDAR}/{plain.id}?org=lumen").get_json() == bare
