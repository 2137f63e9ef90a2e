"""A coupon that an earlier page of the same student's holds: that page is closed before another one has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from db.models import CallKind
from db.transaction import fetch
from domain.errors import CouponExhausted
from domain.outward.call import Wanted
from domain.outward.checkout_command import Checkout

# The coupon is locked. A page is known once Stripe made it, which was after its use was held.
EARLIER = """
SELECT u.id, c.response ->> 'id' AS page
  FROM coupon_uses u
  LEFT JOIN stripe_calls c ON c.status = 'SENT' AND c.sent_at >= u.created_at AND c.kind = 'CHECKOUT_CREATE'
                          AND c.organization_id = u.organization_id AND c.context ->> 'use' = u.id::text
 WHERE u.coupon_id = %(coupon)s AND u.student_id = %(student)s AND u.status = 'HELD'
 ORDER BY c.id IS NULL, u.id LIMIT 1
"""


def earlier_page(session: Session, command: Checkout, coupon_id: int, about: Mapping[str, Any]) -> Wanted | None:
    """Return what Stripe is asked for first: to close the page that holds the coupon; None where the student has none.

    Raises:
        CouponExhausted: the student's own page is under way, and not known yet.

    """
    for use in fetch(session, EARLIER, coupon=coupon_id, student=command.student_id):
        if use["page"] is None:
            raise CouponExhausted("Try again in a moment: Stripe is just asked for a page with this coupon.")
        return Wanted(kind=CallKind.CHECKOUT_EXPIRE, params={"id": use["page"]}, context={"held": use["id"]}, **about)
    return None
