"""What a drain says of itself: that it began, and once at its end what it did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import Any

import pytest
import redis

from config import Settings
from tasks import stripe
from tests.stripe_objects import checkout
from tests.studio import Studio
from worker import drain as drains
from worker.drain import Drained, until_empty
from worker.stripe_inbox import STRIPE_EVENTS
from worker.sweep import note_drain, note_end

# The task is named by its module: pytest looks at every name here, and Celery would read the settings too soon.
SUMS = "SELECT batches, rows, seconds FROM drains WHERE inbox = 'stripe_events'"


def purchases(studio: Studio, number: int) -> None:
    studio.receive(*(checkout(payment=f"pi_{place}", student=f"student-{place}") for place in range(number)))


def sums(studio: Studio) -> dict[str, Any]:
    return studio.one(SUMS)


def test_the_sums_grow_by_what_each_drain_did(studio: Studio) -> None:
    purchases(studio, STRIPE_EVENTS.batch + 1)
    stripe.drain.run()
    first = sums(studio)
    studio.receive(checkout(payment="pi_later"))
    stripe.drain.run()

    second = sums(studio)

    assert (first["batches"], first["rows"]) == (2, STRIPE_EVENTS.batch + 1)
    assert (second["batches"], second["rows"]) == (3, STRIPE_EVENTS.batch + 2)
    assert 0 < first["seconds"] < second["seconds"] < 60
    assert len(studio.packages()) == STRIPE_EVENTS.batch + 2


def test_a_drain_that_finds_nothing_is_noted_and_adds_nothing(studio: Studio) -> None:
    stripe.drain.run()

    assert sums(studio) == {"batches": 0, "rows": 0, "seconds": 0}


def test_drains_that_end_at_the_same_moment_lose_nothing_of_each_others(studio: Studio) -> None:
    note_drain(studio.engine, STRIPE_EVENTS)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: note_end(studio.engine, STRIPE_EVENTS, Drained(2, 100, 0.5)), range(40)))

    assert sums(studio) == {"batches": 80, "rows": 4_000, "seconds": 20}


def test_the_next_drain_keeps_the_sums(studio: Studio) -> None:
    note_drain(studio.engine, STRIPE_EVENTS)
    note_end(studio.engine, STRIPE_EVENTS, Drained(2, 100, 0.5))

    note_drain(studio.engine, STRIPE_EVENTS)

    assert sums(studio) == {"batches": 2, "rows": 100, "seconds": 0.5}


def test_a_drain_that_never_ends_makes_way_and_says_what_it_did(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "SLICE_SECONDS", 0)
    with redis.Redis.from_url(settings.broker_url) as broker:
        broker.flushall()

        done = until_empty("stripe", lambda: 50, then="notifications")

        assert astuple(done)[:2] == (1, 50)
        assert (broker.llen("stripe"), broker.llen("notifications")) == (1, 1)


@pytest.mark.parametrize(("steps", "calls"), [((50, 50, 50, 0), 1), ((49, 0), 0), ((10, 50, 0), 0)])
def test_a_backlog_calls_who_is_idle_to_help_and_little_work_does_not(
    settings: Settings, steps: tuple[int, ...], calls: int
) -> None:
    found = iter(steps)
    with redis.Redis.from_url(settings.broker_url) as broker:
        broker.flushall()

        until_empty("stripe", lambda: next(found), full=50)

        assert broker.llen("stripe") == calls
