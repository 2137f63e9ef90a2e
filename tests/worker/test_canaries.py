"""No secret and nobody's data in logs, messages, errors and lists, whatever fails (RELIABILITY, invariant I8)."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from freezegun import freeze_time
from kombu import Connection, Queue
from sqlalchemy.orm import Session

import tasks.stripe
from db.models import Student
from db.transaction import Rows, fetch
from tests import canaries
from tests.canaries import leaked
from tests.cli.conftest import Punchcard
from tests.cli.conftest import punchcard as punchcard  # noqa: PLC0414 - a fixture
from tests.stack import PUNCHCARD, free_port, wait_for
from tests.stripe_objects import Event, checkout, dispute, intent, refund
from tests.studio import Studio
from worker import clock, log, runtime, stripe_api
from worker.app import app
from worker.event_bus import EXCHANGE
from worker.inbox import MAX_ATTEMPTS, Outcomes, drain_batch
from worker.stripe_calls import make_calls
from worker.stripe_inbox import STRIPE_EVENTS

# Where a frontend's own name of a student stands, which is told to it, and names of ours that lists show.
TOLD = {("data", "object", "client_reference_id"), ("data", "object", "metadata", "student_id"), ("type",), ("id",)}
LISTS = (
    "SELECT last_error, error_code FROM stripe_events",
    "SELECT last_error, error_code FROM jobs",
    "SELECT last_error FROM notifications",
    "SELECT last_error FROM domain_events",
)


@pytest.fixture
def logs() -> Iterator[StringIO]:
    """Log as our processes do, into a text that must hold no canary in the end."""
    root, configuration = logging.getLogger(), structlog.get_config()
    level, told = root.level, StringIO()
    # The mail server of the tests, which is none of our processes.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    configure(told, "json")
    yield told
    root.handlers.clear()
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = True
    structlog.configure(**configuration)
    assert leaked(told.getvalue()) == []


def configure(told: StringIO, form: str) -> None:
    log.configure(level="debug", form=form)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(told)


def columns(studio: Studio) -> str:
    """Return everything that lists show of what failed."""
    return json.dumps([studio.rows(statement) for statement in LISTS], ensure_ascii=False, default=str)


def everything() -> str:
    return " ".join(canaries.ALL)


def refuse_all(_session: Session, rows: Rows, _at: datetime) -> Outcomes:
    whose = everything()
    raise ValueError(f"{whose} of {rows}")


def break_a_constraint(session: Session, _rows: Rows, _at: datetime) -> Outcomes:
    """Have the database say whom it knows already: a violation's detail shows the row's values."""
    values = {"name": canaries.NAME, "email": canaries.EMAIL, "id": canaries.CARD, "at": clock.now()}
    for _ in range(2):
        fetch(
            session,
            "INSERT INTO students (organization_id, external_id, name, email, created_at)"
            " VALUES (1, %(id)s, %(name)s, %(email)s, %(at)s)",
            **values,
        )
    return {}


def break_a_constraint_of_the_orm(session: Session, _rows: Rows, _at: datetime) -> Outcomes:
    for _ in range(2):
        student = Student(organization_id=1, external_id=canaries.CARD, name=canaries.NAME, created_at=clock.now())
        session.add(student)
    session.flush()
    return {}


def say_what_cannot_be_read(session: Session, _rows: Rows, _at: datetime) -> Outcomes:
    fetch(session, "SELECT %(text)s::text::int", text=everything())
    return {}


@pytest.mark.parametrize(
    ("handle", "named"),
    [
        (refuse_all, "ValueError at tests.worker.test_canaries"),
        (break_a_constraint, "UniqueViolation 23505 uq_students_"),
        (break_a_constraint_of_the_orm, "IntegrityError 23505 uq_students_"),
        (say_what_cannot_be_read, "InvalidTextRepresentation 22P02"),
    ],
)
def test_a_failing_handler_is_told_by_its_type_and_place_alone(
    studio: Studio, punchcard: Punchcard, logs: StringIO, handle: Any, named: str
) -> None:
    studio.receive(checkout(email=canaries.EMAIL))
    inbox = replace(STRIPE_EVENTS, handle=handle)

    with freeze_time(clock.now()) as time:
        for _ in range(MAX_ATTEMPTS):
            drain_batch(inbox, studio.engine)
            time.tick(120)

    event = studio.one("SELECT * FROM stripe_events")
    listed = punchcard("events", "list").out + punchcard("events", "list", "--json").out
    assert event["status"] == "FAILED"
    assert event["last_error"].startswith(named)
    assert named in listed
    assert leaked(columns(studio) + listed) == []
    told = logs.getvalue()
    assert "inbox.row_failed" in told
    assert named in told


def test_a_task_that_fails_is_told_without_what_it_says(
    studio: Studio, logs: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise ValueError(everything())

    monkeypatch.setattr(tasks.stripe, "note_drain", fail)
    app.finalize()

    app.tasks["stripe.drain"].apply()

    told = logs.getvalue()
    assert "Task stripe.drain[" in told
    assert "ValueError at tests.worker.test_canaries" in told


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_shows_no_text_of_an_exception_no_local_and_nothing_of_a_secrets_shape(logs: StringIO, form: str) -> None:
    configure(logs, form)
    ours, library = structlog.get_logger("ours"), logging.getLogger("library")
    whose = everything()

    try:
        refuse_all(None, [], clock.now())  # type: ignore[arg-type] # it needs none
    except ValueError as error:
        ours.exception("it.failed")
        ours.error("it.failed", exc_info=error)
        ours.error("it.failed", error=error, shown=[" ".join(canaries.SHAPED), error])
        library.exception("failed: %r (%s)", error, error, stack_info=True)
        library.error("the message was:\n%s", whose)
        library.warning("connecting to redis://:%s@127.0.0.1 as %s", canaries.PASSWORD, canaries.EMAIL)

    told = logs.getvalue()
    assert told.count("\n") == 6, "a line each, without a trace"
    assert told.count("ValueError at tests.worker.test_canaries") == 5


def fields(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Return where an event holds a text."""
    if isinstance(node, str):
        yield path
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in members:
        yield from fields(value, (*path, name))


