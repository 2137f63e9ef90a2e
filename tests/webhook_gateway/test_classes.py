from __future__ import annotations

from typing import Any

import pytest

from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World

CLASSES = "/api/admin/classes"
ADMIN: dict[str, Any] = {"role": "admin", "sub": "boss"}
PLATFORM: dict[str, Any] = {"role": "admin", "org": "*", "sub": "root"}
RIDE: dict[str, Any] = {"code": "RIDE", "name": "Ride", "serviceType": "GROUP", "capacity": 20, "minutes": 45}


def test_a_class_is_made_with_its_seats(browser: Browser, world: World) -> None:
    teacher = world.teacher(world.organization("lumen"))
    seats = [{"label": "1"}, {"label": "2", "creditCost": 2, "active": False}]

    made = browser.command(CLASSES, RIDE | {"teacherId": teacher.id, "seats": seats}, **ADMIN)

    assert made.status_code == 201
    shown = made.get_json()
    assert shown == RIDE | {
        "id": shown["id"],
        "isWorkshop": False,
        "teacherId": teacher.id,
        "active": True,
        "seats": [
            {"seatId": shown["seats"][0]["seatId"], "label": "1", "creditCost": 1, "active": True},
            {"seatId": shown["seats"][1]["seatId"], "label": "2", "creditCost": 2, "active": False},
        ],
    }
    assert browser.get(CLASSES, **ADMIN).get_json() == {"items": [shown], "nextCursor": None}


def test_a_seat_that_is_left_out_is_out_of_order_and_keeps_its_id(browser: Browser, world: World) -> None:
    group_class = world.group_class(world.organization("lumen"), 1, 1)
    address = f"{CLASSES}/{group_class.id}"

    without = browser.command(address, {"seats": [{"label": "2"}]}, method="PATCH", **ADMIN).get_json()["seats"]
    again = browser.command(address, {"seats": [{"label": "1"}, {"label": "2"}]}, method="PATCH", **ADMIN).get_json()

    assert {seat["label"]: seat["active"] for seat in without} == {"1": False, "2": True}
    assert [(seat["seatId"], seat["active"]) for seat in again["seats"]] == [
        (seat.id, True) for seat in group_class.seats
    ]


def test_a_change_leaves_what_it_does_not_name_and_null_is_nobody(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    teacher = world.teacher(lumen)
    group_class = world.group_class(lumen, 1, teacher_id=teacher.id)
    address = f"{CLASSES}/{group_class.id}"

    renamed = browser.command(address, {"name": "Night Ride"}, method="PATCH", **ADMIN).get_json()
    nobodys = browser.command(address, {"teacherId": None, "capacity": 9}, method="PATCH", **ADMIN).get_json()
    gone = browser.command(address, method="DELETE", **ADMIN).get_json()

    assert (renamed["name"], renamed["teacherId"], len(renamed["seats"])) == ("Night Ride", teacher.id, 1)
    assert (nobodys["name"], nobodys["teacherId"], nobodys["capacity"]) == ("Night Ride", None, 9)
    assert (gone["active"], gone["name"]) == (False, "Night Ride")


@pytest.mark.parametrize("name", ["name", "serviceType", "isWorkshop", "capacity", "minutes", "active", "seats"])
def test_what_must_be_there_cannot_be_taken_away(browser: Browser, world: World, name: str) -> None:
    group_class = world.group_class(world.organization("lumen"))

    answer = browser.command(f"{CLASSES}/{group_class.id}", {name: None}, method="PATCH", **ADMIN)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.get_json(force=True)["errors"]] == [f"#/{name}"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (RIDE | {"code": "-"}, "#/code"),
        (RIDE | {"serviceType": "group"}, "#/serviceType"),
        (RIDE | {"capacity": 0}, "#/capacity"),
        (RIDE | {"capacity": 10_001}, "#/capacity"),
        (RIDE | {"minutes": 1_441}, "#/minutes"),
        (RIDE | {"teacherId": 0}, "#/teacherId"),
        (RIDE | {"room": 1}, "#/room"),
        (RIDE | {"seats": [{"label": ""}]}, "#/seats/0/label"),
        (RIDE | {"seats": [{"label": "1", "creditCost": 0}]}, "#/seats/0/creditCost"),
        (RIDE | {"seats": [{"label": "1"}, {"label": "1"}]}, "#/seats"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, world: World, body: dict[str, Any], pointer: str) -> None:
    world.organization("lumen")

    answer = browser.command(CLASSES, body, **ADMIN)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.get_json(force=True)["errors"]] == [pointer]


def test_a_code_names_one_class_of_an_organization(browser: Browser, world: World) -> None:
    world.group_class(world.organization("lumen"), code="RIDE")
    world.organization("thrive")

    again, elsewhere = browser.command(CLASSES, RIDE, **ADMIN), browser.command(CLASSES, RIDE, org="thrive", **ADMIN)

    assert again.status_code == 422
    assert again.get_json(force=True)["errors"][0]["pointer"] == "#/code"
    assert elsewhere.status_code == 201


def test_only_admins_of_the_organization_plan_its_classes(browser: Browser, world: World) -> None:
    lumen, thrive = world.organization("lumen"), world.organization("thrive")
    own, theirs = world.group_class(lumen), world.teacher(thrive)
    address = f"{CLASSES}/{own.id}"

    assert browser.command(address, {"capacity": 1}, method="PATCH", org="thrive", **ADMIN).status_code == 404
    assert browser.command(address, method="DELETE", org="thrive", **ADMIN).status_code == 404
    assert browser.get(CLASSES, org="thrive", **ADMIN).get_json()["items"] == []
    assert browser.command(CLASSES, RIDE | {"teacherId": theirs.id}, **ADMIN).status_code == 404
    assert browser.command(address, {"teacherId": theirs.id}, method="PATCH", **ADMIN).status_code == 404
    for claims in ({"role": "staff"}, {"role": "student"}, PLATFORM):
        assert browser.get(CLASSES, **claims).status_code == 403
        assert browser.command(CLASSES, RIDE, **claims).status_code == 403
        assert browser.command(address, {"capacity": 1}, method="PATCH", **claims).status_code == 403
        assert browser.command(address, method="DELETE", **claims).status_code == 403
