"""No more is taken than was asked for, however the database looks for the rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from config import Settings
from db.connection import build_engine
from tests.stripe_objects import checkout
from tests.studio import Studio
from worker.call_rows import lease
from worker.line_items import take_one
from worker.mail import NOTIFICATIONS
from worker.outbox import _lease

TOKEN = "22222222-2222-2222-2222-222222222222"
# Whoever plans so looks at the choice again for each row: what a planner may do where it knows a tiny table.
AGAIN = {f"enable_{way}": "off" for way in ("hashjoin", "mergejoin", "material", "hashagg", "sort")}


@pytest.fixture
def looking_again(settings: Settings) -> Iterator[Engine]:
    engine = build_engine(settings.database_url, name="test", planner=AGAIN)
    yield engine
    engine.dispose()


def test_one_event_alone_is_taken_to_be_asked_for(studio: Studio, looking_again: Engine) -> None:
    studio.receive(*(checkout(payment=f"pi_{n}") for n in range(3)))
    studio.rows("UPDATE stripe_events SET waits_for = 'stripe:line_items'")

    taken = take_one(looking_again, TOKEN)

    assert taken
    assert studio.rows("SELECT id FROM stripe_events WHERE waits_for = 'stripe:asking'") == [{"id": taken["id"]}]


def test_as_many_calls_are_leased_as_are_wanted(studio: Studio, looking_again: Engine) -> None:
    studio.rows(
        "INSERT INTO stripe_calls (organization_id, kind, params, context, message_id, due_at, created_at)"
        " SELECT id, 'PRODUCT_CREATE', '{}', '{}', gen_random_uuid(), now(), now()"
        " FROM organizations, generate_series(1, 4) WHERE slug = 'lumen'"
    )

    assert len(lease(looking_again, TOKEN, 2)) == 2


def test_as_many_mails_are_leased_as_are_wanted(studio: Studio, looking_again: Engine) -> None:
    studio.deliver(*(checkout(payment=f"pi_{n}") for n in range(4)))

    assert len(_lease(NOTIFICATIONS, looking_again, TOKEN, "true", 2)) == 2
