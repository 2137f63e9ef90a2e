"""What races about bookings have in common: sessions, many commands at once, and how workers may take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.timetable import Timetable
from worker import clock
from worker.job_inbox import JOBS

SINGLY = replace(JOBS, batch=1)
# Nobody keeps a student's commands in turn: their lock alone is left to guard what they hold.
OUT_OF_TURN = replace(SINGLY, in_turn=False, kin="id")
INBOXES = pytest.mark.parametrize("inbox", [JOBS, SINGLY, OUT_OF_TURN], ids=["batches", "singly", "out of turn"])

Asked = tuple[str, dict[str, Any]]


def soon(days: int = 3, hour: int = 6) -> datetime:
    return (clock.now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0, tzinfo=UTC)


def hourly(timetable: Timetable, number: int, *, days: int = 3, **more: Any) -> list[int]:
    """Sessions of one local day that do not overlap."""
    return [timetable.session(soon(days) + timedelta(hours=hour), **more) for hour in range(number)]


def places(timetable: Timetable, session: int) -> list[int]:
    rows = timetable.studio.rows(
        "SELECT place FROM bookings WHERE session_id = %(id)s AND place IS NOT NULL ORDER BY place", id=session
    )
    return [int(row["place"]) for row in rows]


def all_book(timetable: Timetable, students: Sequence[str], session: int, **more: Any) -> list[int]:
    return timetable.ask_all("booking.book", [(name, {"sessionId": session} | more) for name in students])
