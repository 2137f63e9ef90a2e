"""Commands are stored by one statement, over connections that come back by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import event, make_url

from db.models import JobStatus
from tests.chaos.proxy import Proxy
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.finisher import Finisher, finish
from tests.webhook_gateway.test_bookings import BODY, stored
from tests.webhook_gateway.test_problem import problem
from tests.webhook_gateway.world import World
from webhook_gateway.gateway import KEY
from webhook_gateway.job_link import Busy, Hasty, Pool
from webhook_gateway.job_listener import JobListener
from webhook_gateway.job_store import JobStore, NewJob, Subject
from worker import clock

NO_PATIENCE: dict[str, Any] = {"patience": 0.01, "seconds": 5.0, "again": True}
END_OTHERS = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
 WHERE application_name = 'punchcard-jobs' AND datname = current_database()
"""


@pytest.fixture
def job(world: World) -> NewJob:
    """Give a command of a student who is there, with a key."""
    lumen = world.organization("lumen")
    world.student(lumen, "ada")
    return NewJob(lumen.id, "ada", "STUDENT ada", "booking.book", {"sessionId": 1}, key="k", fingerprint="f")


@pytest.fixture
def store(database_url: str) -> Iterator[JobStore]:
    store = JobStore(database_url)
    yield store
    store.close()


@pytest.fixture
def listener(app: OpenAPI, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobListener]:
    """Have the gateway listen anew: what ended in other tests had the same ids."""
    listener = JobListener(database_url)
    monkeypatch.setitem(app.extensions, KEY, replace(app.extensions[KEY], listener=listener))
    listener.start()
    assert listener.listening.wait(20)
    yield listener
    listener.close()


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with psycopg.connect(database_url) as connection:
        info = connection.info
        target = f"{info.host}/.s.PGSQL.{info.port}" if info.host.startswith("/") else (info.host, info.port)
    with Proxy(target) as proxy:
        yield proxy


@pytest.fixture
def proxied(proxy: Proxy, database_url: str) -> Iterator[JobStore]:
    """Give a store whose connections may lose what passes them."""
    url = make_url(database_url).set(host="127.0.0.1", port=proxy.port, query={})
    store = JobStore(url.render_as_string(hide_password=False))
    yield store
    store.close()


