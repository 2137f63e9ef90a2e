"""`punchcard messages`: what could not leave is listed, told how to mend and sent again; events are shown live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from cli.embedded.broker import EmbeddedBroker
from config import Settings
from tests.cli.conftest import Punchcard, one_line
from tests.stack import PUNCHCARD, wait_for
from tests.stripe_objects import checkout
from tests.studio import Studio
from worker import runtime


@pytest.fixture
def parked(studio: Studio) -> Studio:
    """Give a studio whose first mail has no address, and whose first event could not leave either."""
    studio.deliver(checkout(payment="pi_1", student="nobody", email=None), checkout(payment="pi_2", student="ada"))
    studio.rows(
        "UPDATE domain_events SET status = 'PARKED', last_error = 'too large'"
        " WHERE id = (SELECT min(id) FROM domain_events)"
    )
    studio.relay()
    return studio


def ids(studio: Studio) -> tuple[str, str]:
    mail = studio.one("SELECT id FROM notifications WHERE status = 'PARKED'")["id"]
    event = studio.one("SELECT id FROM domain_events WHERE status = 'PARKED'")["id"]
    return f"mail-{mail}", f"event-{event}"


def test_what_could_not_leave_is_listed_with_the_reason_and_what_to_do(punchcard: Punchcard, parked: Studio) -> None:
    mail, event = ids(parked)

    said = punchcard("messages", "list", "--status", "parked", "--json")

    rows = {row["id"]: row for row in json.loads(said.out)}
    assert (said.code, set(rows)) == (0, {mail, event})
    assert (rows[mail]["kind"], rows[mail]["student"]) == ("purchase.receipt", "nobody")
    assert "no e-mail address" in rows[mail]["why"]
    assert rows[event]["why"] == "too large"
    assert rows[mail]["what to do"].endswith(f"`punchcard messages retry {mail}`")


def test_everything_is_listed_the_newest_first(punchcard: Punchcard, parked: Studio) -> None:
    assert parked

    rows = json.loads(punchcard("messages", "list", "--json").out)

    assert {row["status"] for row in rows} == {"SENT", "PARKED"}
    assert len(rows) == 4
    assert [row["created"] for row in rows] == sorted((row["created"] for row in rows), reverse=True)
    assert len(json.loads(punchcard("messages", "list", "--json", "--limit", 3).out)) == 3


def test_a_table_is_for_people(punchcard: Punchcard, parked: Studio) -> None:
    mail, _ = ids(parked)

    said = punchcard("messages", "list", "--status", "PARKED")

    assert mail in said.out
    assert "no e-mail address" in said.out
    assert punchcard("messages", "list", "--status", "void").out == "no messages\n"


@pytest.mark.parametrize("why", ["452 at RCPT: over quota [/var/spool/x]", "450 greylisted, see [policy] :smile:"])
def test_a_reason_is_shown_as_it_is_whatever_it_looks_like(punchcard: Punchcard, parked: Studio, why: str) -> None:
    parked.rows("UPDATE notifications SET last_error = %(why)s", why=why)

    said = punchcard("messages", "list")

    assert said.code == 0
    assert why in said.out


def test_what_is_mended_is_sent_again_by_its_id(punchcard: Punchcard, parked: Studio) -> None:
    mail, event = ids(parked)
    parked.rows("UPDATE students SET email = 'now@example.com' WHERE external_id = 'nobody'")

    said = punchcard("messages", "retry", mail, event)
    parked.relay()

    assert (said.code, said.out) == (0, "2 message(s) due\n")
    assert {row["status"] for row in parked.rows("SELECT status FROM notifications")} == {"SENT"}
    assert {row["status"] for row in parked.rows("SELECT status FROM domain_events")} == {"SENT"}


def test_all_that_is_parked_is_sent_again(punchcard: Punchcard, parked: Studio) -> None:
    said = punchcard("messages", "retry", "--all-parked")

    assert (said.code, said.out) == (0, "2 message(s) due\n")
    assert parked.rows("SELECT id FROM notifications WHERE status = 'PARKED'") == []
    assert parked.rows("SELECT id FROM domain_events WHERE status = 'PARKED'") == []


def test_what_was_sent_is_not_sent_again_and_then_nothing_is(punchcard: Punchcard, parked: Studio) -> None:
    mail, _ = ids(parked)
    sent = parked.one("SELECT id FROM notifications WHERE status = 'SENT'")["id"]

    said = punchcard("messages", "retry", mail, f"mail-{sent}", "event-999")

    assert said.code == 1
    assert one_line(said.err)
    assert f"mail-{sent} was sent" in said.err
    assert "event-999 does not exist" in said.err
    assert ids(parked)[0] == mail


@pytest.mark.parametrize(
    "words",
    [
        ("retry",),
        ("retry", "mail-1", "--all-parked"),
        ("retry", "1"),
        ("retry", "letter-1"),
        ("retry", "mail-0"),
        ("tail", "--types", "booking confirmed"),
        ("tail", "--count", "0"),
        ("list", "--status", "lost"),
    ],
)
def test_what_is_no_message_is_a_wrong_use(punchcard: Punchcard, words: tuple[str, ...]) -> None:
    assert punchcard("messages", *words).code == 2


class Tail:
    """`punchcard messages tail`, running."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process, self._out, self._err = process, out, err

    @property
    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    @property
    def complaints(self) -> str:
        return self._err.read_text()


