"""What the tests of merging share: the merge itself, and what belongs to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.models import Base
from db.transaction import transaction
from domain.desk.merge import Merge, Merged, merge
from domain.errors import Refusal
from tests.domain.booking.world import nothing_written
from tests.stripe_objects import checkout
from tests.timetable import Timetable
from worker import clock


def joined(timetable: Timetable, source: str, into: str, *, org: str = "lumen", reason: str | None = None) -> Merged:
    wanted = Merge(source, into, "ADMIN desk", reason)
    with transaction(timetable.engine) as session:
        return merge(session, timetable.organization(org), wanted, at=clock.now())


def joined_into_new(timetable: Timetable, source: str = "old") -> Merged:
    timetable.student("ada")
    return joined(timetable, source, "ada")


def refused(timetable: Timetable, source: str, into: str, kind: type[Refusal], *, org: str = "lumen") -> str:
    with nothing_written(timetable), pytest.raises(kind) as refusal:
        joined(timetable, source, into, org=org)
    return str(refusal.value)


def holders(timetable: Timetable) -> dict[str, set[int]]:
    """Return of each table with students whose rows are in it."""
    tables = [table for table in Base.metadata.sorted_tables if "student_id" in table.c]
    return {
        table.name: {row["id"] for row in timetable.studio.rows(f"SELECT DISTINCT student_id AS id FROM {table.name}")}
        for table in tables
    }


def events(timetable: Timetable, student_id: int) -> list[str]:
    rows = timetable.studio.rows(
        "SELECT type FROM domain_events WHERE student_id = %(id)s ORDER BY sequence", id=student_id
    )
    return [row["type"] for row in rows]


def guest(timetable: Timetable, email: str, payment: str = "pi_guest", **more: Any) -> None:
    """Have somebody buy who is known by their address alone."""
    timetable.studio.deliver(
        checkout(
            "EXPLORER-5",
            payment=payment,
            amount=500_000,
            currency="try",
            org="lumen",
            email=email,
            student=None,
            **more,
        )
    )


def wait(timetable: Timetable, name: str, session: int, **more: Any) -> int:
    values = {"status": "WAITING", "ended_at": None} | more
    row = timetable.studio.one(
        "INSERT INTO waitlist_entries (organization_id, session_id, student_id, status, joined_at, ended_at)"
        " SELECT organization_id, id, %(student)s, %(status)s, %(at)s, %(ended_at)s FROM class_sessions"
        " WHERE id = %(wanted)s RETURNING id",
        student=timetable.student(name),
        wanted=session,
        at=clock.now(),
        **values,
    )
    return int(row["id"])


def coupon(timetable: Timetable, limit: int) -> int:
    row = timetable.studio.one(
        "INSERT INTO coupons (organization_id, code, name, coupon_type, bonus_credits, max_redemptions_per_student,"
        " created_at) VALUES (%(org)s, 'GIFT', 'Gift', 'CREDIT_BONUS', 1, %(limit)s, %(at)s) RETURNING id",
        org=timetable.organization("lumen"),
        limit=limit,
        at=clock.now(),
    )
    return int(row["id"])


def use_coupon(timetable: Timetable, used: int, name: str, number: int | None, student_number: int | None) -> None:
    timetable.studio.rows(
        "INSERT INTO coupon_uses (organization_id, coupon_id, student_id, max_redemptions,"
        " max_redemptions_per_student, number, student_number, status, held_until, created_at)"
        " SELECT organization_id, id, %(student)s, max_redemptions, max_redemptions_per_student, %(number)s,"
        " %(student_number)s, %(status)s, %(until)s, %(at)s FROM coupons WHERE id = %(coupon)s",
        coupon=used,
        student=timetable.student(name),
        number=number,
        student_number=student_number,
        status="HELD" if number else "RELEASED",
        until=clock.now() + timedelta(minutes=30) if number else None,
        at=clock.now(),
    )
