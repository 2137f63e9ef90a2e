"""The fields of a command: each has its bounds, and what is refused is not stored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webhook_gateway import test_bookings
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.test_bookings import BODY, BOOKINGS, FOR_ADA, FRIEND, STAFF, pointers, stored
from tests.webhook_gateway.test_problem import problem
from tests.webhook_gateway.world import World
from webhook_gateway.path import MAX_ID

lumen = test_bookings.lumen
booking = test_bookings.booking

BAD: list[tuple[dict[str, Any], str]] = [
    ({"sessionId": None}, "#/sessionId"),
    ({"sessionId": 0}, "#/sessionId"),
    ({"sessionId": -1}, "#/sessionId"),
    ({"sessionId": MAX_ID + 1}, "#/sessionId"),
    ({"sessionId": "5"}, "#/sessionId"),
    ({"sessionId": 5.0}, "#/sessionId"),
    ({"sessionId": True}, "#/sessionId"),
    ({"seatId": 0}, "#/seatId"),
    ({"packageId": [1]}, "#/packageId"),
    ({"paymentType": "FRIEND_PASS"}, "#/paymentType"),
    ({"paymentType": "credit"}, "#/paymentType"),
    ({"confirmHigherTier": 1}, "#/confirmHigherTier"),
    ({"confirmHigherTier": "true"}, "#/confirmHigherTier"),
    ({"studentId": ""}, "#/studentId"),
    ({"studentId": "x" * 256}, "#/studentId"),
    ({"studentId": "a\nb"}, "#/studentId"),
    ({"reason": "x" * 501}, "#/reason"),
    ({"reason": "  "}, "#/reason"),
    ({"reason": "a\u0007"}, "#/reason"),
    ({"acceptForfeit": True}, "#/acceptForfeit"),
    ({"session_id": 5}, "#/session_id"),
    ({"friend": {}}, "#/friend/name"),
    ({"friend": FRIEND | {"phone": "1"}}, "#/friend/phone"),
    ({"friend": FRIEND | {"name": "x" * 201}}, "#/friend/name"),
    ({"friend": FRIEND | {"name": "a\r\nBcc: b"}}, "#/friend/name"),
    ({"friend": FRIEND | {"name": "\u2028"}}, "#/friend/name"),
    ({"friend": FRIEND | {"email": "x" * 250 + "@a.b"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "a" * 60 + "@" + "b." * 96 + "cc"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "grace"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "grace@example"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "a@b@c.d"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "a b@c.d"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "a@b.c\r\nBcc: x@y.z"}}, "#/friend/email"),
    ({"friend": FRIEND | {"email": "A <a@b.c>"}}, "#/friend/email"),
    ({"friend": FRIEND | {"seatId": 0}}, "#/friend/seatId"),
]


@pytest.mark.parametrize(("more", "field"), BAD, ids=repr)
def test_every_field_has_its_bounds(browser: Browser, lumen: World, more: dict[str, Any], field: str) -> None:
    answer = browser.command(body=FOR_ADA | BODY | more, **STAFF)

    assert problem(answer) == (422, "validation_failed")
    assert field in pointers(answer)
    assert stored(lumen.engine) == []


@pytest.mark.parametrize("body", [[], "", 1, [BODY]], ids=repr)
def test_a_body_is_an_object(browser: Browser, booking: str, body: object) -> None:
    for method, path in (("POST", BOOKINGS), ("POST", f"{booking}/change"), ("DELETE", booking)):
        assert problem(browser.command(path, body, method=method)) == (422, "validation_failed")


def test_a_change_changes_something(browser: Browser, world: World, booking: str) -> None:
    for body in ({}, {"packageId": 1}, {"sessionId": None}):
        assert pointers(browser.command(f"{booking}/change", body)) == ["#/sessionId"]

    assert stored(world.engine) == []


def test_names_of_all_the_world_are_taken_as_they_are(browser: Browser, lumen: World) -> None:
    friend = {"name": "Şükrü'); DROP TABLE jobs;-- 😀", "email": "şükrü+1@örnek.com.tr"}

    assert browser.command(body=BODY | {"friend": friend}).status_code == 202
    assert stored(lumen.engine)[0].request["friend"] == friend
