"""`punchcard mail`: every mail with demo data, in every language, without a database."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import Engine

from cli.mail_samples import SAMPLES
from db.transaction import driver, reading
from domain.mail.booking_kinds import COMING
from domain.mail.voice import languages
from tests.cli.conftest import Punchcard, one_line
from tests.stack import PUNCHCARD
from tests.test_house import ROOT
from worker.letterpress import calendar_file, compose
from worker.mail import KINDS

EACH = [(name, language) for name in SAMPLES for language in languages()]
OF_BOOKINGS = ("booking.", "session.cancelled", "session.moved", "waitlist.promoted")


def composed(name: str, language: str) -> EmailMessage:
    return compose(SAMPLES[name].letter(language))


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_there_is_a_sample_of_every_kind() -> None:
    assert {sample.kind for sample in SAMPLES.values()} == set(KINDS)
    assert all(name.startswith(sample.kind) for name, sample in SAMPLES.items())


def columns(engine: Engine, statement: str) -> set[str]:
    """Return the columns of a statement, of which it finds no row."""
    values: Mapping[str, Any] = {"id": 0, "order": 0, "kinds": [], "reminder": "", "at": datetime.now(UTC)}
    with reading(engine) as session, driver(session).cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.description
        return {column.name for column in cursor.description}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_the_columns_of_the_statements_that_read_the_real_ones(engine: Engine, name: str) -> None:
    for statement, row in SAMPLES[name].rows:
        assert set(row) == columns(engine, statement)


@pytest.mark.parametrize(("name", "language"), EACH)
def test_every_mail_is_written_in_every_language(name: str, language: str) -> None:
    mail = composed(name, language)

    text, html = body(mail, "plain"), body(mail, "html")
    assert SAMPLES[name].letter(language).language == language
    assert f'<html lang="{language}"' in html
    assert not re.search(r"[{}]|None|%\(", text + mail["Subject"])
    assert "\n\n\n" not in text
    assert text.strip() == text.removesuffix("\n")
    if language != "en":
        english = composed(name, "en")
        own = {line for line in text.splitlines() if line and not line.startswith("  ")}
        assert not own & set(body(english, "plain").splitlines())
        assert name == "purchase.receipt" or mail["Subject"] != english["Subject"] or name == "purchase.receipt.course"


@pytest.mark.parametrize("name", SAMPLES)
def test_styles_stand_on_the_elements_and_only_rules_for_screens_in_a_sheet(name: str) -> None:
    html = body(composed(name, "en"), "html")

    sheets = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    assert len(sheets) == 1
    outside = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", sheets[0])
    assert outside.strip() == ""
    assert "prefers-color-scheme: dark" in sheets[0]
    styled = re.findall(r"<(\w+)[^>]*\bclass=\"[^\"]+\"([^>]*)>", html)
    assert styled
    assert all("style=" in rest for _, rest in styled)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mail_loads_nothing_and_runs_nothing(name: str) -> None:
    html = body(composed(name, "en"), "html")

    assert not re.search(r"<(img|script|link|iframe|object|form)\b|url\(|@import|@font-face|\son\w+=", html)
    assert re.findall(r"https?://[^\"]+", html) == ["http://www.w3.org/1999/xhtml"]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_session_goes_into_a_calendar_and_out_again(name: str) -> None:
    letter = SAMPLES[name].letter("en")
    said = calendar_file(letter)
    is_session = name.startswith(OF_BOOKINGS)

    assert (said is not None) == is_session
    if said is not None:
        method = str(Calendar.from_ical(said)["METHOD"])
        assert method == ("REQUEST" if SAMPLES[name].kind in COMING else "CANCEL")


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith(".guest")])
def test_a_guests_mail_says_nothing_of_what_the_host_holds(name: str) -> None:
    mail = composed(name, "en").as_string()

    for secret in ("Elite", "credit", "friend pass", "ada@example.com"):
        assert secret not in mail


def test_a_preview_is_written_and_told_where(punchcard: Punchcard, tmp_path: Path) -> None:
    said = punchcard("mail", "preview", "booking.reminder", "--language", "tr", "--out", tmp_path / "a.html", "--json")

    (row,) = json.loads(said.out)
    assert (said.code, row["name"], row["language"]) == (0, "booking.reminder", "tr")
    assert row["subject"] == "Lumen Spin: dersiniz yaklaşıyor, Ride, 24 Kas Sal, 10:00 UTC+03"
    assert [Path(row[kind]).name for kind in ("html", "text", "mail", "calendar")] == [
        "a.html",
        "a.txt",
        "a.eml",
        "a.ics",
    ]
    assert "Dersiniz yaklaşıyor" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "a.txt").read_text().startswith("Merhaba Ada Example,")
    assert (tmp_path / "a.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")
    mail = message_from_bytes((tmp_path / "a.eml").read_bytes(), policy=policy.default)
    assert mail["Subject"] == row["subject"]


def test_all_are_written_into_a_folder(punchcard: Punchcard, tmp_path: Path) -> None:
    said = punchcard("mail", "preview", "--all", "--out", tmp_path)

    assert said.code == 0
    assert {path.name for path in tmp_path.glob("*.html")} == {f"{name}.en.html" for name in SAMPLES}
    assert {path.name.removesuffix(".en.ics") for path in tmp_path.glob("*.ics")} == {
        name for name in SAMPLES if name.startswith(OF_BOOKINGS)
    }


def test_a_preview_needs_no_stack(tmp_path: Path) -> None:
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    words = [str(PUNCHCARD), "mail", "preview", "refund.done", "--json"]
    said = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert said.returncode == 0, said.stderr
    (row,) = json.loads(said.stdout)
    assert row["calendar"] is None
    assert Path(row["html"]) == tmp_path / "punchcard-mail" / "refund.done.en.html"
    assert Path(row["html"]).exists()


def test_the_list_names_every_mail_with_its_subject(punchcard: Punchcard) -> None:
    rows = json.loads(punchcard("mail", "list", "--json").out)

    assert [row["name"] for row in rows] == [*SAMPLES]
    assert rows[-1]["subject"] == "Lumen Spin: order 512 needs you"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nothing"], "there is no mail 'nothing': there are purchase.receipt,"),
        ([], "name a mail, or say --all: there are purchase.receipt,"),
        (["refund.done", "--language", "xx"], "there is no language 'xx': there are en, tr"),
    ],
)
def test_what_there_is_not_is_one_line_with_what_there_is(punchcard: Punchcard, words: list[str], why: str) -> None:
    said = punchcard("mail", "preview", *words)

    assert (said.code, said.out) == (2, "")
    assert one_line(said.err)
    assert why in said.err


def test_a_file_that_cannot_be_written_is_one_line(punchcard: Punchcard, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    said = punchcard("mail", "preview", "refund.done", "--out", tmp_path / "file" / "a.html")

    assert (said.code, said.out) == (1, "")
    assert one_line(said.err)


GUIDE = ROOT / "docs" / "mail.md"
MOST_BYTES = 60_000


def test_the_guide_names_every_kind_and_has_a_picture_of_every_mail() -> None:
    guide = GUIDE.read_text()

    pictures = set(re.findall(r"mail/([\w.]+)\.png", guide))
    drawn = {path.stem for path in (GUIDE.parent / "mail").glob("*.png")}
    rows = re.findall(r"^\| \[`([\w.]+)`\]\(mail/\1\.png\)", guide, re.MULTILINE)
    assert set(rows) == set(KINDS)
    assert pictures == drawn
    assert drawn >= set(SAMPLES)


def test_pictures_are_small() -> None:
    assert [path for path in (GUIDE.parent / "mail").glob("*.png") if path.stat().st_size > MOST_BYTES] == []
