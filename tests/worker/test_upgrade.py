"""Old and new code at work together: what the old does not know it leaves to the new, and loses nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from freezegun import freeze_time
from sqlalchemy import text

from db.models import Base
from db.transaction import transaction
from domain.inbox.event_replay import replay_all
from domain.inbox.event_view import EventFilter
from domain.purchase import grant_rows
from tests.stripe_objects import Event, body, checkout, event, refund
from tests.studio import Studio
from worker import clock, mail, stripe_event
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch

NEWER = "checkout.session.of_a_newer_version"


def newer() -> Event:
    """An event of a type that this version does not know."""
    return event(NEWER, checkout()["data"]["object"])


def test_an_event_of_a_type_that_only_newer_code_knows_is_kept_and_replayed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = newer()
    studio.deliver(told)
    before = studio.event(told)
    monkeypatch.setitem(stripe_event.READERS, NEWER, stripe_event.READERS["checkout.session.completed"])

    with transaction(studio.engine) as session:
        replayed = replay_all(session, EventFilter(type=NEWER), None, at=clock.now())
    studio.drain()

    assert (before["status"], before["payload"]) == ("IGNORED", body(told))
    assert replayed == 1
    assert studio.event(told)["status"] == "PROCESSED"
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_mail_of_a_kind_that_only_newer_code_knows_waits_for_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as new_code:
        new_code.setattr(grant_rows, "RECEIPT", "purchase.newer_receipt")
        studio.deliver(checkout())
    with freeze_time(clock.now()) as time:
        for _ in range(5):
            relay_batch(NOTIFICATIONS, studio.engine)
            time.tick(timedelta(minutes=2))
        waiting = studio.one("SELECT status, last_error FROM notifications")
        unsent = list(studio.mails())

        monkeypatch.setitem(mail.KINDS, "purchase.newer_receipt", mail.KINDS[grant_rows.RECEIPT])
        studio.relay()

    assert waiting["status"] == "PENDING"
    assert waiting["last_error"].startswith("UnknownKind")
    assert unsent == [], "not sent as another kind"
    assert studio.one("SELECT status FROM notifications")["status"] == "SENT"
    assert len(studio.mails()) == 1


@pytest.fixture
def expanded(studio: Studio) -> Iterator[Studio]:
    """Give a studio whose tables all have a column that the code does not know, added while it was at work."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    # Often enough that the driver has prepared its statements for the tables as they were.
    for number in range(10):
        buy_and_refund(studio, f"before-{number}")
    with studio.engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"ALTER TABLE {table} ADD COLUMN newer text NOT NULL DEFAULT 'of a newer version'"))
    yield studio
    with studio.engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN newer"))


def buy_and_refund(studio: Studio, name: str) -> None:
    studio.deliver(checkout(payment=f"pi_{name}", student=name))
    studio.deliver(refund(f"pi_{name}", refund_id=f"re_{name}", amount=1))


def test_a_schema_that_was_expanded_under_old_code_changes_nothing_for_it(expanded: Studio) -> None:
    for number in range(10):
        buy_and_refund(expanded, f"after-{number}")
    expanded.relay()

    rows = expanded.rows("SELECT status, count(*) AS n FROM stripe_events GROUP BY 1")
    assert [tuple(row.values()) for row in rows] == [("PROCESSED", 40)]
    assert len(expanded.packages()) == 20
    # A receipt of each, and a mail of its refund.
    assert len(expanded.mails()) == 40
    assert expanded.audit() == []
