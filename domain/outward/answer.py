"""What follows from an answer of Stripe's, or from a refusal: each kind of call has a module that acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from db.models import CallKind
from domain.outward import checkout, product_answer
from domain.outward.call import Call, Response
from domain.refund import answer as refund_answer


class Acting(Protocol):
    """What acts on the answers to a kind of call; the row of the call is marked, and held, by then."""

    def answered(self, session: Session, call: Call, response: Response, *, at: datetime) -> None:
        """Do what follows from what Stripe did."""

    def refused(self, session: Session, call: Call, code: str, reason: str, *, at: datetime) -> None:
        """Do what follows from Stripe's refusal, or from a call that was given up; `code` says which of the two."""


BY_KIND: Mapping[CallKind, Acting] = {
    CallKind.PRODUCT_CREATE: product_answer,
    CallKind.PRODUCT_UPDATE: product_answer,
    CallKind.PRICE_LIST: product_answer,
    CallKind.PRICE_CREATE: product_answer,
    CallKind.PRICE_UPDATE: product_answer,
    CallKind.COUPON_CREATE: checkout,
    CallKind.CHECKOUT_CREATE: checkout,
    CallKind.CHECKOUT_EXPIRE: checkout,
    CallKind.REFUND_CREATE: refund_answer,
}


def answered(session: Session, call: Call, response: Response, *, at: datetime) -> None:
    """Act on what Stripe did."""
    BY_KIND[CallKind(call["kind"])].answered(session, call, response, at=at)


def refused(session: Session, call: Call, code: str, reason: str, *, at: datetime) -> None:
    """Act on what Stripe did not do, for good: `stripe_refused`, `stripe_unavailable` or `worker_lost`."""
    BY_KIND[CallKind(call["kind"])].refused(session, call, code, reason, at=at)
