"""An import as a whole: one transaction, whole or not at all, and as many statements however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import psycopg
import pytest

from db.transaction import fetch, transaction
from domain.legacy.move import take_over
from tests.domain.booking.world import nothing_written, soon
from tests.domain.legacy.old import ADA, GRACE, became, child, package, parent, refused, take, written
from tests.domain.legacy.test_courses import booked, done, session
from tests.timetable import Timetable
from worker import clock

pytestmark = pytest.mark.usefixtures("now")


def everything_old(timetable: Timetable) -> dict[str, Any]:
    """Return rows of every kind, of which all can be taken over."""
    start = soon()
    timetable.session(start, org="thrive", service="PRIVATE", minutes=60, capacity=1, tier=0)
    session(timetable, "SFZ-2-DAY", soon(5))
    confirmed = child(174, "confirmed", start_time=start.isoformat())
    return {
        "students": [ADA, GRACE],
        "packages": [package(), package(legacy_id=11, student_id=2)],
        "bookings": [parent(), child(173), confirmed],
        "course_progress": [done(1), booked(2, "SFZ-2-DAY")],
    }


def test_what_was_before_and_is_behind_it_is_counted(timetable: Timetable) -> None:
    report = take(timetable, **everything_old(timetable))

    grown = {name: n - report.before[name] for name, n in report.after.items() if n != report.before[name]}
    assert grown == {
        "students": 2,
        "orders": 4,
        "packages": 4,
        "allowances": 4,
        "ledger lines": 5,
        "bookings DRAFT": 1,
        "bookings CONFIRMED": 2,
        "enrollments": 1,
        "progress": 4,
        "legacy records": 13,
    }


def test_an_import_that_is_only_tried_leaves_nothing_behind_and_says_what_would_be(timetable: Timetable) -> None:
    files = written(everything_old(timetable))

    with nothing_written(timetable), transaction(timetable.engine) as trying:
        tried = take_over(trying, timetable.organization("thrive"), files, at=clock.now())
        trying.rollback()
    with transaction(timetable.engine) as keeping:
        kept = take_over(keeping, timetable.organization("thrive"), files, at=clock.now())

    assert (tried.after, tried.tallies, tried.unmapped) == (kept.after, kept.tallies, kept.unmapped)


@pytest.mark.parametrize("kind", ["students", "packages", "bookings", "course_progress"])
def test_a_bad_row_anywhere_leaves_nothing_behind(timetable: Timetable, kind: str) -> None:
    files = everything_old(timetable)
    wrong = {"students": {"email": "x"}, "packages": {"student_id": 9}, "bookings": {"status": "?"}}
    files[kind] = [*files[kind], files[kind][-1] | {"legacy_id": 999} | wrong.get(kind, {"step_label": "?"})]

    with nothing_written(timetable):
        said = refused(timetable, **files)

    assert f"{kind}.json, row {len(files[kind])}, " in said[0]


@contextmanager
def failing(timetable: Timetable, table: str) -> Iterator[None]:
    """Let every new row of a table fail."""
    timetable.studio.rows(f"ALTER TABLE {table} ADD CONSTRAINT never CHECK (false) NOT VALID")
    try:
        yield
    finally:
        timetable.studio.rows(f"ALTER TABLE {table} DROP CONSTRAINT never")


@pytest.mark.parametrize("table", ["orders", "package_uses", "domain_events", "notifications", "legacy_records"])
def test_a_crash_in_the_middle_leaves_nothing_behind(timetable: Timetable, table: str) -> None:
    files = everything_old(timetable)

    with nothing_written(timetable), failing(timetable, table), pytest.raises(psycopg.errors.CheckViolation):
        take(timetable, **files)


def test_two_at_once_take_everything_over_once(timetable: Timetable) -> None:
    files, barrier = rows(0, 5), Barrier(2)

    def run(_: int) -> int:
        barrier.wait()
        return became(take(timetable, **files), "packages").get("taken_over", 0)

    with ThreadPoolExecutor(2) as pool:
        taken = sorted(pool.map(run, range(2)))

    assert taken == [0, 5]
    assert timetable.studio.count("orders") == 10


def test_every_row_that_was_made_is_found_by_its_record(timetable: Timetable) -> None:
    take(timetable, **everything_old(timetable))

    kinds = timetable.studio.rows("SELECT kind, count(*) AS n FROM legacy_records GROUP BY 1 ORDER BY 1")
    unfound = timetable.studio.rows(
        "SELECT id FROM orders o WHERE NOT EXISTS"
        " (SELECT FROM legacy_records l WHERE l.kind = 'order' AND l.row_id = o.id)"
    )
    assert {each["kind"]: each["n"] for each in kinds} == {
        "booking": 2,
        "course_progress": 2,
        "enrollment": 1,
        "order": 4,
        "package": 2,
        "student": 2,
    }
    assert unfound == []


def test_the_same_ids_in_another_organization_are_others(timetable: Timetable) -> None:
    take(timetable, students=[ADA], packages=[package()])

    elite = package(product_code="ELITE-30", service_type="GROUP")
    report = take(timetable, org="lumen", students=[ADA], packages=[elite])

    assert became(report, "packages") == {"in_file": 1, "taken_over": 1}
    assert timetable.studio.count("students") == 2


def test_a_thousand_rows_take_as_many_statements_as_ten(timetable: Timetable) -> None:
    take(timetable, **rows(0, 1))

    few, many = (statements(timetable, rows(*span)) for span in ((1, 6), (6, 506)))

    assert few == many
    assert timetable.studio.count("orders") == 1_012
    assert (
        timetable.studio.count("domain_events")
        == timetable.studio.one("SELECT sum(event_sequence) AS n FROM students")["n"]
    )


def test_it_may_take_its_time_and_nobody_else_may(timetable: Timetable) -> None:
    limit = "SELECT current_setting('idle_in_transaction_session_timeout') AS n"
    with transaction(timetable.engine) as session:
        take_over(session, timetable.organization("thrive"), written({"students": [ADA]}), at=clock.now())
        during = fetch(session, limit)[0]["n"]

    assert during == "10min"
    assert timetable.studio.one(limit)["n"] == "15s"


def rows(first: int, last: int) -> dict[str, Any]:
    """Return a student for each number, with a package and a parent booking of two drafts."""
    numbers = range(first, last)
    return {
        "students": [{"legacy_id": n, "email": f"s{n}@example.com"} for n in numbers],
        "packages": [package(legacy_id=n, student_id=n) for n in numbers],
        "bookings": [
            row
            for n in numbers
            for row in (
                parent(legacy_id=10 * n, student_id=n),
                child(10 * n + 1, parent_id=10 * n, student_id=n),
                child(10 * n + 2, parent_id=10 * n, student_id=n),
            )
        ],
    }


def statements(timetable: Timetable, files: dict[str, Any]) -> int:
    """Return how many statements an import sends."""
    sent = 0
    original = psycopg.Cursor.execute

    def counted(self: Any, *words: Any, **more: Any) -> Any:
        nonlocal sent
        sent += 1
        return original(self, *words, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", counted)
        take(timetable, **files)
    return sent
