"""A mail server that misbehaves keeps no other mail from leaving for long, loses none, and has none given up for it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from tests.stack import free_port
from tests.stripe_objects import checkout
from tests.studio import Studio
from tests.worker import mailserver
from tests.worker.mailserver import HANGS, HANGS_UP, Moody, bare, serving, signed_by_itself
from worker import clock, outbox, runtime, smtp, smtp_client
from worker.mail import NOTIFICATIONS
from worker.outbox import relay_batch

STUDENTS = ("ada", "bea", "cai", "dan", "eve")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SMTP_TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(smtp_client, "MESSAGE_SECONDS", 2.0)
    monkeypatch.setattr(smtp, "QUIT_SECONDS", 0.2)


@pytest.fixture
def box() -> Moody:
    return Moody()


@pytest.fixture
def send_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def choose(url: str) -> None:
        monkeypatch.setenv("SMTP_URL", url)
        runtime.settings.cache_clear()
        smtp.BREAKER.served(url)

    return choose


@pytest.fixture
def served(box: Moody, send_by: Callable[[str], None]) -> Iterator[int]:
    with serving(box) as port:
        send_by(f"smtp://127.0.0.1:{port}")
        yield port


def buy(studio: Studio, *students: str) -> None:
    studio.deliver(*(checkout(payment=f"pi_{each}", student=each, email=f"{each}@example.com") for each in students))


def mails(studio: Studio) -> dict[str, dict[str, Any]]:
    rows = studio.rows(
        "SELECT n.*, s.external_id AS student FROM notifications n JOIN students s ON s.id = n.student_id ORDER BY n.id"
    )
    return {row["student"]: row for row in rows}


def untouched(row: dict[str, Any]) -> bool:
    return (row["status"], row["attempts"], row["lease_until"], row["due_at"]) == (
        "PENDING",
        0,
        None,
        row["created_at"],
    )


def test_one_connection_takes_the_mails_of_a_batch(studio: Studio, box: Moody, served: int) -> None:
    assert served
    buy(studio, *STUDENTS)

    relay_batch(NOTIFICATIONS, studio.engine)

    assert box.recipients == [f"{each}@example.com" for each in STUDENTS]
    assert box.connections == 1
    assert box.calls.count("QUIT") == 1


def test_without_a_mail_to_send_nobody_connects(studio: Studio, box: Moody, served: int) -> None:
    assert served

    studio.relay()

    assert box.calls == []


@pytest.mark.parametrize("mood", [HANGS, HANGS_UP, "421 closing"])
def test_a_connection_that_the_server_gave_up_between_two_mails_is_replaced(
    studio: Studio, box: Moody, served: int, mood: str
) -> None:
    assert served
    box.at("RSET", mood)
    buy(studio, "ada", "bea")

    relay_batch(NOTIFICATIONS, studio.engine)

    assert box.recipients == ["ada@example.com", "bea@example.com"]
    assert box.connections == 2
    assert {row["status"] for row in mails(studio).values()} == {"SENT"}


@pytest.mark.parametrize("mood", [HANGS, HANGS_UP, "500 what?"])
def test_a_mail_that_was_taken_is_not_sent_again_because_the_goodbye_failed(
    studio: Studio, box: Moody, served: int, mood: str
) -> None:
    assert served
    box.at("QUIT", mood)
    buy(studio, "ada")

    studio.relay()
    studio.relay()

    assert box.recipients == ["ada@example.com"]
    assert mails(studio)["ada"]["status"] == "SENT"


class Fault:
    """A server that serves nobody: how to start it, and what is said of it."""

    def __init__(self, said: str, speak: Callable[[Any], None] | None) -> None:
        self.said = said
        self.speak = speak


FAULTS = {
    "refuses": Fault("Connection refused", None),
    "is silent": Fault("did not answer in time at the connection", mailserver.silent),
    "closes": Fault("hung up at the connection", lambda _: None),
    "has no time": Fault("421 at the connection: come back later", mailserver.saying(b"421 come back later\r\n")),
    "is none": Fault("554 at the connection: no mail here", mailserver.saying(b"554 no mail here\r\n")),
    "speaks otherwise": Fault("at the connection", mailserver.saying(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "never ends a line": Fault("at the connection", mailserver.saying(b"220 " + b"x" * 20_000)),
    "is slow as treacle": Fault("did not answer in time at", mailserver.slowly),
}


@pytest.mark.parametrize("name", FAULTS)
def test_while_a_server_serves_nobody_mails_wait_uncounted_and_events_leave(
    studio: Studio, send_by: Callable[[str], None], name: str
) -> None:
    fault, seen = FAULTS[name], [0]
    with ExitStack() as stack:
        port = free_port()
        if fault.speak:
            port, seen = stack.enter_context(bare(fault.speak))
        send_by(f"smtp://127.0.0.1:{port}")
        buy(studio, *STUDENTS)

        studio.relay()
        studio.relay()

    first, *others = mails(studio).values()
    assert fault.said in first["last_error"]
    assert all(untouched(row) for row in (first, *others))
    assert {row["last_error"] for row in others} == {None}
    assert len(seen) == 1
    assert {row["status"] for row in studio.rows("SELECT status FROM domain_events")} == {"SENT"}


@pytest.mark.parametrize("mood", [HANGS, HANGS_UP, "421 closing"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_fails_in_the_middle_has_the_rest_of_the_batch_given_back_at_once(
    studio: Studio, box: Moody, served: int, step: str, mood: str
) -> None:
    assert served
    box.at(step, mood)
    buy(studio, *STUDENTS)

    studio.relay()

    first, *others = mails(studio).values()
    assert (first["status"], first["attempts"]) == ("PENDING", 1)
    assert first["due_at"] - first["created_at"] >= timedelta(seconds=2)
    assert step in first["last_error"]
    assert all(untouched(row) for row in others)
    assert (box.calls.count(step), box.calls.count("MAIL")) == (1, 1)


def test_a_mail_that_was_taken_without_a_word_is_sent_again_under_the_same_id(
    studio: Studio, box: Moody, served: int
) -> None:
    box.at("taken", HANGS)
    buy(studio, "ada")
    studio.relay()
    before = mails(studio)["ada"]

    box.moods = {}
    smtp.BREAKER.served(f"smtp://127.0.0.1:{served}")
    studio.rows("UPDATE notifications SET due_at = created_at")
    studio.relay()

    assert (before["status"], before["last_error"]) == ("PENDING", "the mail server did not answer in time at DATA")
    assert [mail["Message-ID"] for mail in box.mails] == [f"<{before['message_id']}@localhost>"] * 2
    assert mails(studio)["ada"]["status"] == "SENT"


@pytest.mark.parametrize(
    ("step", "answer"),
    [("RCPT", "450 greylisted"), ("DATA", "451 local error"), ("RCPT", "452 no room")],
)
def test_one_recipient_that_is_to_wait_keeps_no_other_waiting(
    studio: Studio, box: Moody, served: int, step: str, answer: str
) -> None:
    assert served
    box.at(step, answer, only="bea@example.com")
    buy(studio, *STUDENTS)

    studio.relay()

    rows = mails(studio)
    bea = rows.pop("bea")
    code, _, text = answer.partition(" ")
    assert (bea["status"], bea["attempts"], bea["last_error"]) == ("PENDING", 1, f"{code} at {step}: {text}")
    assert {row["status"] for row in rows.values()} == {"SENT"}
    assert box.connections <= 2


@pytest.mark.parametrize(
    ("step", "answer"), [("RCPT", "550 nobody"), ("DATA", "552 too large"), ("DATA", "554 looks like spam")]
)
def test_what_is_refused_for_good_is_parked_with_the_answer_and_the_others_leave(
    studio: Studio, box: Moody, served: int, step: str, answer: str
) -> None:
    assert served
    box.at(step, answer, only="bea@example.com")
    buy(studio, *STUDENTS)

    studio.relay()

    rows = mails(studio)
    bea = rows.pop("bea")
    code, _, text = answer.partition(" ")
    assert (bea["status"], bea["last_error"]) == (
        "PARKED",
        f"the mail server refused it for good: {code} at {step}: {text}",
    )
    assert {row["status"] for row in rows.values()} == {"SENT"}


def test_an_answer_is_kept_without_whom_it_names(studio: Studio, box: Moody, served: int) -> None:
    assert served
    box.at("RCPT", "550 5.1.1 <ada.lovelace@example.com> ada.lovelace: Example is unknown,\tsays whsec_abcdefgh")
    studio.deliver(checkout(email="ada.lovelace@example.com"))

    studio.relay()

    told = studio.one("SELECT last_error FROM notifications")["last_error"]
    assert "550 at RCPT: 5.1.1" in told
    assert "is unknown, says" in told
    assert not any(each in told for each in ("lovelace", "Example", "example.com", "whsec_a"))


def test_a_server_that_wants_nothing_from_anybody_is_not_asked_for_each(
    studio: Studio, box: Moody, served: int
) -> None:
    assert served
    box.at("RCPT", "450 greylisted")
    buy(studio, *STUDENTS)

    studio.relay()

    assert [row["attempts"] for row in mails(studio).values()] == [1, 1, 1, 0, 0]


def test_a_server_that_wants_a_login_blames_no_mail(studio: Studio, box: Moody, served: int) -> None:
    assert served
    box.at("MAIL", "530 authentication required")
    buy(studio, "ada", "bea")

    studio.relay()

    rows = mails(studio)
    assert all(untouched(row) for row in rows.values())
    assert rows["ada"]["last_error"] == "530 at MAIL: authentication required"


def test_a_server_is_left_alone_for_growing_times_and_one_mail_finds_out(
    studio: Studio, box: Moody, send_by: Callable[[str], None]
) -> None:
    waits, tries = list[timedelta](), 0
    with freeze_time("2026-11-21T09:00Z") as time:
        with bare(mailserver.saying(b"421 busy\r\n")) as (port, seen):
            send_by(f"smtp://127.0.0.1:{port}")
            buy(studio, *STUDENTS)
            last = clock.now()
            while len(waits) < 10:
                studio.relay()
                if len(seen) > tries:
                    waits, last, tries = [*waits, clock.now() - last], clock.now(), len(seen)
                time.tick(1)
        with serving(box, port=port):
            time.tick(300)

            probed = relay_batch(NOTIFICATIONS, studio.engine)
            studio.relay()

    assert waits == [timedelta(seconds=each) for each in (0, 2, 4, 8, 16, 32, 64, 128, 256, 300)]
    assert probed == 1
    assert {row["status"] for row in mails(studio).values()} == {"SENT"}
    assert box.connections == 2


def test_no_mail_is_given_up_for_a_server_that_hangs_for_days(studio: Studio, box: Moody, served: int) -> None:
    assert served
    box.at("MAIL", HANGS_UP)
    buy(studio, "ada", "bea")
    studio.rows("UPDATE notifications SET created_at = created_at - interval '4 days', attempts = 30")
    url = f"smtp://127.0.0.1:{served}"
    smtp.BREAKER.refused(url)

    studio.relay()

    assert {row["status"] for row in mails(studio).values()} == {"PENDING"}
    assert box.calls.count("MAIL") == 1


def test_a_mail_that_a_server_does_not_take_for_days_is_given_up_while_it_takes_others(
    studio: Studio, box: Moody, served: int
) -> None:
    assert served
    box.at("RCPT", "450 mailbox full", only="ada@example.com")
    buy(studio, "ada", "bea")
    studio.rows(
        "UPDATE notifications SET created_at = created_at - interval '4 days', attempts = 30 WHERE id = (SELECT min(id)"
        " FROM notifications)"
    )

    studio.relay()

    rows = mails(studio)
    assert (rows["ada"]["status"], rows["ada"]["last_error"]) == ("PARKED", "450 at RCPT: mailbox full, for 3 days")
    assert rows["bea"]["status"] == "SENT"


def test_a_batch_that_takes_too_long_is_given_back(
    studio: Studio, box: Moody, served: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served
    monkeypatch.setattr(outbox, "BATCH_SECONDS", 0)
    buy(studio, *STUDENTS)

    relay_batch(NOTIFICATIONS, studio.engine)

    first, *others = mails(studio).values()
    assert first["status"] == "SENT"
    assert all(untouched(row) for row in others)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_whose_certificate_nobody_signed_gets_nothing(
    studio: Studio, box: Moody, send_by: Callable[[str], None], tmp_path: Path, scheme: str
) -> None:
    context, _ = signed_by_itself(tmp_path)
    with _encrypting(box, scheme, context) as port:
        send_by(f"{scheme}://ada:sesame@localhost:{port}")
        buy(studio, "ada")

        studio.relay()

    row = mails(studio)["ada"]
    assert untouched(row)
    assert "certificate cannot be trusted" in row["last_error"]
    assert (box.mails, box.logins) == ([], [])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_whose_certificate_is_known_gets_login_and_mails_encrypted(
    studio: Studio,
    box: Moody,
    send_by: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    context, known = signed_by_itself(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    with _encrypting(box, scheme, context) as port:
        send_by(f"{scheme}://ada:sesame@localhost:{port}")
        buy(studio, "ada")

        studio.relay()

    assert mails(studio)["ada"]["status"] == "SENT"
    assert (box.was_encrypted, box.logins) == ([True], [b"ada"])


def test_a_certificate_of_another_name_is_not_trusted(
    studio: Studio, box: Moody, send_by: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, known = signed_by_itself(tmp_path, "mail.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    with _encrypting(box, "smtps", context) as port:
        send_by(f"smtps://localhost:{port}")
        buy(studio, "ada")

        studio.relay()

    assert untouched(mails(studio)["ada"])
    assert box.mails == []


def _encrypting(box: Moody, scheme: str, context: ssl.SSLContext) -> AbstractContextManager[int]:
    login: dict[str, Any] = {"auth_callback": lambda _mechanism, *said: box.authenticate(*said)}
    serve = partial(serving, box, **login)
    return serve(certificate=context, auth_require_tls=False) if scheme == "smtps" else serve(tls_context=context)


def test_a_login_that_is_refused_blames_no_mail(studio: Studio, box: Moody, send_by: Callable[[str], None]) -> None:
    login: dict[str, Any] = {"auth_callback": lambda _mechanism, *said: box.authenticate(*said)}
    with serving(box, auth_require_tls=False, **login) as port:
        send_by(f"smtp://ada:guessed@127.0.0.1:{port}")
        buy(studio, "ada")

        studio.relay()

    row = mails(studio)["ada"]
    assert untouched(row)
    assert row["last_error"].startswith("535 at AUTH")
    assert "mend user and password in SMTP_URL" in row["last_error"]


def test_a_login_is_sent_to_no_other_machine_in_the_clear(
    studio: Studio, box: Moody, send_by: Callable[[str], None]
) -> None:
    address = mailserver.own_address()
    if address is None:
        pytest.skip("this machine has no address but its loopback")
    login: dict[str, Any] = {"auth_callback": lambda _mechanism, *said: box.authenticate(*said)}
    with serving(box, host=address, auth_require_tls=False, **login) as port:
        send_by(f"smtp://ada:sesame@{address}:{port}")
        buy(studio, "ada")

        studio.relay()

    row = mails(studio)["ada"]
    assert untouched(row)
    assert "set SMTP_URL to smtps://" in row["last_error"]
    assert (box.logins, box.mails) == ([], [])


def test_on_this_machine_a_login_is_sent_as_it_is(studio: Studio, box: Moody, send_by: Callable[[str], None]) -> None:
    login: dict[str, Any] = {"auth_callback": lambda _mechanism, *said: box.authenticate(*said)}
    with serving(box, auth_require_tls=False, **login) as port:
        send_by(f"smtp://ada:sesame@127.0.0.1:{port}")
        buy(studio, "ada")

        studio.relay()

    assert (box.logins, mails(studio)["ada"]["status"]) == ([b"ada"], "SENT")


class Greylisting(Moody):
    """Takes mails to whom it was asked for a minute ago or earlier, and tells all others to come again."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, datetime] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if clock.now() - self.asked.setdefault(address, clock.now()) < timedelta(minutes=1):
            return "450 4.2.0 greylisted, come again"
        return await super().handle_RCPT(server, session, envelope, address, options)