def with_canary(event: Event, path: tuple[str | int, ...], canary: str, number: int) -> Event:
    """Return an event of a payment of its own, with a canary in one of its fields."""
    changed: Event = json.loads(json.dumps(event).replace("pi_1", f"pi_{number}").replace("re_1", f"re_{number}"))
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = canary
    return changed | {"id": f"evt_canary_{number}"}


def published(connection: Connection, queue: Any) -> Iterator[str]:
    while message := queue.get(no_ack=True):
        yield str(message.body) + str(message.headers) + str(message.properties)


def test_a_canary_in_any_field_of_an_event_is_read_in_no_list_no_log_and_no_message(
    studio: Studio, punchcard: Punchcard, logs: StringIO
) -> None:
    stories = (checkout(), intent(product_code="EXPLORER-5", org="lumen", student_id="ada"), refund(), dispute())
    places = [(story, path) for story in stories for path in fields(story) if path not in TOLD]
    pairs = [(*each, canary) for each in places for canary in (canaries.SHAPED[len(each[1]) % 7], canaries.EMAIL)]
    spoiled = [with_canary(*each, number) for number, each in enumerate(pairs, start=10)]
    with Connection(runtime.settings().broker_url) as connection:
        listener = Queue("test.canaries", EXCHANGE, routing_key="#").bind(connection.channel())
        listener.declare()

        studio.deliver(*spoiled, *stories)
        studio.relay()
        runtime.hints().send("stripe")

        messages = "".join(published(connection, listener))
        listener.delete()

    outcomes = {row["error_code"] for row in studio.rows("SELECT DISTINCT error_code FROM stripe_events")}
    every = "".join(punchcard("events", "list", "--limit", 200, *form).out for form in ((), ("--json",)))
    with redis.Redis.from_url(runtime.settings().broker_url) as broker:
        hinted = "".join(
            message.decode() + base64.b64decode(json.loads(message)["body"]).decode()
            for message in broker.lrange("stripe", 0, -1)
        )
    assert len(spoiled) > 100
    assert {"unknown_product", "unreadable_event", "unknown_organization"} <= outcomes
    assert "package.fulfilled" in messages
    assert "stripe.drain" in hinted
    assert leaked(columns(studio) + every + punchcard("audit").out + messages + hinted) == []
    assert "inbox.parked" in logs.getvalue()


