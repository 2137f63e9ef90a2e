"""`punchcard stripe setup`: an endpoint with exactly what is handled; and what the doctor says of it."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import stripe

from cli.doctor_stripe import key_mode
from config import read_env_file
from tests.cli.conftest import Punchcard, one_line
from tests.fakestripe import FakeStripe, fake
from worker.stripe_endpoint import reads_version
from worker.stripe_event import HANDLED

__all__ = ["fake"]
URL = "https://lumen.example/webhooks/stripe"


@pytest.fixture
def at_stripe(fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> FakeStripe:
    """Give a Stripe that the commands ask."""
    monkeypatch.setenv("STRIPE_API_KEY", fake.key)
    monkeypatch.setenv("STRIPE_API_BASE", fake.base)
    return fake


def endpoint(fake: FakeStripe, **members: Any) -> dict[str, Any]:
    wanted: Any = {"url": URL, "enabled_events": list(HANDLED), "api_version": stripe.api_version} | members
    return fake.found(f"webhook_endpoints/{fake.client().v1.webhook_endpoints.create(wanted).id}")


def standing(fake: FakeStripe) -> list[dict[str, Any]]:
    return fake.listed("/v1/webhook_endpoints")


def test_an_endpoint_is_made_with_exactly_what_is_handled_and_its_secret_shown_once(
    punchcard: Punchcard, at_stripe: FakeStripe
) -> None:
    made = punchcard("stripe", "setup", "--url", URL)
    again = punchcard("stripe", "setup", "--url", URL)

    (found,) = standing(at_stripe)
    assert (made.code, again.code) == (0, 0)
    assert (sorted(found["enabled_events"]), found["api_version"]) == (sorted(HANDLED), stripe.api_version)
    assert "STRIPE_WEBHOOK_SECRETS=whsec_" in made.out
    assert "whsec_" not in made.err
    assert "nothing to change" in again.out
    assert "whsec_" not in again.out + again.err


def test_one_that_stands_is_changed_to_exactly_the_list_and_enabled(
    punchcard: Punchcard, at_stripe: FakeStripe
) -> None:
    old = endpoint(at_stripe, enabled_events=[*HANDLED[1:], "charge.succeeded"])
    at_stripe.client().v1.webhook_endpoints.update(old["id"], {"disabled": True})

    said = punchcard("stripe", "setup", "--url", URL)

    (found,) = standing(at_stripe)
    assert (sorted(found["enabled_events"]), found["status"]) == (sorted(HANDLED), "enabled")
    assert said.out.splitlines()[1:] == [f"added {HANDLED[0]}", "removed charge.succeeded", "enabled it again"]


def test_a_slash_behind_the_address_makes_no_second_endpoint(punchcard: Punchcard, at_stripe: FakeStripe) -> None:
    punchcard("stripe", "setup", "--url", URL)

    again = punchcard("stripe", "setup", "--url", f"{URL}/")

    assert (again.code, [each["url"] for each in standing(at_stripe)]) == (0, [URL])
    assert "nothing to change" in again.out


def test_an_endpoint_with_a_slash_behind_its_address_is_moved(punchcard: Punchcard, at_stripe: FakeStripe) -> None:
    endpoint(at_stripe, url=f"{URL}/")

    said = punchcard("stripe", "setup", "--url", URL)

    (found,) = standing(at_stripe)
    assert (said.code, found["url"]) == (0, URL)
    assert f"moved to {URL}" in said.out


def test_it_is_found_again_without_its_url_but_not_another_installations(
    punchcard: Punchcard, at_stripe: FakeStripe
) -> None:
    nothing = punchcard("stripe", "setup")
    made = json.loads(punchcard("stripe", "setup", "--url", URL, "--json").out)
    found = json.loads(punchcard("stripe", "setup", "--json").out)
    punchcard("stripe", "setup", "--url", "https://other.example/webhooks/stripe")
    two = punchcard("stripe", "setup")

    assert (nothing.code, two.code) == (2, 2)
    assert one_line(nothing.err)
    assert made["created"]
    assert made["secret"].startswith("whsec_")
    assert (found["id"], found["created"], found["secret"]) == (made["id"], False, None)
    assert len(standing(at_stripe)) == 2


def test_the_secret_is_saved_beside_the_others_where_the_stack_is_our_own(
    punchcard: Punchcard, at_stripe: FakeStripe, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(home, monkeypatch)

    plain = json.loads(punchcard("stripe", "setup", "--url", URL, "--save", "--json").out)
    owned = json.loads(punchcard("stripe", "setup", "--url", f"{URL}/lumen-two", "--save", "--json").out)

    values = read_env_file(home)
    assert plain["saved"]
    assert values["STRIPE_WEBHOOK_SECRETS"] == f"whsec_first,{plain['secret']}"
    assert (owned["variable"], values[owned["variable"]]) == ("STRIPE_WEBHOOK_SECRETS__LUMEN_TWO", owned["secret"])
    assert stat.S_IMODE((home / "env").stat().st_mode) == 0o600


def published(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a stack of this folder run, as far as the commands can see."""
    home.mkdir()
    names = ("DATABASE_URL", "BROKER_URL", "JWT_SECRET")
    lines = [f"{name}=x" if name == "JWT_SECRET" else f"{name}={URLS[name]}" for name in names]
    (home / "env").write_text("\n".join([*lines, "STRIPE_WEBHOOK_SECRETS=whsec_first"]) + "\n")
    for name in (*names, "STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRETS__THRIVE"):
        monkeypatch.delenv(name)


URLS = {"DATABASE_URL": "postgresql:///none", "BROKER_URL": "redis://127.0.0.1:1"}