@pytest.fixture
def statements(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give what is said to the database from here on: by the store, and by everything else of the gateway."""
    said: list[str] = []
    execute = Hasty.execute

    def recorded(self: Hasty, query: Any, *rest: Any, **options: Any) -> Any:
        said.append(query.split()[0])
        return execute(self, query, *rest, **options)

    def other(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(f"other {statement}")

    monkeypatch.setattr(Hasty, "execute", recorded)
    event.listen(world.engine, "before_cursor_execute", other)
    yield said
    event.remove(world.engine, "before_cursor_execute", other)


def end_connections(database_url: str) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute(END_OTHERS).fetchall()
    return int(rows[0][0])


def test_a_command_costs_one_insert_and_at_most_one_look(
    browser: Browser, job: NewJob, statements: list[str], listener: JobListener, database_url: str
) -> None:
    browser.command(body=BODY)
    statements.clear()

    with Finisher(database_url):
        answer = browser.command(body=BODY, headers={"Prefer": "wait=20", "Idempotency-Key": "1"})
    told = list(statements)
    statements.clear()
    replay = browser.command(body=BODY, headers={"Idempotency-Key": "1"})
    replayed = list(statements)
    statements.clear()
    browser.command(body=BODY)

    assert (answer.status_code, replay.status_code) == (201, 201)
    # A look of its own only where the job ended before its waiter stood in the list.
    assert told in (["INSERT"], ["INSERT", "SELECT"])
    assert replayed == ["INSERT", "SELECT"]
    assert statements == ["INSERT"]


def test_a_command_about_a_booking_costs_no_more(browser: Browser, world: World, statements: list[str]) -> None:
    path = f"/api/bookings/{world.a_booking(world.organization('lumen'), 'ada').id}"
    browser.command(path, method="DELETE")
    statements.clear()

    browser.command(path, method="DELETE")
    browser.command(f"{path}/change", BODY, role="staff", sub="desk")

    assert statements == ["INSERT"] * 2


def test_a_job_goes_from_stored_to_finished(store: JobStore, job: NewJob, database_url: str) -> None:
    job_id = store.add(job, at=clock.now())
    assert job_id
    queued = store.outcome(job_id)
    finish(database_url, job_id, tell=False)
    known = store.known(job)

    assert (queued.status, queued.is_finished) == (JobStatus.QUEUED, False)
    assert known
    assert (known.id, known.fingerprint, known.outcome.is_finished) == (job_id, "f", True)
    assert known.outcome.result == '{"booking": {"id": 7}}'
    assert store.add(job, at=clock.now()) is None


@pytest.mark.parametrize(
    "other", [{"key": "other"}, {"caller": "STAFF ada"}, {"kind": "booking.change"}, {"key": None, "fingerprint": None}]
)
def test_another_key_is_another_job(store: JobStore, job: NewJob, other: dict[str, Any]) -> None:
    assert store.add(job, at=clock.now()) != store.add(replace(job, **other), at=clock.now())
    assert store.add(replace(job, **other, request={}), at=clock.now()) is None or other["key"] is None


def test_nothing_is_stored_for_nobody(store: JobStore, job: NewJob, world: World) -> None:
    assert store.add(replace(job, student="bob"), at=clock.now()) is None
    assert store.add(replace(job, about=(Subject.BOOKING, 1)), at=clock.now()) is None
    assert store.known(job) is None
    assert stored(world.engine) == []


def test_connections_that_were_ended_are_made_anew(
    store: JobStore, job: NewJob, world: World, database_url: str
) -> None:
    keyless = replace(job, key=None, fingerprint=None)
    for _ in range(3):
        store.add(keyless, at=clock.now())
        assert end_connections(database_url)

    assert store.add(keyless, at=clock.now())
    assert len(stored(world.engine)) == 4


@pytest.mark.parametrize("key", ["k", None], ids=["with a key", "without one"])
def test_an_answer_that_was_lost_is_asked_for_again_only_with_a_key(
    proxied: JobStore, proxy: Proxy, job: NewJob, world: World, key: str | None
) -> None:
    proxied.add(replace(job, key="before"), at=clock.now())
    job = replace(job, key=key, fingerprint=key)

    proxy.losses = 1
    try:
        told = proxied.add(job, at=clock.now())
    except psycopg.OperationalError:
        told = -1

    # With a key the second try found the first one's row; without one nobody tries for the caller.
    assert told == (None if key else -1)
    assert len(stored(world.engine)) == 2
    assert (proxied.known(job) is not None) == (key is not None)


def test_a_command_whose_answer_was_lost_is_one_job(
    browser: Browser, proxied: JobStore, proxy: Proxy, job: NewJob, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = browser.client.application.extensions[KEY]
    proxied.add(replace(job, key="before"), at=clock.now())
    monkeypatch.setattr(gateway.jobs, "_pool", proxied._pool)  # noqa: SLF001 - the connections that fail

    proxy.losses = 1
    with_key = browser.command(body=BODY, headers={"Idempotency-Key": "1"})
    proxy.losses = 1
    without = browser.command(body=BODY)

    assert with_key.status_code == 202
    assert problem(without) == (503, "database_unavailable")
    assert len(stored(world.engine)) == 3


def test_a_server_that_hangs_is_cut_off_and_left(proxied: JobStore, proxy: Proxy, job: NewJob, world: World) -> None:
    proxied.add(job, at=clock.now())

    assert proxy.darken() == 1
    with pytest.raises(psycopg.OperationalError):
        proxied.known(job)

    assert proxied.known(job)
    assert proxy.dark == 1


def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    store: JobStore, job: NewJob, database_url: str
) -> None:
    store.add(job, at=clock.now())
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE jobs")

        with pytest.raises(psycopg.OperationalError):
            store.add(replace(job, key="2"), at=clock.now())

    assert store.known(replace(job, key="2")) is None


def test_whoever_finds_no_connection_is_told_so(browser: Browser, job: NewJob, database_url: str) -> None:
    pool = Pool(database_url, size=1)
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with pool._taken(1):  # noqa: SLF001 - whoever takes long
            begun.set()
            done.wait(20)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(hold)
        begun.wait(20)
        with pytest.raises(Busy):
            pool.execute("SELECT 1", {}, **NO_PATIENCE)
        done.set()
    assert pool.execute("SELECT 1", {}, **NO_PATIENCE) == [(1,)]
    pool.close()


def test_too_many_at_once_are_told_to_come_back(
    browser: Browser, job: NewJob, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(database_url, size=0)
    monkeypatch.setattr(browser.client.application.extensions[KEY].jobs, "_pool", pool)

    answer = browser.command(body=BODY)

    assert problem(answer) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "5"


def test_a_session_that_may_only_read_is_replaced(store: JobStore, job: NewJob, database_url: str) -> None:
    name = make_url(database_url).database
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                store.add(job, at=clock.now())
        finally:
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    assert store.add(job, at=clock.now())


def test_an_organization_is_asked_for_once(world: World, store: JobStore, statements: list[str]) -> None:
    lumen = world.organization("lumen")
    statements.clear()

    found = [store.organization(slug) for slug in ("lumen", "lumen", "nowhere", "nowhere")]

    assert found == [lumen.id, lumen.id, None, None]
    assert statements == ["SELECT"] * 3


def test_jobs_of_many_threads_share_few_connections(store: JobStore, job: NewJob, world: World) -> None:
    with ThreadPoolExecutor(40) as pool:
        ids = list(pool.map(lambda n: store.add(replace(job, key=str(n)), at=clock.now()), range(300)))

    assert len(set(ids)) == len(stored(world.engine)) == 300
