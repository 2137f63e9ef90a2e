"""`punchcard student merge`: shown, asked for, done."""

from __future__ import annotations

import io
import json

import pytest

from tests.cli.conftest import Punchcard
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
