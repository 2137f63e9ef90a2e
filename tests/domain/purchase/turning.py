"""What the tests of money that turns share: what is held then, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.timetable import Timetable
from worker import clock

DAY = timedelta(days=1)


def package(timetable: Timetable, package_id: int) -> dict[str, Any]:
    return timetable.studio.one("SELECT * FROM student_packages WHERE id = %(id)s", id=package_id)


def statuses(timetable: Timetable, package_id: int) -> list[str]:
    rows = timetable.studio.rows(
        "SELECT status FROM bookings WHERE student_package_id = %(id)s ORDER BY id", id=package_id
    )
    return [row["status"] for row in rows]


def in_days(number: int, hour: int = 12) -> datetime:
    return (clock.now() + number * DAY).replace(hour=hour)
