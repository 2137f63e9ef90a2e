"""What leaves: leased, sent with an id that stays, marked by who holds the lease."""

from __future__ import annotations

import email
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from freezegun import freeze_time
from kombu import Connection, Queue
from sqlalchemy import Engine

from config import Settings
from tests.stack import free_port
from tests.stripe_objects import checkout, intent, refund
from tests.studio import Studio
from worker import runtime
from worker.event_bus import DOMAIN_EVENTS, EXCHANGE
from worker.mail import NOTIFICATIONS
from worker.outbox import Outbox, Undeliverable, relay_batch


def read(path: Path) -> EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=policy.default)


def content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_receipt_is_written_with_what_the_student_holds(studio: Studio) -> None:
    studio.deliver(checkout())

    studio.relay()

    (path,) = studio.mails()
    mail = read(path)
    text = content(mail, "plain")
    assert mail["To"] == "Ada Example <ada@example.com>"
    assert "Explorer 5" in mail["Subject"]
    assert "5 Group (60 min)" in text
    assert "Paid: 5\u00a0000.00 TRY" in text
    assert "5 Group (60 min)" in content(mail, "html")
    assert studio.one("SELECT status FROM notifications")["status"] == "SENT"


def test_a_name_cannot_break_out_of_a_header_or_the_page(studio: Studio) -> None:
    event = checkout()
    event["data"]["object"]["customer_details"]["name"] = "Eve\r\nBcc: all@example.com <script>"
    studio.deliver(event)

    studio.relay()

    mail = read(studio.mails()[0])
    assert mail["Bcc"] is None
    assert "<script>" not in content(mail, "html")


def test_a_student_without_an_address_parks_the_mail_and_nothing_else(studio: Studio) -> None:
    studio.deliver(checkout(payment="pi_1", student="nobody", email=None), checkout(payment="pi_2", student="ada"))

    studio.relay()

    rows = studio.rows("SELECT status, last_error FROM notifications ORDER BY id")
    assert [row["status"] for row in rows] == ["PARKED", "SENT"]
    assert "no e-mail address" in rows[0]["last_error"]
    assert {row["status"] for row in studio.rows("SELECT status FROM domain_events")} == {"SENT"}


def test_domain_events_leave_as_cloudevents_in_order(studio: Studio, settings: Settings) -> None:
    with Connection(settings.broker_url) as connection:
        queue = Queue("test.listener", EXCHANGE, routing_key="package.#").bind(connection.channel())
        queue.declare()

        studio.deliver(checkout(payment="pi_1"))
        studio.deliver(checkout("CORE-10", payment="pi_2", amount=800_000))
        studio.relay()

        messages = [queue.get(no_ack=True), queue.get(no_ack=True)]
        queue.delete()
    events = [message.payload for message in messages if message is not None]
    assert [event["sequence"] for event in events] == ["1", "2"]
    assert {event["specversion"] for event in events} == {"1.0"}
    assert events[0]["type"] == "package.fulfilled"
    assert events[0]["source"] == "/organizations/lumen"
    assert events[0]["data"]["productCode"] == "EXPLORER-5"
    assert events[0]["data"]["studentId"] == "ada"
    assert events[0]["id"] == str(studio.rows("SELECT message_id FROM domain_events ORDER BY id")[0]["message_id"])


def failing(error: Exception) -> Outbox:
    def send(_engine: Engine, _row: int) -> None:
        raise error

    return replace(NOTIFICATIONS, send=send)


def test_what_cannot_be_sent_is_tried_for_days_at_growing_distance_and_parked_at_last(studio: Studio) -> None:
    outbox = failing(ConnectionRefusedError("smtp.example.com"))
    with freeze_time("2026-11-21T09:00Z") as clock:
        studio.deliver(checkout())
        started = datetime.now(UTC)
        waits = []
        for _ in range(200):
            relay_batch(outbox, studio.engine)
            row = studio.one("SELECT * FROM notifications")
            if row["status"] == "PARKED":
                break
            waits.append(row["due_at"] - datetime.now(UTC))
            clock.move_to(row["due_at"])
        given_up = datetime.now(UTC) - started

    assert waits[:4] == [timedelta(seconds=each) for each in (2, 4, 8, 16)]
    assert max(waits) == timedelta(hours=1)
    assert timedelta(days=3) < given_up < timedelta(days=3, hours=2)
    assert row["last_error"].startswith("ConnectionRefusedError")
    assert "smtp.example.com" not in row["last_error"]


def test_a_mail_that_kills_its_relay_is_parked_and_keeps_no_other_from_leaving(studio: Studio) -> None:
    class Killed(BaseException):
        """What ends a process."""

    studio.deliver(*(checkout(payment=f"pi_{number}", student=f"student-{number}") for number in range(4)))
    bad = studio.rows("SELECT id FROM notifications ORDER BY id")[1]["id"]

    def deadly(engine: Engine, row: int) -> None:
        if row == bad:
            raise Killed
        NOTIFICATIONS.send(engine, row)

    for _ in range(20):
        studio.rows(
            "UPDATE notifications SET lease_until = '2000-01-01Z', due_at = created_at WHERE status = 'PENDING'"
            " AND lease_until IS NOT NULL"
        )
        with suppress(Killed):
            relay_batch(replace(NOTIFICATIONS, send=deadly), studio.engine)

    rows = {row["id"]: row for row in studio.rows("SELECT * FROM notifications")}
    assert rows.pop(bad)["status"] == "PARKED"
    assert {row["status"] for row in rows.values()} == {"SENT"}
    assert len(studio.mails()) == 3


