"""Ends that nobody was told of because the payment was away: it came back, and they are due again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from db.transaction import fetch

# What was noted beyond its end was told to nobody (domain.clock.ending).
RELEASE = """
UPDATE student_packages
   SET expiry_noted = CASE WHEN expiry_noted > expires_at THEN NULL ELSE expiry_noted END,
       pass_expiry_noted = CASE WHEN pass_expiry_noted > all_access_expires_at THEN NULL ELSE pass_expiry_noted END,
       friend_expiry_noted = CASE WHEN friend_expiry_noted > friend_pass_expires_at THEN NULL
                                  ELSE friend_expiry_noted END
 WHERE order_id = ANY(%(orders)s)
   AND (expiry_noted > expires_at OR pass_expiry_noted > all_access_expires_at
        OR friend_expiry_noted > friend_pass_expires_at)
"""


def release(session: Session, orders: Sequence[int]) -> None:
    """Have the clock look again at packages of orders whose payment is there; the caller holds their students."""
    if orders:
        fetch(session, RELEASE, orders=list(orders))
