"""Stories of subscriptions, many at once, while several workers act on them: each ends as if it were alone."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
from freezegun import freeze_time

from db.bulk import insert
from db.transaction import transaction
from domain.purchase.alias import attach
from domain.purchase.fulfillment import fulfil
from domain.purchase.standing import Renamed
from domain.purchase.told import Told
from tests.domain.purchase.test_stories import AT, RIDES, STORIES, SUBSCRIPTION
from tests.stories import finals, tell, telling
from tests.stripe_objects import Event, body, checkout, intent, invoice, invoice_payment, refund
from tests.studio import Studio
from worker import clock
from worker.inbox import drain_batch
from worker.stripe_event import read
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


def test_who_links_a_payment_to_its_invoice_locks_in_the_order_of_whoever_records_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.rows(SUBSCRIPTION)
    studio.deliver(invoice(student="ada"), checkout(payment="pi_z"))
    locked, inserted = threading.Event(), threading.Event()

    def linking(*told: Any, **more: Any) -> Any:
        # Until the other one has come, or waits for us.
        locked.set()
        inserted.wait(0.5)
        return attach(*told, **more)

    def recording(*said: Any, **more: Any) -> Any:
        rows = insert(*said, **more)
        if rows:
            inserted.set()
            locked.wait(0.5)
        return rows

    monkeypatch.setattr("domain.purchase.fulfillment.attach", linking)
    monkeypatch.setattr("domain.purchase.standing.insert", recording)
    links = [invoice_payment("in_1", "pi_a"), refund("pi_z", amount=1_000)]
    records = [intent("pi_a", amount=1_800_000), refund("pi_z", amount=1_000, status="pending")]

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(_fulfil, studio, events) for events in (links, records)]

    # Who comes second and finds that it is another name by now begins anew.
    assert [fault for each in both if (fault := each.exception()) and not isinstance(fault, Renamed)] == []


def _fulfil(studio: Studio, events: list[Event]) -> None:
    organization = int(studio.one("SELECT id FROM organizations WHERE slug = 'lumen'")["id"])
    said = [read(body(event)) for event in events]
    told = [Told(number, organization, each.facts, None, each.standing) for number, each in enumerate(said)]
    with transaction(studio.engine) as session:
        fulfil(session, told, at=clock.now())


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
