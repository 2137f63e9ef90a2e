"""The desk: coupons and their uses, waitlists, what staff adjust and merge, sessions called off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

CHECKS = {
    "organizations": {
        "waitlist_cutoff_minutes_not_negative": "waitlist_cutoff_minutes >= 0",
        "completion_delay_minutes_not_negative": "completion_delay_minutes >= 0",
    },
    "package_uses": {
        "adjustment_has_reason": "kind <> 'ADJUST' OR (reason IS NOT NULL AND actor IS NOT NULL)",
    },
    "student_packages": {
        "coupon_follows_type": "(redemption_type = 'PACKAGE_DIRECT') = (coupon_id IS NULL)",
    },
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "coupons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "coupon_type",
            sa.Enum(
                "DISCOUNT",
                "PACKAGE",
                "CREDIT_BONUS",
                name="coupon_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "discount_type",
            sa.Enum(
                "PERCENTAGE",
                "FIXED_AMOUNT",
                name="discount_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("discount_value", sa.BigInteger(), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("custom_price", sa.BigInteger(), nullable=True),
        sa.Column("custom_credits", sa.BigInteger(), nullable=True),
        sa.Column("bonus_credits", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_redemptions", sa.BigInteger(), server_default="1000000000", nullable=False),
        sa.Column("max_redemptions_per_student", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(coupon_type = 'CREDIT_BONUS') = (bonus_credits IS NOT NULL)", name=op.f("ck_coupons_bonus_complete")
        ),
        sa.CheckConstraint(
            "(coupon_type = 'DISCOUNT') = (discount_type IS NOT NULL AND discount_value IS NOT NULL)",
            name=op.f("ck_coupons_discount_complete"),
        ),
        sa.CheckConstraint(
            "(coupon_type = 'PACKAGE') = (product_id IS NOT NULL)", name=op.f("ck_coupons_package_named")
        ),
        sa.CheckConstraint(
            "coupon_type = 'PACKAGE' OR (custom_price IS NULL AND custom_credits IS NULL)",
            name=op.f("ck_coupons_custom_is_a_package"),
        ),
        sa.CheckConstraint(
            "discount_value > 0 AND (discount_type <> 'PERCENTAGE' OR discount_value <= 100)",
            name=op.f("ck_coupons_discount_bounds"),
        ),
        sa.CheckConstraint(
            "(discount_type IS NULL) = (discount_value IS NULL)", name=op.f("ck_coupons_discount_whole")
        ),
        sa.CheckConstraint("bonus_credits > 0", name=op.f("ck_coupons_bonus_credits_positive")),
        sa.CheckConstraint("code = upper(code)", name=op.f("ck_coupons_code_in_capitals")),
        sa.CheckConstraint("custom_credits > 0", name=op.f("ck_coupons_custom_credits_positive")),
        sa.CheckConstraint("custom_price >= 0", name=op.f("ck_coupons_custom_price_not_negative")),
        sa.CheckConstraint("max_redemptions > 0", name=op.f("ck_coupons_max_redemptions_positive")),
        sa.CheckConstraint(
            "max_redemptions_per_student > 0", name=op.f("ck_coupons_max_redemptions_per_student_positive")
        ),
        sa.CheckConstraint("valid_from < valid_until", name=op.f("ck_coupons_window")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_coupons_organization_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_coupons_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("id", "max_redemptions", "max_redemptions_per_student", name="uq_coupons_limits"),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_coupons_id_organization_id")),
    )
    op.create_index(
        "uq_coupons_code",
        "coupons",
        ["code", "organization_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "coupon_products",
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.id"], name=op.f("fk_coupon_products_coupon_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_coupon_products_product_id")),
        sa.PrimaryKeyConstraint("coupon_id", "product_id", name=op.f("pk_coupon_products")),
    )
    op.create_index(op.f("ix_coupon_products_product_id"), "coupon_products", ["product_id"], unique=False)
    op.create_table(
        "coupon_uses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("max_redemptions", sa.BigInteger(), nullable=False),
        sa.Column("max_redemptions_per_student", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("student_number", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "HELD", "USED", "RELEASED", name="status_known", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("student_package_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'HELD') = (held_until IS NOT NULL)", name=op.f("ck_coupon_uses_held_until_when")),
        sa.CheckConstraint("(status = 'RELEASED') = (number IS NULL)", name=op.f("ck_coupon_uses_counts_or_released")),
        sa.CheckConstraint(
            "status = 'USED' OR student_package_id IS NULL", name=op.f("ck_coupon_uses_package_was_used_for")
        ),
        sa.CheckConstraint("(number IS NULL) = (student_number IS NULL)", name=op.f("ck_coupon_uses_numbers_whole")),
        sa.CheckConstraint("number BETWEEN 1 AND max_redemptions", name=op.f("ck_coupon_uses_within_limit")),
        sa.CheckConstraint(
            "student_number BETWEEN 1 AND max_redemptions_per_student",
            name=op.f("ck_coupon_uses_within_limit_of_student"),
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id", "max_redemptions", "max_redemptions_per_student"],
            ["coupons.id", "coupons.max_redemptions", "coupons.max_redemptions_per_student"],
            name="fk_coupon_uses_limits",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id", "organization_id"],
            ["coupons.id", "coupons.organization_id"],
            name=op.f("fk_coupon_uses_coupon_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_coupon_uses_student_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_package_id", "organization_id"],
            ["student_packages.id", "student_packages.organization_id"],
            name=op.f("fk_coupon_uses_student_package_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_uses")),
    )
    op.create_index(
        "ix_coupon_uses_held", "coupon_uses", ["held_until"], unique=False, postgresql_where=sa.text("status = 'HELD'")
    )
    op.create_index("uq_coupon_uses_number", "coupon_uses", ["coupon_id", "number"], unique=True)
    op.create_index("uq_coupon_uses_package", "coupon_uses", ["student_package_id"], unique=True)
    op.create_index(
        "uq_coupon_uses_student_number", "coupon_uses", ["coupon_id", "student_id", "student_number"], unique=True
    )
    op.create_table(
        "waitlist_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "WAITING",
                "PROMOTED",
                "SKIPPED",
                "LEFT",
                "CLOSED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="WAITING",
            nullable=False,
        ),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("auto_book_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booking_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status IN ('WAITING', 'SKIPPED')) = (ended_at IS NULL)", name=op.f("ck_waitlist_entries_ended_has_time")
        ),
        sa.CheckConstraint(
            "booking_id IS NULL OR status IN ('PROMOTED', 'LEFT')",
            name=op.f("ck_waitlist_entries_booking_was_promoted"),
        ),
        sa.CheckConstraint(
            "status <> 'PROMOTED' OR booking_id IS NOT NULL", name=op.f("ck_waitlist_entries_promoted_has_booking")
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_waitlist_entries_booking_id")),
        sa.ForeignKeyConstraint(
            ["session_id", "organization_id"],
            ["class_sessions.id", "class_sessions.organization_id"],
            name=op.f("fk_waitlist_entries_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_waitlist_entries_student_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_entries")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_waitlist_entries_id_organization_id")),
    )
    op.create_index("ix_waitlist_entries_student", "waitlist_entries", ["student_id", "id"], unique=False)
    op.create_index(
        "ix_waitlist_entries_booking",
        "waitlist_entries",
        ["booking_id"],
        unique=False,
        postgresql_where=sa.text("booking_id IS NOT NULL"),
    )
    op.create_index(
        "uq_waitlist_entries_in_line",
        "waitlist_entries",
        ["session_id", "student_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('WAITING', 'SKIPPED')"),
    )
    op.add_column("class_sessions", sa.Column("arranged", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("class_sessions", sa.Column("cancel_reason", sa.Text(), nullable=True))
    op.add_column("class_sessions", sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_class_sessions_open",
        "class_sessions",
        ["end_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'SCHEDULED' AND completed_at IS NULL"),
    )
    op.add_column("notifications", sa.Column("waitlist_entry_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_notifications_waitlist_entry_id"), "notifications", "waitlist_entries", ["waitlist_entry_id"], ["id"]
    )
    op.add_column(
        "organizations", sa.Column("waitlist_cutoff_minutes", sa.BigInteger(), server_default="120", nullable=False)
    )
    op.add_column(
        "organizations", sa.Column("completion_delay_minutes", sa.BigInteger(), server_default="240", nullable=False)
    )
    op.add_column("package_uses", sa.Column("actor", sa.Text(), nullable=True))
    op.add_column("student_packages", sa.Column("extended_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "student_packages",
        sa.Column(
            "redemption_type",
            sa.Enum(
                "PACKAGE_DIRECT",
                "COUPON_PACKAGE",
                "COUPON_DISCOUNT",
                "COUPON_BONUS",
                name="redemption_type_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="PACKAGE_DIRECT",
            nullable=False,
        ),
    )
    op.add_column("student_packages", sa.Column("coupon_id", sa.BigInteger(), nullable=True))
    op.add_column("student_packages", sa.Column("notes", sa.Text(), nullable=True))
    op.add_column("student_packages", sa.Column("redeemed_by", sa.Text(), nullable=True))
    op.create_index("ix_student_packages_list", "student_packages", ["organization_id", "id"], unique=False)
    op.create_index("ix_student_packages_product", "student_packages", ["product_id", "id"], unique=False)
    op.create_index(
        "ix_student_packages_coupon",
        "student_packages",
        ["coupon_id", "id"],
        unique=False,
        postgresql_where=sa.text("coupon_id IS NOT NULL"),
    )
    op.create_index(
        "ix_student_packages_by_coupon",
        "student_packages",
        ["organization_id", "redemption_type", "id"],
        unique=False,
        postgresql_where=sa.text("redemption_type <> 'PACKAGE_DIRECT'"),
    )
    op.create_foreign_key(
        op.f("fk_student_packages_coupon_id"),
        "student_packages",
        "coupons",
        ["coupon_id", "organization_id"],
        ["id", "organization_id"],
    )
    op.add_column("students", sa.Column("merged_into", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_students_merged_into"),
        "students",
        "students",
        ["merged_into", "organization_id"],
        ["id", "organization_id"],
    )
    op.drop_index("uq_class_sessions_start", table_name="class_sessions")
    op.create_index(
        "uq_class_sessions_start",
        "class_sessions",
        ["group_class_id", "start_at"],
        unique=True,
        postgresql_where=sa.text("status = 'SCHEDULED' AND NOT arranged"),
    )
    op.create_index("ix_coupon_uses_student", "coupon_uses", ["student_id"], unique=False)
    # Of a database that was taken down once: who adjusted was forgotten with its column.
    op.execute(
        "UPDATE package_uses SET actor = 'SYSTEM forgotten', reason = coalesce(reason, 'forgotten') WHERE kind = 'ADJUST'"
    )
    for table, checks in CHECKS.items():
        for name, condition in checks.items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    """Undo."""
    for table, checks in CHECKS.items():
        for name in checks:
            op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.drop_index(
        "uq_class_sessions_start",
        table_name="class_sessions",
        postgresql_where=sa.text("status = 'SCHEDULED' AND NOT arranged"),
    )
    op.create_index(
        "uq_class_sessions_start",
        "class_sessions",
        ["group_class_id", "start_at"],
        unique=True,
        postgresql_where=sa.text("status = 'SCHEDULED'"),
    )
    op.drop_constraint(op.f("fk_students_merged_into"), "students", type_="foreignkey")
    op.drop_column("students", "merged_into")
    op.drop_constraint(op.f("fk_student_packages_coupon_id"), "student_packages", type_="foreignkey")
    op.drop_index(
        "ix_student_packages_by_coupon",
        table_name="student_packages",
        postgresql_where=sa.text("redemption_type <> 'PACKAGE_DIRECT'"),
    )
    op.drop_index(
        "ix_student_packages_coupon", table_name="student_packages", postgresql_where=sa.text("coupon_id IS NOT NULL")
    )
    op.drop_index("ix_student_packages_product", table_name="student_packages")
    op.drop_index("ix_student_packages_list", table_name="student_packages")
    op.drop_column("student_packages", "redeemed_by")
    op.drop_column("student_packages", "notes")
    op.drop_column("student_packages", "coupon_id")
    op.drop_column("student_packages", "redemption_type")
    op.drop_column("student_packages", "extended_until")
    op.drop_column("package_uses", "actor")
    op.drop_column("organizations", "completion_delay_minutes")
    op.drop_column("organizations", "waitlist_cutoff_minutes")
    op.drop_constraint(op.f("fk_notifications_waitlist_entry_id"), "notifications", type_="foreignkey")
    op.drop_column("notifications", "waitlist_entry_id")
    op.drop_index(
        "ix_class_sessions_open",
        table_name="class_sessions",
        postgresql_where=sa.text("status = 'SCHEDULED' AND completed_at IS NULL"),
    )
    op.drop_column("class_sessions", "completed_at")
    op.drop_column("class_sessions", "cancel_reason")
    op.drop_column("class_sessions", "arranged")
    op.drop_index(
        "uq_waitlist_entries_in_line",
        table_name="waitlist_entries",
        postgresql_where=sa.text("status IN ('WAITING', 'SKIPPED')"),
    )
    op.drop_index(
        "ix_waitlist_entries_booking",
        table_name="waitlist_entries",
        postgresql_where=sa.text("booking_id IS NOT NULL"),
    )
    op.drop_index("ix_waitlist_entries_student", table_name="waitlist_entries")
    op.drop_table("waitlist_entries")
    op.drop_index("uq_coupon_uses_student_number", table_name="coupon_uses")
    op.drop_index("uq_coupon_uses_package", table_name="coupon_uses")
    op.drop_index("uq_coupon_uses_number", table_name="coupon_uses")
    op.drop_index("ix_coupon_uses_held", table_name="coupon_uses", postgresql_where=sa.text("status = 'HELD'"))
    op.drop_table("coupon_uses")
    op.drop_index(op.f("ix_coupon_products_product_id"), table_name="coupon_products")
    op.drop_table("coupon_products")
    op.drop_index("uq_coupons_code", table_name="coupons", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("coupons")
