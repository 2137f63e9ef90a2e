"""Workers that are killed, frozen and cut off at the worst moment: what they had begun takes effect once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from cli.embedded.broker import EmbeddedBroker
from config import Settings
from tests.chaos.crew import PATIENCE, Crew, hint, wake
from tests.chaos.faulty import freezing, killing
from tests.chaos.proxy import Proxy, address
from tests.stack import wait_for
from tests.stripe_objects import checkout
from tests.studio import Studio
from worker.hints import Hints
from worker.inbox import MAX_ATTEMPTS

RESTARTS = 5

WAITING = """
SELECT count(*) AS n FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'punchcard-worker' AND wait_event_type = 'Lock'
"""


@contextmanager
def nobody_writes(studio: Studio, database_url: str, table: str) -> Iterator[None]:
    """Hold a table that a drain writes late, and begin once one waits for it: it is amid its transaction."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        wait_for(lambda: studio.one(WAITING)["n"], seconds=PATIENCE, what="a drain amid its transaction")
        yield


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def once(studio: Studio) -> None:
    """Assert that Ada's purchase took effect, and once."""
    wait_for(studio.packages, seconds=PATIENCE, what="the package")
    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.count("notifications") == 1
    assert studio.count("domain_events") == 1
    assert studio.one("SELECT status, attempts FROM stripe_events") == {"status": "PROCESSED", "attempts": 0}
    assert studio.audit() == []


def test_a_worker_killed_amid_a_drain_leaves_it_to_the_next_and_its_child_ends(
    studio: Studio, crew: Crew, database_url: str
) -> None:
    worker = crew.worker()
    studio.receive(checkout())
    hint("stripe")

    with nobody_writes(studio, database_url, "student_packages"):
        orphans = worker.children
        worker.die()
        crew.worker()
        crew.beat()

    once(studio)
    wait_for(lambda: all(map(is_gone, orphans)), seconds=PATIENCE, what="the end of the orphans")


def test_a_child_killed_amid_a_drain_is_replaced_and_the_drain_done_again(
    studio: Studio, crew: Crew, database_url: str
) -> None:
    worker = crew.worker()
    crew.beat()
    studio.receive(checkout())

    with nobody_writes(studio, database_url, "student_packages"):
        (child,) = worker.children
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: is_gone(child), seconds=PATIENCE, what="its end")

    once(studio)
    assert child not in worker.children


def test_a_row_that_kills_its_worker_is_parked_and_purchases_flow_meanwhile(
    studio: Studio, crew: Crew, tmp_path: Path
) -> None:
    deadly = killing("worker.stripe_inbox:read", "pi_poison", tmp_path / "deaths", times=1_000)
    # A lost child costs the hint that it held some seconds; the others take the next one.
    crew.worker("stripe", concurrency=4, faults=(deadly,))
    crew.worker("notifications,maintenance")
    crew.beat()
    poison = checkout(payment="pi_poison")
    studio.receive(poison)
    sent = 0

    while studio.event(poison)["status"] == "RECEIVED" and sent < 5 * PATIENCE:
        sent += 1
        studio.receive(checkout(payment=f"pi_{sent}", student=f"student-{sent}"))
        hint("stripe")
        time.sleep(0.2)

    parked, deaths = studio.event(poison), len(deadly.pids)
    wait_for(lambda: len(studio.packages()) == sent, seconds=PATIENCE, what="everybody else's package")
    meanwhile = "SELECT count(*) AS n FROM stripe_events WHERE status = 'PROCESSED' AND finished_at < %(at)s"
    assert (parked["status"], parked["error_code"], parked["attempts"]) == ("FAILED", "worker_lost", MAX_ATTEMPTS)
    assert studio.one(meanwhile, at=parked["finished_at"])["n"] > 0
    # Each death had a hint, ours or a sweep's: there was no loop of its own.
    assert MAX_ATTEMPTS <= deaths <= 2 * sent + 10
    assert len(deadly.pids) == deaths


def test_a_worker_frozen_before_its_commit_is_replaced_and_commits_nothing_when_it_wakes(
    studio: Studio, crew: Crew, tmp_path: Path
) -> None:
    # When it marks its row, all that follows from it is written.
    frozen = freezing("worker.inbox:update", "StripeEvent", tmp_path / "frozen")
    sleeper = crew.worker(faults=(frozen,))
    studio.receive(checkout())
    hint("stripe")
    (pid,) = wait_for(lambda: frozen.pids, seconds=PATIENCE, what="the freeze")

    crew.worker()
    crew.beat()
    once(studio)
    wake(pid)

    wait_for(lambda: b"inbox.batch_failed" in sleeper.log.read_bytes(), seconds=PATIENCE, what="its failure")
    once(studio)


def test_every_worker_consumes_again_after_each_restart_of_the_broker(
    studio: Studio, crew: Crew, tmp_path: Path
) -> None:
    outages = random.Random(8)
    with EmbeddedBroker(tmp_path / "broker") as broker:
        for queues in ("stripe,bookings", "notifications,maintenance"):
            crew.worker(queues, BROKER_URL=broker.url)
        crew.beat(BROKER_URL=broker.url)
        for number in range(RESTARTS):
            broker.process.kill()
            broker.process.wait()
            studio.receive(checkout(payment=f"pi_{number}", student=f"student-{number}"))
            time.sleep(outages.uniform(0, 0.7))
            broker.launch()
            broker.wait_until_ready()

            # On its way to a mail a purchase passes the beat, both workers, and all of their queues.
            wait_for(lambda number=number: len(studio.mails()) > number, seconds=PATIENCE, what="the mail")  # type: ignore[misc]

    assert len(studio.packages()) == RESTARTS
    assert studio.audit() == []


def test_a_worker_whose_broker_dies_amid_a_drain_consumes_again(
    studio: Studio, crew: Crew, database_url: str, tmp_path: Path
) -> None:
    studio.receive(checkout(payment="pi_during", student="during"))
    with EmbeddedBroker(tmp_path / "broker") as broker:
        crew.worker(BROKER_URL=broker.url)
        Hints(broker.url).send("stripe")
        with nobody_writes(studio, database_url, "student_packages"):
            broker.process.kill()
            broker.process.wait()
        # The task ends while there is nobody who could take its acknowledgement.
        wait_for(studio.packages, seconds=PATIENCE, what="the first package")
        time.sleep(0.5)
        broker.launch()
        broker.wait_until_ready()

        studio.receive(checkout(payment="pi_after", student="after"))
        crew.beat(BROKER_URL=broker.url)

        wait_for(lambda: len(studio.packages()) == 2, seconds=PATIENCE, what="the second package")
    assert studio.audit() == []


def test_broker_connections_that_go_dark_are_replaced(studio: Studio, crew: Crew, settings: Settings) -> None:
    with Proxy(address(settings.broker_url)) as proxy:
        # Ten seconds are little more than one here. Where the product sets no limit there is none.
        crew.worker(haste=8, BROKER_URL=f"redis://127.0.0.1:{proxy.port}/0")
        studio.receive(checkout(payment="pi_before", student="before"))
        hint("stripe")
        wait_for(lambda: len(studio.mails()) == 1, seconds=PATIENCE, what="the first mail")
        assert proxy.darken() > 1

        studio.receive(checkout(payment="pi_after", student="after"))
        crew.beat()

        wait_for(lambda: len(studio.packages()) == 2, seconds=45, what="the second package")
    assert studio.audit() == []
