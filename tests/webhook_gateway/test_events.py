"""The inbox of events over HTTP: listed, shown and replayed by staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI

from db.models import EventStatus, StripeEvent
from db.transaction import reading
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, World

EVENTS = "/api/admin/events"
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}
PLATFORM: dict[str, Any] = {"role": "admin", "org": "*", "sub": "root"}


@pytest.fixture
def hints(app: OpenAPI) -> Iterator[list[str]]:
    hints: list[str] = []
    app.extensions["punchcard.hint"] = hints.append
    yield hints
    del app.extensions["punchcard.hint"]


def ids(answer: Any) -> list[int]:
    return [item["id"] for item in answer.get_json()["items"]]


def test_a_parked_event_says_why(browser: Browser, world: World) -> None:
    event = world.event(world.organization("lumen"), status=EventStatus.FAILED, waits_for="product:NEW", livemode=False)

    (shown,) = browser.get(EVENTS, **STAFF).get_json()["items"]

    assert shown == {
        "id": event.id,
        "eventId": event.event_id,
        "organization": "lumen",
        "type": "checkout.session.completed",
        "livemode": False,
        "account": None,
        "status": "FAILED",
        "attempts": 3,
        "nextAttemptAt": None,
        "errorCode": "unknown_product",
        "lastError": "no such code",
        "waitsFor": "product:NEW",
        "receivedAt": "2026-03-01T12:00:00Z",
        "finishedAt": "2026-03-01T12:00:00Z",
    }


def test_staff_see_their_own_events_and_the_platform_sees_all(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    own = world.event(lumen)
    others = world.event(world.organization("thrive"))
    nobodys = world.event(None, status=EventStatus.QUARANTINED)
    claimed = world.event(lumen, status=EventStatus.QUARANTINED)

    assert ids(browser.get(EVENTS, **STAFF)) == [own.id]
    assert ids(browser.get(EVENTS, **PLATFORM)) == [claimed.id, nobodys.id, others.id, own.id]
    for hidden in (others, nobodys, claimed):
        assert browser.get(f"{EVENTS}/{hidden.id}", **STAFF).status_code == 404
        assert browser.post(f"{EVENTS}/{hidden.id}/replay", **STAFF).status_code == 404
        assert browser.get(f"{EVENTS}/{hidden.id}", **PLATFORM).status_code == 200


def test_events_are_filtered(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    failed = world.event(lumen, status=EventStatus.FAILED)
    refund = world.event(lumen, type="refund.created", received_at=AT + timedelta(days=1))

    def listed(query: str) -> list[int]:
        return ids(browser.get(f"{EVENTS}?{query}", **STAFF))

    assert listed("status=FAILED") == [failed.id]
    assert listed("type=refund.created") == [refund.id]
    assert listed("from=2026-03-02T12:00:00Z") == [refund.id]
    assert listed("to=2026-03-02T12:00:00Z") == [failed.id]
    assert listed("from=2026-03-01T15:00:00%2B03:00&to=2026-03-01T12:00:01Z") == [failed.id]


@pytest.mark.parametrize(
    "query",
    [
        "status=failed",
        "from=2026-03-01T12:00:00",
        "from=2026-03-01",
        "to=yesterday",
        "sort=id",
        "from_=2026-03-01T12:00:00Z",
    ],
)
def test_a_filter_that_means_nothing_is_refused(browser: Browser, world: World, query: str) -> None:
    world.organization("lumen")

    assert browser.get(f"{EVENTS}?{query}", **STAFF).status_code == 422


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"id": "evt_1", "text": "\\u0000\\ud800"}', {"id": "evt_1", "text": "\0\ud800"}),
        (b"[1, 2]", [1, 2]),
        (b"null", None),
    ],
)
def test_an_event_shows_what_was_signed(browser: Browser, world: World, payload: bytes, shown: object) -> None:
    event = world.event(world.organization("lumen"), payload=payload, line_items={"data": []})

    detail = browser.get(f"{EVENTS}/{event.id}", **STAFF).get_json()

    assert (detail["payload"], detail["lineItems"]) == (shown, {"data": []})
    assert "payloadBase64" not in detail


@pytest.mark.parametrize(
    "payload", [b"\xff\xfe", b"", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 5000, b'{"a": ' + b"9" * 5000 + b"}"], ids=len
)
def test_what_is_no_json_is_shown_as_bytes(browser: Browser, world: World, payload: bytes) -> None:
    event = world.event(world.organization("lumen"), payload=payload)

    answer = browser.get(f"{EVENTS}/{event.id}", **STAFF)

    assert answer.status_code == 200
    assert answer.get_json()["payload"] is None
    assert "payloadBase64" in answer.get_json()


@pytest.mark.parametrize("status", list(EventStatus))
def test_a_replayed_event_is_due_again(browser: Browser, world: World, hints: list[str], status: EventStatus) -> None:
    event = world.event(world.organization("lumen"), status=status)

    answer = browser.post(f"{EVENTS}/{event.id}/replay", **PLATFORM)

    assert answer.status_code == 202
    assert answer.get_json()["status"] == "RECEIVED"
    assert answer.get_json()["attempts"] == 0
    assert answer.get_json()["nextAttemptAt"] > "2026-03-01T12:00:00Z"
    assert answer.get_json()["lastError"] == event.last_error
    assert hints == ["stripe"]
    with reading(world.engine) as session:
        stored = session.get_one(StripeEvent, event.id)
        assert (stored.status, stored.sweeps, stored.finished_at) == (EventStatus.RECEIVED, 0, None)


def test_a_replay_that_is_refused_says_nothing_to_the_queue(browser: Browser, world: World, hints: list[str]) -> None:
    event = world.event(world.organization("lumen"))

    assert browser.post(f"{EVENTS}/{event.id}/replay").status_code == 403
    assert browser.post(f"{EVENTS}/9223372036854775807/replay", **STAFF).status_code == 404
    assert hints == []


def test_what_an_event_said_is_deleted_after_a_time_and_not_replayed(
    browser: Browser, world: World, hints: list[str]
) -> None:
    event = world.event(world.organization("lumen"), payload=None, payload_hash=b"\xab" * 32, error_code=None)

    shown = browser.get(f"{EVENTS}/{event.id}", **STAFF).get_json()
    listed = browser.get(EVENTS, **STAFF)
    refused = browser.post(f"{EVENTS}/{event.id}/replay", **STAFF)

    assert (shown["payload"], shown["payloadSha256"]) == (None, "ab" * 32)
    assert ids(listed) == [event.id]
    assert (refused.status_code, refused.get_json()["code"]) == (409, "payload_deleted")
    assert f"resend {event.event_id} from Stripe" in refused.get_json()["detail"]
    assert hints == []
