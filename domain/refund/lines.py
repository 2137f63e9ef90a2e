"""Credits that a refund takes off the ledger, and that come back to it where the refund failed; drafts follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import PackageUse, UseKind
from db.transaction import fetch
from domain.purchase.holder import STANDS

# The newest drafts, as many as credits: there are never more of them than credits left. A package that has ended has
# none that are open. Which refund closed them stands on them.
CLOSE_DRAFTS = """
UPDATE bookings SET status = 'CANCELLED', metadata = metadata || jsonb_build_object('refundId', %(refund)s::bigint)
 WHERE id IN (SELECT d.id FROM unnest(%(lines)s::bigint[], %(counts)s::bigint[]) AS l (id, n)
               CROSS JOIN LATERAL (SELECT b.id FROM bookings b WHERE b.allowance_id = l.id AND b.status = 'DRAFT'
                                    ORDER BY b.id DESC LIMIT l.n) d)
"""
# Once: the unique key of refund, line and sign says so.
GIVE_BACK = """
INSERT INTO package_uses (organization_id, allowance_id, kind, credits, refund_id, created_at)
SELECT organization_id, allowance_id, kind, -credits, refund_id, %(at)s FROM package_uses
 WHERE refund_id = ANY(%(refunds)s) AND credits > 0 ORDER BY id
ON CONFLICT (refund_id, allowance_id, (credits > 0)) WHERE refund_id IS NOT NULL DO NOTHING
RETURNING allowance_id
"""
# As many as credits are left. Of a package that has ended, or whose money went back whole, they stay closed as those of
# its other credits: if that was not the end, all of them are open again (domain.booking.drafts).
OPEN_DRAFTS = f"""
WITH closed AS (
    SELECT b.id, b.allowance_id, b.metadata ? 'expired' AS has_expired,
           k.expires_at <= %(at)s OR NOT {STANDS} AS is_over,
           row_number() OVER (PARTITION BY b.allowance_id ORDER BY b.metadata ? 'expired', b.id) AS n
      FROM bookings b JOIN student_packages k ON k.id = b.student_package_id
      JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
     WHERE b.allowance_id = ANY(%(lines)s) AND b.status = 'CANCELLED'
       AND (b.metadata ? 'expired' OR (b.metadata ->> 'refundId')::bigint = ANY(%(refunds)s))
), due AS (
    SELECT a.id, a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0)
                 - (SELECT count(*) FROM bookings b WHERE b.allowance_id = a.id AND b.status = 'DRAFT') AS n
      FROM student_package_allowances a WHERE a.id = ANY(%(lines)s)
)
UPDATE bookings
   SET status = CASE WHEN closed.is_over THEN 'CANCELLED' ELSE 'DRAFT' END,
       metadata = bookings.metadata - 'refundId' - 'expired'
                  || CASE WHEN closed.is_over THEN '{{"expired": true}}'::jsonb ELSE '{{}}'::jsonb END
  FROM closed JOIN due ON due.id = closed.allowance_id
 WHERE bookings.id = closed.id AND CASE WHEN closed.is_over THEN NOT closed.has_expired ELSE closed.n <= due.n END
"""  # noqa: S608 - our own text


def take(
    session: Session, organization_id: int, refund_id: int, taken: Sequence[tuple[int, int]], *, at: datetime
) -> None:
    """Take credits of lines back for a refund, and close as many of their drafts; the caller holds the student."""
    if not taken:
        return
    about = {"organization_id": organization_id, "kind": UseKind.TAKEN_BACK.value, "refund_id": refund_id}
    rows = [about | {"allowance_id": line, "credits": credits, "created_at": at} for line, credits in taken]  # noqa: A001 - the field's word
    insert(session, PackageUse, rows)
    lines, counts = (list(column) for column in zip(*taken, strict=True))
    fetch(session, CLOSE_DRAFTS, refund=refund_id, lines=lines, counts=counts)


def give_back(session: Session, refunds: Collection[int], *, at: datetime) -> None:
    """Give back what refunds took that came to nothing, once, and open its drafts; the caller holds their students."""
    if not refunds:
        return
    rows = fetch(session, GIVE_BACK, refunds=list(refunds), at=at)
    if rows:
        lines = list({row["allowance_id"] for row in rows})
        fetch(session, OPEN_DRAFTS, lines=lines, refunds=list(refunds), at=at)