@contextmanager
def tailing(settings: Settings, folder: Path, *words: str, broker: str | None = None) -> Iterator[Tail]:
    out, err = folder / "out", folder / "err"
    environ = {**os.environ, "BROKER_URL": broker or settings.broker_url}
    with out.open("wb") as output, err.open("wb") as errors:
        argv = [str(PUNCHCARD), "messages", "tail", *words]
        process = subprocess.Popen(argv, env=environ, stdout=output, stderr=errors)
    try:
        yield Tail(process, out, err)
    finally:
        process.kill()
        process.wait()


def buy(studio: Studio, *students: str) -> None:
    studio.deliver(*(checkout(payment=f"pi_{each}", student=each) for each in students))
    studio.relay()


def bought_until_heard(studio: Studio, tail: Tail, prefix: str) -> None:
    """Buy until something is heard: when exactly a listener begins to listen, only it knows."""
    bought = iter(range(10_000))

    def heard() -> bool:
        buy(studio, f"{prefix}-{next(bought)}")
        return any(prefix in line for line in tail.lines)

    wait_for(heard, seconds=60, what="an event")


def test_events_are_shown_as_they_leave_until_ctrl_c(studio: Studio, settings: Settings, tmp_path: Path) -> None:
    with tailing(settings, tmp_path, "--types", "package.*, pass.*", "--org", "lumen") as tail:
        bought_until_heard(studio, tail, "ada")
        tail.process.send_signal(signal.SIGINT)
        code = tail.process.wait(20)

    assert code == 0
    assert tail.complaints == ""
    assert all(" lumen package.fulfilled package/" in line for line in tail.lines)


def test_so_many_are_shown_as_they_are_and_of_one_organization(
    studio: Studio, settings: Settings, tmp_path: Path
) -> None:
    words = ("--json", "--count", "2", "--org", "lumen", "--types", "package.fulfilled")
    with tailing(settings, tmp_path, *words) as tail:
        bought_until_heard(studio, tail, "ada")
        bought_until_heard(studio, tail, "bea")
        tail.process.wait(20)

    events = [json.loads(line) for line in tail.lines]
    assert (tail.process.returncode, len(events)) == (0, 2)
    assert {event["specversion"] for event in events} == {"1.0"}
    assert {event["source"] for event in events} == {"/organizations/lumen"}


def test_it_says_how_to_start_a_broker_that_is_away(punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")

    said = punchcard("messages", "tail")

    assert said.code == 1
    assert one_line(said.err)
    assert "start it" in said.err
    assert "BROKER_URL" in said.err


def test_it_goes_on_after_the_broker_was_restarted(
    studio: Studio, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget() -> None:
        runtime.settings.cache_clear()

    with ExitStack() as stack:
        stack.callback(forget)
        with EmbeddedBroker(tmp_path / "broker") as before:
            monkeypatch.setenv("BROKER_URL", before.url)
            forget()
            tail = stack.enter_context(tailing(settings, tmp_path, broker=before.url))
            bought_until_heard(studio, tail, "ada")
        wait_for(lambda: "went away" in tail.complaints, seconds=60, what="the broker's end")
        with EmbeddedBroker(tmp_path / "broker") as after:
            wait_for(lambda: "is back" in tail.complaints, seconds=60, what="the broker's return")
            bought_until_heard(studio, tail, "bea")

    assert after.url == before.url
    first, second, *_ = tail.complaints.splitlines()
    assert ("went away" in first, "is back" in second) == (True, True)


def test_it_goes_on_after_a_redis_was_emptied(studio: Studio, settings: Settings, tmp_path: Path) -> None:
    with tailing(settings, tmp_path) as tail:
        bought_until_heard(studio, tail, "ada")
        with redis.Redis.from_url(settings.broker_url) as broker:
            broker.flushall()

        bought_until_heard(studio, tail, "bea")

    assert tail.complaints == ""
