"""Stories of subscriptions, many at once, while several workers act on them: each ends as if it were alone."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from freezegun import freeze_time

from tests.domain.purchase.test_stories import AT, RIDES, STORIES, SUBSCRIPTION
from tests.stories import finals, tell, telling
from tests.stripe_objects import Event
from tests.studio import Studio
from worker.inbox import drain_batch
from worker.stripe_inbox import STRIPE_EVENTS

WORKERS, TELLINGS = 4, 60


@pytest.mark.parametrize(
    "story",
    [
        "a subscription that is renewed, and refunded once",
        "a subscription that falls behind and is given up",
        "a subscription of rides, disputed, in the older shape",
        "a refund that is pending, succeeds and fails",
    ],
)
def test_stories_told_at_once_to_several_workers_end_the_same(studio: Studio, story: str) -> None:
    studio.rows(SUBSCRIPTION)
    studio.rows(RIDES)
    chance = random.Random(8)
    told = [telling(chance.sample(STORIES[story], len(STORIES[story])), number) for number in range(TELLINGS)]
    events = list(chain.from_iterable(told))
    chance.shuffle(events)

    with freeze_time(AT, ignore=["_pytest", "pytest"]):
        _tell(studio, events)

    outcomes = set(finals(studio).values())
    assert len(outcomes) == 1
    assert studio.audit() == []
    assert studio.count("stripe_events WHERE status <> 'PROCESSED'") == 0


def _tell(studio: Studio, events: list[Event]) -> None:
    for part in (events[: len(events) // 2], events[len(events) // 2 :]):
        studio.receive(*part)
        with ThreadPoolExecutor(WORKERS) as pool:
            for each in [pool.submit(_drain, studio) for _ in range(WORKERS)]:
                each.result()
    tell(studio, [])


def _drain(studio: Studio) -> None:
    while drain_batch(STRIPE_EVENTS, studio.engine):
        pass