class Postmaster:
    """A mail server that repeats in its answers whom and what it was told."""

    answer = "550 5.1.1"
    lets_in = True

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, _envelope: Any, address: str, _options: Any
    ) -> str:
        return f"{self.answer} <{address}>: {canaries.NAME} {canaries.PASSWORD} is not known here"

    def authenticate(self, *_arguments: Any) -> AuthResult:
        return AuthResult(success=self.lets_in, handled=False, message=f"535 5.7.8 {canaries.PASSWORD} is wrong")


@pytest.mark.parametrize(
    ("answer", "lets_in", "status"),
    [("550 5.1.1", True, "PARKED"), ("451 4.7.1", True, "PENDING"), ("550", False, "PENDING")],
)
def test_a_mail_server_that_repeats_the_address_or_the_password_is_not_quoted(
    studio: Studio, logs: StringIO, monkeypatch: pytest.MonkeyPatch, *, answer: str, lets_in: bool, status: str
) -> None:
    master = Postmaster()
    master.answer, master.lets_in = answer, lets_in
    options: Any = {"authenticator": master.authenticate, "auth_require_tls": False}
    event = checkout(email=canaries.EMAIL)
    event["data"]["object"]["customer_details"]["name"] = canaries.NAME
    server = Controller(master, hostname="127.0.0.1", port=free_port(), **options)
    server.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://ada:{canaries.PASSWORD}@127.0.0.1:{server.port}")
    runtime.settings.cache_clear()
    try:
        studio.deliver(event)
        studio.relay()
    finally:
        server.stop()

    row = studio.one("SELECT status, last_error FROM notifications")
    assert row["status"] == status
    assert row["last_error"]
    assert leaked(columns(studio)) == []
    assert "outbox." in logs.getvalue()


class Stripe(BaseHTTPRequestHandler):
    """Answers as Stripe does to a key that it does not take, and repeats it."""

    status = 401

    def do_GET(self) -> None:
        said = {"error": {"type": "invalid_request_error", "message": f"Invalid key {everything()}"}}
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_arguments: Any) -> None:
        """Keep quiet."""


@pytest.mark.parametrize(("status", "code"), [(401, "stripe_unavailable"), (403, "stripe_unavailable"), (500, None)])
def test_stripes_answers_are_not_quoted_and_neither_is_the_key(
    studio: Studio, logs: StringIO, monkeypatch: pytest.MonkeyPatch, status: int, code: str | None
) -> None:
    handler = type("Handler", (Stripe,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("STRIPE_API_KEY", canaries.API_KEY)
        monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("STRIPE_LIVEMODE", "false")
        runtime.settings.cache_clear()
        stripe_api.client.cache_clear()

        studio.deliver(checkout(None, email=canaries.EMAIL))
        make_calls(studio.engine)
        server.shutdown()
    stripe_api.client.cache_clear()

    assert studio.one("SELECT error_code FROM stripe_events")["error_code"] == code
    assert leaked(columns(studio)) == []
    assert "stripe." in logs.getvalue()


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_a_process_that_finds_neither_database_nor_broker_names_no_password(tmp_path: Path, process: str) -> None:
    environ = {
        "PATH": os.defpath,
        "PUNCHCARD_HOME": str(tmp_path),
        "DATABASE_URL": f"postgresql://punchcard:{canaries.PASSWORD}@127.0.0.1:1/none",
        "BROKER_URL": f"redis://punchcard:{canaries.PASSWORD}@127.0.0.1:1/0",
        "SMTP_URL": f"smtp://punchcard:{canaries.PASSWORD}@127.0.0.1:1",
        "JWT_SECRET": canaries.NAME.encode("ascii", "replace").decode(),
        "STRIPE_WEBHOOK_SECRETS": canaries.WEBHOOK_SECRET,
        "STRIPE_API_KEY": canaries.API_KEY,
        "LOG_LEVEL": "debug",
    }
    output = tmp_path / "log"
    with output.open("wb") as file:
        running = subprocess.Popen([PUNCHCARD, process], env=environ, stdout=file, stderr=file)
    try:
        wait_for(lambda: "127.0.0.1:1" in output.read_text(), what="the broker is missed")
    finally:
        running.terminate()
        running.wait(30)

    assert leaked(output.read_text()) == []
