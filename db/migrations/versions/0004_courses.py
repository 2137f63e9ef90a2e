"""Courses: steps, options and cohorts, enrollments with their progress; what came from older systems."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

CHECKS = {
    "step_has_type": "(booking_type = 'COURSE_STEP') = (course_step_id IS NOT NULL)",
    "step_is_paid_by_course": "(payment_type = 'COURSE') = (course_step_id IS NOT NULL)",
}


def upgrade() -> None:
    """Apply."""
    op.create_unique_constraint(op.f("uq_products_id_organization_id"), "products", ["id", "organization_id"])
    op.create_table(
        "legacy_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_legacy_records_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legacy_records")),
        sa.UniqueConstraint(
            "organization_id", "kind", "legacy_id", name=op.f("uq_legacy_records_organization_id_kind_legacy_id")
        ),
    )
    op.create_table(
        "course_programs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id", "organization_id"],
            ["products.id", "products.organization_id"],
            name=op.f("fk_course_programs_product_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_programs")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_course_programs_id_organization_id")),
        sa.UniqueConstraint("product_id", name=op.f("uq_course_programs_product_id")),
    )
    op.create_table(
        "course_cohorts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("course_program_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("enrollment_deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("capacity BETWEEN 1 AND 10000", name=op.f("ck_course_cohorts_capacity_bounds")),
        sa.ForeignKeyConstraint(
            ["course_program_id", "organization_id"],
            ["course_programs.id", "course_programs.organization_id"],
            name=op.f("fk_course_cohorts_course_program_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_cohorts")),
        sa.UniqueConstraint("id", "capacity", name=op.f("uq_course_cohorts_id_capacity")),
        sa.UniqueConstraint("id", "course_program_id", name=op.f("uq_course_cohorts_id_course_program_id")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_course_cohorts_id_organization_id")),
    )
    op.create_index(
        "uq_course_cohorts_code",
        "course_cohorts",
        ["course_program_id", "code"],
        unique=True,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_table(
        "course_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("course_program_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("is_required", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("position > 0", name=op.f("ck_course_steps_position_positive")),
        sa.ForeignKeyConstraint(
            ["course_program_id", "organization_id"],
            ["course_programs.id", "course_programs.organization_id"],
            name=op.f("fk_course_steps_course_program_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_steps")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_course_steps_id_organization_id")),
    )
    op.create_index(
        "uq_course_steps_label",
        "course_steps",
        ["course_program_id", "label"],
        unique=True,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_index(
        "uq_course_steps_position",
        "course_steps",
        ["course_program_id", "position"],
        unique=True,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_table(
        "course_step_options",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("course_step_id", sa.BigInteger(), nullable=False),
        sa.Column("group_class_id", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["course_step_id", "organization_id"],
            ["course_steps.id", "course_steps.organization_id"],
            name=op.f("fk_course_step_options_course_step_id"),
        ),
        sa.ForeignKeyConstraint(
            ["group_class_id", "organization_id"],
            ["group_classes.id", "group_classes.organization_id"],
            name=op.f("fk_course_step_options_group_class_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_step_options")),
        sa.UniqueConstraint(
            "course_step_id", "group_class_id", name=op.f("uq_course_step_options_course_step_id_group_class_id")
        ),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_course_step_options_id_organization_id")),
    )
    op.create_index("ix_course_step_options_class", "course_step_options", ["group_class_id"], unique=False)
    op.create_table(
        "student_course_enrollments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("student_package_id", sa.BigInteger(), nullable=False),
        sa.Column("course_program_id", sa.BigInteger(), nullable=False),
        sa.Column("cohort_id", sa.BigInteger(), nullable=True),
        sa.Column("cohort_capacity", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.SmallInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "ACTIVE",
                "COMPLETED",
                "REVOKED",
                "NEEDS_REVIEW",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "review_reason",
            sa.Enum(
                "COHORT_FULL",
                "COHORT_CLOSED",
                "COHORT_UNKNOWN",
                "STEP_RETIRED",
                "SECOND_PURCHASE",
                name="review_reason_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(cohort_id IS NOT NULL AND status IN ('ACTIVE', 'COMPLETED')) = (place IS NOT NULL)",
            name=op.f("ck_student_course_enrollments_enrolled_has_place"),
        ),
        sa.CheckConstraint(
            "(status = 'NEEDS_REVIEW') = (review_reason IS NOT NULL)",
            name=op.f("ck_student_course_enrollments_review_has_reason"),
        ),
        sa.CheckConstraint(
            "status <> 'COMPLETED' OR completed_at IS NOT NULL",
            name=op.f("ck_student_course_enrollments_completed_says_when"),
        ),
        sa.CheckConstraint(
            "(place IS NULL) = (cohort_capacity IS NULL)", name=op.f("ck_student_course_enrollments_place_has_capacity")
        ),
        sa.CheckConstraint(
            "place BETWEEN 1 AND cohort_capacity", name=op.f("ck_student_course_enrollments_place_within_capacity")
        ),
        sa.ForeignKeyConstraint(
            ["cohort_id", "cohort_capacity"],
            ["course_cohorts.id", "course_cohorts.capacity"],
            name="fk_student_course_enrollments_cohort_capacity",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["cohort_id", "course_program_id"],
            ["course_cohorts.id", "course_cohorts.course_program_id"],
            name="fk_student_course_enrollments_cohort",
        ),
        sa.ForeignKeyConstraint(
            ["course_program_id", "organization_id"],
            ["course_programs.id", "course_programs.organization_id"],
            name=op.f("fk_student_course_enrollments_course_program_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_student_course_enrollments_student_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_package_id", "organization_id"],
            ["student_packages.id", "student_packages.organization_id"],
            name=op.f("fk_student_course_enrollments_student_package_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student_course_enrollments")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_student_course_enrollments_id_organization_id")),
        sa.UniqueConstraint("student_package_id", name=op.f("uq_student_course_enrollments_student_package_id")),
    )
    op.create_index(
        "ix_student_course_enrollments_list", "student_course_enrollments", ["organization_id", "id"], unique=False
    )
    op.create_index(
        "ix_student_course_enrollments_program", "student_course_enrollments", ["course_program_id", "id"], unique=False
    )
    op.create_index(
        "ix_student_course_enrollments_review",
        "student_course_enrollments",
        ["organization_id", "id"],
        unique=False,
        postgresql_where="status = 'NEEDS_REVIEW'",
    )
    op.create_index(
        "ix_student_course_enrollments_student",
        "student_course_enrollments",
        ["student_id", "student_package_id"],
        unique=False,
    )
    op.create_index(
        "uq_student_course_enrollments_place",
        "student_course_enrollments",
        ["cohort_id", "place"],
        unique=True,
        postgresql_where="place IS NOT NULL",
    )
    op.create_index(
        "uq_student_course_enrollments_student",
        "student_course_enrollments",
        ["cohort_id", "student_id"],
        unique=True,
        postgresql_where="place IS NOT NULL",
    )
    op.create_table(
        "course_cohort_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("cohort_id", sa.BigInteger(), nullable=False),
        sa.Column("course_step_option_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id", "organization_id"],
            ["course_cohorts.id", "course_cohorts.organization_id"],
            name=op.f("fk_course_cohort_sessions_cohort_id"),
        ),
        sa.ForeignKeyConstraint(
            ["course_step_option_id", "organization_id"],
            ["course_step_options.id", "course_step_options.organization_id"],
            name=op.f("fk_course_cohort_sessions_course_step_option_id"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id", "organization_id"],
            ["class_sessions.id", "class_sessions.organization_id"],
            name=op.f("fk_course_cohort_sessions_session_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_cohort_sessions")),
        sa.UniqueConstraint(
            "cohort_id", "course_step_option_id", name=op.f("uq_course_cohort_sessions_cohort_id_course_step_option_id")
        ),
    )
    op.create_index("ix_course_cohort_sessions_session", "course_cohort_sessions", ["session_id"], unique=False)
    op.create_table(
        "student_course_step_progress",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("enrollment_id", sa.BigInteger(), nullable=False),
        sa.Column("course_step_id", sa.BigInteger(), nullable=False),
        sa.Column("course_step_option_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "UNBOOKED",
                "BOOKED",
                "COMPLETED",
                "MISSED",
                "CANCELLED",
                name="status_known",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="UNBOOKED",
            nullable=False,
        ),
        sa.Column("booking_id", sa.BigInteger(), nullable=True),
        sa.Column("is_required", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("skipped", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "CASE WHEN status = 'BOOKED' THEN booking_id IS NOT NULL AND booked_at IS NOT NULL WHEN status IN ('UNBOOKED', 'CANCELLED') THEN booking_id IS NULL ELSE TRUE END",
            name=op.f("ck_student_course_step_progress_booking_follows_status"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id", "organization_id"],
            ["bookings.id", "bookings.organization_id"],
            name=op.f("fk_student_course_step_progress_booking_id"),
        ),
        sa.ForeignKeyConstraint(
            ["course_step_id", "organization_id"],
            ["course_steps.id", "course_steps.organization_id"],
            name=op.f("fk_student_course_step_progress_course_step_id"),
        ),
        sa.ForeignKeyConstraint(
            ["course_step_option_id", "organization_id"],
            ["course_step_options.id", "course_step_options.organization_id"],
            name=op.f("fk_student_course_step_progress_course_step_option_id"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id", "organization_id"],
            ["student_course_enrollments.id", "student_course_enrollments.organization_id"],
            name=op.f("fk_student_course_step_progress_enrollment_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student_course_step_progress")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_student_course_step_progress_booking_id")),
        sa.UniqueConstraint(
            "enrollment_id", "course_step_id", name=op.f("uq_student_course_step_progress_enrollment_id_course_step_id")
        ),
    )
    op.create_index(
        "ix_student_course_step_progress_step",
        "student_course_step_progress",
        ["course_step_id", "status"],
        unique=False,
    )
    op.add_column("bookings", sa.Column("course_step_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "uq_bookings_step",
        "bookings",
        ["student_package_id", "course_step_id"],
        unique=True,
        postgresql_where=sa.text("course_step_id IS NOT NULL AND status IN ('CONFIRMED', 'COMPLETED')"),
    )
    op.create_foreign_key(
        op.f("fk_bookings_course_step_id"),
        "bookings",
        "course_steps",
        ["course_step_id", "organization_id"],
        ["id", "organization_id"],
    )
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_bookings_{name}"), "bookings", condition)


def downgrade() -> None:
    """Undo."""
    op.drop_constraint(op.f("fk_bookings_course_step_id"), "bookings", type_="foreignkey")
    op.drop_index(
        "uq_bookings_step",
        table_name="bookings",
        postgresql_where=sa.text("course_step_id IS NOT NULL AND status IN ('CONFIRMED', 'COMPLETED')"),
    )
    op.drop_column("bookings", "course_step_id")
    op.drop_index("ix_student_course_step_progress_step", table_name="student_course_step_progress")
    op.drop_table("student_course_step_progress")
    op.drop_index("ix_course_cohort_sessions_session", table_name="course_cohort_sessions")
    op.drop_table("course_cohort_sessions")
    op.drop_index(
        "uq_student_course_enrollments_student",
        table_name="student_course_enrollments",
        postgresql_where="place IS NOT NULL",
    )
    op.drop_index(
        "uq_student_course_enrollments_place",
        table_name="student_course_enrollments",
        postgresql_where="place IS NOT NULL",
    )
    op.drop_index("ix_student_course_enrollments_student", table_name="student_course_enrollments")
    op.drop_index(
        "ix_student_course_enrollments_review",
        table_name="student_course_enrollments",
        postgresql_where="status = 'NEEDS_REVIEW'",
    )
    op.drop_index("ix_student_course_enrollments_program", table_name="student_course_enrollments")
    op.drop_index("ix_student_course_enrollments_list", table_name="student_course_enrollments")
    op.drop_table("student_course_enrollments")
    op.drop_index("ix_course_step_options_class", table_name="course_step_options")
    op.drop_table("course_step_options")
    op.drop_index("uq_course_steps_position", table_name="course_steps", postgresql_where="deleted_at IS NULL")
    op.drop_index("uq_course_steps_label", table_name="course_steps", postgresql_where="deleted_at IS NULL")
    op.drop_table("course_steps")
    op.drop_index("uq_course_cohorts_code", table_name="course_cohorts", postgresql_where="deleted_at IS NULL")
    op.drop_table("course_cohorts")
    op.drop_table("course_programs")
    op.drop_table("legacy_records")
    op.drop_constraint(op.f("uq_products_id_organization_id"), "products", type_="unique")
