"""Courses over HTTP, as admins plan them: their shapes, their bounds, and whose they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from db.models import ClassSession, GroupClass, Organization, ProductType, ServiceType
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, pointers, said
from tests.webhook_gateway.world import World

COURSES = "/api/admin/courses"
BAKE = f"{COURSES}/BAKE"
AHEAD = datetime(2036, 12, 4, 19, tzinfo=UTC)
PRIVATE = {"serviceType": "PRIVATE", "credits": 2, "creditUnitMinutes": 30}
COURSE: dict[str, Any] = {"code": "BAKE", "title": "Bread from Zero", "price": 49_900, "validityDays": 365}
# In Istanbul, which shows that what is answered is UTC.
WINTER: dict[str, Any] = {
    "code": "WINTER",
    "name": "Winter",
    "capacity": 10,
    "enrollmentDeadline": "2036-12-02T02:00:00+03:00",
}
# What an id may not be, and one that nothing has.
NO_IDS: list[Any] = [0, -1, "1", 1.5, True, None, 2**63]
NOTHING = 2**63 - 1


@dataclass
class Planner:
    """An admin of lumen, with a course and two classes that could serve it."""

    browser: Browser
    world: World
    lumen: Organization
    day: GroupClass
    evening: GroupClass
    session: ClassSession

    def ask(self, method: str, path: str, body: object = None, **claims: Any) -> TestResponse:
        return self.browser.command(path, body, method=method, **ADMIN | claims)

    def do(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.ask(method, path, body)
        assert answer.status_code in {200, 201}, answer.text
        return said(answer)

    def course(self) -> dict[str, Any]:
        return said(self.browser.get(BAKE, **ADMIN))

    def step(self, label: str = "BAKE-1", **members: Any) -> dict[str, Any]:
        body = {"label": label, "title": label, "options": [{"groupClassId": self.day.id}]} | members
        return self.do("POST", f"{BAKE}/steps", body)

    def cohort(self, *sessions: dict[str, int], **members: Any) -> dict[str, Any]:
        return self.do("POST", f"{BAKE}/cohorts", WINTER | {"sessions": list(sessions)} | members)

    def serving(self, step: dict[str, Any]) -> dict[str, int]:
        option = step["options"][0]["courseStepOptionId"]
        return {"courseStepOptionId": option, "sessionId": self.session.id}


@pytest.fixture
def plan(browser: Browser, world: World) -> Planner:
    lumen = world.organization("lumen")
    day, evening = (
        world.group_class(lumen, service_type=ServiceType.COURSE, capacity=10),
        world.group_class(lumen, service_type=ServiceType.GROUP, capacity=10),
    )
    planner = Planner(browser, world, lumen, day, evening, world.session_of(day, AHEAD))
    planner.do("POST", COURSES, COURSE)
    return planner


def test_everything_of_a_course_can_be_said_and_is_shown(plan: Planner) -> None:
    all_of_it = {
        "summary": "Four steps",
        "description": "One.\n\nTwo.",
        "imageUrl": "https://example.com/bread.png?size=2",
        "timezone": "Europe/Madrid",
        "currency": "EUR",
        "validityStarts": "FIRST_USE",
        "bundleComponents": [PRIVATE | {"teacherTier": 20}, PRIVATE | {"serviceType": "GROUP"}],
        "stripeProductId": "prod_1",
        "stripePriceIds": ["price_1", "price_2"],
        "refundPolicy": "REVIEW",
    }

    made = plan.do("POST", COURSES, COURSE | all_of_it | {"code": "JAM"})

    components = [PRIVATE | {"teacherTier": 20}, PRIVATE | {"serviceType": "GROUP", "teacherTier": 0}]
    assert made == COURSE | all_of_it | {
        "id": made["id"],
        "code": "JAM",
        "bundleComponents": components,
        "published": False,
        "steps": [],
        "stripe": {"productId": "prod_1", "priceId": None, "syncDueAt": made["stripe"]["syncDueAt"]},
    }
    assert said(plan.browser.get(f"{COURSES}/JAM", **ADMIN)) == made


def test_what_is_not_said_is_the_studios(plan: Planner) -> None:
    made = plan.course()

    assert (made["timezone"], made["currency"], made["published"]) == ("Europe/Istanbul", "TRY", False)
    assert not {"summary", "description", "imageUrl", "stripeProductId"} & made.keys()


def test_a_change_leaves_what_it_does_not_name_and_null_takes_away(plan: Planner) -> None:
    plan.do("PATCH", BAKE, {"summary": "Four", "stripePriceIds": ["price_1"], "bundleComponents": [PRIVATE]})

    changed = plan.do("PATCH", BAKE, {"title": "Bread", "summary": None, "stripePriceIds": ["price_2"]})

    assert (changed["title"], changed["price"], changed["stripePriceIds"]) == ("Bread", 49_900, ["price_1", "price_2"])
    assert changed["bundleComponents"] == [PRIVATE | {"teacherTier": 0}]
    assert "summary" not in changed


def test_a_course_from_its_first_word_to_its_end(plan: Planner) -> None:
    first = plan.step(summary="Flour", isRequired=False)
    second = plan.step("BAKE-2", options=[])
    option = plan.do("POST", f"{BAKE}/steps/{second['stepId']}/options", {"groupClassId": plan.evening.id})
    ordered = plan.do("PUT", f"{BAKE}/steps/order", {"stepIds": [second["stepId"], first["stepId"]]})
    run = plan.cohort(plan.serving(first))
    published = plan.do("POST", f"{BAKE}/publish")
    unpublished = plan.do("POST", f"{BAKE}/unpublish")
    gone = plan.do("DELETE", BAKE)

    shown = {"groupClassId": plan.day.id, "groupClassCode": plan.day.code, "groupClassName": plan.day.name}
    day = shown | {"courseStepOptionId": first["options"][0]["courseStepOptionId"], "active": True}
    said_of_first = {"label": "BAKE-1", "title": "BAKE-1", "summary": "Flour", "isRequired": False, "options": [day]}
    assert first == said_of_first | {"stepId": first["stepId"], "stepOrder": 1}
    assert (second["stepOrder"], second["isRequired"], second["options"]) == (2, True, [])
    assert [step["stepId"] for step in ordered["steps"]] == [second["stepId"], first["stepId"]]
    assert ordered["steps"] == [second | {"stepOrder": 1, "options": [option]}, first | {"stepOrder": 2}]
    assert run == WINTER | {
        "id": run["id"],
        "enrollmentDeadline": "2036-12-01T23:00:00Z",
        "placesTaken": 0,
        "sessions": [plan.serving(first)],
    }
    assert [each["published"] for each in (published, unpublished, gone)] == [True, False, False]
    assert plan.browser.get(BAKE, **ADMIN).status_code == 404
    assert said(plan.browser.get(COURSES, **ADMIN)) == {"items": [], "nextCursor": None}


def test_steps_and_options_are_changed_and_taken_away(plan: Planner) -> None:
    step = plan.step(summary="Flour", options=[{"groupClassId": plan.day.id}, {"groupClassId": plan.evening.id}])
    address = f"{BAKE}/steps/{step['stepId']}"
    option = f"{address}/options/{step['options'][0]['courseStepOptionId']}"

    renamed = plan.do("PATCH", address, {"label": "B-1", "isRequired": False, "summary": None})
    off = plan.do("PATCH", option, {"active": False})
    detached = plan.do("DELETE", option)
    again = plan.do("POST", f"{address}/options", {"groupClassId": plan.day.id, "active": False})
    removed = plan.do("DELETE", address)

    assert (renamed["label"], renamed["title"], renamed["isRequired"]) == ("B-1", "BAKE-1", False)
    assert "summary" not in renamed
    assert (off["active"], detached["active"]) == (False, False)
    assert again == off
    assert (removed["openEnrollments"], removed["label"]) == (0, "B-1")
    assert plan.course()["steps"] == []
    assert plan.ask("DELETE", address).status_code == 404


def test_cohorts_are_listed_changed_and_taken_away(plan: Planner) -> None:
    serving = plan.serving(plan.step())
    first, second = plan.cohort(serving), plan.cohort(code="SPRING", name="Spring")
    address = f"{BAKE}/cohorts/{first['id']}"

    page = said(plan.browser.get(f"{BAKE}/cohorts?limit=1", **ADMIN))
    rest = said(plan.browser.get(f"{BAKE}/cohorts?cursor={page['nextCursor']}", **ADMIN))
    kept = plan.do("PATCH", address, {"name": "Cold", "capacity": 5, "enrollmentDeadline": "2036-12-02T00:00:00Z"})
    bare = plan.do("PATCH", address, {"sessions": []})
    gone = plan.do("DELETE", address)

    assert (page["items"], rest) == ([first], {"items": [second], "nextCursor": None})
    changed = {"name": "Cold", "capacity": 5, "enrollmentDeadline": "2036-12-02T00:00:00Z"}
    assert kept == first | changed
    assert bare == gone == kept | {"sessions": []}
    assert said(plan.browser.get(f"{BAKE}/cohorts", **ADMIN))["items"] == [second]
    assert plan.ask("PATCH", address, {"name": "x"}).status_code == 404


def test_courses_are_listed_in_pages(plan: Planner) -> None:
    for code in ("JAM", "TEA"):
        plan.do("POST", COURSES, COURSE | {"code": code})

    page = said(plan.browser.get(f"{COURSES}?limit=2", **ADMIN))
    rest = said(plan.browser.get(f"{COURSES}?limit=2&cursor={page['nextCursor']}", **ADMIN))

    assert [each["code"] for each in page["items"] + rest["items"]] == ["BAKE", "JAM", "TEA"]
    assert rest["nextCursor"] is None


COMPONENT = "#/bundleComponents/0"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": ""}, "#/title"),
        ({"title": "x" * 501}, "#/title"),
        ({"summary": "two\nlines"}, "#/summary"),
        ({"description": ""}, "#/description"),
        ({"description": "x" * 10_001}, "#/description"),
        ({"description": "\u202ebackwards"}, "#/description"),
        *(
            ({"imageUrl": url}, "#/imageUrl")
            for url in ("http://a.example/", "javascript:1", 'https://a.example/"', "")
        ),
        ({"imageUrl": f"https://a.example/{'x' * 2_000}"}, "#/imageUrl"),
        ({"timezone": "Mars/Base"}, "#/timezone"),
        ({"price": -1}, "#/price"),
        ({"price": 1_000_000_000_000}, "#/price"),
        ({"price": "1"}, "#/price"),
        ({"currency": "try"}, "#/currency"),
        ({"validityDays": 0}, "#/validityDays"),
        ({"validityDays": 3_661}, "#/validityDays"),
        ({"validityStarts": "TOMORROW"}, "#/validityStarts"),
        ({"stripeProductId": ""}, "#/stripeProductId"),
        ({"stripePriceIds": ["x"] * 101}, "#/stripePriceIds"),
        ({"published": True}, "#/published"),
        ({"steps": []}, "#/steps"),
        ({"bundleComponents": [PRIVATE] * 2}, "#/bundleComponents"),
        ({"bundleComponents": [PRIVATE | {"teacherTier": each} for each in range(20)]}, "#/bundleComponents"),
        ({"bundleComponents": [PRIVATE | {"serviceType": "COURSE"}]}, f"{COMPONENT}/serviceType"),
        ({"bundleComponents": [PRIVATE | {"credits": 10_001}]}, f"{COMPONENT}/credits"),
        ({"bundleComponents": [PRIVATE | {"creditUnitMinutes": 50}]}, f"{COMPONENT}/creditUnitMinutes"),
        ({"bundleComponents": [PRIVATE | {"teacherTier": 1_001}]}, f"{COMPONENT}/teacherTier"),
        ({"bundleComponents": [PRIVATE | {"weight": 1}]}, f"{COMPONENT}/weight"),
    ],
)
def test_a_field_of_a_course_at_fault_is_named(plan: Planner, body: dict[str, Any], pointer: str) -> None:
    before = plan.course()

    made = plan.ask("POST", COURSES, COURSE | {"code": "JAM"} | body)
    changed = plan.ask("PATCH", BAKE, body)

    for answer in (made, changed):
        assert (answer.status_code, said(answer)["code"], pointers(answer)) == (422, "validation_failed", [pointer])
        # Nothing is named as Python names it.
        assert not re.search(r"[a-z]_[a-z]|Value error", said(answer)["errors"][0]["detail"])
    assert plan.course() == before
    assert len(said(plan.browser.get(COURSES, **ADMIN))["items"]) == 1


@pytest.mark.parametrize("code", ["no code", "-", "x" * 65, "", None, "a/b"])
def test_a_code_has_its_form(plan: Planner, code: object) -> None:
    assert pointers(plan.ask("POST", COURSES, COURSE | {"code": code})) == ["#/code"]


@pytest.mark.parametrize(
    "name", ["title", "timezone", "price", "currency", "validityDays", "validityStarts", "bundleComponents"]
)
def test_what_must_be_there_cannot_be_taken_away(plan: Planner, name: str) -> None:
    assert pointers(plan.ask("PATCH", BAKE, {name: None})) == [f"#/{name}"]


def test_a_code_names_one_thing_for_good(plan: Planner) -> None:
    package = {"name": "x", "allowances": [PRIVATE], "price": 1, "validityDays": 1}
    plan.do("POST", "/api/packages", package | {"code": "CORE"})
    twice = plan.ask("POST", COURSES, COURSE)
    a_packages = plan.ask("POST", COURSES, COURSE | {"code": "CORE"})
    a_courses = plan.ask("POST", "/api/packages", package | {"code": "BAKE"})
    plan.do("DELETE", BAKE)
    again = plan.ask("POST", COURSES, COURSE)

    for answer in (twice, a_packages, a_courses, again):
        assert (answer.status_code, pointers(answer)) == (422, ["#/code"])
    assert plan.ask("PATCH", BAKE, {"code": "OTHER"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"label": ""}, "#/label"),
        ({"label": " "}, "#/label"),
        ({"label": "x" * 33}, "#/label"),
        ({"label": "a\nb"}, "#/label"),
        ({"label": None}, "#/label"),
        ({"title": ""}, "#/title"),
        ({"title": None}, "#/title"),
        ({"summary": "x" * 10_001}, "#/summary"),
        ({"isRequired": "yes"}, "#/isRequired"),
        ({"isRequired": None}, "#/isRequired"),
        ({"position": 1}, "#/position"),
    ],
)
def test_a_field_of_a_step_at_fault_is_named(plan: Planner, body: dict[str, Any], pointer: str) -> None:
    step = plan.step()

    made = plan.ask("POST", f"{BAKE}/steps", {"label": "BAKE-2", "title": "Two"} | body)
    changed = plan.ask("PATCH", f"{BAKE}/steps/{step['stepId']}", body)

    assert [pointers(made), pointers(changed)] == [[pointer]] * 2
    assert plan.course()["steps"] == [step]


def test_a_label_names_one_step(plan: Planner) -> None:
    plan.step()
    second = plan.step("BAKE-2")

    twice = plan.ask("POST", f"{BAKE}/steps", {"label": "BAKE-1", "title": "One"})
    renamed = plan.ask("PATCH", f"{BAKE}/steps/{second['stepId']}", {"label": "BAKE-1"})

    assert [pointers(twice), pointers(renamed)] == [["#/label"]] * 2


@pytest.mark.parametrize("ids", [*([each] for each in NO_IDS), "1", list(range(1, 102))])
def test_an_order_is_of_ids(plan: Planner, ids: object) -> None:
    answer = plan.ask("PUT", f"{BAKE}/steps/order", {"stepIds": ids})

    assert answer.status_code == 422
    assert pointers(answer)[0].startswith("#/stepIds")


def test_an_order_names_each_step_once(plan: Planner) -> None:
    first, second = plan.step()["stepId"], plan.step("BAKE-2")["stepId"]

    for ids in ([], [first], [first, first], [first, second, second], [first, second, NOTHING]):
        answer = plan.ask("PUT", f"{BAKE}/steps/order", {"stepIds": ids})
        assert (answer.status_code, pointers(answer)) == (422, ["#/stepIds"])
    assert plan.ask("PUT", f"{BAKE}/steps/order", {}).status_code == 422
    assert [step["stepId"] for step in plan.course()["steps"]] == [first, second]


@pytest.mark.parametrize("class_id", [*NO_IDS, NOTHING])
def test_an_option_is_a_class_that_is_there(plan: Planner, class_id: object) -> None:
    step = plan.step()

    attached = plan.ask("POST", f"{BAKE}/steps/{step['stepId']}/options", {"groupClassId": class_id})
    brought = plan.ask("POST", f"{BAKE}/steps", {"label": "L", "title": "T", "options": [{"groupClassId": class_id}]})

    assert (attached.status_code, pointers(attached)) == (422, ["#/groupClassId"])
    assert (brought.status_code, pointers(brought)) == (422, ["#/options/0/groupClassId"])


def test_what_cannot_serve_a_step_is_refused(plan: Planner) -> None:
    private = plan.world.group_class(plan.lumen, service_type=ServiceType.PRIVATE)
    gone = plan.world.group_class(plan.lumen, active=False)
    address = f"{BAKE}/steps/{plan.step()['stepId']}/options"

    for class_id in (private.id, gone.id, plan.day.id):
        assert pointers(plan.ask("POST", address, {"groupClassId": class_id})) == ["#/groupClassId"]
    assert pointers(plan.ask("POST", address, {"groupClassId": plan.evening.id, "active": 1})) == ["#/active"]
    assert pointers(plan.ask("POST", address, {"groupClassId": plan.evening.id, "room": 1})) == ["#/room"]
    for body in ({}, {"active": None}, {"active": "no"}):
        option = plan.course()["steps"][0]["options"][0]["courseStepOptionId"]
        assert pointers(plan.ask("PATCH", f"{address}/{option}", body)) == ["#/active"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": None}, "#/name"),
        ({"capacity": 0}, "#/capacity"),
        ({"capacity": 10_001}, "#/capacity"),
        ({"capacity": None}, "#/capacity"),
        ({"enrollmentDeadline": "2036-12-01T18:00"}, "#/enrollmentDeadline"),
        ({"enrollmentDeadline": "2036-12-01T18:00:30Z"}, "#/enrollmentDeadline"),
        ({"enrollmentDeadline": "1936-12-01T18:00:00Z"}, "#/enrollmentDeadline"),
        ({"enrollmentDeadline": 2_100_000_000}, "#/enrollmentDeadline"),
        ({"enrollmentDeadline": None}, "#/enrollmentDeadline"),
        ({"sessions": None}, "#/sessions"),
        ({"sessions": [{}] * 5_001}, "#/sessions"),
        ({"sessions": [{"courseStepOptionId": 1, "sessionId": 1, "room": 1}]}, "#/sessions/0/room"),
        *(
            ({"sessions": [{"courseStepOptionId": each, "sessionId": 1}]}, "#/sessions/0/courseStepOptionId")
            for each in [*NO_IDS, NOTHING]
        ),
        *(({"sessions": [{"courseStepOptionId": 1, "sessionId": each}]}, "#/sessions/0/sessionId") for each in NO_IDS),
        ({"room": 1}, "#/room"),
    ],
)
def test_a_field_of_a_cohort_at_fault_is_named(plan: Planner, body: dict[str, Any], pointer: str) -> None:
    run = plan.cohort()

    made = plan.ask("POST", f"{BAKE}/cohorts", WINTER | {"code": "SPRING"} | body)
    changed = plan.ask("PATCH", f"{BAKE}/cohorts/{run['id']}", body)

    assert [pointers(made), pointers(changed)] == [[pointer]] * 2
    assert said(plan.browser.get(f"{BAKE}/cohorts", **ADMIN))["items"] == [run]


def test_a_cohort_keeps_its_code_and_shares_it_with_none(plan: Planner) -> None:
    run = plan.cohort()

    assert pointers(plan.ask("POST", f"{BAKE}/cohorts", WINTER)) == ["#/code"]
    assert pointers(plan.ask("POST", f"{BAKE}/cohorts", WINTER | {"code": "no code"})) == ["#/code"]
    assert pointers(plan.ask("PATCH", f"{BAKE}/cohorts/{run['id']}", {"code": "OTHER"})) == ["#/code"]


def test_a_session_serves_an_option_of_its_class(plan: Planner) -> None:
    good = plan.serving(plan.step())
    other = plan.world.session_of(plan.evening, AHEAD)

    for session_id in (other.id, NOTHING):
        body = WINTER | {"sessions": [good | {"sessionId": session_id}]}
        assert pointers(plan.ask("POST", f"{BAKE}/cohorts", body)) == ["#/sessions/0/sessionId"]
    twice = plan.ask("POST", f"{BAKE}/cohorts", WINTER | {"sessions": [good, good]})
    assert pointers(twice) == ["#/sessions/1/courseStepOptionId"]


def test_what_a_course_lacks_is_named_when_it_is_published(plan: Planner) -> None:
    bare = plan.ask("POST", f"{BAKE}/publish")
    plan.step()
    second = plan.step("BAKE-2", options=[])
    unserved = plan.ask("POST", f"{BAKE}/publish")
    plan.do("POST", f"{BAKE}/steps/{second['stepId']}/options", {"groupClassId": plan.evening.id})
    run = plan.cohort(capacity=11)
    crowded = plan.ask("POST", f"{BAKE}/publish")
    plan.do("PATCH", f"{BAKE}/cohorts/{run['id']}", {"capacity": 10})

    assert [pointers(each) for each in (bare, unserved, crowded)] == [
        ["#/steps"],
        ["#/steps/1/options"],
        ["#/cohorts/0/capacity"],
    ]
    assert plan.do("POST", f"{BAKE}/publish")["published"]


def test_a_published_course_loses_nothing_that_it_needs(plan: Planner) -> None:
    step = plan.step()
    run = plan.cohort(plan.serving(step))
    plan.do("POST", f"{BAKE}/publish")
    address = f"{BAKE}/steps/{step['stepId']}"
    option = f"{address}/options/{step['options'][0]['courseStepOptionId']}"
    before = plan.course()

    refused = {
        "last": plan.ask("DELETE", address),
        "bare": plan.ask("POST", f"{BAKE}/steps", {"label": "BAKE-2", "title": "Two"}),
        "off": plan.ask("PATCH", option, {"active": False}),
        "gone": plan.ask("DELETE", option),
        "more": plan.ask("PATCH", f"{BAKE}/cohorts/{run['id']}", {"capacity": 11}),
        "new": plan.ask("POST", f"{BAKE}/cohorts", WINTER | {"code": "SPRING", "capacity": 11}),
    }

    assert {what: pointers(answer) for what, answer in refused.items()} == {
        "last": ["#/steps"],
        "bare": ["#/options"],
        "off": ["#/active"],
        "gone": ["#/steps/0/options"],
        "more": ["#/capacity"],
        "new": ["#/capacity"],
    }
    assert plan.course() == before
    # What a course says of itself is not what it needs.
    assert plan.do("PATCH", BAKE, {"title": "Bread", "price": 1})["published"]


def test_a_course_is_its_organizations(plan: Planner) -> None:
    step = plan.step()
    run = plan.cohort(plan.serving(step))
    plan.world.organization("thrive")
    option = f"steps/{step['stepId']}/options/{step['options'][0]['courseStepOptionId']}"
    asked: list[tuple[str, str, object]] = [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("POST", "/publish", None),
        ("POST", "/unpublish", None),
        ("POST", "/steps", {"label": "L", "title": "T"}),
        ("PUT", "/steps/order", {"stepIds": [step["stepId"]]}),
        ("PATCH", f"/steps/{step['stepId']}", {"title": "x"}),
        ("DELETE", f"/steps/{step['stepId']}", None),
        ("POST", f"/steps/{step['stepId']}/options", {"groupClassId": plan.evening.id}),
        ("PATCH", f"/{option}", {"active": False}),
        ("DELETE", f"/{option}", None),
        ("GET", "/cohorts", None),
        ("POST", "/cohorts", WINTER | {"code": "SPRING"}),
        ("PATCH", f"/cohorts/{run['id']}", {"name": "x"}),
        ("DELETE", f"/cohorts/{run['id']}", None),
    ]
    before = plan.course()

    for method, path, body in asked:
        assert plan.ask(method, BAKE + path, body, org="thrive").status_code == 404, (method, path)
        for claims in (STAFF, {"role": "student"}, PLATFORM):
            assert plan.ask(method, BAKE + path, body, **claims).status_code == 403, (method, path)
    assert said(plan.browser.get(COURSES, org="thrive", **ADMIN)) == {"items": [], "nextCursor": None}
    assert plan.course() == before


def test_what_is_another_organizations_serves_nothing(plan: Planner) -> None:
    thrive = plan.world.organization("thrive")
    foreign = plan.world.group_class(thrive, service_type=ServiceType.COURSE)
    elsewhere = plan.world.session_of(foreign, AHEAD)
    step = plan.step()
    good, address = plan.serving(step), f"{BAKE}/steps/{step['stepId']}/options"
    other = plan.browser.command(COURSES, COURSE, **ADMIN | {"org": "thrive"})
    theirs = plan.browser.command(
        f"{BAKE}/steps",
        {"label": "L", "title": "T", "options": [{"groupClassId": foreign.id}]},
        **ADMIN | {"org": "thrive"},
    )
    option = said(theirs)["options"][0]["courseStepOptionId"]

    assert (other.status_code, theirs.status_code) == (201, 201)
    assert pointers(plan.ask("POST", address, {"groupClassId": foreign.id})) == ["#/groupClassId"]
    assert plan.ask("PATCH", f"{address}/{option}", {"active": False}).status_code == 404
    assert plan.ask("PATCH", f"{BAKE}/steps/{said(theirs)['stepId']}", {"title": "x"}).status_code == 404
    order = plan.ask("PUT", f"{BAKE}/steps/order", {"stepIds": [step["stepId"], said(theirs)["stepId"]]})
    assert pointers(order) == ["#/stepIds"]
    for wrong, pointer in (
        ({"sessionId": elsewhere.id}, "sessionId"),
        ({"courseStepOptionId": option}, "courseStepOptionId"),
    ):
        answer = plan.ask("POST", f"{BAKE}/cohorts", WINTER | {"sessions": [good | wrong]})
        assert pointers(answer) == [f"#/sessions/0/{pointer}"]


def test_a_step_and_a_cohort_are_their_courses(plan: Planner) -> None:
    step, run = plan.step(), plan.cohort()
    plan.do("POST", COURSES, COURSE | {"code": "JAM"})

    for path in (f"steps/{step['stepId']}", f"cohorts/{run['id']}", f"steps/{NOTHING}", "steps/0"):
        for method in ("PATCH", "DELETE"):
            assert plan.ask(method, f"{COURSES}/JAM/{path}", {} if method == "PATCH" else None).status_code == 404


@pytest.mark.parametrize(
    ("code", "status"),
    [("NONE", 404), ("bake", 404), ("%F0%9F%8D%9E", 404), ("a%2Fb", 404), ("x" * 65, 422), ("%00", 400)],
)
def test_a_code_that_nothing_has_leads_nowhere(plan: Planner, code: str, status: int) -> None:
    assert plan.browser.get(f"{COURSES}/{code}", **ADMIN).status_code == status


def test_a_course_is_in_no_list_of_packages(plan: Planner, client: FlaskClient) -> None:
    plan.step()
    plan.do("PATCH", BAKE, {"bundleComponents": [PRIVATE | {"serviceType": "GROUP", "creditUnitMinutes": 60}]})
    plan.do("POST", f"{BAKE}/publish")
    number = plan.world.product(plan.lumen, "OTHER", product_type=ProductType.COURSE).id - 1
    ride = plan.world.session(plan.lumen.id, AHEAD + timedelta(days=1))

    for query in ("?org=lumen", f"?org=lumen&forSession={ride.id}", f"?org=lumen&forSession={plan.session.id}"):
        assert said(client.get(f"/api/packages{query}"))["items"] == []
    assert said(plan.browser.get("/api/packages?includeInactive=true", **ADMIN))["items"] == []
    for answer in (
        client.get(f"/api/packages/{number}?org=lumen"),
        plan.browser.get(f"/api/packages/{number}", **ADMIN),
        plan.ask("PATCH", f"/api/packages/{number}", {"name": "x"}),
        plan.ask("DELETE", f"/api/packages/{number}"),
    ):
        assert answer.status_code == 404
    assert plan.course()["published"]
