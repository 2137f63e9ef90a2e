"""What a payment makes of what it bought, said once; pages that are closed, and what our own calls said."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TABLE = "payments"
CHECKS = (
    ("grant_status_known", "grant_status IN ('VALID', 'SUSPENDED', 'REVOKED')"),
    (
        "grant_follows_money",
        (
            "grant_status = 'REVOKED' OR dispute_status IS DISTINCT FROM 'LOST'"
            " AND (amount_received = 0 OR amount_refunded < amount_received)"
        ),
    ),
)
# As it was derived wherever it was needed.
DERIVE = """
UPDATE payments
   SET grant_status = CASE WHEN dispute_status = 'LOST' OR amount_received > 0 AND amount_refunded >= amount_received
                           THEN 'REVOKED' ELSE 'SUSPENDED' END
 WHERE dispute_status IN ('LOST', 'OPEN') OR amount_received > 0 AND amount_refunded >= amount_received
"""
KINDS = (
    "PRODUCT_CREATE",
    "PRODUCT_UPDATE",
    "PRICE_LIST",
    "PRICE_CREATE",
    "PRICE_UPDATE",
    "COUPON_CREATE",
    "CHECKOUT_CREATE",
    "REFUND_CREATE",
)
# For a while 0006 had both of these itself: a database of that time keeps what it has.
OURS = "ALTER TABLE stripe_objects ADD COLUMN IF NOT EXISTS ours bigint NOT NULL DEFAULT 0"


def upgrade() -> None:
    """Say it of every payment."""
    op.add_column(TABLE, sa.Column("grant_status", sa.String(24), server_default="VALID", nullable=False))
    op.execute(DERIVE)
    for name, rule in CHECKS:
        op.create_check_constraint(op.f(f"ck_payments_{name}"), TABLE, rule)
    op.execute(OURS)
    _know((*KINDS, "CHECKOUT_EXPIRE"))


def downgrade() -> None:
    """Derive it again wherever it is needed; calls that closed a page are forgotten."""
    op.execute("DELETE FROM stripe_calls WHERE kind = 'CHECKOUT_EXPIRE'")
    _know(KINDS)
    op.drop_column("stripe_objects", "ours")
    for name, _ in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_payments_{name}"), TABLE, type_="check")
    op.drop_column(TABLE, "grant_status")


def _know(kinds: Sequence[str]) -> None:
    """Let calls be of these kinds, and of no other."""
    said = ", ".join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f("ck_stripe_calls_kind_known"), "stripe_calls", type_="check")
    op.create_check_constraint(op.f("ck_stripe_calls_kind_known"), "stripe_calls", f"kind IN ({said})")
