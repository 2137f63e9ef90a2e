"""The fields of a command: each has its bounds, and what is refused is not stored."""

from __future__ import annotations

import json
from email.headerregistry import Address
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.webhook_gateway import test_bookings
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.test_bookings import BODY, BOOKINGS, FOR_ADA, FRIEND, STAFF, pointers, stored
from tests.webhook_gateway.test_problem import problem
from tests.webhook_gateway.world import World
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.booking import Email

lumen = test_bookings.lumen
booking = test_bookings.booking

# What the mailer could not write to.
UNSENDABLE = ("ü@müller.de", "ada@müller.de", "a..b@c.de", ".a@c.de", "a.@c.de", "a:b@c.de", "a[b@c.de", "a\u200b@c.de")
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
    *(({"friend": FRIEND | {"email": email}}, "#/friend/email") for email in UNSENDABLE),
    ({"friend": FRIEND | {"seatId": 0}}, "#/friend/seatId"),
]


@pytest.mark.parametrize(("more", "field"), BAD, ids=repr)
def test_every_field_has_its_bounds(browser: Browser, lumen: World, more: dict[str, Any], field: str) -> None:
    answer = browser.command(body=FOR_ADA | BODY | more, **STAFF)

    assert problem(answer) == (422, "validation_failed")
    assert field in pointers(answer)
    assert stored(lumen.engine) == []


@pytest.mark.parametrize("body", [[], "", 1, [BODY], json.dumps(BODY | FOR_ADA), "{}"], ids=repr)
def test_a_body_is_an_object(browser: Browser, booking: str, body: object) -> None:
    for method, path in (("POST", BOOKINGS), ("POST", f"{booking}/change"), ("DELETE", booking)):
        answer = browser.command(path, body, method=method, **STAFF)

        assert problem(answer) == (422, "validation_failed")
        assert answer.get_json(force=True)["errors"] == [{"pointer": "#", "detail": "Input should be an object"}]


def test_a_part_that_is_no_object_is_told_so_without_our_names(browser: Browser, lumen: World) -> None:
    answer = browser.command(body=BODY | {"friend": "Grace"})

    assert answer.get_json(force=True)["errors"] == [{"pointer": "#/friend", "detail": "Input should be an object"}]
    assert stored(lumen.engine) == []


def test_what_does_not_have_its_form_is_told_in_words(browser: Browser, lumen: World) -> None:
    answer = browser.command(body=BODY | {"friend": FRIEND | {"email": "grace"}})

    (error,) = answer.get_json(force=True)["errors"]
    assert error["detail"] == "It has characters or a form that are not allowed here"
    assert stored(lumen.engine) == []


def test_whom_an_address_lets_through_the_mailer_can_write_to() -> None:
    odd = [f"a{char}b@c.de" for char in map(chr, range(0x21, 0x7F))] + ["a.b.c@d-e.f.gh", "a@b.c", *UNSENDABLE]

    for address in odd:
        try:
            TypeAdapter(Email).validate_python(address)
        except ValidationError:
            continue
        assert Address(addr_spec=address).addr_spec == address


def test_a_change_changes_something(browser: Browser, world: World, booking: str) -> None:
    for body in ({}, {"packageId": 1}, {"sessionId": None}):
        assert pointers(browser.command(f"{booking}/change", body)) == ["#/sessionId"]

    assert stored(world.engine) == []


def test_names_of_all_the_world_are_taken_as_they_are(browser: Browser, lumen: World) -> None:
    friend = {"name": "Şükrü'); DROP TABLE jobs;-- 😀", "email": "O'Neil_{1}+x@xn--rnek-5qa.com.tr"}

    assert browser.command(body=BODY | {"friend": friend}).status_code == 202
    assert stored(lumen.engine)[0].request["friend"] == friend
