"""The main job: organizations, catalog, money in, what students hold, inboxes and outboxes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "drains",
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batches", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Double(), server_default="0", nullable=False),
        sa.CheckConstraint("batches >= 0", name=op.f("ck_drains_batches_not_negative")),
        sa.CheckConstraint("rows >= 0", name=op.f("ck_drains_rows_not_negative")),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_drains_seconds_not_negative")),
        sa.PrimaryKeyConstraint("inbox", name=op.f("pk_drains")),
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("credit_price", sa.BigInteger(), nullable=False),
        sa.Column("stripe_account_id", sa.Text(), nullable=True),
        sa.Column("email_sender", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_organizations_currency_form")),
        sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f("ck_organizations_slug_form")),
        sa.CheckConstraint("credit_price >= 0", name=op.f("ck_organizations_credit_price_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organizations_slug")),
        sa.UniqueConstraint("stripe_account_id", name=op.f("uq_organizations_stripe_account_id")),
    )
    op.create_table(
        "periodic_runs",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("task", "period_start", name=op.f("pk_periodic_runs")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_key", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "PENDING",
                "EXPIRED",
                "FAILED",
                "SUCCEEDED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("amount_received", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "dispute_status",
            sa.Enum(
                "OPEN", "WON", "LOST", name="dispute_status_known", native_enum=False, create_constraint=True, length=24
            ),
            nullable=True,
        ),
        sa.Column("stripe_customer_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_received >= 0", name=op.f("ck_payments_amount_received_not_negative")),
        sa.CheckConstraint(
            "amount_refunded BETWEEN 0 AND amount_received", name=op.f("ck_payments_refund_within_payment")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_payments_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("stripe_key", "organization_id", name=op.f("uq_payments_stripe_key_organization_id")),
    )
    op.create_index(
        "ix_payments_customer",
        "payments",
        ["stripe_customer_id"],
        unique=False,
        postgresql_where="stripe_customer_id IS NOT NULL",
    )
    op.create_table(
        "products",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "product_type",
            sa.Enum(
                "PACKAGE", "COURSE", name="product_type_known", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("validity_days", sa.BigInteger(), nullable=False),
        sa.Column(
            "validity_starts",
            sa.Enum(
                "PURCHASE",
                "FIRST_USE",
                name="validity_starts_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("bundle_description", sa.Text(), nullable=True),
        sa.Column("all_access_days", sa.BigInteger(), nullable=True),
        sa.Column("friend_pass_days", sa.BigInteger(), nullable=True),
        sa.Column("elite_badge", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "draft_service_type",
            sa.Enum(
                "PRIVATE",
                "GROUP",
                "COURSE",
                name="draft_service_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("draft_minutes", sa.SmallInteger(), nullable=True),
        sa.Column("draft_teacher_tier", sa.SmallInteger(), nullable=True),
        sa.Column("stripe_product_id", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_products_currency_form")),
        sa.CheckConstraint(
            "(draft_service_type IS NULL) = (draft_minutes IS NULL)", name=op.f("ck_products_draft_complete")
        ),
        sa.CheckConstraint("all_access_days > 0", name=op.f("ck_products_all_access_days_positive")),
        sa.CheckConstraint("draft_minutes > 0", name=op.f("ck_products_draft_minutes_positive")),
        sa.CheckConstraint("friend_pass_days > 0", name=op.f("ck_products_friend_pass_days_positive")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_products_price_not_negative")),
        sa.CheckConstraint("validity_days > 0", name=op.f("ck_products_validity_days_positive")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_products_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_products_organization_id_code")),
        sa.UniqueConstraint(
            "organization_id", "stripe_product_id", name=op.f("uq_products_organization_id_stripe_product_id")
        ),
    )
    op.create_table(
        "stripe_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("scope", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("payment_key", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("line_items", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("asks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "RECEIVED",
                "PROCESSED",
                "IGNORED",
                "FAILED",
                "QUARANTINED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="RECEIVED",
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("sweeps", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status = 'RECEIVED' OR finished_at IS NOT NULL", name=op.f("ck_stripe_events_finished_has_time")
        ),
        sa.CheckConstraint(
            "status NOT IN ('FAILED', 'QUARANTINED') OR error_code IS NOT NULL",
            name=op.f("ck_stripe_events_parked_has_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_stripe_events_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
        sa.UniqueConstraint("scope", "event_id", name=op.f("uq_stripe_events_scope_event_id")),
    )
    op.create_index(
        "ix_stripe_events_due", "stripe_events", ["due_at", "id"], unique=False, postgresql_where="status = 'RECEIVED'"
    )
    op.create_index("ix_stripe_events_list", "stripe_events", ["organization_id", "id"], unique=False)
    op.create_index(
        "ix_stripe_events_payment",
        "stripe_events",
        ["payment_key"],
        unique=False,
        postgresql_where="status = 'RECEIVED' AND payment_key IS NOT NULL",
    )
    op.create_index(
        "ix_stripe_events_trouble",
        "stripe_events",
        ["status", "id"],
        unique=False,
        postgresql_where="status IN ('FAILED', 'QUARANTINED')",
    )
    op.create_index(
        "ix_stripe_events_waits_for",
        "stripe_events",
        ["waits_for"],
        unique=False,
        postgresql_where="waits_for IS NOT NULL",
    )
    op.create_table(
        "students",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("is_elite_member", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("has_all_access", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("all_access_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_students_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_students")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_students_id_organization_id")),
        sa.UniqueConstraint("external_id", "organization_id", name=op.f("uq_students_external_id_organization_id")),
    )
    op.create_index(
        "uq_students_guest_email",
        "students",
        ["organization_id", sa.literal_column("lower(email)")],
        unique=True,
        postgresql_where=sa.text("external_id IS NULL AND email IS NOT NULL"),
    )
    op.create_table(
        "domain_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_domain_events_student_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain_events")),
        sa.UniqueConstraint("student_id", "sequence", name=op.f("uq_domain_events_student_id_sequence")),
    )
    op.create_index(
        "ix_domain_events_due", "domain_events", ["due_at", "id"], unique=False, postgresql_where="status = 'PENDING'"
    )
    op.create_index(
        "ix_domain_events_parked", "domain_events", ["id"], unique=False, postgresql_where="status = 'PARKED'"
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "SUCCEEDED",
                "FAILED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="QUEUED",
            nullable=False,
        ),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("http_status", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("sweeps", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'FAILED') = (problem IS NOT NULL)", name=op.f("ck_jobs_failure_has_problem")),
        sa.CheckConstraint("(status = 'SUCCEEDED') = (result IS NOT NULL)", name=op.f("ck_jobs_success_has_result")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_jobs_organization_id")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_jobs_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_due", "jobs", ["due_at", "id"], unique=False, postgresql_where="status = 'QUEUED'")
    op.create_index("ix_jobs_list", "jobs", ["organization_id", "id"], unique=False)
    op.create_index(op.f("ix_jobs_student_id"), "jobs", ["student_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "order_type",
            sa.Enum("PACKAGE", "COURSE", name="order_type_known", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "PENDING",
                "PAID",
                "PARTIALLY_REFUNDED",
                "REFUNDED",
                "FAILED",
                "EXPIRED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("list_price", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price_mismatch", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("package_metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("list_price >= 0", name=op.f("ck_orders_list_price_not_negative")),
        sa.CheckConstraint("paid >= 0", name=op.f("ck_orders_paid_not_negative")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_orders_payment_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_orders_product_id")),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_orders_student_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_orders_id_organization_id")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_orders_payment_id")),
    )
    op.create_index("ix_orders_student", "orders", ["student_id", "id"], unique=False)
    op.create_table(
        "package_allowances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column(
            "service_type",
            sa.Enum(
                "PRIVATE",
                "GROUP",
                "COURSE",
                name="service_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("teacher_tier", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("credit_unit_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("credit_unit_minutes IN (15, 30, 45, 60)", name=op.f("ck_package_allowances_unit_known")),
        sa.CheckConstraint("credits > 0", name=op.f("ck_package_allowances_credits_positive")),
        sa.CheckConstraint("teacher_tier >= 0", name=op.f("ck_package_allowances_teacher_tier_not_negative")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_package_allowances_weight_positive")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_package_allowances_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_allowances")),
        sa.UniqueConstraint("product_id", "position", name=op.f("uq_package_allowances_product_id_position")),
        sa.UniqueConstraint(
            "product_id",
            "service_type",
            "teacher_tier",
            "credit_unit_minutes",
            name=op.f("uq_package_allowances_product_id_service_type_teacher_tier_credit_unit_minutes"),
        ),
    )
    op.create_table(
        "stripe_customers",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_customer_id", sa.Text(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_stripe_customers_student_id"),
        ),
        sa.PrimaryKeyConstraint("stripe_customer_id", "organization_id", name=op.f("pk_stripe_customers")),
    )
    op.create_index(op.f("ix_stripe_customers_student_id"), "stripe_customers", ["student_id"], unique=False)
    op.create_table(
        "stripe_prices",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_price_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_stripe_prices_organization_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_stripe_prices_product_id")),
        sa.PrimaryKeyConstraint("organization_id", "stripe_price_id", name=op.f("pk_stripe_prices")),
    )
    op.create_index(op.f("ix_stripe_prices_product_id"), "stripe_prices", ["product_id"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
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
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_notifications_order_id")),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_notifications_student_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "organization_id", "kind", "dedupe_key", name=op.f("uq_notifications_organization_id_kind_dedupe_key")
        ),
    )
    op.create_index(
        "ix_notifications_due", "notifications", ["due_at", "id"], unique=False, postgresql_where="status = 'PENDING'"
    )
    op.create_index(op.f("ix_notifications_order_id"), "notifications", ["order_id"], unique=False)
    op.create_index(
        "ix_notifications_parked", "notifications", ["id"], unique=False, postgresql_where="status = 'PARKED'"
    )
    op.create_index(
        "ix_notifications_unsent",
        "notifications",
        ["student_id"],
        unique=False,
        postgresql_where="status IN ('PARKED', 'VOID')",
    )
    op.create_table(
        "student_packages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("unit", sa.SmallInteger(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bundle_description", sa.Text(), nullable=False),
        sa.Column("validity_days", sa.BigInteger(), nullable=False),
        sa.Column(
            "validity_starts",
            sa.Enum(
                "PURCHASE",
                "FIRST_USE",
                name="validity_starts_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("purchased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("all_access_starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("all_access_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("friend_pass_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("elite_badge", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint(
            "(all_access_starts_at IS NULL) = (all_access_expires_at IS NULL)",
            name=op.f("ck_student_packages_all_access_whole"),
        ),
        sa.CheckConstraint(
            "all_access_starts_at < all_access_expires_at", name=op.f("ck_student_packages_all_access_window")
        ),
        sa.CheckConstraint("starts_at < expires_at", name=op.f("ck_student_packages_validity_window")),
        sa.ForeignKeyConstraint(
            ["order_id", "organization_id"],
            ["orders.id", "orders.organization_id"],
            name=op.f("fk_student_packages_order_id"),
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_student_packages_product_id")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_student_packages_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student_packages")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_student_packages_id_organization_id")),
        sa.UniqueConstraint("order_id", "line", "unit", name=op.f("uq_student_packages_order_id_line_unit")),
    )
    op.create_index("ix_student_packages_student", "student_packages", ["student_id", "id"], unique=False)
    op.create_table(
        "student_package_allowances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_package_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column(
            "service_type",
            sa.Enum(
                "PRIVATE",
                "GROUP",
                "COURSE",
                name="service_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("teacher_tier", sa.SmallInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("credit_unit_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "credit_unit_minutes IN (15, 30, 45, 60)", name=op.f("ck_student_package_allowances_unit_known")
        ),
        sa.CheckConstraint("credits > 0", name=op.f("ck_student_package_allowances_credits_positive")),
        sa.CheckConstraint("teacher_tier >= 0", name=op.f("ck_student_package_allowances_teacher_tier_not_negative")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_student_package_allowances_weight_positive")),
        sa.ForeignKeyConstraint(
            ["student_package_id", "organization_id"],
            ["student_packages.id", "student_packages.organization_id"],
            name=op.f("fk_student_package_allowances_student_package_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student_package_allowances")),
        sa.UniqueConstraint(
            "student_package_id", "position", name=op.f("uq_student_package_allowances_student_package_id_position")
        ),
    )
    op.create_table(
        "bookings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("student_package_id", sa.BigInteger(), nullable=True),
        sa.Column("allowance_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "DRAFT",
                "CONFIRMED",
                "CANCELLED",
                "COMPLETED",
                "NO_SHOW",
                "FORFEITED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "booking_type",
            sa.Enum(
                "COURSE_STEP",
                "WORKSHOP",
                "PACKAGE_SESSION",
                "DROP_IN",
                name="booking_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "payment_type",
            sa.Enum(
                "ALL_ACCESS",
                "CREDIT",
                "FRIEND_PASS",
                "FREE",
                "COURSE",
                name="payment_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("credits_used", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "service_type",
            sa.Enum(
                "PRIVATE",
                "GROUP",
                "COURSE",
                name="service_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("minutes", sa.SmallInteger(), nullable=False),
        sa.Column("teacher_tier", sa.SmallInteger(), nullable=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "CASE status WHEN 'DRAFT' THEN start_at IS NULL AND end_at IS NULL WHEN 'CANCELLED' THEN TRUE ELSE start_at IS NOT NULL AND end_at IS NOT NULL END",
            name=op.f("ck_bookings_start_follows_status"),
        ),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_bookings_minutes_positive")),
        sa.CheckConstraint("start_at < end_at", name=op.f("ck_bookings_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["allowance_id"], ["student_package_allowances.id"], name=op.f("fk_bookings_allowance_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_bookings_order_id")),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_bookings_student_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_package_id"], ["student_packages.id"], name=op.f("fk_bookings_student_package_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
    )
    op.create_index("ix_bookings_order", "bookings", ["order_id"], unique=False)
    op.create_index("ix_bookings_package", "bookings", ["student_package_id"], unique=False)
    op.create_index("ix_bookings_student", "bookings", ["student_id", "id"], unique=False)
    op.create_table(
        "package_uses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("allowance_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "SPEND",
                "RETURN",
                "BONUS",
                "TAKEN_BACK",
                "ADJUST",
                name="kind_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "CASE kind WHEN 'SPEND' THEN credits > 0 WHEN 'TAKEN_BACK' THEN credits > 0 WHEN 'RETURN' THEN credits < 0 WHEN 'BONUS' THEN credits < 0 ELSE credits <> 0 END",
            name=op.f("ck_package_uses_sign_follows_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["allowance_id"], ["student_package_allowances.id"], name=op.f("fk_package_uses_allowance_id")
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_package_uses_booking_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_package_uses_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_uses")),
    )
    op.create_index(
        "ix_package_uses_balance", "package_uses", ["allowance_id"], unique=False, postgresql_include=["credits"]
    )
    op.create_index(op.f("ix_package_uses_booking_id"), "package_uses", ["booking_id"], unique=False)
    # Signed bytes do not compress well enough to pay for it: 1.4 times the insert rate of the default.
    op.execute("ALTER TABLE stripe_events ALTER COLUMN payload SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_package_uses_booking_id"), table_name="package_uses")
    op.drop_index("ix_package_uses_balance", table_name="package_uses", postgresql_include=["credits"])
    op.drop_table("package_uses")
    op.drop_index("ix_bookings_student", table_name="bookings")
    op.drop_index("ix_bookings_package", table_name="bookings")
    op.drop_index("ix_bookings_order", table_name="bookings")
    op.drop_table("bookings")
    op.drop_table("student_package_allowances")
    op.drop_index("ix_student_packages_student", table_name="student_packages")
    op.drop_table("student_packages")
    op.drop_index(
        "ix_notifications_unsent", table_name="notifications", postgresql_where="status IN ('PARKED', 'VOID')"
    )
    op.drop_index("ix_notifications_parked", table_name="notifications", postgresql_where="status = 'PARKED'")
    op.drop_index(op.f("ix_notifications_order_id"), table_name="notifications")
    op.drop_index("ix_notifications_due", table_name="notifications", postgresql_where="status = 'PENDING'")
    op.drop_table("notifications")
    op.drop_index(op.f("ix_stripe_prices_product_id"), table_name="stripe_prices")
    op.drop_table("stripe_prices")
    op.drop_index(op.f("ix_stripe_customers_student_id"), table_name="stripe_customers")
    op.drop_table("stripe_customers")
    op.drop_table("package_allowances")
    op.drop_index("ix_orders_student", table_name="orders")
    op.drop_table("orders")
    op.drop_index(op.f("ix_jobs_student_id"), table_name="jobs")
    op.drop_index("ix_jobs_list", table_name="jobs")
    op.drop_index("ix_jobs_due", table_name="jobs", postgresql_where="status = 'QUEUED'")
    op.drop_table("jobs")
    op.drop_index("ix_domain_events_parked", table_name="domain_events", postgresql_where="status = 'PARKED'")
    op.drop_index("ix_domain_events_due", table_name="domain_events", postgresql_where="status = 'PENDING'")
    op.drop_table("domain_events")
    op.drop_index(
        "uq_students_guest_email",
        table_name="students",
        postgresql_where=sa.text("external_id IS NULL AND email IS NOT NULL"),
    )
    op.drop_table("students")
    op.drop_index("ix_stripe_events_waits_for", table_name="stripe_events", postgresql_where="waits_for IS NOT NULL")
    op.drop_index(
        "ix_stripe_events_trouble", table_name="stripe_events", postgresql_where="status IN ('FAILED', 'QUARANTINED')"
    )
    op.drop_index(
        "ix_stripe_events_payment",
        table_name="stripe_events",
        postgresql_where="status = 'RECEIVED' AND payment_key IS NOT NULL",
    )
    op.drop_index("ix_stripe_events_list", table_name="stripe_events")
    op.drop_index("ix_stripe_events_due", table_name="stripe_events", postgresql_where="status = 'RECEIVED'")
    op.drop_table("stripe_events")
    op.drop_table("products")
    op.drop_index("ix_payments_customer", table_name="payments", postgresql_where="stripe_customer_id IS NOT NULL")
    op.drop_table("payments")
    op.drop_table("periodic_runs")
    op.drop_table("organizations")
    op.drop_table("drains")
