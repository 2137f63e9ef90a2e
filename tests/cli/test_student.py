"""`punchcard student`: merged, given out, erased; shown, asked for, done."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Punchcard, one_line
from tests.timetable import Timetable

WORDS = ("student", "merge", "--org", "lumen", "--from", "old", "--into", "ada")


@pytest.fixture
def two(timetable: Timetable) -> Timetable:
    """Give a studio in which ada and old are two students, and old holds a package."""
    timetable.student("ada")
    timetable.buy("old")
    return timetable


def test_it_is_done_without_a_question_where_that_is_said(punchcard: Punchcard, two: Timetable) -> None:
    said = punchcard(*WORDS, "--yes", "--json")

    (row,) = json.loads(said.out)
    assert (said.code, row["from"], row["into"], row["packages"]) == (0, "old", "ada", 1)
    assert two.studio.packages() == [("EXPLORER-5", "ada")]
    data = two.studio.rows("SELECT data ->> 'by' AS by FROM domain_events WHERE type = 'student.merged'")
    assert [each["by"] for each in data] == ["COMMAND LINE"] * 2


@pytest.mark.parametrize(("answer", "code", "holder"), [("y\n", 0, "ada"), ("n\n", 1, "old")])
def test_it_shows_what_would_move_and_asks(
    punchcard: Punchcard, two: Timetable, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, holder: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    said = punchcard(*WORDS)

    assert said.code == code
    assert "packages" in said.out
    assert "no way back" in said.out
    assert two.studio.packages() == [("EXPLORER-5", holder)]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((*WORDS[:-1], "old", "--yes"), 1, "the same student"),
        ((*WORDS[:-1], "nobody", "--yes"), 1, "nobody"),
        ((*WORDS[:3], "none", *WORDS[4:], "--yes"), 2, "there is no organization none"),
        ((*WORDS, "--json"), 2, "add --yes"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    punchcard: Punchcard, two: Timetable, words: tuple[str, ...], code: int, why: str
) -> None:
    said = punchcard(*words)

    assert (said.code, said.out) == (code, "")
    assert why in said.err
    assert two.studio.packages() == [("EXPLORER-5", "old")]


# Given out, and erased.


def test_a_student_is_given_out_as_one_document(punchcard: Punchcard, two: Timetable, tmp_path: Path) -> None:
    file = tmp_path / "old.json"

    shown = punchcard("student", "export", "--org", "lumen", "--student", "old")
    kept = punchcard("student", "export", "--org", "lumen", "--student", "old", "--out", file)
    again = punchcard("student", "export", "--org", "lumen", "--student", "old", "--out", file)

    document = json.loads(shown.out)
    assert (shown.code, kept.code, kept.out) == (0, 0, "")
    assert document["external_ids"] == ["old"]
    assert [row["product_code"] for row in document["packages"]] == ["EXPLORER-5"]
    assert json.loads(file.read_text()) | {"exported_at": None} == document | {"exported_at": None}
    assert file.stat().st_mode & 0o077 == 0
    assert (again.code, "is there already" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("student", "out"), [("old", "missing/old.json"), ("old", "x" * 300), ("nobody", "nobody.json")]
)
def test_what_cannot_be_written_or_found_leaves_no_file(
    punchcard: Punchcard, two: Timetable, tmp_path: Path, student: str, out: str
) -> None:
    assert two

    said = punchcard("student", "export", "--org", "lumen", "--student", student, "--out", tmp_path / out)

    assert (said.code, said.out) == (1, "")
    assert one_line(said.err)
    assert [*tmp_path.glob("*.json")] == []


def test_a_student_is_erased_once(punchcard: Punchcard, two: Timetable) -> None:
    words = ("student", "erase", "--org", "lumen", "--student", "old", "--yes")

    said, again = punchcard(*words, "--json"), punchcard(*words, "--json")

    assert json.loads(said.out)["erased"] | {"students": 1, "payments": 1} == json.loads(said.out)["erased"]
    assert two.studio.packages() == [("EXPLORER-5", None)]
    assert (again.code, again.out) == (1, "")
    assert one_line(again.err)
    assert "there is no student old" in again.err.lower()
    assert "1 student of the organization was erased" in again.err
    assert punchcard("audit", "--json").code == 0


@pytest.mark.parametrize(("answer", "code", "holder"), [("y\n", 0, None), ("n\n", 1, "old")])
def test_it_shows_what_would_be_erased_and_asks(
    punchcard: Punchcard, two: Timetable, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, holder: str | None
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    said = punchcard("student", "erase", "--org", "lumen", "--student", "old")

    assert said.code == code
    assert "domain events" in said.out
    assert "no way back" in said.out
    assert two.studio.packages() == [("EXPLORER-5", holder)]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("export --org lumen --student nobody", 1, "There is no student nobody"),
        ("export --org none --student old", 2, "there is no organization none"),
        ("erase --org none --student old --yes", 2, "there is no organization none"),
        ("erase --org lumen --student old --json", 2, "add --yes"),
        ("erase --org lumen --student old --yes", 1, "nothing was erased: commands are under way"),
    ],
)
def test_what_cannot_be_given_out_or_erased_is_one_line(
    punchcard: Punchcard, two: Timetable, words: str, code: int, why: str
) -> None:
    two.ask("booking.book", "old", sessionId=1)

    said = punchcard("student", *words.split())

    assert (said.code, said.out) == (code, "")
    assert one_line(said.err)
    assert why in said.err
    assert two.studio.packages() == [("EXPLORER-5", "old")]
