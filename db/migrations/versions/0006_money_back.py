"""Money back, subscriptions, and what Stripe is asked to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

CHECKS = (
    ("payments", "part_keeps_nothing", "part_of IS NULL OR amount_received = 0"),
    ("orders", "discount_not_negative", "discount >= 0"),
    ("products", "subscription_is_a_package", "billing_interval IS NULL OR product_type = 'PACKAGE'"),
    ("products", "billing_interval_bounded", "billing_interval_count BETWEEN 1 AND 36"),
    ("package_uses", "taken_back_by_refund", "(kind = 'TAKEN_BACK') = (refund_id IS NOT NULL)"),
)
# What is said otherwise from now on, and what it was before.
CHANGED = (
    (
        "package_uses",
        "sign_follows_kind",
        (
            "CASE kind WHEN 'SPEND' THEN credits > 0 WHEN 'RETURN' THEN credits < 0 WHEN 'BONUS' THEN credits < 0"
            " ELSE credits <> 0 END"
        ),
        (
            "CASE kind WHEN 'SPEND' THEN credits > 0 WHEN 'TAKEN_BACK' THEN credits > 0 WHEN 'RETURN' THEN credits < 0"
            " WHEN 'BONUS' THEN credits < 0 ELSE credits <> 0 END"
        ),
    ),
    (
        "notifications",
        "is_about_something",
        "num_nonnulls(student_id, session_id, order_id) > 0",
        "student_id IS NOT NULL OR session_id IS NOT NULL",
    ),
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_key", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("cancels_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_subscriptions_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("stripe_key", "organization_id", name=op.f("uq_subscriptions_stripe_key_organization_id")),
    )
    op.create_table(
        "stripe_objects",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("said", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_stripe_objects_organization_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_stripe_objects_product_id")),
        sa.PrimaryKeyConstraint("organization_id", "stripe_id", name=op.f("pk_stripe_objects")),
    )
    op.create_index(op.f("ix_stripe_objects_product_id"), "stripe_objects", ["product_id"], unique=False)
    op.create_table(
        "order_reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "PARTIAL_REFUND",
                "REFUND_FAILED",
                "CONSUMED",
                "DISPUTED",
                "COUPON_EXHAUSTED",
                name="kind_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL)", name=op.f("ck_order_reviews_resolved_by_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "organization_id"],
            ["orders.id", "orders.organization_id"],
            name=op.f("fk_order_reviews_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_order_reviews_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_reviews")),
        sa.UniqueConstraint("order_id", "kind", "about", name=op.f("uq_order_reviews_order_id_kind_about")),
    )
    op.create_index("ix_order_reviews_list", "order_reviews", ["organization_id", "id"], unique=False)
    op.create_index(
        "ix_order_reviews_open",
        "order_reviews",
        ["organization_id", "id"],
        unique=False,
        postgresql_where="resolved_at IS NULL",
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "REQUESTED",
                "SUCCEEDED",
                "FAILED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="REQUESTED",
            nullable=False,
        ),
        sa.Column("stripe_refund_id", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'REQUESTED') = (finished_at IS NULL)", name=op.f("ck_refunds_finished_has_time")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.ForeignKeyConstraint(
            ["order_id", "organization_id"], ["orders.id", "orders.organization_id"], name=op.f("fk_refunds_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_refunds_id_organization_id")),
        sa.UniqueConstraint(
            "stripe_refund_id", "organization_id", name=op.f("uq_refunds_stripe_refund_id_organization_id")
        ),
    )
    op.create_index("ix_refunds_order", "refunds", ["order_id", "id"], unique=False)
    op.create_table(
        "stripe_calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "PRODUCT_CREATE",
                "PRODUCT_UPDATE",
                "PRICE_LIST",
                "PRICE_CREATE",
                "PRICE_UPDATE",
                "COUPON_CREATE",
                "CHECKOUT_CREATE",
                "REFUND_CREATE",
                name="kind_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "PENDING",
                "SENT",
                "PARKED",
                "VOID",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("message_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("crashes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_stripe_calls_job_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_stripe_calls_organization_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_stripe_calls_product_id")),
        sa.ForeignKeyConstraint(
            ["refund_id", "organization_id"],
            ["refunds.id", "refunds.organization_id"],
            name=op.f("fk_stripe_calls_refund_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_calls")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_stripe_calls_id_organization_id")),
    )
    op.create_index(
        "ix_stripe_calls_due", "stripe_calls", ["due_at", "id"], unique=False, postgresql_where="status = 'PENDING'"
    )
    op.create_index(
        "ix_stripe_calls_job", "stripe_calls", ["job_id"], unique=False, postgresql_where="job_id IS NOT NULL"
    )
    op.create_index(
        "ix_stripe_calls_parked", "stripe_calls", ["id"], unique=False, postgresql_where="status = 'PARKED'"
    )
    op.create_index(
        "ix_stripe_calls_sent", "stripe_calls", ["sent_at", "id"], unique=False, postgresql_where="status = 'SENT'"
    )
    op.create_index("uq_stripe_calls_message_id", "stripe_calls", ["message_id"], unique=True)
    op.create_index(
        "uq_stripe_calls_product", "stripe_calls", ["product_id"], unique=True, postgresql_where="status = 'PENDING'"
    )
    op.create_index(
        "uq_stripe_calls_refund", "stripe_calls", ["refund_id"], unique=True, postgresql_where="refund_id IS NOT NULL"
    )
    op.add_column("orders", sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("package_uses", sa.Column("refund_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "uq_package_uses_refund",
        "package_uses",
        ["refund_id", "allowance_id", sa.literal_column("(credits > 0)")],
        unique=True,
        postgresql_where="refund_id IS NOT NULL",
    )
    op.create_foreign_key(
        op.f("fk_package_uses_refund_id"),
        "package_uses",
        "refunds",
        ["refund_id", "organization_id"],
        ["id", "organization_id"],
    )
    op.add_column("payments", sa.Column("subscription_key", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("payments", sa.Column("part_of", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_payments_part_of", "payments", ["part_of"], unique=False, postgresql_where="part_of IS NOT NULL"
    )
    op.create_index(
        "ix_payments_subscription",
        "payments",
        ["subscription_key"],
        unique=False,
        postgresql_where="subscription_key IS NOT NULL",
    )
    op.create_foreign_key(op.f("fk_payments_part_of"), "payments", "payments", ["part_of"], ["id"])
    op.add_column(
        "products",
        sa.Column(
            "billing_interval",
            sa.Enum(
                "DAY",
                "WEEK",
                "MONTH",
                "YEAR",
                name="billing_interval_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
    )
    op.add_column(
        "products", sa.Column("billing_interval_count", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column(
        "products",
        sa.Column(
            "refund_policy",
            sa.Enum(
                "UNUSED_ONLY",
                "ALL",
                "REVIEW",
                name="refund_policy_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="UNUSED_ONLY",
            nullable=False,
        ),
    )
    op.add_column("products", sa.Column("sync_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_products_sync_due",
        "products",
        ["sync_due_at", "id"],
        unique=False,
        postgresql_where="sync_due_at IS NOT NULL",
    )
    op.add_column("stripe_prices", sa.Column("unit_amount", sa.BigInteger(), nullable=True))
    op.add_column("stripe_prices", sa.Column("currency", sa.Text(), nullable=True))
    op.add_column(
        "stripe_prices",
        sa.Column(
            "billing_interval",
            sa.Enum(
                "DAY",
                "WEEK",
                "MONTH",
                "YEAR",
                name="billing_interval_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
    )
    op.add_column(
        "stripe_prices", sa.Column("billing_interval_count", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column("stripe_prices", sa.Column("lookup_key", sa.Text(), nullable=True))
    op.add_column("stripe_prices", sa.Column("active", sa.Boolean(), server_default="true", nullable=False))
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    for table, name, condition, _ in CHANGED:
        _say(table, name, condition)


def _say(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    """Undo; what refunds took back, and mails to staff about orders, cannot be kept."""
    op.execute("DELETE FROM package_uses WHERE kind = 'TAKEN_BACK'")
    op.execute("DELETE FROM notifications WHERE student_id IS NULL AND session_id IS NULL")
    for table, name, _, before in CHANGED:
        _say(table, name, before)
    for table, name, _ in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.drop_column("stripe_prices", "active")
    op.drop_column("stripe_prices", "lookup_key")
    op.drop_column("stripe_prices", "billing_interval_count")
    op.drop_column("stripe_prices", "billing_interval")
    op.drop_column("stripe_prices", "currency")
    op.drop_column("stripe_prices", "unit_amount")
    op.drop_index("ix_products_sync_due", table_name="products", postgresql_where="sync_due_at IS NOT NULL")
    op.drop_column("products", "sync_due_at")
    op.drop_column("products", "refund_policy")
    op.drop_column("products", "billing_interval_count")
    op.drop_column("products", "billing_interval")
    op.drop_constraint(op.f("fk_payments_part_of"), "payments", type_="foreignkey")
    op.drop_index("ix_payments_subscription", table_name="payments", postgresql_where="subscription_key IS NOT NULL")
    op.drop_index("ix_payments_part_of", table_name="payments", postgresql_where="part_of IS NOT NULL")
    op.drop_column("payments", "part_of")
    op.drop_column("payments", "suspended_at")
    op.drop_column("payments", "subscription_key")
    op.drop_constraint(op.f("fk_package_uses_refund_id"), "package_uses", type_="foreignkey")
    op.drop_index("uq_package_uses_refund", table_name="package_uses", postgresql_where="refund_id IS NOT NULL")
    op.drop_column("package_uses", "refund_id")
    op.drop_column("orders", "discount")
    op.drop_index("uq_stripe_calls_refund", table_name="stripe_calls", postgresql_where="refund_id IS NOT NULL")
    op.drop_index("uq_stripe_calls_product", table_name="stripe_calls", postgresql_where="status = 'PENDING'")
    op.drop_index("uq_stripe_calls_message_id", table_name="stripe_calls")
    op.drop_index("ix_stripe_calls_sent", table_name="stripe_calls", postgresql_where="status = 'SENT'")
    op.drop_index("ix_stripe_calls_parked", table_name="stripe_calls", postgresql_where="status = 'PARKED'")
    op.drop_index("ix_stripe_calls_job", table_name="stripe_calls", postgresql_where="job_id IS NOT NULL")
    op.drop_index("ix_stripe_calls_due", table_name="stripe_calls", postgresql_where="status = 'PENDING'")
    op.drop_table("stripe_calls")
    op.drop_index("ix_refunds_order", table_name="refunds")
    op.drop_table("refunds")
    op.drop_index("ix_order_reviews_open", table_name="order_reviews", postgresql_where="resolved_at IS NULL")
    op.drop_index("ix_order_reviews_list", table_name="order_reviews")
    op.drop_table("order_reviews")
    op.drop_index(op.f("ix_stripe_objects_product_id"), table_name="stripe_objects")
    op.drop_table("stripe_objects")
    op.drop_table("subscriptions")
