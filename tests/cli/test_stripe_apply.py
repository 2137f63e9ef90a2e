"""What is fed is stored as the webhook would have stored it; and each account is asked as itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

import config
from cli.stripe_apply import Intake
from config import Settings
from tests.cli.conftest import Punchcard
from tests.stripe_objects import Event, checkout
from tests.studio import Studio
from worker.hints import Hints

BOTH = {"STRIPE_WEBHOOK_SECRETS": "whsec_platform", "STRIPE_WEBHOOK_SECRETS__THRIVE": "whsec_thrive"}
OWN = {"STRIPE_WEBHOOK_SECRETS__THRIVE": "whsec_thrive"}


def taken_in(studio: Studio, settings: Settings, account: str | None, *events: Event) -> Intake:
    intake = Intake(studio.engine, settings, Hints(settings.broker_url))
    intake.feed(account, list(events))
    return intake


@pytest.mark.parametrize(
    ("secrets", "account", "owner"),
    [(BOTH, None, None), (BOTH, "acct_thrive", "thrive"), (BOTH, "acct_other", None), (OWN, None, "thrive")],
    ids=["the platform's", "an account's own", "an account without a secret", "the only secret's"],
)
def test_an_event_has_the_scope_of_the_secret_that_would_have_signed_it(
    studio: Studio, settings: Settings, secrets: dict[str, str], account: str | None, owner: str | None
) -> None:
    studio.rows("UPDATE organizations SET stripe_account_id = 'acct_thrive' WHERE slug = 'thrive'")
    urls = {"DATABASE_URL": settings.database_url, "BROKER_URL": settings.broker_url, "JWT_SECRET": "x" * 32}
    event = checkout()

    taken_in(studio, config.load(urls | secrets), account, event)

    row = studio.event(event)
    found = studio.rows("SELECT id FROM organizations WHERE slug = %(slug)s", slug=owner)
    wanted = found[0]["id"] if found else None
    assert (row["scope"], row["organization_id"], row["account"]) == (wanted or 0, wanted, account)
    assert (row["type"], row["livemode"], row["payment_key"]) == (event["type"], event["livemode"], "pi_1")
    assert json.loads(row["payload"]) == event


def test_what_the_inbox_has_under_another_scope_is_left_alone(studio: Studio, settings: Settings) -> None:
    event = checkout()
    thrive = studio.one("SELECT id FROM organizations WHERE slug = 'thrive'")["id"]
    studio.receive(event, scope=thrive, organization=thrive)

    intake = taken_in(studio, settings, None, event)

    assert (intake.taken_in, intake.given, studio.count("stripe_events")) == (0, 1, 1)


def test_what_is_larger_than_a_webhook_may_be_is_left(studio: Studio, settings: Settings) -> None:
    huge, small = checkout(client_reference_id="x" * 1_100_000), checkout(payment="pi_2")

    intake = taken_in(studio, settings, None, huge, small)

    assert (intake.taken_in, intake.too_large) == (1, 1)


def test_each_account_is_asked_as_itself(punchcard: Punchcard, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.rows("UPDATE organizations SET stripe_account_id = 'acct_thrive' WHERE slug = 'thrive'")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_fake_x")
    with empty_stripe() as (base, asked):
        monkeypatch.setenv("STRIPE_API_BASE", base)
        said = punchcard("stripe", "reconcile")
        whole = {(path, account) for path, account in asked}
        asked.clear()
        punchcard("stripe", "reconcile", "--org", "thrive")

    assert said.code == 0
    paths = {path for path, _ in whole}
    assert {"/v1/events", "/v1/payment_intents", "/v1/refunds", "/v1/disputes", "/v1/invoices"} <= paths
    assert whole == {(path, account) for path in paths for account in (None, "acct_thrive")}
    assert {account for _, account in asked} == {"acct_thrive"}


@contextmanager
def empty_stripe() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Give a server whose every list is empty, and what it was asked for, each with the account."""
    asked: list[tuple[str, str | None]] = []
    body = b'{"object": "list", "data": [], "has_more": false, "url": "/v1"}'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path.partition("?")[0], self.headers.get("Stripe-Account")))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
