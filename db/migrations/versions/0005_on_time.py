"""What the clock has noted, what it tells staff, links to calendars, what is kept of people and payloads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

CHECKS = (
    ("organizations", "low_seats_threshold_not_negative", "low_seats_threshold >= 0"),
    ("organizations", "language_form", "language ~ '^[a-z]{2}$'"),
    ("organizations", "reminders_before_start", "0 < ALL (reminder_offsets_minutes)"),
    (
        "students",
        "erased_is_nobody",
        "erased_at IS NULL OR (external_id IS NULL AND email IS NULL AND name IS NULL)",
    ),
    ("notifications", "is_about_something", "student_id IS NOT NULL OR session_id IS NOT NULL"),
    ("domain_events", "is_about_something", "student_id IS NOT NULL OR session_id IS NOT NULL"),
    ("domain_events", "sequence_is_a_students", "(student_id IS NULL) = (sequence IS NULL)"),
    ("stripe_events", "payload_or_hash", "(payload IS NULL) = (payload_hash IS NOT NULL)"),
    ("stripe_events", "unfinished_has_payload", "payload IS NOT NULL OR status IN ('PROCESSED', 'IGNORED')"),
)


def _not_noted(ends: str, noted: str) -> str:
    return f"{ends} IS NOT NULL AND ({noted} IS NULL OR {noted} < {ends})"


ENDING = _not_noted("expires_at", "expiry_noted")
PASS_ENDING = _not_noted("all_access_expires_at", "pass_expiry_noted")
FRIEND_ENDING = _not_noted("friend_pass_expires_at", "friend_expiry_noted")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "clock_marks",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("done_through", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_clock_marks")),
    )
    op.create_table(
        "calendar_links",
        sa.Column("student_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_calendar_links_student_id"),
        ),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_calendar_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_calendar_links_token_hash")),
    )
    op.add_column("class_sessions", sa.Column("low_seats_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("domain_events", sa.Column("session_id", sa.BigInteger(), nullable=True))
    op.alter_column("domain_events", "student_id", existing_type=sa.BIGINT(), nullable=True)
    op.alter_column("domain_events", "sequence", existing_type=sa.BIGINT(), nullable=True)
    op.create_foreign_key(
        op.f("fk_domain_events_session_id"),
        "domain_events",
        "class_sessions",
        ["session_id", "organization_id"],
        ["id", "organization_id"],
    )
    op.add_column("notifications", sa.Column("student_package_id", sa.BigInteger(), nullable=True))
    op.add_column("notifications", sa.Column("step_progress_id", sa.BigInteger(), nullable=True))
    op.add_column("notifications", sa.Column("session_id", sa.BigInteger(), nullable=True))
    op.alter_column("notifications", "student_id", existing_type=sa.BIGINT(), nullable=True)
    op.create_foreign_key(
        op.f("fk_notifications_step_progress_id"),
        "notifications",
        "student_course_step_progress",
        ["step_progress_id"],
        ["id"],
    )
    op.create_foreign_key(
        op.f("fk_notifications_session_id"),
        "notifications",
        "class_sessions",
        ["session_id", "organization_id"],
        ["id", "organization_id"],
    )
    op.create_foreign_key(
        op.f("fk_notifications_student_package_id"), "notifications", "student_packages", ["student_package_id"], ["id"]
    )
    op.create_index(
        "ix_orders_pending", "orders", ["created_at", "id"], unique=False, postgresql_where="status = 'PENDING'"
    )
    op.add_column(
        "organizations",
        sa.Column("reminder_offsets_minutes", sa.ARRAY(sa.BigInteger()), server_default="{1440}", nullable=False),
    )
    op.add_column(
        "organizations", sa.Column("unbooked_step_reminders", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column(
        "organizations", sa.Column("low_seats_threshold", sa.BigInteger(), server_default="2", nullable=False)
    )
    op.add_column("organizations", sa.Column("language", sa.Text(), server_default="en", nullable=False))
    op.add_column("organizations", sa.Column("staff_email", sa.Text(), nullable=True))
    op.add_column("stripe_events", sa.Column("payload_hash", sa.LargeBinary(), nullable=True))
    op.alter_column("stripe_events", "payload", existing_type=postgresql.BYTEA(), nullable=True)
    op.create_index(
        "ix_stripe_events_kept",
        "stripe_events",
        ["finished_at", "id"],
        unique=False,
        postgresql_where="status IN ('PROCESSED', 'IGNORED') AND payload IS NOT NULL",
    )
    op.add_column("student_packages", sa.Column("expiry_noted", sa.DateTime(timezone=True), nullable=True))
    op.add_column("student_packages", sa.Column("friend_expiry_noted", sa.DateTime(timezone=True), nullable=True))
    op.add_column("student_packages", sa.Column("pass_expiry_noted", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_student_packages_ending",
        "student_packages",
        ["expires_at", "id"],
        unique=False,
        postgresql_where=sa.text(ENDING),
    )
    op.create_index(
        "ix_student_packages_pass_ending",
        "student_packages",
        ["all_access_expires_at", "id"],
        unique=False,
        postgresql_where=sa.text(PASS_ENDING),
    )
    op.create_index(
        "ix_student_packages_friend_ending",
        "student_packages",
        ["friend_pass_expires_at", "id"],
        unique=False,
        postgresql_where=sa.text(FRIEND_ENDING),
    )
    op.add_column("students", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_students_pass_to_come",
        "students",
        ["id"],
        unique=False,
        postgresql_where="all_access_expires_at IS NOT NULL AND NOT has_all_access",
    )
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    """Undo; what was told of no student, and payloads that are gone, cannot be kept."""
    for table, name, _ in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.execute("DELETE FROM notifications WHERE student_id IS NULL")
    op.execute("DELETE FROM domain_events WHERE student_id IS NULL")
    op.execute("DELETE FROM stripe_events WHERE payload IS NULL")
    op.drop_index(
        "ix_students_pass_to_come",
        table_name="students",
        postgresql_where="all_access_expires_at IS NOT NULL AND NOT has_all_access",
    )
    op.drop_column("students", "erased_at")
    op.drop_index(
        "ix_student_packages_pass_ending", table_name="student_packages", postgresql_where=sa.text(PASS_ENDING)
    )
    op.drop_index(
        "ix_student_packages_friend_ending",
        table_name="student_packages",
        postgresql_where=sa.text(FRIEND_ENDING),
    )
    op.drop_index(
        "ix_student_packages_ending",
        table_name="student_packages",
        postgresql_where=sa.text(ENDING),
    )
    op.drop_column("student_packages", "pass_expiry_noted")
    op.drop_column("student_packages", "friend_expiry_noted")
    op.drop_column("student_packages", "expiry_noted")
    op.drop_index(
        "ix_stripe_events_kept",
        table_name="stripe_events",
        postgresql_where="status IN ('PROCESSED', 'IGNORED') AND payload IS NOT NULL",
    )
    op.alter_column("stripe_events", "payload", existing_type=postgresql.BYTEA(), nullable=False)
    op.drop_column("stripe_events", "payload_hash")
    op.drop_column("organizations", "staff_email")
    op.drop_column("organizations", "language")
    op.drop_column("organizations", "low_seats_threshold")
    op.drop_column("organizations", "unbooked_step_reminders")
    op.drop_column("organizations", "reminder_offsets_minutes")
    op.drop_index("ix_orders_pending", table_name="orders", postgresql_where="status = 'PENDING'")
    op.drop_constraint(op.f("fk_notifications_student_package_id"), "notifications", type_="foreignkey")
    op.drop_constraint(op.f("fk_notifications_session_id"), "notifications", type_="foreignkey")
    op.drop_constraint(op.f("fk_notifications_step_progress_id"), "notifications", type_="foreignkey")
    op.alter_column("notifications", "student_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("notifications", "session_id")
    op.drop_column("notifications", "step_progress_id")
    op.drop_column("notifications", "student_package_id")
    op.drop_constraint(op.f("fk_domain_events_session_id"), "domain_events", type_="foreignkey")
    op.alter_column("domain_events", "sequence", existing_type=sa.BIGINT(), nullable=False)
    op.alter_column("domain_events", "student_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("domain_events", "session_id")
    op.drop_column("class_sessions", "low_seats_at")
    op.drop_table("calendar_links")
    op.drop_table("clock_marks")
