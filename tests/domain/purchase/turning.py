"""What the tests of money that turns share: a refund, a dispute, and what is held then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.stripe_objects import refund
from tests.timetable import Timetable
from worker import clock

DAY = timedelta(days=1)
PAYMENT = """
SELECT p.stripe_key, p.amount_received FROM student_packages k JOIN orders o ON o.id = k.order_id
  JOIN payments p ON p.id = o.payment_id WHERE k.id = %(package)s
"""


def give_back(timetable: Timetable, package: int, status: str = "succeeded") -> None:
    """Have Stripe say that all the money of a package went back, or that it did not after all."""
    paid = timetable.studio.one(PAYMENT, package=package)
    kind = "refund.failed" if status == "failed" else "refund.created"
    key, amount = paid["stripe_key"], paid["amount_received"]
    timetable.studio.deliver(refund(key, refund_id=f"re_of_{key}", amount=amount, status=status, kind=kind))


def package(timetable: Timetable, package_id: int) -> dict[str, Any]:
    return timetable.studio.one("SELECT * FROM student_packages WHERE id = %(id)s", id=package_id)


def statuses(timetable: Timetable, package_id: int) -> list[str]:
    rows = timetable.studio.rows(
        "SELECT status FROM bookings WHERE student_package_id = %(id)s ORDER BY id", id=package_id
    )
    return [row["status"] for row in rows]


def in_days(number: int, hour: int = 12) -> datetime:
    return (clock.now() + number * DAY).replace(hour=hour)
