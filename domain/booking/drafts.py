"""Drafts of packages that have ended, or whose money went back: closed, and open again where that was not the end."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from db.transaction import fetch

# What the clock notes of a package that ended (domain.clock.ending) closes its drafts. An array, since it can only be
# looked up in the index: as a relation it may be joined the other way round, which reads every booking there is.
CLOSE = """
UPDATE bookings SET status = 'CANCELLED', metadata = metadata || '{"expired": true}'
 WHERE student_package_id = ANY(ARRAY(SELECT id FROM told)) AND status = 'DRAFT'
"""
# No more than there are credits left: some may have been taken away since.
REOPEN = """
WITH closed AS (
    SELECT b.id, b.allowance_id, row_number() OVER (PARTITION BY b.allowance_id ORDER BY b.id) AS n FROM bookings b
     WHERE b.student_package_id = ANY(%(ids)s) AND b.status = 'CANCELLED' AND b.metadata ? 'expired'
), due AS (
    SELECT a.id, a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0)
                 - (SELECT count(*) FROM bookings b WHERE b.allowance_id = a.id AND b.status = 'DRAFT') AS n
      FROM student_package_allowances a WHERE a.student_package_id = ANY(%(ids)s)
)
UPDATE bookings SET status = 'DRAFT', metadata = metadata - 'expired'
  FROM closed JOIN due ON due.id = closed.allowance_id
 WHERE bookings.id = closed.id AND closed.n <= due.n
"""

CLOSE_OF = """
UPDATE bookings SET status = 'CANCELLED', metadata = metadata || '{"expired": true}'
 WHERE student_package_id = ANY(%(ids)s) AND status = 'DRAFT'
"""


def close(session: Session, packages: Collection[int]) -> None:
    """Close the drafts of packages whose money went back; the caller holds their students."""
    if packages:
        fetch(session, CLOSE_OF, ids=list(packages))


def reopen(session: Session, packages: Collection[int]) -> None:
    """Open the drafts of packages again that have not ended after all; the caller holds their students."""
    if packages:
        fetch(session, REOPEN, ids=list(packages))
