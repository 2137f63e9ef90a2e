"""Ends that nobody was told of because the payment was away: it came back, and they are due again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from db.transaction import fetch

RELEASE = """
UPDATE student_packages SET expiry_noted = NULL, expiry_withheld = false
 WHERE order_id = ANY(%(orders)s) AND expiry_withheld
"""


def release(session: Session, orders: Sequence[int]) -> None:
    """Have the clock look again at packages of orders whose payment is there; the caller holds their students."""
    if orders:
        fetch(session, RELEASE, orders=list(orders))
