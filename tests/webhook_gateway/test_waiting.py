"""Whoever waits for a job is woken by its end, whenever that comes; and nobody waits for ever."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import Engine

from db.models import Job, Organization, Student
from tests.stack import wait_for
from tests.webhook_gateway.finisher import Finisher, finish
from tests.webhook_gateway.world import World
from webhook_gateway import job_listener, waiting
from webhook_gateway.gateway import KEY, MAX_WAITING, Gateway
from webhook_gateway.job_listener import REMEMBERED, JobListener
from webhook_gateway.job_store import NewJob, Outcome
from webhook_gateway.waiting import CannotWait, outcome_within
from worker import clock

BURST = 300
# Longer than any test: whoever was not told would show.
NEVER = 100.0
LISTENERS = """
SELECT pid FROM pg_stat_activity WHERE application_name = 'punchcard-listener' AND datname = current_database()
"""


@pytest.fixture
def gateway(app: OpenAPI, settings: object, database_url: str) -> Iterator[Gateway]:
    """Give the application's gateway, with a listener of its own that listens."""
    shared: Gateway = app.extensions[KEY]
    own = replace(shared, listener=JobListener(database_url))
    own.listener.start()
    assert own.listener.listening.wait(20)
    yield own
    own.listener.close()


@pytest.fixture
def ada(world: World) -> Student:
    return world.student(world.organization("lumen"), "ada")


@pytest.fixture
def job(world: World, ada: Student, engine: Engine) -> Job:
    lumen = Organization(id=ada.organization_id)
    return world.job(lumen, ada)


