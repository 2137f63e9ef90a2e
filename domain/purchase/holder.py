"""Students while something is granted to them: locked, with what they hold that matters for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch


@dataclass(frozen=True, slots=True)
class Holder:
    """A student; `all_access_until` is the end of the last pass, where one is running or to come."""

    id: int
    external_id: str | None
    has_email: bool
    event_sequence: int
    all_access_until: datetime | None


LOCK = """
SELECT id, external_id, email IS NOT NULL AS has_email, event_sequence
  FROM students WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""

HELD = "FROM student_packages k JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id"
# A package whose payment went back wholly, or whose dispute was lost, is revoked and gives nothing.
STANDS = "p.grant_status IS DISTINCT FROM 'REVOKED'"
# While a dispute is open, or all is on its way back, it is suspended, and lends no badge and no pass.
LIVE = "coalesce(p.grant_status, 'VALID') = 'VALID'"
BADGE = "k.elite_badge AND (k.expires_at IS NULL OR k.expires_at > %(at)s)"
RUNNING = "k.all_access_starts_at <= %(at)s AND k.all_access_expires_at > %(at)s"

PASSES = f"""
SELECT k.student_id, max(k.all_access_expires_at) AS until {HELD}
 WHERE k.student_id = ANY(%(ids)s) AND {STANDS} AND k.all_access_expires_at > %(at)s GROUP BY 1
"""

# Of a student `x.student_id`: what their flags are at an instant.
FLAGS_OF = f"""
  SELECT coalesce(bool_or({BADGE}), false) AS elite, coalesce(bool_or({RUNNING}), false) AS pass_now,
         max(k.all_access_expires_at) FILTER (WHERE k.all_access_expires_at > %(at)s) AS pass_until
  {HELD} WHERE k.student_id = x.student_id AND {LIVE}"""
REFRESH = f"""
UPDATE students s
   SET is_elite_member = flags.elite, has_all_access = flags.pass_now, all_access_expires_at = flags.pass_until
  FROM unnest(%(ids)s::bigint[]) AS x (student_id) CROSS JOIN LATERAL ({FLAGS_OF}) flags
 WHERE s.id = x.student_id
   AND (s.is_elite_member, s.has_all_access, s.all_access_expires_at) IS DISTINCT FROM
       (flags.elite, flags.pass_now, flags.pass_until)
"""  # noqa: S608 - our own text

# Passes that begin; what ends is noted by the clock with the flags that follow (domain.clock.ending).
STALE = f"""
SELECT s.id FROM students s
 WHERE s.all_access_expires_at IS NOT NULL AND NOT s.has_all_access AND s.id > %(after)s
   AND EXISTS (SELECT {HELD} WHERE k.student_id = s.id AND {LIVE} AND {RUNNING})
 ORDER BY s.id LIMIT 1000 FOR NO KEY UPDATE OF s SKIP LOCKED
"""  # noqa: S608 - our own text


def hold(session: Session, ids: Collection[int]) -> None:
    """Lock students in the order of their ids."""
    fetch(session, LOCK, ids=list(ids))


def lock_holders(session: Session, ids: Collection[int], *, at: datetime) -> dict[int, Holder]:
    """Lock students in the order of their ids, then read what they hold."""
    wanted = list(ids)
    rows = fetch(session, LOCK, ids=wanted)
    passes = {row["student_id"]: row["until"] for row in fetch(session, PASSES, ids=wanted, at=at)}
    return {row["id"]: Holder(**row, all_access_until=passes.get(row["id"])) for row in rows}


def refresh_flags(session: Session, ids: Collection[int], *, at: datetime) -> None:
    """Compute the flags of students anew from what they hold at an instant."""
    if ids:
        fetch(session, REFRESH, ids=list(ids), at=at)


def stale_holders(session: Session, *, after: int, at: datetime) -> list[int]:
    """Lock some of the students beyond an id whose pass has begun; return their ids, lowest first."""
    return [row["id"] for row in fetch(session, STALE, after=after, at=at)]
