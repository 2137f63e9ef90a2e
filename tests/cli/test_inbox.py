"""`punchcard events` and `punchcard jobs`: what came in, and again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.cli.conftest import Punchcard, one_line, organization, product, written
from tests.stripe_objects import body, checkout
from tests.studio import Studio


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
