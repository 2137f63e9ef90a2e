"""Students book, change and cancel while everything under them dies: each command once, in order, nothing oversold."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cli.embedded.broker import EmbeddedBroker
from cli.token import mint
from tests.chaos.bookers import Booker, busy, patrons, progress
from tests.chaos.crew import PATIENCE, Crew, forget_hints
from tests.chaos.flow import END_SESSIONS
from tests.chaos.history import History
from tests.chaos.proxy import Proxy
from tests.chaos.test_outage import ask, running
from tests.chaos.test_worker import is_gone, nobody_writes
from tests.served import JWT_SECRET, Served, environment, served
from tests.stack import NO_ANSWER, Reply, Stack, send, wait_for
from tests.timetable import Timetable
from worker import clock

STUDENTS = 6
# Fewer places than students, and few enough sessions that they get into each other's way.
PLACES, SESSIONS = 3, 5
UNFINISHED = "SELECT count(*) FROM jobs WHERE status IN ('QUEUED', 'RUNNING')"
END_LISTENERS = """
SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'punchcard-listener'
"""


@pytest.fixture(scope="module")
def gateway(database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("bookings")
    with served(environment(database_url, broker_url, folder / "home"), folder / "log") as each:
        yield each


@pytest.fixture
def sessions(timetable: Timetable) -> list[int]:
    return [timetable.session(clock.now() + timedelta(days=3, hours=hour), capacity=PLACES) for hour in range(SESSIONS)]


def token(student: str) -> str:
    return mint(JWT_SECRET, org="lumen", role="student", sub=student)


def students(timetable: Timetable, gateway: Served, sessions: Sequence[int]) -> list[Booker]:
    """Return students of the tests' own studio, who have bought enough."""
    return [Booker(gateway.port, token(each), each, sessions) for each in timetable.students(STUDENTS, "ELITE-30")]


def nothing_was_lost_or_doubled(database_url: str, bookers: Sequence[Booker]) -> None:
    """Assert that every command had one outcome, told the same again, and the students' in order."""
    wait_for(lambda: _unfinished(database_url) == 0, seconds=PATIENCE, what="an outcome of every command")
    assert [command.key for booker in bookers for command in booker.repeat()] == []
    judgement = History.read(database_url, bookers).judge()
    assert judgement.faults == []
    assert judgement.accepted == sum(len(booker.sent) for booker in bookers)


def _unfinished(database_url: str) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(UNFINISHED).fetchone()
    assert row is not None
    return int(row[0])


def test_workers_and_their_children_that_are_killed_amid_bookings_leave_nothing_half_done(
    timetable: Timetable, crew: Crew, gateway: Served, sessions: list[int], database_url: str
) -> None:
    worker, bookers = crew.worker(), students(timetable, gateway, sessions)
    crew.beat()

    with busy(bookers):
        with nobody_writes(timetable.studio, database_url, "package_uses"):
            (child,) = worker.children
            os.kill(child, signal.SIGKILL)
            wait_for(lambda: is_gone(child), seconds=PATIENCE, what="its end")
        progress(bookers)
        with nobody_writes(timetable.studio, database_url, "package_uses"):
            worker.die()
            # Two that may get into each other's way.
            crew.worker(concurrency=2)

    nothing_was_lost_or_doubled(database_url, bookers)
    assert timetable.studio.audit() == []


def test_a_broker_that_forgets_everything_and_dies_costs_no_command(
    timetable: Timetable, crew: Crew, sessions: list[int], database_url: str, tmp_path: Path
) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        environ = environment(database_url, broker.url, tmp_path / "home")
        crew.worker(BROKER_URL=broker.url)
        crew.beat(BROKER_URL=broker.url)
        with served(environ, tmp_path / "gateway.log") as gateway:
            bookers = students(timetable, gateway, sessions)
            with busy(bookers):
                forget_hints(broker.url)
                progress(bookers)
                broker.process.kill()
                broker.process.wait()
                broker.launch()
                broker.wait_until_ready()

            nothing_was_lost_or_doubled(database_url, bookers)
    assert timetable.studio.audit() == []


