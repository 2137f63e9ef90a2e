"""Give what belongs to one student to another, a statement per table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import update
from db.models import AllAccessDailyUsage, CouponUse
from db.transaction import fetch
from domain.calendar.link import WITHDRAW

Ids = Mapping[str, int]

# By what they are called where they are counted. What was done and sent stays, and is found by whom they were merged
# into: it would take a look at every job and mail there is. A mail's key says which event of its student's it goes
# with: with the next student it is before all of theirs, and stays unlike any of theirs.
MOVES: Mapping[str, str] = {
    "all_access_days": """UPDATE all_access_daily_usages SET student_id = %(into)s
                WHERE student_package_id IN (SELECT id FROM student_packages WHERE student_id = %(source)s)""",
    "orders": "UPDATE orders SET student_id = %(into)s WHERE student_id = %(source)s",
    "packages": "UPDATE student_packages SET student_id = %(into)s WHERE student_id = %(source)s",
    "bookings": "UPDATE bookings SET student_id = %(into)s WHERE student_id = %(source)s",
    "enrollments": "UPDATE student_course_enrollments SET student_id = %(into)s WHERE student_id = %(source)s",
    "waitlist_entries": "UPDATE waitlist_entries SET student_id = %(into)s WHERE student_id = %(source)s",
    "jobs": "UPDATE jobs SET student_id = %(into)s WHERE id = ANY(%(queued)s)",
    "notifications": r"""
UPDATE notifications SET student_id = %(into)s,
       dedupe_key = regexp_replace(dedupe_key, '^(booking:\d+):(\d+:s\d+)$', '\1:0:\2')
 WHERE id IN (SELECT id FROM notifications WHERE student_id = %(source)s AND status IN ('PARKED', 'VOID')
              UNION SELECT id FROM notifications WHERE student_id = %(source)s AND status = 'PENDING')""",
    # One each: that of who stays goes on, and the other one ends.
    "calendar_links": """
UPDATE calendar_links SET student_id = %(into)s
 WHERE student_id = %(source)s AND NOT EXISTS (SELECT FROM calendar_links WHERE student_id = %(into)s)""",
    "customers": "UPDATE stripe_customers SET student_id = %(into)s WHERE student_id = %(source)s",
    "coupon_uses": "UPDATE coupon_uses SET student_id = %(into)s WHERE student_id = %(source)s AND number IS NULL",
}
MOVE = "WITH moved AS ({move} RETURNING 1) SELECT count(*) AS n FROM moved"

# Of two places in the same line the first stays; nobody waits for a session in which they are.
CLOSE = """
UPDATE waitlist_entries w
   SET status = 'CLOSED', ended_at = %(at)s, reason = CASE WHEN mine.id IS NULL THEN 'merged' ELSE 'booked' END
  FROM waitlist_entries x
  LEFT JOIN bookings mine ON mine.session_id = x.session_id AND mine.student_id IN (%(source)s, %(into)s)
                         AND mine.place IS NOT NULL AND mine.guest_of IS NULL
 WHERE w.id = x.id AND x.student_id IN (%(source)s, %(into)s) AND x.ended_at IS NULL
   AND (mine.id IS NOT NULL
        OR EXISTS (SELECT FROM waitlist_entries first WHERE first.session_id = x.session_id AND first.ended_at IS NULL
                      AND first.student_id IN (%(source)s, %(into)s) AND first.id < x.id))
"""

# Out of each other's way, while they change places.
ASIDE = """
UPDATE all_access_daily_usages SET slot = slot + CASE student_id WHEN %(source)s THEN 10000 ELSE 20000 END
 WHERE id = ANY(%(uses)s)
"""

COUNTED = """
SELECT id, coupon_id, student_id, student_number, max_redemptions_per_student AS most FROM coupon_uses
 WHERE student_id IN (%(source)s, %(into)s) AND student_number IS NOT NULL
   AND coupon_id IN (SELECT coupon_id FROM coupon_uses WHERE student_id = %(source)s)
 ORDER BY coupon_id, id
"""


def move(
    session: Session, ids: Ids, queued: Sequence[int], slots: Mapping[int, int], *, at: datetime
) -> tuple[dict[str, int], int]:
    """Move all that `source` has to `into`; return how much of each kind, and how many uses of coupons stay.

    Args:
        session: Its transaction has locked both.
        ids: `source` and `into`.
        queued: The commands that may be moved: another that waits comes on by itself.
        slots: The slots of the uses of All-Access on the days on which both used theirs.
        at: When.

    """
    fetch(session, CLOSE, at=at, **ids)
    fetch(session, ASIDE, uses=list(slots), **ids)
    moved = {name: _count(session, statement, queued=list(queued), **ids) for name, statement in MOVES.items()}
    update(session, AllAccessDailyUsage, [{"id": use, "slot": slot} for use, slot in slots.items()])
    fetch(session, WITHDRAW, student=ids["source"])
    taken, kept = _move_coupons(session, ids)
    return moved | {"coupon_uses": moved["coupon_uses"] + taken}, kept


def _count(session: Session, statement: str, **values: object) -> int:
    return int(fetch(session, MOVE.format(move=statement), **values)[0]["n"])


def _move_coupons(session: Session, ids: Ids) -> tuple[int, int]:
    """Number uses of coupons anew, as far as the limit per student allows; return how many went, and how many stay."""
    uses = fetch(session, COUNTED, **ids)
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for use in uses:
        if use["student_id"] == ids["into"]:
            numbers[use["coupon_id"]].add(use["student_number"])
    mine = [use for use in uses if use["student_id"] == ids["source"]]
    rows = []
    for use in mine:
        taken = numbers[use["coupon_id"]]
        free = min(set(range(1, len(taken) + 2)) - taken)
        if free <= use["most"]:
            taken.add(free)
            rows.append({"id": use["id"], "student_id": ids["into"], "student_number": free})
    update(session, CouponUse, rows)
    return len(rows), len(mine) - len(rows)
