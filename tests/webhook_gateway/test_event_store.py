"""Events that come at the same moment share a statement, and each is told what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from tests.studio import Studio
from webhook_gateway.event_store import GROUP, GROUP_BYTES, LINKS, EventStore, NewEvent
from worker import clock

BURST = 300


def an_event(event_id: str, *, scope: int = 0, payload: bytes = b"{}") -> NewEvent:
    return NewEvent(
        scope, None, event_id, "customer.created", livemode=False, account=None, payment_key=None, payload=payload
    )


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[EventStore]:
    store = EventStore(database_url)
    try:
        yield store
    finally:
        await store.close()


async def added(store: EventStore, events: Sequence[NewEvent]) -> list[bool]:
    return await asyncio.gather(*(store.add(event, at=clock.now()) for event in events))


def test_a_burst_is_stored_in_a_few_commits_each_with_its_own_bytes(studio: Studio, database_url: str) -> None:
    events = [an_event(f"evt_{number}", payload=b"%d" % number) for number in range(BURST)]

    async def burst() -> list[bool]:
        async with opened(database_url) as store:
            return await added(store, events)

    told = asyncio.run(burst())

    assert all(told)
    rows = studio.rows("SELECT event_id, payload, xmin::text AS txn FROM stripe_events")
    assert {row["event_id"]: bytes(row["payload"]) for row in rows} == {each.event_id: each.payload for each in events}
    assert len({row["txn"] for row in rows}) <= BURST / GROUP + LINKS + 1


def test_of_deliveries_in_one_statement_one_is_new(studio: Studio, database_url: str) -> None:
    events = [an_event(f"evt_{number % 3}", scope=number % 2) for number in range(60)]

    async def burst() -> list[bool]:
        async with opened(database_url) as store:
            return await added(store, events)

    told = asyncio.run(burst())

    new = [event.key for event, is_new in zip(events, told, strict=True) if is_new]
    assert sorted(new) == sorted({event.key for event in events})
    assert studio.count("stripe_events") == 6


def test_two_gateways_that_are_sent_the_same_events_in_opposite_order_do_not_wait_for_each_other(
    studio: Studio, database_url: str
) -> None:
    events = [an_event(f"evt_{number:04}") for number in range(BURST)]

    async def both() -> tuple[list[bool], list[bool]]:
        async with opened(database_url) as one, opened(database_url) as other:
            return await asyncio.gather(added(one, events), added(other, events[::-1]))

    one, other = asyncio.run(both())

    assert [is_new + was_new for is_new, was_new in zip(one, other[::-1], strict=True)] == [1] * BURST
    assert studio.count("stripe_events") == BURST


def test_what_cannot_be_stored_keeps_no_other_from_it(studio: Studio, database_url: str) -> None:
    orphan = NewEvent(0, 999_999, "evt_orphan", "x", livemode=None, account=None, payment_key=None, payload=b"{}")

    async def burst() -> list[bool | BaseException]:
        async with opened(database_url) as store:
            together = [*(an_event(f"evt_{number}") for number in range(20)), orphan]
            return await asyncio.gather(*(store.add(each, at=clock.now()) for each in together), return_exceptions=True)

    *told, refused = asyncio.run(burst())

    assert told == [True] * 20
    assert isinstance(refused, psycopg.errors.ForeignKeyViolation)
    assert studio.count("stripe_events") == 20


def test_large_events_share_a_statement_with_few(studio: Studio, database_url: str) -> None:
    events = [an_event(f"evt_{number}", payload=bytes(1 << 20)) for number in range(24)]

    async def burst() -> list[bool]:
        async with opened(database_url) as store:
            return await added(store, events)

    assert all(asyncio.run(burst()))
    rows = studio.rows("SELECT count(*) AS n FROM stripe_events GROUP BY xmin::text")
    assert max(row["n"] for row in rows) * (1 << 20) <= GROUP_BYTES


def test_a_session_that_may_only_read_is_replaced(studio: Studio, database_url: str) -> None:
    async def around_it() -> list[bool | BaseException]:
        async with opened(database_url) as store:
            only_reading = make_url(database_url).database
            studio.rows(f"ALTER DATABASE {only_reading} SET default_transaction_read_only = on")
            try:
                refused = await asyncio.gather(store.add(an_event("evt_1"), at=clock.now()), return_exceptions=True)
            finally:
                with psycopg.connect(database_url, autocommit=True) as admin:
                    admin.execute("SET default_transaction_read_only = off")
                    admin.execute(f"ALTER DATABASE {only_reading} RESET default_transaction_read_only")
            return [*refused, await store.add(an_event("evt_1"), at=clock.now())]

    refused, taken = asyncio.run(around_it())

    assert isinstance(refused, psycopg.errors.ReadOnlySqlTransaction)
    assert taken is True


def test_an_event_that_somebody_works_on_is_a_duplicate_and_keeps_nobody_waiting(
    studio: Studio, database_url: str
) -> None:
    async def burst(numbers: range) -> list[bool]:
        async with opened(database_url) as store:
            return await added(store, [an_event(f"evt_{number}") for number in numbers])

    asyncio.run(burst(range(1)))
    with psycopg.connect(database_url) as worker:
        worker.execute("UPDATE stripe_events SET attempts = attempts")
        told = asyncio.run(burst(range(40)))

    assert told == [False] + [True] * 39


@pytest.mark.parametrize("slug", ["nobody", "lumen"])
def test_an_organization_is_found_by_its_slug(studio: Studio, database_url: str, slug: str) -> None:
    async def ask() -> list[int | None]:
        async with opened(database_url) as store:
            return await asyncio.gather(*(store.organization(slug) for _ in range(20)))

    found = set(asyncio.run(ask()))

    expected = {row["id"] for row in studio.rows("SELECT id FROM organizations WHERE slug = %(slug)s", slug=slug)}
    assert found == (expected or {None})