def test_a_listener_whose_connection_is_ended_again_and_again_keeps_nobody_from_their_answer(
    timetable: Timetable, crew: Crew, gateway: Served, sessions: list[int], database_url: str
) -> None:
    crew.worker()
    bookers, ended = students(timetable, gateway, sessions), 0

    with busy(bookers):
        for _ in range(10):
            ended += timetable.studio.one(END_LISTENERS)["n"]
            time.sleep(0.2)

    assert ended > 3
    nothing_was_lost_or_doubled(database_url, bookers)
    assert sum(booker.answers[0] + booker.answers[503] for booker in bookers) == 0
    assert timetable.studio.audit() == []


def book(gateway: Served, session: int, student: str) -> Reply:
    key = {"Idempotency_Key": f"the-key-of-{student}", "Prefer": "respond-async"}
    return send(gateway.port, "POST", "/api/bookings", {"sessionId": session}, token(student), **key)


@pytest.mark.parametrize(("at", "stored"), [(b"INSERT 0", 1), (b"the-key-of", 0)], ids=["after", "before"])
def test_a_command_whose_gateway_was_killed_around_its_commit_is_one_job_when_it_is_sent_again(
    timetable: Timetable, proxy: Proxy, proxied_url: str, broker_url: str, tmp_path: Path, at: bytes, stored: int
) -> None:
    environ = environment(proxied_url, broker_url, tmp_path / "home")
    (student,), session = timetable.students(1), timetable.session(clock.now() + timedelta(days=3))

    with served(environ, tmp_path / "mortal.log") as mortal, ThreadPoolExecutor(1) as pool:
        before, proxy.dark_at = proxy.dark, at
        unanswered = pool.submit(book, mortal, session, student)
        wait_for(lambda: proxy.dark > before, seconds=PATIENCE, what="the statement")
        for pid in mortal.processes():
            os.kill(pid, signal.SIGKILL)
        proxy.dark_at = None
        assert isinstance(unanswered.exception(), NO_ANSWER)
    jobs = timetable.studio.count("jobs")
    with served(environ, tmp_path / "next.log") as following:
        accepted = book(following, session, student)
        timetable.work()
        replies = [book(following, session, student) for _ in range(2)]

    assert jobs == stored
    assert [each.status for each in (accepted, *replies)] == [202, 201, 201]
    assert replies[0].content == replies[1].content
    assert {each.job for each in replies} == {accepted.job}
    assert timetable.studio.count("jobs") == timetable.active(session) == 1
    assert timetable.studio.audit() == []


def test_gateways_that_are_killed_while_they_answer_double_no_command(stack: Stack) -> None:
    bookers = patrons(stack, "orphan", STUDENTS)

    with busy(bookers):
        main = running(stack, "gateway")
        for pid in (*stack.offspring(main), main):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            progress(bookers)

    nothing_was_lost_or_doubled(stack.database_url, bookers)
    assert sum(booker.answers[0] for booker in bookers) > 0
    assert stack.run("audit").returncode == 0


def test_sessions_that_are_ended_again_and_again_cost_no_command(stack: Stack) -> None:
    bookers, ended = patrons(stack, "ended", STUDENTS), 0

    with busy(bookers):
        for _ in range(4):
            ended += ask(stack, END_SESSIONS)
            progress(bookers)

    assert ended > 4
    nothing_was_lost_or_doubled(stack.database_url, bookers)
    assert stack.run("audit").returncode == 0


def test_a_database_that_is_shut_down_at_once_keeps_every_command_that_was_accepted(stack: Stack) -> None:
    bookers = patrons(stack, "shut", STUDENTS)

    with busy(bookers):
        # An immediate shutdown: no session ends what it does, the log is replayed at the next start.
        os.kill(running(stack, "postgres"), signal.SIGQUIT)

    nothing_was_lost_or_doubled(stack.database_url, bookers)
    assert stack.run("audit").returncode == 0
