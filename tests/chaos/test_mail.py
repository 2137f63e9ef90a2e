"""Mail and domain events that leave by a real server and a real relay: again if in doubt, under the same id."""

from __future__ import annotations

import asyncio
import email
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import policy
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from kombu import Connection, Queue

from config import Settings
from tests.chaos.crew import PATIENCE, Crew, hint, wake
from tests.chaos.faulty import freezing, killing
from tests.stack import free_port, wait_for
from tests.stripe_objects import checkout
from tests.studio import Studio
from tests.worker.mailserver import bare, silent
from worker.drain import SLICE_SECONDS
from worker.event_bus import EXCHANGE
from worker.outbox import BATCH_SECONDS, LEASE_SECONDS
from worker.smtp import QUIT_SECONDS, SMTP_TIMEOUT_SECONDS
from worker.smtp_client import MESSAGE_SECONDS

TAKEN = "250 OK"
# Longer than any sender waits, which is a second here.
SILENCE = 5


class Postbox:
    """A mail server with a mood for each address: its answer to the nth copy, None where it hangs up instead."""

    def __init__(self) -> None:
        self.copies: dict[str, list[str]] = defaultdict(list)
        self.moods: dict[str, Callable[[int], str | None]] = {}
        self.silent_for: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address in self.silent_for:
            await asyncio.sleep(SILENCE)
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        (address,) = envelope.rcpt_tos
        copies = self.copies[address]
        copies.append(email.message_from_bytes(envelope.content, policy=policy.default)["Message-ID"])
        mood = self.moods.get(address)
        answer = mood(len(copies)) if mood else TAKEN
        if answer is None:
            server.transport.abort()
        return answer or TAKEN

    def ids(self, address: str) -> set[str]:
        return set(self.copies[address])


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def smtp_url(box: Postbox) -> Iterator[str]:
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def buy(studio: Studio, *students: str) -> None:
    studio.deliver(*(checkout(payment=f"pi_{each}", student=each, email=f"{each}@example.com") for each in students))


def mail(studio: Studio, student: str) -> dict[str, Any]:
    return studio.one(
        "SELECT n.* FROM notifications n JOIN students s ON s.id = n.student_id WHERE s.external_id = %(student)s",
        student=student,
    )


def sent_now(studio: Studio, student: str) -> bool:
    """Say whether a mail was sent, and let it be due if not, whatever delay it has."""
    studio.rows("UPDATE notifications SET due_at = created_at WHERE status = 'PENDING' AND lease_until IS NULL")
    hint("notifications")
    return bool(mail(studio, student)["status"] == "SENT")


def wait_until(studio: Studio, status: str, *students: str) -> None:
    def reached() -> bool:
        return all(mail(studio, each)["status"] == status for each in students)

    wait_for(reached, seconds=PATIENCE, what=f"{status} for {students}")


def test_a_moody_server_gets_the_same_mail_again_and_keeps_no_other_waiting(
    studio: Studio, crew: Crew, box: Postbox, smtp_url: str
) -> None:
    others = [f"student-{number}" for number in range(10)]
    box.moods["busy@example.com"] = lambda copy: "451 later" if copy == 1 else TAKEN
    box.moods["lost@example.com"] = lambda copy: None if copy == 1 else TAKEN
    box.silent_for.add("hung@example.com")
    buy(studio, "hung", "busy", "lost", *others)

    crew.worker(SMTP_URL=smtp_url)
    crew.beat()

    wait_until(studio, "SENT", "busy", "lost", *others)
    waiting = mail(studio, "hung")
    failures = waiting["attempts"] - (waiting["lease_until"] is not None)
    assert waiting["status"] == "PENDING"
    assert waiting["due_at"] - waiting["created_at"] >= timedelta(seconds=2**failures if failures else 0)
    assert {row["status"] for row in studio.rows("SELECT status FROM domain_events")} == {"SENT"}
    box.silent_for.clear()
    wait_for(lambda: sent_now(studio, "hung"), seconds=PATIENCE, what="the last mail")
    assert all(len(box.ids(f"{each}@example.com")) == 1 for each in ("hung", "busy", "lost", *others))
    assert all(len(box.copies[f"{each}@example.com"]) >= 2 for each in ("busy", "lost"))


