"""Drafts of packages that have ended: cancelled by the clock, and open again where the studio extends the package."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.booking.outgoing import Outgoing
from domain.booking.rows import write
from domain.booking.students import read_students
from domain.purchase.holder import LIVE

EXPIRED = "package.expired"
# Of one transaction.
MOST = 200

# Where a payment went back or is disputed, drafts are frozen: the package may come back with days of its own.
ENDED = f"""
SELECT k.id, k.student_id, k.order_id, k.product_code
  FROM student_packages k JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
 WHERE k.id IN (SELECT b.student_package_id FROM bookings b WHERE b.status = 'DRAFT') AND {{which}}
   AND k.expires_at <= %(at)s AND {LIVE}
 ORDER BY k.id {{limit}}
"""  # noqa: S608 - our own text
FIND = ENDED.format(which="k.id > %(after)s", limit=f"LIMIT {MOST}")
SURE = ENDED.format(which="k.id = ANY(%(ids)s) AND k.student_id = ANY(%(students)s)", limit="")

CANCEL = """
UPDATE bookings SET status = 'CANCELLED', metadata = metadata || '{"expired": true}'
 WHERE student_package_id = ANY(%(ids)s) AND status = 'DRAFT'
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


def expire(session: Session, *, after: int, at: datetime) -> list[int]:
    """Cancel the open drafts of some packages beyond an id that have ended; return those found, lowest first."""
    found = fetch(session, FIND, after=after, at=at)
    students = read_students(session, {row["student_id"] for row in found}, lock="FOR NO KEY UPDATE OF s")
    ids = [row["id"] for row in found]
    # Whoever was waited for may have extended one, or given it away.
    sure: Rows = fetch(session, SURE, ids=ids, students=list(students), at=at) if found else []
    if sure:
        fetch(session, CANCEL, ids=[row["id"] for row in sure])
    outgoing = Outgoing()
    for row in sure:
        student = students[row["student_id"]]
        said = {"packageId": row["id"], "orderId": row["order_id"], "productCode": row["product_code"]}
        told = said | {"studentId": student.external_id}
        outgoing.publish(student, EXPIRED, f"package/{row['id']}", told, at=at)
    write(session, outgoing, at=at)
    return ids


def reopen(session: Session, packages: Collection[int]) -> None:
    """Open the drafts of packages again that have not ended after all; the caller holds their students."""
    if packages:
        fetch(session, REOPEN, ids=list(packages))
