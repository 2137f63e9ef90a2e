"""`punchcard events` and `punchcard jobs`: what came in, and again."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import redis
from psycopg.types.json import Jsonb

from tests.cli.conftest import Punchcard, one_line, organization, product, written
from tests.stripe_objects import body, checkout
from tests.studio import Studio
from worker import clock

NO_SEAT = {"code": "session_full", "status": 409}
FAULT = {"code": "internal_error", "status": 500}


def test_events_are_listed_for_people_and_for_programs(punchcard: Punchcard, studio: Studio) -> None:
    empty = punchcard("events", "list")
    good, bad = checkout(), checkout("NONE-1", payment="pi_2")
    studio.deliver(good, bad)

    table = punchcard("events", "list")
    every = json.loads(punchcard("events", "list", "--json").out)
    failed = json.loads(punchcard("events", "list", "--status", "failed", "--json").out)
    newest = json.loads(punchcard("events", "list", "--limit", "1", "--json").out)
    older = json.loads(punchcard("events", "list", "--after", newest[0]["id"], "--json").out)
    others = json.loads(punchcard("events", "list", "--type", "customer.created", "--json").out)

    assert empty.out == "no events\n"
    assert table.out.count("\n") > 2
    assert "PROCESSED" in table.out
    assert "FAILED" in table.out
    assert [(row["organization"], row["status"]) for row in every] == [("lumen", "FAILED"), ("lumen", "PROCESSED")]
    assert "NONE-1" in failed[0]["why"]
    assert newest + older == every
    assert failed == every[:1]
    assert others == []


def test_an_event_is_shown_with_what_was_signed(punchcard: Punchcard, studio: Studio) -> None:
    told = checkout("NONE-1")
    studio.deliver(told)

    said = punchcard("events", "show", studio.event(told)["id"])

    assert said.code == 0
    assert "error_code: unknown_product\n" in said.out
    assert said.out.endswith(body(told).decode() + "\n")


def test_an_event_is_replayed_once_its_cause_is_mended(
    punchcard: Punchcard, studio: Studio, broker_url: str, tmp_path: Path
) -> None:
    told = checkout(currency="usd")
    studio.deliver(told)
    parked = studio.event(told)
    prices = [product("EXPLORER-5", currency="USD")]
    lumen = organization("lumen", name="Lumen", products=prices)
    punchcard("catalog", "apply", written(tmp_path / "catalog.yaml", {"organizations": [lumen]}))
    with redis.Redis.from_url(broker_url) as broker:
        broker.flushall()

        said = punchcard("events", "replay", parked["id"])

        assert broker.llen("stripe") == 1
    studio.drain()
    assert parked["error_code"] == "currency_mismatch"
    assert (said.code, said.out) == (0, "1 event(s) due\n")
    assert studio.event(told)["status"] == "PROCESSED"
    assert studio.packages() == [("EXPLORER-5", "ada")]


@pytest.mark.parametrize("number", [999, 2**31, 2**63 - 1])
def test_what_nobody_stored_is_exit_1(punchcard: Punchcard, studio: Studio, number: int) -> None:
    told = checkout("NONE-1")
    studio.deliver(told)

    shown = punchcard("events", "show", number)
    replayed = punchcard("events", "replay", studio.event(told)["id"], number)
    job = punchcard("jobs", "show", number)

    for said in (shown, replayed, job):
        assert (said.code, said.out) == (1, "")
        assert one_line(said.err)
        assert str(number) in said.err
    assert studio.event(told)["status"] == "FAILED", "of several all are replayed, or none"


@pytest.mark.usefixtures("engine")
def test_jobs_are_listed(punchcard: Punchcard) -> None:
    assert punchcard("jobs", "list").out == "no jobs\n"
    assert json.loads(punchcard("jobs", "list", "--json").out) == []


@pytest.mark.parametrize(
    "words",
    [
        "jobs retry",
        "jobs retry 1 --code failed",
        "jobs retry 0",
        "events list --status lost",
        "events list --limit 201",
        "events show one",
        "events show 0",
        "events show 9223372036854775808",
        "events replay 1 9223372036854775808",
        "jobs show 9223372036854775808",
        "events list --after 9223372036854775808",
        "jobs list --limit 0",
        "nothing",
    ],
)
def test_wrong_words_are_wrong_use(punchcard: Punchcard, words: str) -> None:
    assert punchcard(*words.split()).code == 2


def test_all_that_failed_for_one_reason_are_replayed_together_after_a_dry_run(
    punchcard: Punchcard, studio: Studio
) -> None:
    good = checkout(payment="pi_good")
    bad = [checkout("LATE-1", payment=f"pi_{number}", amount=10_000) for number in range(3)]
    studio.deliver(good, *bad, checkout(currency="usd", payment="pi_other"))

    dry = punchcard("events", "replay", "--code", "unknown_product", "--dry-run")
    still = [studio.event(each)["status"] for each in bad]
    real = punchcard("events", "replay", "--code", "unknown_product")

    assert dry.out == "3 event(s) would be due\n"
    assert still == ["FAILED"] * 3
    assert real.out == "3 event(s) due\n"
    assert [studio.event(each)["status"] for each in bad] == ["RECEIVED"] * 3
    assert studio.event(good)["status"] == "PROCESSED"


def test_a_replay_without_ids_and_without_a_filter_is_wrong_use(punchcard: Punchcard, studio: Studio) -> None:
    said = punchcard("events", "replay")

    assert said.code == 2
    assert one_line(said.err)


def job(studio: Studio, status: str = "FAILED", **columns: Any) -> int:
    """Store a command of lumen; one that failed did so by a fault of ours, unless its columns say otherwise."""
    failed = {"error_code": "failed", "last_error": "ValueError", "problem": FAULT, "attempts": 5}
    values: dict[str, Any] = {"kind": "booking.book", "caller": "STUDENT ada", "request": {}, "status": status}
    values |= {"due_at": clock.now(), "received_at": clock.now(), "organization_id": 1, "finished_at": clock.now()}
    values |= (failed if status == "FAILED" else {}) | columns
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    row = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in values.items()}
    return int(studio.one(f"INSERT INTO jobs ({names}) VALUES ({places}) RETURNING id", **row)["id"])


def refused_job(studio: Studio, **columns: Any) -> int:
    return job(studio, error_code="session_full", last_error="no seat", problem=NO_SEAT, **columns)


def statuses(studio: Studio) -> list[str]:
    return [row["status"] for row in studio.rows("SELECT status FROM jobs ORDER BY id")]


def test_a_job_that_failed_by_our_fault_is_due_again_as_if_it_were_new(punchcard: Punchcard, studio: Studio) -> None:
    failed, lost = job(studio), job(studio, error_code="worker_lost", sweeps=3)

    said = punchcard("jobs", "retry", failed, lost)

    assert (said.code, said.out, said.err) == (0, "2 job(s) due\n", "")
    for row in studio.rows("SELECT * FROM jobs"):
        assert (row["status"], row["attempts"], row["sweeps"]) == ("QUEUED", 0, 0)
        assert (row["problem"], row["finished_at"]) == (None, None)
        assert row["due_at"] <= clock.now()
        assert row["last_error"] == "ValueError", "it stays to be read until the job succeeds"


def test_what_the_rules_refused_is_not_run_again_and_neither_is_what_was_named_with_it(
    punchcard: Punchcard, studio: Studio
) -> None:
    ours, full = job(studio), refused_job(studio)
    waiting, done = job(studio, "QUEUED", finished_at=None), job(studio, "SUCCEEDED", result={"booking": 1})

    said = punchcard("jobs", "retry", ours, full, waiting, done, 999)

    assert (said.code, said.out) == (1, "")
    assert one_line(said.err)
    assert f"job {full} ended in session_full: the rules said no, which is final" in said.err
    assert f"job {waiting} is QUEUED" in said.err
    assert f"job {done} succeeded" in said.err
    assert "job 999 does not exist" in said.err
    assert f"job {ours} " not in said.err
    assert statuses(studio) == ["FAILED", "FAILED", "QUEUED", "SUCCEEDED"]


def test_a_failure_without_a_code_is_not_taken_for_ours(punchcard: Punchcard, studio: Studio) -> None:
    unknown = job(studio, error_code=None, problem={"status": 500})

    by_id, by_kind = punchcard("jobs", "retry", unknown), punchcard("jobs", "retry", "--kind", "booking.book")

    assert (by_id.code, by_kind.code) == (1, 1)
    assert "no code" in by_id.err
    assert "1 ended in no code" in by_kind.err
    assert statuses(studio) == ["FAILED"]


def test_jobs_are_retried_by_kind_and_code_after_a_dry_run(punchcard: Punchcard, studio: Studio) -> None:
    job(studio)
    job(studio, error_code="worker_lost")
    job(studio, kind="booking.cancel")
    refused_job(studio)

    dry = punchcard("jobs", "retry", "--kind", "booking.book", "--dry-run")
    untouched = statuses(studio)
    by_code = punchcard("jobs", "retry", "--code", "worker_lost")
    by_kind = punchcard("jobs", "retry", "--kind", "booking.book")
    refused = punchcard("jobs", "retry", "--code", "session_full")

    assert (dry.code, dry.out) == (0, "2 job(s) would be due\n")
    assert untouched == ["FAILED"] * 4
    assert by_code.out == "1 job(s) due\n"
    assert (by_kind.code, by_kind.out) == (0, "1 job(s) due\n")
    assert "1 ended in session_full" in by_kind.err
    assert (refused.code, refused.out) == (1, "")
    assert one_line(refused.err)
    assert statuses(studio) == ["QUEUED", "QUEUED", "FAILED", "FAILED"]


def test_a_retry_wakes_the_queue_and_a_dry_run_does_not(punchcard: Punchcard, studio: Studio, broker_url: str) -> None:
    failed = job(studio)
    with redis.Redis.from_url(broker_url) as broker:
        broker.flushall()

        punchcard("jobs", "retry", failed, "--dry-run")
        dry = broker.llen("bookings")
        punchcard("jobs", "retry", failed)

        assert (dry, broker.llen("bookings")) == (0, 1)


def test_jobs_are_listed_and_shown_for_people_and_for_programs(punchcard: Punchcard, studio: Studio) -> None:
    full, waiting = refused_job(studio), job(studio, "QUEUED", finished_at=None)

    rows = json.loads(punchcard("jobs", "list", "--json").out)
    failed = json.loads(punchcard("jobs", "list", "--code", "session_full", "--json").out)
    shown = json.loads(punchcard("jobs", "show", full, "--json").out)
    read = punchcard("jobs", "show", full)

    assert [row["id"] for row in rows] == [waiting, full]
    assert [bool(row["next attempt"]) for row in rows] == [True, False]
    assert failed == rows[1:]
    assert failed[0]["why"] == "session_full: no seat"
    assert (shown["organization"], shown["status"], shown["problem"]) == ("lumen", "FAILED", NO_SEAT)
    assert "error_code: session_full\n" in read.out


def test_an_event_is_shown_to_programs_with_what_was_signed(punchcard: Punchcard, studio: Studio) -> None:
    told = checkout("NONE-1")
    studio.deliver(told)
    number = studio.event(told)["id"]

    shown = json.loads(punchcard("events", "show", number, "--json").out)
    studio.rows("UPDATE stripe_events SET payload = %(bytes)s", bytes=b'\xff{"a": NaN}')
    unreadable = json.loads(punchcard("events", "show", number, "--json").out)

    assert shown["payload"] == json.loads(body(told))
    assert (shown["error_code"], shown["status"]) == ("unknown_product", "FAILED")
    assert "payload" not in unreadable
    assert base64.b64decode(unreadable["payload_base64"]) == b'\xff{"a": NaN}'


def test_what_an_event_said_is_deleted_after_a_time(punchcard: Punchcard, studio: Studio) -> None:
    gone, young = checkout(), checkout(payment="pi_2")
    studio.deliver(gone, young)
    studio.rows(
        "UPDATE stripe_events SET payload = NULL, payload_hash = sha256(payload) WHERE event_id = %(id)s", id=gone["id"]
    )
    number = studio.event(gone)["id"]

    shown, told = punchcard("events", "show", number), punchcard("events", "show", number, "--json")
    replayed = punchcard("events", "replay", number, studio.event(young)["id"])
    untouched = studio.event(young)["status"]
    several = punchcard("events", "replay", "--status", "processed")
    none = punchcard("events", "replay", "--status", "processed")

    digest = sha256(body(gone)).hexdigest()
    assert digest in shown.out
    assert json.loads(told.out)["payload_sha256"] == digest
    assert (replayed.code, replayed.out, untouched) == (1, "", "PROCESSED")
    assert one_line(replayed.err)
    assert f"resend {gone['id']} from Stripe" in replayed.err
    assert (several.code, several.out) == (0, "1 event(s) due\n")
    assert "1 event(s) were handled long ago" in several.err
    assert (none.code, none.out) == (1, "")
