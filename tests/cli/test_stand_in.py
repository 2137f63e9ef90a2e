"""The Stripe of the demo: when there is one, where, and how the others find it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import config
from cli.stand_in import StandIn, stand_in
from config import Settings
from tests.fakestripe import FakeStripe
from tests.stack import free_port, wait_for

BASE = "http://127.0.0.1:8000"


def beside(settings: Settings, **environ: str) -> StandIn:
    found = stand_in(settings, environ, base_url=BASE)
    assert found
    return found


@pytest.mark.parametrize("name", ["STRIPE_API_KEY", "STRIPE_API_BASE"])
def test_who_has_a_stripe_needs_none(settings: Settings, name: str) -> None:
    assert stand_in(settings, {name: "something"}, base_url=BASE) is None


def test_without_a_secret_of_the_platforms_nobody_would_take_its_webhooks(settings: Settings) -> None:
    assert stand_in(replace(settings, platform_secrets=()), {}, base_url=BASE) is None


def test_it_is_beside_the_gateway_or_where_there_is_room(settings: Settings) -> None:
    port = free_port()
    free = beside(replace(settings, port=port - 1))
    with socket.create_server(("127.0.0.1", port)):
        taken = beside(replace(settings, port=port - 1))

    assert free.port == port
    assert taken.port not in {port, 0}
    assert 0 < beside(replace(settings, port=65_535)).port < 65_535


def test_no_list_of_processes_shows_a_secret(settings: Settings) -> None:
    stripe = beside(settings)

    words = " ".join(stripe.child().argv)

    assert stripe.key not in words
    assert stripe.secret not in words
    assert stripe.variables == {"STRIPE_API_KEY": stripe.key, "STRIPE_API_BASE": stripe.base}


@pytest.mark.parametrize(
    ("key", "mode"), [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("sk_fake_1", None), ("", None)]
)
def test_a_key_says_which_mode_it_is_for_or_nothing(settings: Settings, key: str, mode: bool | None) -> None:  # noqa: FBT001
    assert settings

    assert config.load({**os.environ, "STRIPE_API_KEY": key}).livemode is mode


def test_the_process_serves_and_keeps_what_it_has(settings: Settings, tmp_path: Path) -> None:
    stripe = replace(beside(settings), port=free_port(), data=tmp_path / "stripe.db", webhook_url="http://127.0.0.1:1/")
    child = stripe.child()
    fake = FakeStripe(stripe.base, stripe.key)

    made = []
    for _ in range(2):
        with subprocess.Popen([*child.argv], env=dict(child.env)) as process:
            wait_for(lambda: _answers(stripe.port), what="a Stripe")
            made.append(len(fake.listed("/v1/products")))
            fake.client().v1.products.create({"name": "A"})
            process.terminate()
            assert process.wait(15) == 0

    assert made == [0, 1]


def test_the_supervisor_imports_none_of_it() -> None:
    code = "import cli.up, sys, json; print(json.dumps([each for each in sys.modules]))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert not {"fake_stripe", "flask", "werkzeug", "sqlite3"}.intersection(json.loads(said.stdout))


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