def test_a_server_that_takes_only_who_comes_again_gets_all_within_minutes(
    studio: Studio, send_by: Callable[[str], None]
) -> None:
    box = Greylisting()
    with freeze_time("2026-11-21T09:00Z") as time, serving(box) as port:
        send_by(f"smtp://127.0.0.1:{port}")
        buy(studio, *(f"student-{number}" for number in range(30)))
        for _ in range(120):
            studio.relay()
            time.tick(5)

    assert {row["status"] for row in mails(studio).values()} == {"SENT"}
    assert len(box.mails) == 30


def test_mails_that_nobody_takes_keep_no_others_from_finding_out(
    studio: Studio, box: Moody, send_by: Callable[[str], None]
) -> None:
    with freeze_time("2026-11-21T09:00Z") as time, serving(box) as port:
        send_by(f"smtp://127.0.0.1:{port}")
        box.at("RCPT", "452 no room")
        buy(studio, *STUDENTS)
        studio.relay()
        buy(studio, "fay")
        box.at("RCPT", "452 no room", only="ada@example.com")
        studio.rows(
            "UPDATE notifications SET attempts = 1 WHERE student_id <> (SELECT id FROM students WHERE"
            " external_id = 'fay')"
        )
        studio.rows(
            "DELETE FROM notifications WHERE student_id NOT IN (SELECT id FROM students WHERE"
            " external_id IN ('ada', 'fay'))"
        )
        for _ in range(10):
            studio.rows("UPDATE notifications SET due_at = created_at")
            studio.relay()
            time.tick(5)

    assert {name: row["status"] for name, row in mails(studio).items()} == {"ada": "PENDING", "fay": "SENT"}