def test_events_leave_while_a_mail_server_hangs(studio: Studio, crew: Crew) -> None:
    with bare(silent) as (port, seen):
        crew.worker(SMTP_URL=f"smtp://127.0.0.1:{port}")
        crew.beat()
        for student in ("ada", "bea", "cai"):
            studio.receive(checkout(payment=f"pi_{student}", student=student, email=f"{student}@example.com"))
            hint("stripe")
            wait_for(partial(told, studio, student), seconds=PATIENCE, what=f"the event of {student}")
        wait_for(lambda: len(seen) >= 2, seconds=PATIENCE, what="a second try")

    rows = studio.rows("SELECT status, attempts - (lease_until IS NOT NULL)::int AS attempts FROM notifications")
    assert [(row["status"], row["attempts"]) for row in rows] == [("PENDING", 0)] * 3


def told(studio: Studio, student: str) -> bool:
    """Say whether an event of a student has left."""
    return bool(
        studio.rows(
            "SELECT e.id FROM domain_events e JOIN students s ON s.id = e.student_id"
            " WHERE s.external_id = %(student)s AND e.status = 'SENT'",
            student=student,
        )
    )


def test_a_relay_whose_every_mail_hangs_ends_before_its_time_limit_and_that_before_its_leases(
    settings: Settings,
) -> None:
    limit = import_module("tasks.outbox").relay.time_limit

    # The last turn begins as the slice ends: fresh ones for a batch's time and one more, and one that was tried
    # before; each finds the connection gone, and makes a new one.
    longest = SLICE_SECONDS + BATCH_SECONDS + 2 * (SMTP_TIMEOUT_SECONDS + MESSAGE_SECONDS) + QUIT_SECONDS

    assert longest < limit < LEASE_SECONDS


def test_a_relay_killed_between_sending_and_marking_sends_again_under_the_same_id(
    studio: Studio, crew: Crew, box: Postbox, smtp_url: str, settings: Settings, tmp_path: Path
) -> None:
    buy(studio, "ada")
    faults = tuple(killing("worker.outbox:_mark", name, tmp_path / name) for name in ("DomainEvent", "Notification"))
    with Connection(settings.broker_url) as connection:
        listener = Queue("test.listener", EXCHANGE, routing_key="package.#").bind(connection.channel())
        listener.declare()
        crew.worker(SMTP_URL=smtp_url, faults=faults)
        crew.beat()

        wait_until(studio, "SENT", "ada")
        wait_for(lambda: studio.one("SELECT status FROM domain_events")["status"] == "SENT", seconds=PATIENCE)
        events = [listener.get(no_ack=True), listener.get(no_ack=True)]
        listener.delete()

    assert [len(fault.pids) for fault in faults] == [1, 1]
    assert len(box.copies["ada@example.com"]) >= 2
    assert box.ids("ada@example.com") == {f"<{mail(studio, 'ada')['message_id']}@localhost>"}
    message_id = str(studio.one("SELECT message_id FROM domain_events")["message_id"])
    assert [event.payload["id"] for event in events if event is not None] == [message_id] * 2
    assert mail(studio, "ada")["crashes"] >= 1


def test_a_relay_that_was_frozen_beyond_its_lease_marks_nothing_when_it_wakes(
    studio: Studio, crew: Crew, box: Postbox, smtp_url: str, tmp_path: Path
) -> None:
    buy(studio, "ada")
    frozen = freezing("worker.outbox:_mark", "Notification", tmp_path / "frozen")
    crew.worker("notifications", SMTP_URL=smtp_url, faults=(frozen,))
    hint("notifications")
    (pid,) = wait_for(lambda: frozen.pids, seconds=PATIENCE, what="the freeze")

    # Its copy was taken, and it would mark it so; who has the lease now hears otherwise.
    box.moods["ada@example.com"] = lambda _: "550 moved"
    others = [crew.worker(SMTP_URL=smtp_url), crew.beat()]
    wait_until(studio, "PARKED", "ada")
    for each in others:
        each.die()
    wake(pid)

    # What it does next, it does after its mark.
    buy(studio, "bea")
    wait_for(lambda: sent_now(studio, "bea"), seconds=PATIENCE, what="a mail")
    assert mail(studio, "ada")["status"] == "PARKED"
    assert "550" in mail(studio, "ada")["last_error"]
    assert len(box.ids("ada@example.com")) == 1
