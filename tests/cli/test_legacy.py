"""`punchcard import legacy`: shown first, kept once that is said; the guide's examples are taken over as they stand."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from cli import legacy
from db.models import StepStatus
from domain.legacy.kinds import TABLES
from domain.legacy.reading import MAX_BYTES, MAX_ROWS
from domain.legacy.shape import ROWS, OldStatus, columns, required
from domain.legacy.tally import Tally
from tests.cli.conftest import Punchcard, one_line
from tests.domain.booking.world import everything, nothing_written
from tests.test_house import ROOT
from tests.timetable import Timetable

EXAMPLES = ROOT / "docs" / "examples" / "legacy"
GUIDE = (ROOT / "docs" / "migration.md").read_text()
WORDS = ("import", "legacy", EXAMPLES, "--org", "thrive")


def folder(path: Path, **files: str) -> Path:
    """Write files by kind, such as students_csv."""
    for name, content in files.items():
        kind, _, ending = name.rpartition("_")
        (path / f"{kind}.{ending}").write_text(content)
    return path


@pytest.fixture
def demo(punchcard: Punchcard, timetable: Timetable) -> Timetable:
    """Give the demo studios with the sessions of their next days."""
    assert punchcard("seed", "demo").code == 0
    return timetable


def test_the_examples_are_shown_and_not_kept(punchcard: Punchcard, demo: Timetable) -> None:
    with nothing_written(demo):
        said = punchcard(*WORDS)

    assert said.code == 0
    assert re.search(r"course_progress +4 +0 +4 +0 +0 +0", said.out)
    assert re.search(r"orders +0 +4", said.out)
    assert re.search(r"bookings\.csv +5 +175 +no session of ours starts then", said.out)
    assert "a dry run: nothing was kept; add --apply" in said.out
    assert said.err == ""


def test_the_examples_are_taken_over_once(punchcard: Punchcard, demo: Timetable) -> None:
    first = json.loads(punchcard(*WORDS, "--apply", "--json").out)
    with nothing_written(demo):
        second = json.loads(punchcard(*WORDS, "--apply", "--json").out)

    assert first["applied"] is True
    assert [(each["kind"], each["taken_over"], each["not_mappable"], each["left_out"]) for each in first["files"]] == [
        ("students", 3, 0, 0),
        ("packages", 3, 0, 0),
        ("bookings", 2, 2, 1),
        ("course_progress", 4, 0, 0),
    ]
    assert [(each["legacy_id"], each["why"]) for each in first["notMappable"]] == [
        ("174", "no session of ours starts then"),
        ("175", "no session of ours starts then"),
    ]
    grown = {each["rows"]: each["after"] - each["before"] for each in first["counts"]}
    assert {name: n for name, n in grown.items() if n} == {
        "students": 3,
        "orders": 4,
        "packages": 4,
        "allowances": 4,
        "ledger lines": 4,
        "bookings DRAFT": 2,
        "bookings CONFIRMED": 1,
        "enrollments": 1,
        "progress": 4,
        "legacy records": 18,
    }
    assert all(each["before"] == each["after"] for each in second["counts"])
    assert sum(each["known"] for each in second["files"]) == 14
    assert demo.studio.audit() == []


def test_what_is_refused_is_told_by_file_row_and_column(punchcard: Punchcard, demo: Timetable, tmp_path: Path) -> None:
    wrong = folder(tmp_path, students_csv="legacy_id,email\n1,ada\n2,grace@example.com\n", packages_json="{}")
    before = everything(demo.studio)

    said = punchcard("import", "legacy", wrong, "--org", "thrive", "--apply")
    told = json.loads(punchcard("import", "legacy", wrong, "--org", "thrive", "--json").out)

    assert said.code == 1
    assert said.err.splitlines()[1].startswith("punchcard: students.csv, row 2, email: String should match")
    assert said.err.endswith("punchcard: nothing was taken over\n")
    assert re.search(r"students\.csv +1", said.out)
    assert [(each["file"], each["row"], each["column"]) for each in told["refused"]] == [
        ("packages.json", 0, ""),
        ("students.csv", 2, "email"),
    ]
    assert everything(demo.studio) == before


def test_of_very_many_faults_the_first_are_told(punchcard: Punchcard, demo: Timetable, tmp_path: Path) -> None:
    rows = "".join(f"{number},nobody\n" for number in range(legacy.MOST_FAULTS + 7))

    said = punchcard("import", "legacy", folder(tmp_path, students_csv=f"legacy_id,email\n{rows}"), "--org", "thrive")

    assert said.code == 1
    assert len(said.err.splitlines()) == legacy.MOST_FAULTS + 1
    assert said.err.endswith("nothing was taken over; 7 more are wrong\n")


STUDENTS = "legacy_id,name\n1,Ada\n"


@pytest.mark.parametrize(
    ("files", "org", "why"),
    [
        ({}, "thrive", "has none of students, packages, bookings, course_progress"),
        ({"student_csv": STUDENTS}, "thrive", "there is no kind student: there are students"),
        ({"students_csv": STUDENTS, "students_json": "[]"}, "thrive", "has a kind twice, as .csv and as .json"),
        ({"students_csv": STUDENTS}, "nobody", "there is no organization nobody"),
        ({"students_csv": " " * (MAX_BYTES + 1)}, "thrive", f"has more than {MAX_BYTES} bytes"),
    ],
    ids=["empty", "unknown", "twice", "organization", "large"],
)
def test_wrong_use_is_one_line(
    punchcard: Punchcard, demo: Timetable, tmp_path: Path, files: dict[str, str], org: str, why: str
) -> None:
    said = punchcard("import", "legacy", folder(tmp_path, **files), "--org", org)

    assert (said.code, said.out) == (2, "")
    assert one_line(said.err)
    assert why in said.err


def test_a_folder_that_is_not_there_is_wrong_use(punchcard: Punchcard, tmp_path: Path) -> None:
    assert punchcard("import", "legacy", tmp_path / "none", "--org", "thrive").code == 2


def test_other_files_of_a_folder_are_left_alone(punchcard: Punchcard, demo: Timetable, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("what we exported")

    said = punchcard("import", "legacy", folder(tmp_path, students_csv=STUDENTS), "--org", "thrive")

    assert said.code == 0


def test_how_far_it_is_is_told_on_a_terminal(
    punchcard: Punchcard, demo: Timetable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.progress.sys.stderr.isatty", lambda: True, raising=False)

    said = punchcard(*WORDS)

    assert "4 purchases" in said.err
    assert "1 steps booked" in said.err
    assert said.err.endswith("\r\x1b[2K")


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table behind a line of the guide."""
    _, _, behind = GUIDE.partition(f"\n{heading}\n")
    found = next(block for block in behind.split("\n\n") if block.strip().startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found.strip().splitlines()[2:]]


@pytest.mark.parametrize("kind", ROWS)
def test_the_guide_has_every_column_and_says_which_must_be_there(kind: str) -> None:
    told = table(f"`{kind}`")

    assert [row[0].strip("`") for row in told] == list(columns(kind))
    assert {row[0].strip("`") for row in told if row[1] == "yes"} == {*required(kind)}


def test_the_guide_has_every_status_kind_and_count() -> None:
    kinds = {row[0].strip("`"): row[2].strip("`") for row in table("## Which rows came from where")}
    counts = [row[0].replace(" ", "_") for row in table("## What it prints")]

    assert all(f"`{status}`" in GUIDE for status in (*OldStatus, *StepStatus))
    assert kinds == TABLES
    assert counts == [each.name for each in fields(Tally) if each.name != "kind"]


def test_the_guide_says_which_limits_there_are() -> None:
    assert f"{MAX_ROWS:,} rows and {MAX_BYTES // 1_000_000} MB" in GUIDE