def test_more_secrets_than_are_tried_are_not_saved(
    punchcard: Punchcard, at_stripe: FakeStripe, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(home, monkeypatch)
    for n in range(3):
        said = punchcard("stripe", "setup", "--url", f"https://{n}.example/webhooks/stripe", "--save")

    assert len(read_env_file(home)["STRIPE_WEBHOOK_SECRETS"].split(",")) == 3
    assert "not saved" in said.err
    assert "whsec_" not in said.err


@pytest.mark.parametrize(
    "url",
    [
        *("", "lumen.example", "ftp://lumen.example/webhooks/stripe", "https://lumen.example", f"{URL}/a/b", f"{URL}x"),
        *(f"{URL}?a=b", f"{URL}#a", "https://lumen.example:99999/webhooks/stripe", "https:///webhooks/stripe"),
    ],
)
def test_an_address_that_is_no_webhooks_is_wrong_use(punchcard: Punchcard, at_stripe: FakeStripe, url: str) -> None:
    said = punchcard("stripe", "setup", "--url", url)

    assert (said.code, one_line(said.err)) == (2, True)
    assert standing(at_stripe) == []


def doctor(punchcard: Punchcard) -> dict[str, dict[str, str]]:
    rows = json.loads(punchcard("doctor", "--json").out)
    return {row["check"]: row for row in rows if row["check"].startswith("stripe")}


def test_the_doctor_finds_the_endpoint_that_setup_made(punchcard: Punchcard, at_stripe: FakeStripe) -> None:
    punchcard("stripe", "setup", "--url", URL)

    said = doctor(punchcard)

    assert punchcard("doctor").code == 0
    assert {row[""] for row in said.values()} == {"ok"}
    assert said["stripe endpoint"]["found"] == f"{URL}, with exactly the {len(HANDLED)} types"
    assert said["stripe version"]["found"] == f"{URL} sends {stripe.api_version}"


def test_the_doctor_says_without_a_key_what_is_off(punchcard: Punchcard) -> None:
    said = doctor(punchcard)

    assert list(said) == ["stripe"]
    assert "Checkouts and refunds are off" in said["stripe"]["found"]


def test_the_doctor_names_each_fault_of_an_endpoint(punchcard: Punchcard, at_stripe: FakeStripe) -> None:
    endpoint(at_stripe, enabled_events=[*HANDLED[1:], "charge.succeeded"], api_version="2014-01-31")

    said = doctor(punchcard)

    assert (said["stripe endpoint"][""], said["stripe version"][""]) == ("WRONG", "WRONG")
    assert f"it is not sent {HANDLED[0]}" in said["stripe endpoint"]["found"]
    assert "it is sent charge.succeeded, which nobody handles" in said["stripe endpoint"]["found"]
    assert f"punchcard stripe setup --url {URL}" in said["stripe endpoint"]["mend"]
    assert punchcard("doctor").code == 1


def test_the_doctor_names_an_endpoint_that_is_disabled(punchcard: Punchcard, at_stripe: FakeStripe) -> None:
    old = endpoint(at_stripe)
    at_stripe.client().v1.webhook_endpoints.update(old["id"], {"disabled": True})

    said = doctor(punchcard)["stripe endpoint"]

    assert (said[""], said["found"]) == ("WRONG", f"{URL} is disabled: nothing is sent")


def test_the_doctor_lets_other_endpoints_be(punchcard: Punchcard, at_stripe: FakeStripe) -> None:
    endpoint(at_stripe, url="https://shop.example/hooks", enabled_events=["charge.succeeded"])

    said = doctor(punchcard)["stripe endpoint"]

    assert said["found"].startswith("none posts to /webhooks/stripe")


@pytest.mark.parametrize(("livemode", "word"), [("true", "WRONG"), ("false", "ok")])
def test_the_doctor_compares_the_modes(
    punchcard: Punchcard, at_stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, livemode: str, word: str
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_of_another_account")
    monkeypatch.setenv("STRIPE_LIVEMODE", livemode)

    said = doctor(punchcard)

    assert said["stripe mode"][""] == word
    assert (said["stripe answers"][""], "mend STRIPE_API_KEY") == ("WRONG", said["stripe answers"]["mend"])
    assert "sk_test" not in json.dumps(said)


def test_the_doctor_waits_for_stripe_five_seconds_at_the_most(
    punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dripping() as base:
        monkeypatch.setenv("STRIPE_API_KEY", "sk_fake_x")
        monkeypatch.setenv("STRIPE_API_BASE", base)

        said = doctor(punchcard)

    assert said["stripe answers"]["found"] == "Stripe does not answer within 5 s"


@contextmanager
def dripping() -> Iterator[str]:
    """Give a server that takes eight seconds for an answer, a byte at a time: no limit of a read would notice."""
    body = b" " * 40 + b'{"object": "list", "data": [], "has_more": false}'
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                for byte in body[:40]:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.2)
                connection.sendall(body[40:])

        threading.Thread(target=drip, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("key", "mode"),
    [("sk_live_x", True), ("rk_live_x", True), ("sk_test_x", False), ("sk_fake_x", None), ("sk", None), ("", None)],
)
def test_a_key_says_its_mode(key: str, *, mode: bool | None) -> None:
    assert key_mode(key) is mode


@pytest.mark.parametrize(
    ("version", "is_read"),
    [(None, True), ("2020-08-27", True), ("2025-03-31.basil", True), ("2019-12-03", False), ("2099-01-01.x", False)],
)
def test_versions_that_are_read(version: str | None, *, is_read: bool) -> None:
    assert reads_version(version, stripe.api_version) is is_read
