"""What a payment makes of what it bought, said once."""

from __future__ import annotations

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


def upgrade() -> None:
    """Say it of every payment."""
    op.add_column(TABLE, sa.Column("grant_status", sa.String(24), server_default="VALID", nullable=False))
    op.execute(DERIVE)
    for name, rule in CHECKS:
        op.create_check_constraint(op.f(f"ck_payments_{name}"), TABLE, rule)


def downgrade() -> None:
    """Derive it again wherever it is needed."""
    for name, _ in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_payments_{name}"), TABLE, type_="check")
    op.drop_column(TABLE, "grant_status")
