"""Passes begin where the one before them ends: earlier once its money went back, later where it is back after all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import StudentPackage
from db.transaction import fetch
from domain.purchase.holder import STANDS
from domain.validity import end_of_days, local_days

# Periods of a subscription are Stripe's; a guest whom a friend pass pays for needs no pass.
PASSES = f"""
SELECT k.id, k.student_id, k.all_access_starts_at AS starts_at, k.all_access_expires_at AS ends_at, k.expires_at,
       g.timezone, p.subscription_key IS NULL AS moves, k.extended_until IS NOT NULL AS is_extended,
       k.id = ANY(%(turned)s) AS is_turned, booked.first_at, booked.last_at
  FROM student_packages k JOIN organizations g ON g.id = k.organization_id
  JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
 CROSS JOIN LATERAL (SELECT min(b.start_at) FILTER (WHERE b.payment_type <> 'FRIEND_PASS') AS first_at,
                            max(b.start_at) AS last_at
                       FROM bookings b WHERE b.student_package_id = k.id AND b.place IS NOT NULL) booked
 WHERE k.student_id = ANY(SELECT student_id FROM student_packages WHERE id = ANY(%(turned)s)
                             AND all_access_expires_at > %(since)s)
   AND {STANDS} AND k.all_access_expires_at > %(since)s
 ORDER BY k.student_id, {{turn}}, k.id
"""  # noqa: S608 - our own text
BY_START, BY_PURCHASE = PASSES.format(turn="k.all_access_starts_at"), PASSES.format(turn="k.purchased_at")
BEGINNING = datetime.min.replace(tzinfo=UTC)

Row = dict[str, Any]


def move_up(session: Session, turned: Collection[int], *, at: datetime) -> None:
    """Let passes begin where the one before them ends now that some are gone; the caller holds their students.

    One that has something booked behind its new end stays where it is, as does what the studio extended: it has its
    end by hand.
    """
    if not turned:
        return
    until: dict[int, datetime] = {}
    rows = []
    for row in fetch(session, BY_START, turned=list(turned), since=at):
        begins = max(at, until.get(row["student_id"], at))
        window = _moved_up(row, begins, at)
        if window:
            rows.append(window)
        ends = window["all_access_expires_at"] if window else row["ends_at"]
        until[row["student_id"]] = max(begins, ends)
    update(session, StudentPackage, rows)


def _moved_up(row: Row, begins: datetime, at: datetime) -> Row | None:
    """Return the earlier window of a pass, of as many days; None where it stays."""
    if not row["moves"] or row["is_extended"] or row["starts_at"] <= at or begins >= row["starts_at"]:
        return None
    window = _window(row, begins)
    return None if row["last_at"] and row["last_at"] >= window["all_access_expires_at"] else window


def put_behind(session: Session, back: Collection[int], *, at: datetime) -> list[int]:
    """Let passes begin where those end that were bought before them, now that some of these are back after all.

    They had moved up, or were bought meanwhile, and would run beside them, or before them and have not begun. Each
    keeps as many days as it had, also one that has begun, or ended. One that pays for something begins on the local day
    of the first session that it pays for, and no later: days beside another pass are lost then, and what is booked
    stands. The caller holds the students. Returns those that moved.
    """
    if not back:
        return []
    found = fetch(session, BY_PURCHASE, turned=list(back), since=BEGINNING)
    queues = [list(rows) for _, rows in groupby(found, key=lambda row: row["student_id"])]
    # What would have ended by now all the same stays on record as it was.
    rows = [row for queue in queues for row in _put_off(queue, at) if row["all_access_expires_at"] > at]
    update(session, StudentPackage, rows)
    return [row["id"] for row in rows]


def _put_off(queue: Sequence[Row], at: datetime) -> list[Row]:
    """Return the later windows in a student's passes, in the order in which they were bought."""
    taken: list[tuple[datetime, datetime]] = []
    windows, is_behind = [], False
    for row in queue:
        is_behind = is_behind or row["is_turned"]
        window = _later(row, taken, at) if is_behind and row["moves"] else None
        windows += [window] if window else []
        taken.append((window["all_access_starts_at"], window["all_access_expires_at"]) if window else _own(row))
    return windows


def _own(row: Row) -> tuple[datetime, datetime]:
    return row["starts_at"], row["ends_at"]


def _later(row: Row, taken: Sequence[tuple[datetime, datetime]], at: datetime) -> Row | None:
    """Return the window of a pass behind those before it, as far as its bookings let it; None where it stays."""
    begins = max((ends for _, ends in taken), default=at)
    is_beside = any(starts < row["ends_at"] and row["starts_at"] < ends for starts, ends in taken)
    if not is_beside and row["starts_at"] < at:
        return None
    if row["first_at"]:
        begins = min(begins, end_of_days(row["first_at"], -1, row["timezone"]))
    return _window(row, begins) if begins > row["starts_at"] else None


def _window(row: Row, begins: datetime) -> Row:
    """Return the columns of a pass that begins at an instant, and has as many days as it had."""
    days = local_days(row["starts_at"], row["ends_at"], row["timezone"]) - 1
    ends = end_of_days(begins, days, row["timezone"])
    expires_at = row["expires_at"]
    if expires_at is not None:
        expires_at = ends if expires_at == row["ends_at"] else max(expires_at, ends)
    window = {"all_access_starts_at": begins, "all_access_expires_at": ends}
    return {"id": row["id"], "starts_at": begins, "expires_at": expires_at} | window