@pytest.mark.parametrize(
    "answer",
    [
        ("MAIL", "550 5.7.1 not from here"),
        ("RCPT", "550 5.4.5 Daily user sending limit exceeded"),
        ("DATA", "554 5.4.5 x"),
    ],
    ids=str,
)
def test_what_is_refused_whoever_it_is_for_gives_up_no_mail(
    studio: Studio, box: Moody, served: int, answer: tuple[str, str]
) -> None:
    assert served
    box.at(*answer)
    buy(studio, *STUDENTS)

    studio.relay()

    rows = mails(studio)
    assert {row["status"] for row in rows.values()} == {"PENDING"}
    assert [row["attempts"] for row in rows.values()] == [1, 1, 1, 0, 0]


def test_a_mail_that_is_too_large_at_once_is_given_up(studio: Studio, box: Moody, served: int) -> None:
    assert served
    box.at("MAIL", "552 message too large")
    buy(studio, "ada")

    studio.relay()

    assert mails(studio)["ada"]["status"] == "PARKED"


@pytest.fixture
def unanswering() -> Iterator[tuple[str, int]]:
    """Give an address that takes no connection and refuses none: the queue of who wants one is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_addresses_that_do_not_answer_leave_time_for_one_that_does(
    studio: Studio, box: Moody, served: int, unanswering: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_name = socket.getfqdn()
    monkeypatch.setattr(socket, "getfqdn", lambda: own_name)
    found = [unanswering] * 3 + [("127.0.0.1", served)]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in found]
    )
    buy(studio, "ada")

    studio.relay()

    assert mails(studio)["ada"]["last_error"] is None
    assert box.recipients == ["ada@example.com"]


def test_a_name_that_nobody_looks_up_is_not_waited_for(
    studio: Studio, served: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served
    buy(studio, "ada")
    asked, over = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> Any:
        asked.set()
        assert over.wait(20)
        return []

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", hang)
        # It would end at once, had it waited.
        threading.Timer(mailserver.SILENCE, over.set).start()
        relay_batch(NOTIFICATIONS, studio.engine)
        was_over = over.is_set()
        over.set()

    assert asked.is_set()
    assert not was_over
    assert "did not answer in time at the connection" in mails(studio)["ada"]["last_error"]