class Looks:
    """How often, and why, waiters looked at their jobs since."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._before = self._counted()

    def _counted(self) -> dict[str, float]:
        lines = self._gateway.metrics._registry.collect()  # noqa: SLF001 - without asking the database
        samples = [each for metric in lines if metric.name == "punchcard_job_wakeups" for each in metric.samples]
        return {each.labels["by"]: each.value for each in samples if each.name.endswith("_total")}

    def since(self) -> dict[str, float]:
        counted = {by: value - self._before.get(by, 0) for by, value in self._counted().items()}
        return {by: value for by, value in counted.items() if value}


def listeners(database_url: str) -> set[int]:
    with psycopg.connect(database_url) as connection:
        return {row[0] for row in connection.execute(LISTENERS)}


def in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_burst_of_jobs_that_end_at_any_moment_wakes_everybody(
    gateway: Gateway, ada: Student, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", NEVER)
    looks, chance = Looks(gateway), random.Random(7)
    pauses = [chance.choice([0, 0, 0, 0.001, 0.005, 0.02, 0.05]) for _ in range(BURST)]

    def command(pause: float) -> Outcome | None:
        new = NewJob(ada.organization_id, "ada", "STUDENT ada", "booking.book", {})
        job_id = gateway.jobs.add(new, at=clock.now())
        assert job_id
        # Here a request is between its commit and its wait: many jobs end meanwhile.
        time.sleep(pause)
        return outcome_within(gateway, job_id, NEVER)

    with Finisher(database_url), ThreadPoolExecutor(MAX_WAITING - 5) as pool:
        outcomes = list(pool.map(command, pauses))

    assert all(outcome and outcome.is_finished for outcome in outcomes)
    assert looks.since() == {"notification": BURST}


def test_a_job_that_ended_before_anybody_waited_is_known(gateway: Gateway, job: Job, database_url: str) -> None:
    looks = Looks(gateway)
    finish(database_url, job.id)
    wait_for(lambda: job.id in gateway.listener._ended, what="the notification")  # noqa: SLF001

    outcome = outcome_within(gateway, job.id, NEVER)

    assert outcome
    assert looks.since() == {"notification": 1}


def test_a_notification_that_was_lost_costs_one_look(
    gateway: Gateway, job: Job, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.05)
    looks = Looks(gateway)
    finish(database_url, job.id, tell=False)

    assert outcome_within(gateway, job.id, NEVER)
    assert looks.since() == {"time": 1}


def test_whoever_is_woken_for_nothing_waits_on(gateway: Gateway, job: Job, database_url: str) -> None:
    looks = Looks(gateway)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(outcome_within, gateway, job.id, NEVER)
        wait_for(lambda: gateway.listener._waiting, what="the waiter")  # noqa: SLF001
        gateway.listener.tell([job.id])
        wait_for(lambda: looks.since().get("notification"), what="the look")
        finish(database_url, job.id)

        outcome = waiter.result()

    assert outcome
    assert outcome.is_finished
    assert looks.since()["notification"] >= 2


def test_all_who_wait_for_one_job_are_woken(
    gateway: Gateway, job: Job, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", NEVER)
    with ThreadPoolExecutor(20) as pool:
        waiters = [pool.submit(outcome_within, gateway, job.id, NEVER) for _ in range(20)]
        wait_for(lambda: len(gateway.listener._waiting.get(job.id, ())) == 20, what="the waiters")  # noqa: SLF001
        finish(database_url, job.id)

        assert all(waiter.result() for waiter in waiters)
    assert gateway.listener._waiting == {}  # noqa: SLF001


def test_no_more_than_forty_wait(gateway: Gateway, job: Job, database_url: str) -> None:
    with ThreadPoolExecutor(MAX_WAITING) as pool:
        waiters = [pool.submit(outcome_within, gateway, job.id, NEVER) for _ in range(MAX_WAITING)]
        wait_for(
            lambda: len(gateway.listener._waiting.get(job.id, ())) == MAX_WAITING,  # noqa: SLF001
            what="the waiters",
        )
        with pytest.raises(CannotWait):
            outcome_within(gateway, job.id, NEVER)
        finish(database_url, job.id)

        assert all(waiter.result() for waiter in waiters)
    assert outcome_within(gateway, job.id, NEVER)


def test_whoever_does_not_wait_takes_no_place(gateway: Gateway, job: Job) -> None:
    assert outcome_within(gateway, job.id, 0) is None
    assert gateway.listener._waiting == {}  # noqa: SLF001


def test_waiting_ends_with_its_time_and_with_the_database(gateway: Gateway, job: Job) -> None:
    assert outcome_within(gateway, job.id, 0.05) is None

    away = replace(gateway, jobs=type(gateway.jobs)("postgresql://127.0.0.1:1/nothing"))
    with pytest.raises(CannotWait):
        outcome_within(away, job.id, 0.05)


def test_a_listener_that_was_ended_comes_back(
    gateway: Gateway, job: Job, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", NEVER)
    before = listeners(database_url)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(outcome_within, gateway, job.id, NEVER)
        wait_for(lambda: gateway.listener._waiting, what="the waiter")  # noqa: SLF001
        with psycopg.connect(database_url) as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [list(before)])
        # While nobody hears it.
        finish(database_url, job.id)

        # Whoever waits looks once the listener is back, and what ends from then on is heard.
        assert waiter.result()
    wait_for(lambda: listeners(database_url) - before, what="a new listener")


@pytest.mark.parametrize("payload", ["", ",", "x", "1,x", "99999999999999999999", "-1", "\u0661", "1 2"])
def test_what_nobody_says_harms_nobody(gateway: Gateway, job: Job, database_url: str, payload: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_notify('jobs', %s)", [payload])
    finish(database_url, job.id)

    assert outcome_within(gateway, job.id, NEVER)
    assert gateway.listener.listening.is_set()


def test_what_is_remembered_is_bounded(database_url: str) -> None:
    listener = JobListener(database_url)

    listener.tell(range(3 * REMEMBERED))

    assert len(listener._ended) == REMEMBERED  # noqa: SLF001
    assert 3 * REMEMBERED - 1 in listener._ended  # noqa: SLF001


def test_a_database_that_is_away_is_tried_again_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_listener, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(job_listener, "LONGEST_PAUSE_SECONDS", 0.004)
    listener = JobListener("postgresql://127.0.0.1:1/nothing")
    pauses: list[float | None] = []
    sleep = listener._closing.wait  # noqa: SLF001

    def recorded(pause: float | None = None) -> bool:
        pauses.append(pause)
        return sleep(pause)

    monkeypatch.setattr(listener._closing, "wait", recorded)  # noqa: SLF001
    listener.start()
    wait_for(lambda: len(pauses) >= 4, what="four tries")
    listener.close()

    assert pauses[:4] == [0.002, 0.004, 0.004, 0.004]
    assert not listener.listening.is_set()


def test_there_is_one_listener_however_many_ask(gateway: Gateway) -> None:
    running = gateway.listener._thread  # noqa: SLF001

    threads = [in_thread(gateway.listener.start) for _ in range(20)]
    for thread in threads:
        thread.join()

    assert gateway.listener._thread is running  # noqa: SLF001


def test_a_forked_process_listens_for_itself(gateway: Gateway, job: Job, database_url: str) -> None:
    before = listeners(database_url)
    fork = multiprocessing.get_context("fork")

    def wait_in_child() -> None:
        with gateway.listener.waiting_for(job.id) as waiter:
            # Once because it listens now, and once because it was told.
            wait_for(lambda: waiter.woken.wait(1) and job.id in gateway.listener._ended, what="the end")  # noqa: SLF001

    child = fork.Process(target=wait_in_child)
    child.start()
    wait_for(lambda: listeners(database_url) - before, what="the child's listener")
    finish(database_url, job.id)
    child.join(30)

    assert child.exitcode == 0
    assert gateway.listener.listening.is_set()