def test_no_number_of_fresh_mails_keeps_one_waiting_that_failed_before(studio: Studio) -> None:
    studio.deliver(checkout(payment="pi_old", student="old"))
    relay_batch(failing(ConnectionError()), studio.engine)
    studio.rows("UPDATE notifications SET due_at = created_at")
    studio.deliver(*(checkout(payment=f"pi_{number}", student=f"student-{number}") for number in range(20)))

    relay_batch(NOTIFICATIONS, studio.engine)

    assert studio.rows("SELECT status FROM notifications ORDER BY id")[0]["status"] == "SENT"


def states(studio: Studio) -> dict[str, str]:
    return {row["kind"]: row["status"] for row in studio.rows("SELECT kind, status FROM notifications")}


def test_a_receipt_of_what_was_refunded_meanwhile_is_not_sent(studio: Studio) -> None:
    studio.deliver(checkout(), refund())

    studio.relay()

    assert states(studio) == {"purchase.receipt": "VOID", "refund.done": "SENT"}
    assert len(studio.mails()) == 1


def test_a_receipt_is_sent_after_all_when_the_refund_failed(studio: Studio) -> None:
    studio.deliver(checkout(), refund())
    studio.relay()

    studio.deliver(refund(status="failed", kind="refund.failed"))
    studio.relay()

    assert states(studio) == {"purchase.receipt": "SENT", "refund.done": "SENT", "package.reinstated": "SENT"}
    assert len(studio.mails()) == 3


def test_an_address_that_comes_with_a_later_fact_still_gets_the_receipt(studio: Studio) -> None:
    studio.deliver(intent(product_code="EXPLORER-5", student_id="ada", org="lumen"))
    studio.relay()
    before = studio.one("SELECT status FROM notifications")["status"]

    studio.deliver(checkout(student="ada", email="ada@example.com"))
    studio.relay()

    assert before == "PARKED"
    assert read(studio.mails()[0])["To"].endswith("<ada@example.com>")
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_what_can_never_be_sent_is_parked_at_once(studio: Studio) -> None:
    studio.deliver(checkout())

    relay_batch(failing(Undeliverable("mend the address")), studio.engine)

    assert studio.one("SELECT status, last_error FROM notifications") == {
        "status": "PARKED",
        "last_error": "mend the address",
    }


def test_a_lease_keeps_others_away_until_it_ends(studio: Studio) -> None:
    studio.deliver(checkout())
    seen: list[int] = []

    def send(engine: Engine, _row: int) -> None:
        seen.append(relay_batch(NOTIFICATIONS, engine))

    relay_batch(replace(NOTIFICATIONS, send=send), studio.engine)

    assert seen == [0]
    assert studio.mails() == []


def test_a_relay_that_lost_its_lease_marks_nothing(studio: Studio) -> None:
    studio.deliver(checkout())

    def frozen(engine: Engine, row: int) -> None:
        # While this one sleeps its lease ends, and another one takes over and fails.
        studio.rows("UPDATE notifications SET lease_until = clock_timestamp() - interval '1 second'")
        relay_batch(failing(ConnectionError()), engine)

    relay_batch(replace(NOTIFICATIONS, send=frozen), studio.engine)

    row = studio.one("SELECT * FROM notifications")
    assert (row["status"], row["attempts"], row["sent_at"]) == ("PENDING", 2, None)


def test_a_relay_killed_after_sending_sends_again_under_the_same_id(studio: Studio) -> None:
    class Killed(BaseException):
        """What ends a process between sending and marking."""

    def killed(engine: Engine, row: int) -> None:
        NOTIFICATIONS.send(engine, row)
        raise Killed

    studio.deliver(checkout())
    with pytest.raises(Killed):
        relay_batch(replace(NOTIFICATIONS, send=killed), studio.engine)
    first = [path.name for path in studio.mails()]

    studio.rows("UPDATE notifications SET lease_until = clock_timestamp() - interval '1 second'")
    studio.relay()

    assert [path.name for path in studio.mails()] == first
    assert studio.one("SELECT attempts, status FROM notifications") == {"attempts": 2, "status": "SENT"}


class Postbox:
    """Keeps what a real SMTP server was given."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.messages.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, Controller]]:
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield box, controller
    controller.stop()


def test_mail_goes_to_the_smtp_server_that_is_set(
    studio: Studio, postbox: tuple[Postbox, Controller], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, controller = postbox
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{controller.port}")
    runtime.settings.cache_clear()
    studio.deliver(checkout())

    studio.relay()

    (mail,) = box.messages
    message_id = studio.one("SELECT message_id FROM notifications")["message_id"]
    assert mail["Message-ID"] == f"<{message_id}@localhost>"
    assert studio.mails() == []


def test_events_and_mails_that_are_not_due_stay(studio: Studio) -> None:
    studio.deliver(checkout())
    studio.rows("UPDATE domain_events SET due_at = due_at + interval '1 hour'")

    assert relay_batch(DOMAIN_EVENTS, studio.engine) == 0
    assert relay_batch(NOTIFICATIONS, studio.engine) == 1


def test_a_refusal_for_good_parks_the_mail_with_the_servers_answer(
    studio: Studio, postbox: tuple[Postbox, Controller], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, controller = postbox
    box.answer = "550 no such mailbox ada@example.com"
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{controller.port}")
    runtime.settings.cache_clear()
    studio.deliver(checkout())

    studio.relay()

    row = studio.one("SELECT status, last_error FROM notifications")
    assert row["status"] == "PARKED"
    assert "550" in row["last_error"]
    assert "ada@example.com" not in row["last_error"]
