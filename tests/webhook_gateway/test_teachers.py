from __future__ import annotations

from typing import Any

import pytest

from db.models import Teacher
from db.transaction import reading
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World

TEACHERS = "/api/admin/teachers"
ADMIN: dict[str, Any] = {"role": "admin", "sub": "boss"}
PLATFORM: dict[str, Any] = {"role": "admin", "org": "*", "sub": "root"}
MAYA: dict[str, Any] = {"code": "MAYA", "name": "Maya Brooks"}


def test_a_teacher_is_made_with_their_hours(browser: Browser, world: World) -> None:
    world.organization("lumen")
    hours = [{"weekday": 1, "opens": "08:00", "closes": "20:00"}, {"onDate": "2026-12-25"}]

    made = browser.command(TEACHERS, MAYA | {"tier": 20, "availability": hours}, **ADMIN)

    assert made.status_code == 201
    shown = {"id": made.get_json()["id"], "tier": 20, "active": True, "availability": hours} | MAYA
    assert made.get_json() == shown
    assert browser.get(TEACHERS, **ADMIN).get_json() == {"items": [shown], "nextCursor": None}


def test_a_change_leaves_what_it_does_not_name(browser: Browser, world: World) -> None:
    world.organization("lumen")
    hours = [{"weekday": 1, "opens": "08:00", "closes": "20:00"}]
    address = f"{TEACHERS}/{browser.command(TEACHERS, MAYA | {'availability': hours}, **ADMIN).get_json()['id']}"

    tier = browser.command(address, {"tier": 5}, method="PATCH", **ADMIN).get_json()
    free = browser.command(address, {"availability": []}, method="PATCH", **ADMIN).get_json()

    assert (tier["tier"], tier["name"], tier["availability"]) == (5, "Maya Brooks", hours)
    assert (free["tier"], free["availability"]) == (5, [])


@pytest.mark.parametrize("name", ["name", "tier", "active", "availability"])
def test_what_must_be_there_cannot_be_taken_away(browser: Browser, world: World, name: str) -> None:
    teacher = world.teacher(world.organization("lumen"))

    answer = browser.command(f"{TEACHERS}/{teacher.id}", {name: None}, method="PATCH", **ADMIN)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.get_json(force=True)["errors"]] == [f"#/{name}"]


def test_a_teacher_who_leaves_stays_on_record(browser: Browser, world: World) -> None:
    teacher = world.teacher(world.organization("lumen"))

    gone = browser.command(f"{TEACHERS}/{teacher.id}", method="DELETE", **ADMIN)

    assert (gone.status_code, gone.get_json()["active"]) == (200, False)
    with reading(world.engine) as session:
        assert not session.get_one(Teacher, teacher.id).active


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Maya"}, "#/code"),
        (MAYA | {"code": "no code"}, "#/code"),
        (MAYA | {"name": ""}, "#/name"),
        (MAYA | {"name": "x" * 501}, "#/name"),
        (MAYA | {"tier": 1001}, "#/tier"),
        (MAYA | {"tier": "1"}, "#/tier"),
        (MAYA | {"active": "yes"}, "#/active"),
        (MAYA | {"salary": 1}, "#/salary"),
        (MAYA | {"availability": [{"weekday": 0, "opens": "08:00", "closes": "09:00"}]}, "#/availability/0/weekday"),
        (MAYA | {"availability": [{"weekday": 1, "opens": "8", "closes": "09:00"}]}, "#/availability/0/opens"),
        (MAYA | {"availability": [{"onDate": 20261225}]}, "#/availability/0/onDate"),
        (MAYA | {"availability": [{"onDate": "2026-13-25"}]}, "#/availability/0/onDate"),
        (MAYA | {"availability": [{"weekday": 1}]}, "#/availability"),
        (MAYA | {"availability": [{"weekday": 1, "opens": "09:00", "closes": "08:00"}]}, "#/availability"),
        (MAYA | {"availability": [{"onDate": "2026-12-25"}] * 201}, "#/availability"),
        (MAYA | {"availability": [{"onDate": "2026-12-25"}] * 2}, "#/availability"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, world: World, body: dict[str, Any], pointer: str) -> None:
    world.organization("lumen")

    answer = browser.command(TEACHERS, body, **ADMIN)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.get_json(force=True)["errors"]] == [pointer]


def test_a_code_names_one_teacher_of_an_organization(browser: Browser, world: World) -> None:
    world.teacher(world.organization("lumen"), "MAYA")
    world.organization("thrive")

    again, elsewhere = browser.command(TEACHERS, MAYA, **ADMIN), browser.command(TEACHERS, MAYA, org="thrive", **ADMIN)

    assert again.status_code == 422
    assert again.get_json(force=True)["errors"][0]["pointer"] == "#/code"
    assert elsewhere.status_code == 201


def test_only_admins_of_the_organization_plan_its_teachers(browser: Browser, world: World) -> None:
    own = world.teacher(world.organization("lumen"))
    world.organization("thrive")
    address = f"{TEACHERS}/{own.id}"

    assert browser.command(address, {"tier": 1}, method="PATCH", org="thrive", **ADMIN).status_code == 404
    assert browser.command(address, method="DELETE", org="thrive", **ADMIN).status_code == 404
    assert browser.get(TEACHERS, org="thrive", **ADMIN).get_json()["items"] == []
    for claims in ({"role": "staff"}, {"role": "student"}, PLATFORM):
        assert browser.get(TEACHERS, **claims).status_code == 403
        assert browser.command(TEACHERS, MAYA, **claims).status_code == 403
        assert browser.command(address, {"tier": 1}, method="PATCH", **claims).status_code == 403
        assert browser.command(address, method="DELETE", **claims).status_code == 403
