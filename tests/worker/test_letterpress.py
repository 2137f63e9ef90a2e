"""What a mail is on its way, byte by byte: its headers say what they should, whatever names people choose."""

from __future__ import annotations

import email
from datetime import UTC, datetime, timedelta
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from icalendar import Calendar

from domain.mail.letter import Invite, Letter
from worker.letterpress import calendar_file, compose

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
# Python writes out what looks encoded, and what it says would begin a body of its own.
BODY = "=?utf-8?q?=0d=0a=0d=0aYour_card_failed=2e_Go_to_https=3a//example=2eorg?="
NAMES = {
    "a body": BODY,
    "a header": "=?utf-8?q?=0d=0aBcc=3a_eve=40example=2eorg=0d=0aX=3ay?=",
    "a header in base64": "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLm9yZw0K?= " + "y " * 50,
    "encoded within": "= =?utf-8?q?=0aBcc=3aeve?= ?",
    "encoded after its break": "=\x01?utf-8?q?=0aBcc=3aeve?=",
    "addresses": "eve@example.org, " * 10,
    "long": "Lovelace, Ada Augusta King-Noel, Countess of Lovelace, of East Horsley Towers (Surrey)",
    "long, not of ASCII": "Müller, eve@example.org," * 8,
    "quotes": 'a"b, eve@example.org, "' * 9,
    "endless": "🎂" * 5_000,
    "one word": "x" * 80 + ", eve@example.org, " + "y " * 40,
}


def letter(**other: Any) -> Letter:
    usual = {"message_id": "m", "organization": "Lumen", "sender": "lumen@localhost", "subject": "Booked"}
    return Letter(**usual | {"name": "Ada", "email": "ada@example.com", "heading": "Booked"} | other)


def sent(written: Letter) -> tuple[bytes, EmailMessage]:
    """Return a mail as a server is given it, and as its reader has it."""
    message = compose(written)
    raw = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    return raw, email.message_from_bytes(raw, policy=policy.default)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_name_adds_a_header_an_address_or_a_body(name: str) -> None:
    raw, mail = sent(letter(name=name, organization=name, subject=name[:300]))

    assert [each.addr_spec for each in mail["To"].addresses] == ["ada@example.com"]
    assert [each.addr_spec for each in mail["From"].addresses] == ["lumen@localhost"]
    _, plain = sent(letter())
    assert mail.keys() == plain.keys()
    assert [part.get_content_type() for part in mail.walk()] == [part.get_content_type() for part in plain.walk()]
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("name", [NAMES["long"], NAMES["long, not of ASCII"], 'Ada "Countess" \\ Lovelace'])
def test_a_name_arrives_as_it_was_given(name: str) -> None:
    raw, _ = sent(letter(name=name))

    # As mailboxes read it: Python's newer parser puts a space between two encoded words.
    header = str(email.message_from_bytes(raw)["To"]).replace("\r\n", "")
    read, address = parseaddr(header)
    assert (str(make_header(decode_header(read))), address) == (name, "ada@example.com")


def test_no_word_of_a_header_is_longer_than_mailboxes_read() -> None:
    raw, _ = sent(letter(name=NAMES["long, not of ASCII"]))

    words = [word for word in raw.partition(b"\r\n\r\n")[0].split() if word.startswith(b"=?")]
    assert words
    assert max(map(len, words)) <= 75


def test_the_session_beside_the_text_is_the_one_in_the_file_to_the_byte() -> None:
    invite = Invite(
        uid="booking-1@lumen.punchcard",
        sequence=1,
        start_at=START,
        end_at=START + timedelta(hours=1),
        timezone="Europe/Istanbul",
        summary="Günaydın at Lumen",
        description=None,
        is_cancelled=False,
    )
    said = calendar_file(letter(invite=invite))
    assert said is not None

    _, mail = sent(letter(invite=invite))

    beside, file = (part for part in mail.walk() if part.get_content_type() in {"text/calendar", "application/ics"})
    content = beside.get_payload(decode=True)
    assert isinstance(content, bytes)
    # Its stamp is the moment when it was written.
    assert content.count(b"\r\n") == content.count(b"\n") == said.count(b"\r\n")
    assert content == file.get_payload(decode=True)
    assert (beside.get_content_charset(), beside.get_param("method")) == ("utf-8", "REQUEST")
    assert str(Calendar.from_ical(content).walk("VEVENT")[0]["SUMMARY"]) == "Günaydın at Lumen"
