"""Bookings: teachers, classes, sessions, seats, what a booking takes, and commands sent again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


BOOKING_CHECKS = {
    "active_has_place": "(status IN ('CONFIRMED', 'COMPLETED', 'NO_SHOW')) = (place IS NOT NULL)",
    "place_has_capacity": "(place IS NULL) = (session_capacity IS NULL)",
    "place_has_session": "place IS NULL OR session_id IS NOT NULL",
    "place_within_capacity": "place BETWEEN 1 AND session_capacity",
    "guest_has_name": "(guest_of IS NULL) = (guest_name IS NULL)",
}

# Alembic has no word for an exclusion over expressions.
STUDENT_NEVER_AT_ONCE = """
ALTER TABLE bookings ADD CONSTRAINT ex_bookings_student EXCLUDE USING gist
  (int8range(student_id, student_id, '[]') WITH &&, tstzrange(start_at, end_at) WITH &&)
  WHERE (place IS NOT NULL AND guest_of IS NULL)
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "teachers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("tier >= 0", name=op.f("ck_teachers_tier_not_negative")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_teachers_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teachers")),
        sa.UniqueConstraint("code", "organization_id", name=op.f("uq_teachers_code_organization_id")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_teachers_id_organization_id")),
    )
    op.create_table(
        "group_classes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
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
        sa.Column("is_workshop", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.SmallInteger(), nullable=False),
        sa.Column("teacher_id", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("capacity BETWEEN 1 AND 10000", name=op.f("ck_group_classes_capacity_bounds")),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_group_classes_minutes_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_group_classes_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["teacher_id", "organization_id"],
            ["teachers.id", "teachers.organization_id"],
            name=op.f("fk_group_classes_teacher_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_classes")),
        sa.UniqueConstraint("code", "organization_id", name=op.f("uq_group_classes_code_organization_id")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_group_classes_id_organization_id")),
    )
    op.create_table(
        "teacher_availability",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("teacher_id", sa.BigInteger(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=True),
        sa.Column("on_date", sa.Date(), nullable=True),
        sa.Column("opens", sa.Time(), nullable=True),
        sa.Column("closes", sa.Time(), nullable=True),
        sa.CheckConstraint("(opens IS NULL) = (closes IS NULL)", name=op.f("ck_teacher_availability_hours_whole")),
        sa.CheckConstraint(
            "(weekday IS NULL) <> (on_date IS NULL)", name=op.f("ck_teacher_availability_weekday_or_date")
        ),
        sa.CheckConstraint("opens < closes", name=op.f("ck_teacher_availability_closes_after_opening")),
        sa.CheckConstraint(
            "opens IS NOT NULL OR on_date IS NOT NULL", name=op.f("ck_teacher_availability_weekday_has_hours")
        ),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name=op.f("ck_teacher_availability_weekday_known")),
        sa.ForeignKeyConstraint(
            ["teacher_id", "organization_id"],
            ["teachers.id", "teachers.organization_id"],
            name=op.f("fk_teacher_availability_teacher_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teacher_availability")),
    )
    op.create_index("ix_teacher_availability_teacher", "teacher_availability", ["teacher_id"], unique=False)
    op.create_table(
        "class_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("group_class_id", sa.BigInteger(), nullable=False),
        sa.Column("teacher_id", sa.BigInteger(), nullable=True),
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
        sa.Column(
            "status",
            sa.Enum(
                "SCHEDULED", "CANCELLED", name="status_known", native_enum=False, create_constraint=True, length=24
            ),
            server_default="SCHEDULED",
            nullable=False,
        ),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(teacher_id, teacher_id, '[]')"), "&&"),
            (sa.text("tstzrange(start_at, end_at)"), "&&"),
            where=sa.text("status = 'SCHEDULED' AND teacher_id IS NOT NULL"),
            using="gist",
            name="ex_class_sessions_teacher",
        ),
        sa.CheckConstraint("capacity BETWEEN 1 AND 10000", name=op.f("ck_class_sessions_capacity_bounds")),
        sa.CheckConstraint("start_at < end_at", name=op.f("ck_class_sessions_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["group_class_id", "organization_id"],
            ["group_classes.id", "group_classes.organization_id"],
            name=op.f("fk_class_sessions_group_class_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_class_sessions_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["teacher_id", "organization_id"],
            ["teachers.id", "teachers.organization_id"],
            name=op.f("fk_class_sessions_teacher_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_sessions")),
        sa.UniqueConstraint("id", "capacity", name=op.f("uq_class_sessions_id_capacity")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_class_sessions_id_organization_id")),
    )
    op.create_index("ix_class_sessions_calendar", "class_sessions", ["organization_id", "start_at", "id"], unique=False)
    op.create_index(
        "uq_class_sessions_start",
        "class_sessions",
        ["group_class_id", "start_at"],
        unique=True,
        postgresql_where=sa.text("status = 'SCHEDULED'"),
    )
    op.create_table(
        "seats",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("group_class_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("credit_cost", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.CheckConstraint("credit_cost > 0", name=op.f("ck_seats_credit_cost_positive")),
        sa.ForeignKeyConstraint(
            ["group_class_id", "organization_id"],
            ["group_classes.id", "group_classes.organization_id"],
            name=op.f("fk_seats_group_class_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seats")),
        sa.UniqueConstraint("group_class_id", "label", name=op.f("uq_seats_group_class_id_label")),
        sa.UniqueConstraint("id", "organization_id", name=op.f("uq_seats_id_organization_id")),
    )
    op.add_column("bookings", sa.Column("session_id", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("session_capacity", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("place", sa.SmallInteger(), nullable=True))
    op.add_column("bookings", sa.Column("seat_id", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("guest_of", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("guest_name", sa.Text(), nullable=True))
    op.add_column("bookings", sa.Column("guest_email", sa.Text(), nullable=True))
    op.create_index(
        "ix_bookings_ahead",
        "bookings",
        ["student_id", "end_at"],
        unique=False,
        postgresql_where=sa.text("place IS NOT NULL AND guest_of IS NULL"),
    )
    op.create_index(
        "ix_bookings_drafts",
        "bookings",
        ["allowance_id", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'DRAFT'"),
    )
    op.create_index(
        "uq_bookings_friend_pass",
        "bookings",
        ["student_package_id"],
        unique=True,
        postgresql_where=sa.text("payment_type = 'FRIEND_PASS' AND status <> 'CANCELLED'"),
    )
    op.create_index(
        "uq_bookings_guest",
        "bookings",
        ["guest_of"],
        unique=True,
        postgresql_where=sa.text("place IS NOT NULL AND guest_of IS NOT NULL"),
    )
    op.create_unique_constraint(op.f("uq_bookings_id_organization_id"), "bookings", ["id", "organization_id"])
    op.create_index("uq_bookings_place", "bookings", ["session_id", "place"], unique=True)
    op.create_index(
        "uq_bookings_seat",
        "bookings",
        ["session_id", "seat_id"],
        unique=True,
        postgresql_where=sa.text("place IS NOT NULL AND seat_id IS NOT NULL"),
    )
    op.create_index(
        "uq_bookings_session_student",
        "bookings",
        ["session_id", "student_id"],
        unique=True,
        postgresql_where=sa.text("place IS NOT NULL AND guest_of IS NULL"),
    )
    op.create_foreign_key(
        "fk_bookings_session_capacity",
        "bookings",
        "class_sessions",
        ["session_id", "session_capacity"],
        ["id", "capacity"],
        onupdate="CASCADE",
    )
    op.create_foreign_key(op.f("fk_bookings_guest_of"), "bookings", "bookings", ["guest_of"], ["id"])
    op.create_foreign_key(
        op.f("fk_bookings_session_id"),
        "bookings",
        "class_sessions",
        ["session_id", "organization_id"],
        ["id", "organization_id"],
    )
    op.create_foreign_key(
        op.f("fk_bookings_seat_id"), "bookings", "seats", ["seat_id", "organization_id"], ["id", "organization_id"]
    )
    for name, condition in BOOKING_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_bookings_{name}"), "bookings", condition)
    op.execute(STUDENT_NEVER_AT_ONCE)
    op.create_table(
        "all_access_daily_usages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("student_package_id", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("usage_date", sa.Date(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("freed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("slot > 0", name=op.f("ck_all_access_daily_usages_slot_positive")),
        sa.ForeignKeyConstraint(
            ["booking_id", "organization_id"],
            ["bookings.id", "bookings.organization_id"],
            name=op.f("fk_all_access_daily_usages_booking_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_id", "organization_id"],
            ["students.id", "students.organization_id"],
            name=op.f("fk_all_access_daily_usages_student_id"),
        ),
        sa.ForeignKeyConstraint(
            ["student_package_id", "organization_id"],
            ["student_packages.id", "student_packages.organization_id"],
            name=op.f("fk_all_access_daily_usages_student_package_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_all_access_daily_usages")),
    )
    op.create_index(
        "ix_all_access_daily_usages_package", "all_access_daily_usages", ["student_package_id", "id"], unique=False
    )
    op.create_index(
        "uq_all_access_daily_usages_booking",
        "all_access_daily_usages",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text("freed_at IS NULL"),
    )
    op.create_index(
        "uq_all_access_daily_usages_day",
        "all_access_daily_usages",
        ["student_id", "usage_date", "slot"],
        unique=True,
        postgresql_where=sa.text("freed_at IS NULL"),
    )
    op.add_column("jobs", sa.Column("caller", sa.Text(), server_default="", nullable=False))
    op.alter_column("jobs", "caller", server_default=None)
    op.add_column("jobs", sa.Column("idempotency_key", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("fingerprint", sa.Text(), nullable=True))
    op.drop_index(op.f("ix_jobs_student_id"), table_name="jobs")
    op.create_index(
        "ix_jobs_parked",
        "jobs",
        ["id"],
        unique=False,
        postgresql_where="status = 'FAILED' AND error_code IN ('failed', 'worker_lost')",
    )
    op.create_index("ix_jobs_turn", "jobs", ["student_id", "id"], unique=False, postgresql_where="status = 'QUEUED'")
    op.create_index(
        "uq_jobs_idempotency_key",
        "jobs",
        ["organization_id", "caller", "kind", "idempotency_key"],
        unique=True,
        postgresql_where="idempotency_key IS NOT NULL",
    )
    op.drop_column("jobs", "http_status")
    op.create_check_constraint(
        op.f("ck_jobs_key_has_fingerprint"), "jobs", "idempotency_key IS NULL OR fingerprint IS NOT NULL"
    )
    op.add_column("notifications", sa.Column("booking_id", sa.BigInteger(), nullable=True))
    op.drop_index(op.f("ix_notifications_order_id"), table_name="notifications")
    op.create_index(
        "ix_notifications_order", "notifications", ["order_id"], unique=False, postgresql_where="order_id IS NOT NULL"
    )
    op.create_foreign_key(op.f("fk_notifications_booking_id"), "notifications", "bookings", ["booking_id"], ["id"])
    op.add_column(
        "organizations",
        sa.Column("cancellation_window_minutes", sa.BigInteger(), server_default="1440", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_organizations_cancellation_window_minutes_not_negative"),
        "organizations",
        "cancellation_window_minutes >= 0",
    )
    op.add_column(
        "products", sa.Column("all_access_services", sa.ARRAY(sa.Text()), server_default="{GROUP}", nullable=False)
    )
    op.add_column(
        "products", sa.Column("all_access_daily_limit", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_products_all_access_daily_limit_positive"), "products", "all_access_daily_limit > 0"
    )
    op.add_column(
        "student_packages",
        sa.Column("all_access_services", sa.ARRAY(sa.Text()), server_default="{GROUP}", nullable=False),
    )
    op.add_column(
        "student_packages", sa.Column("all_access_daily_limit", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_student_packages_all_access_daily_limit_positive"), "student_packages", "all_access_daily_limit > 0"
    )


def downgrade() -> None:
    """Undo."""
    op.drop_column("student_packages", "all_access_daily_limit")
    op.drop_column("student_packages", "all_access_services")
    op.drop_column("products", "all_access_daily_limit")
    op.drop_column("products", "all_access_services")
    op.drop_column("organizations", "cancellation_window_minutes")
    op.drop_constraint(op.f("fk_notifications_booking_id"), "notifications", type_="foreignkey")
    op.drop_index("ix_notifications_order", table_name="notifications", postgresql_where="order_id IS NOT NULL")
    op.create_index(op.f("ix_notifications_order_id"), "notifications", ["order_id"], unique=False)
    op.drop_column("notifications", "booking_id")
    op.add_column("jobs", sa.Column("http_status", sa.BIGINT(), autoincrement=False, nullable=True))
    op.drop_index("uq_jobs_idempotency_key", table_name="jobs", postgresql_where="idempotency_key IS NOT NULL")
    op.drop_index("ix_jobs_parked", table_name="jobs")
    op.drop_index("ix_jobs_turn", table_name="jobs", postgresql_where="status = 'QUEUED'")
    op.create_index(op.f("ix_jobs_student_id"), "jobs", ["student_id"], unique=False)
    op.drop_constraint(op.f("ck_jobs_key_has_fingerprint"), "jobs", type_="check")
    op.drop_column("jobs", "fingerprint")
    op.drop_column("jobs", "idempotency_key")
    op.drop_column("jobs", "caller")
    op.drop_index(
        "uq_all_access_daily_usages_day",
        table_name="all_access_daily_usages",
        postgresql_where=sa.text("freed_at IS NULL"),
    )
    op.drop_index(
        "uq_all_access_daily_usages_booking",
        table_name="all_access_daily_usages",
        postgresql_where=sa.text("freed_at IS NULL"),
    )
    op.drop_index("ix_all_access_daily_usages_package", table_name="all_access_daily_usages")
    op.drop_table("all_access_daily_usages")
    op.execute("ALTER TABLE bookings DROP CONSTRAINT ex_bookings_student")
    for name in BOOKING_CHECKS:
        op.drop_constraint(op.f(f"ck_bookings_{name}"), "bookings", type_="check")
    op.drop_constraint(op.f("fk_bookings_seat_id"), "bookings", type_="foreignkey")
    op.drop_constraint(op.f("fk_bookings_session_id"), "bookings", type_="foreignkey")
    op.drop_constraint(op.f("fk_bookings_guest_of"), "bookings", type_="foreignkey")
    op.drop_constraint("fk_bookings_session_capacity", "bookings", type_="foreignkey")
    op.drop_index("ix_bookings_drafts", table_name="bookings")
    op.drop_index("ix_bookings_ahead", table_name="bookings")
    op.drop_index(
        "uq_bookings_session_student",
        table_name="bookings",
        postgresql_where=sa.text("place IS NOT NULL AND guest_of IS NULL"),
    )
    op.drop_index(
        "uq_bookings_seat", table_name="bookings", postgresql_where=sa.text("place IS NOT NULL AND seat_id IS NOT NULL")
    )
    op.drop_index("uq_bookings_place", table_name="bookings")
    op.drop_constraint(op.f("uq_bookings_id_organization_id"), "bookings", type_="unique")
    op.drop_index(
        "uq_bookings_guest",
        table_name="bookings",
        postgresql_where=sa.text("place IS NOT NULL AND guest_of IS NOT NULL"),
    )
    op.drop_index(
        "uq_bookings_friend_pass",
        table_name="bookings",
        postgresql_where=sa.text("payment_type = 'FRIEND_PASS' AND status <> 'CANCELLED'"),
    )
    op.drop_column("bookings", "guest_email")
    op.drop_column("bookings", "guest_name")
    op.drop_column("bookings", "guest_of")
    op.drop_column("bookings", "seat_id")
    op.drop_column("bookings", "place")
    op.drop_column("bookings", "session_capacity")
    op.drop_column("bookings", "session_id")
    op.drop_table("seats")
    op.drop_index(
        "uq_class_sessions_start", table_name="class_sessions", postgresql_where=sa.text("status = 'SCHEDULED'")
    )
    op.drop_index("ix_class_sessions_calendar", table_name="class_sessions")
    op.drop_table("class_sessions")
    op.drop_index("ix_teacher_availability_teacher", table_name="teacher_availability")
    op.drop_table("teacher_availability")
    op.drop_table("group_classes")
    op.drop_table("teachers")
