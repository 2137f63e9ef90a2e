"""Passes that were to begin when another one ended, whose money went back: they begin earlier."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import StudentPackage
from db.transaction import fetch
from domain.purchase.holder import STANDS
from domain.validity import end_of_days, local_days

# Periods of a subscription are Stripe's, and what the studio extended has its end by hand.
PASSES = f"""
SELECT k.id, k.student_id, k.all_access_starts_at AS starts_at, k.all_access_expires_at AS ends_at, k.expires_at,
       g.timezone, k.all_access_starts_at > %(at)s AND p.subscription_key IS NULL AND k.extended_until IS NULL AS moves,
       (SELECT max(b.start_at) FROM bookings b WHERE b.student_package_id = k.id AND b.place IS NOT NULL) AS last_at
  FROM student_packages k JOIN organizations g ON g.id = k.organization_id
  JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
 WHERE k.student_id = ANY(SELECT student_id FROM student_packages WHERE id = ANY(%(gone)s)
                             AND all_access_expires_at > %(at)s)
   AND {STANDS} AND k.all_access_expires_at > %(at)s
 ORDER BY k.student_id, k.all_access_starts_at, k.id
"""  # noqa: S608 - our own text


def move_up(session: Session, gone: Collection[int], *, at: datetime) -> None:
    """Let passes begin where the one before them ends now that some are gone; the caller holds their students.

    One that has something booked behind its new end stays where it is.
    """
    if not gone:
        return
    until: dict[int, datetime] = {}
    rows = []
    for row in fetch(session, PASSES, gone=list(gone), at=at):
        begins = max(at, until.get(row["student_id"], at))
        window = _moved(row, begins)
        if window:
            rows.append(window)
        ends = window["all_access_expires_at"] if window else row["ends_at"]
        until[row["student_id"]] = max(begins, ends)
    update(session, StudentPackage, rows)


def _moved(row: dict[str, Any], begins: datetime) -> dict[str, Any] | None:
    """Return the earlier window of a pass, of as many days; None where it stays."""
    if not row["moves"] or begins >= row["starts_at"]:
        return None
    days = local_days(row["starts_at"], row["ends_at"], row["timezone"]) - 1
    ends = end_of_days(begins, days, row["timezone"])
    if row["last_at"] and row["last_at"] >= ends:
        return None
    window = {"id": row["id"], "all_access_starts_at": begins, "all_access_expires_at": ends, "starts_at": begins}
    return window | {"expires_at": ends if row["expires_at"] == row["ends_at"] else row["expires_at"]}
