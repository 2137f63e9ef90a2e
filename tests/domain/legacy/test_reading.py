"""Files of old records: CSV or JSON, told by file, row and column what is wrong with them."""

from __future__ import annotations

import pytest

from domain.legacy.fault import ImportRefused
from domain.legacy.reading import MAX_BYTES, MAX_ROWS, read

HEADER = "legacy_id,external_id,email,name,created_at"


def students(content: str | bytes, name: str = "students.csv") -> list[tuple[int, str, str | None, str | None]]:
    """Return the row, id, external id and name of each student of a file."""
    raw = content.encode() if isinstance(content, str) else content
    records = read({name: raw}, "Europe/Istanbul").students
    return [(each.row, each.said.legacy_id, each.said.external_id, each.said.name) for each in records]


def wrong(content: str | bytes, name: str = "students.csv") -> list[str]:
    """Return what is wrong with a file."""
    with pytest.raises(ImportRefused) as refused:
        students(content, name)
    return [str(fault) for fault in refused.value.faults]


def test_rows_of_csv_count_from_the_header() -> None:
    assert students(f"{HEADER}\n1,ada,,Ada,\n2,,g@example.com,Grace,2024-01-05\n") == [
        (2, "1", "ada", "Ada"),
        (3, "2", None, "Grace"),
    ]


def test_a_list_in_json_says_the_same_and_its_rows_count_from_one() -> None:
    said = '[{"legacy_id": 1, "external_id": "ada", "name": "Ada", "email": null}]'

    assert students(said, "students.json") == [(1, "1", "ada", "Ada")]


def test_columns_may_be_in_any_order_and_what_need_not_be_there_may_be_left_out() -> None:
    assert students("name,legacy_id\nAda,1\n") == [(2, "1", None, "Ada")]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbflegacy_id,name\n1,Ada\n",
        b"legacy_id,name\r\n1,Ada\r\n",
        b'"legacy_id","name"\n"1","Ada"\n',
        b"legacy_id , name\n 1 , Ada \n",
        b"legacy_id,name\n1,Ada",
        b"legacy_id,name\n\n1,Ada\n\n",
    ],
    ids=["mark of the encoding", "two line ends", "quotes", "spaces", "no last line end", "empty lines"],
)
def test_what_spreadsheets_write_is_read(content: bytes) -> None:
    assert [row[1:] for row in students(content)] == [("1", None, "Ada")]


def test_a_quoted_cell_may_hold_commas_and_quotes_and_the_rows_behind_it_are_counted_as_a_spreadsheet_does() -> None:
    assert students('legacy_id,name\n1,"Lovelace, ""Ada"""\n2,Grace\n') == [
        (2, "1", None, 'Lovelace, "Ada"'),
        (3, "2", None, "Grace"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("legacy_id;name\n1;Ada\n", "students.csv, row 1: its columns are not separated by commas"),
        ("legacy_id\tname\n1\tAda\n", "students.csv, row 1: its columns are not separated by commas"),
        ("", "students.csv, row 1: there is no header: its columns are legacy_id, external_id"),
        ("legacy_id,colour\n1,blue\n", "students.csv, row 1, colour: there is no such column: there are legacy_id"),
        ("legacy_id,\n1,blue\n", "students.csv, row 1, (no name): there is no such column"),
        ("legacy_id,name,name\n1,a,b\n", "students.csv, row 1, name: the column is there twice"),
        ("name\nAda\n", "students.csv, row 1, legacy_id: the column is missing"),
        ("legacy_id,name\n1,Ada,x\n", "students.csv, row 2: it has 3 cells, and the header 2"),
        ("legacy_id,name\n1\n", "students.csv, row 2: it has 1 cells, and the header 2"),
        ('legacy_id,name\n1,Ada\n2,"Grace\n', "students.csv, row 3: it is not CSV: unexpected end of data"),
        ('legacy_id,name\n1,"Ada"x\n', "students.csv, row 2: it is not CSV"),
        (b"legacy_id,name\n1,Ada\n2,Gr\xe4ce\n", "students.csv, row 3: it is not UTF-8"),
        ("legacy_id,name\n,Ada\n", "students.csv, row 2, legacy_id: it is missing"),
        ("legacy_id,name\n1,A\x00da\n", "students.csv, row 2"),
        ("legacy_id,created_at\n1,yesterday\n", "students.csv, row 2, created_at: write 2026-12-01T18:30"),
        (f"legacy_id,name\n{'x' * 129},Ada\n", "students.csv, row 2, legacy_id: String should have at most 128"),
        ("legacy_id,name\n1,Ada\n1,Grace\n", "students.csv, row 3, legacy_id: row 2 has this id already"),
        ("legacy_id,name\n" + "1,Ada\n" * (MAX_ROWS + 1), f"students.csv, row {MAX_ROWS + 2}: there are more than"),
        (b" " * (MAX_BYTES + 1), f"students.csv: it has more than {MAX_BYTES} bytes"),
    ],
)
def test_what_is_wrong_with_csv_is_told(content: str | bytes, why: str) -> None:
    assert wrong(content)[0].startswith(why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{}", "students.json: it is not a list of objects"),
        ("", "students.json: it is not JSON: line 1: Expecting value"),
        ("[1]", "students.json, row 1: it is not an object"),
        ("[" * 100_000, "students.json: it is not a list of objects"),
        ("[" + "9" * 5_000 + "]", "students.json: it is not a list of objects"),
        ('[{"legacy_id": 1.5}]', "students.json, row 1, legacy_id: write a text or a whole number"),
        ('[{"legacy_id": [1]}]', "students.json, row 1, legacy_id: write a text or a whole number"),
        ('[{"legacy_id": 1, "colour": "blue"}]', "students.json, row 1, colour: there is no such column"),
        ('[{"name": "Ada"}]', "students.json, row 1, legacy_id: it is missing"),
        ("[" + ",".join(["{}"] * (MAX_ROWS + 1)) + "]", f"students.json: there are more than {MAX_ROWS} rows"),
    ],
    ids=range(10),
)
def test_what_is_wrong_with_json_is_told(content: str, why: str) -> None:
    assert wrong(content, "students.json")[0].startswith(why)


def test_all_files_are_told_of_at_once() -> None:
    with pytest.raises(ImportRefused) as refused:
        read({"students.csv": b"legacy_id,name\n,Ada\n,Grace\n", "packages.json": b"{}"}, "Europe/Istanbul")

    assert [(fault.file, fault.row) for fault in refused.value.faults] == [
        ("packages.json", 0),
        ("students.csv", 2),
        ("students.csv", 3),
    ]
