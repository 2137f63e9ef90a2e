"""Rows to write demo mails from: the columns are those of the statements that read the real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.mail import booking_kinds as kinds

Row = dict[str, Any]

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
LESSON = datetime(2026, 11, 24, 23, tzinfo=UTC)
RIDE, TALK = timedelta(minutes=45), timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MIDNIGHT = datetime(2026, 11, 30, 21, tzinfo=UTC)
NEW_YORK_MIDNIGHT = datetime(2027, 11, 20, 5, tzinfo=UTC)

LUMEN: Row = {
    "message_id": "6f1c0f4e-8a52-4d0b-9b8e-2f0d6a1c7e35",
    "organization": "Lumen Spin",
    "email_sender": "hello@lumen.example",
    "slug": "lumen",
    "timezone": "Europe/Istanbul",
    "language": "en",
}
THRIVE: Row = LUMEN | {
    "organization": "Thrive Languages",
    "email_sender": "hello@thrive.example",
    "slug": "thrive",
    "timezone": "America/New_York",
}
ADA: Row = {"name": "Ada Example", "email": "ada@example.com"}
GRACE: Row = {"name": "Grace Guest", "email": "grace@example.com"}

# What a booking has only now and then.
NOTHING: Row = dict.fromkeys(
    [
        *["guest_of", "guest_name", "guest_email", "guest", "guest_status", "guest_seat"],
        *["undo_until", "cancel_reason", "moved_from", "extended_until", "used_day", "step", "step_title"],
        *["step_status", "before_status", "before_payment", "before_session_id", "before_start_at"],
        *["before_class", "before_seat"],
        *["told_start_at", "told_end_at"],
    ]
)
RIDE_BOOKING: Row = (
    LUMEN
    | NOTHING
    | {
        "kind": kinds.CONFIRMED,
        "dedupe_key": "booking:1024:7",
        "reminder_offsets_minutes": [1440],
        "student": ADA["name"],
        "email": ADA["email"],
        "id": 1024,
        "status": "CONFIRMED",
        "payment_type": "CREDIT",
        "credits_used": 1,
        "session_id": 311,
        "start_at": START,
        "end_at": START + RIDE,
        "class": "Ride",
        "teacher": "Deniz",
        "seat": "7",
        "package": "Elite 30",
        "credit_service": "GROUP",
        "credits_left": 21,
        "is_revoked": False,
        "first_id": 1024,
        "booked_at": START - WEEK,
        "told_at": START - WEEK,
        "is_outdone": False,
    }
)
STEP_BOOKING: Row = (
    RIDE_BOOKING
    | THRIVE
    | {
        "payment_type": "COURSE",
        "start_at": LESSON,
        "end_at": LESSON + TALK,
        "class": "Spanish from Zero 2, by day",
        "step": "SFZ-2",
        "step_title": "Getting around",
        "step_status": "BOOKED",
        "teacher": "Lucía",
        "seat": None,
        "package": "Spanish from Zero",
        "credit_service": "COURSE",
        "credits_left": 2,
    }
)
WITH_GUEST: Row = {"guest": GRACE["name"], "guest_status": "CONFIRMED", "guest_seat": "8"}
AS_GUEST: Row = {
    "id": 1025,
    "first_id": 1025,
    "guest_of": 1024,
    "guest_name": GRACE["name"],
    "guest_email": GRACE["email"],
    "seat": "8",
    "payment_type": "FRIEND_PASS",
}
WAITING: Row = (
    LUMEN
    | ADA
    | {
        "id": 88,
        "status": "SKIPPED",
        "reason": "time_conflict",
        "start_at": START,
        "end_at": START + RIDE,
        "session_status": "SCHEDULED",
        "cancel_reason": "the water is off in the whole street.",
        "class": "Ride",
        "teacher": "Deniz",
    }
)
PURCHASE: Row = LUMEN | ADA | {"order_id": 512, "paid": 1_620_000, "currency": "TRY", "status": "PAID", "drafts": 0}
ELITE: Row = {
    "id": 77,
    "name": "Elite 30",
    "bundle_description": "30 Group (60 min)",
    "expires_at": datetime(2027, 11, 20, 21, tzinfo=UTC),
    "coupon": "WELCOME10",
}
COURSE_STEPS = [
    ["SFZ-1", "2026-11-23T15:00:00+00:00"],
    ["SFZ-2", None],
    ["SFZ-3", None],
    ["SFZ-4", "2026-12-10T19:00:00+00:00"],
]
COURSE: Row = {
    "id": 78,
    "name": "Spanish from Zero",
    "bundle_description": "4 course steps + 2 Private (30 min)",
    "expires_at": NEW_YORK_MIDNIGHT,
    "coupon": None,
}
COURSE_PURCHASE: Row = PURCHASE | THRIVE | {"paid": 49_900, "currency": "USD", "order_id": 513}
ENROLLED: Row = {"id": 78, "status": "ACTIVE", "cohort": "Winter 2026", "steps": COURSE_STEPS}
OPEN_STEP: Row = (
    THRIVE
    | ADA
    | {
        "organization_id": 2,
        "student_id": 1,
        "package_id": 7,
        "enrollment_id": 41,
        "enrollment_status": "ACTIVE",
        "step_id": 2,
        "step": "SFZ-2",
        "step_title": "Getting around",
        "course": "Spanish from Zero",
    }
)
HELD: Row = (
    LUMEN
    | ADA
    | {
        "dedupe_key": f"package:77:7:{int(MIDNIGHT.timestamp())}",
        "id": 77,
        "package": "Core 10",
        "expires_at": MIDNIGHT,
        "all_access_expires_at": None,
        "is_held": True,
        "credits": [["GROUP", 60, 4]],
        "next_package": None,
        "next_ends_at": None,
        "is_renewed": False,
    }
)
PASS: Row = {"package": "All-Access 30", "all_access_expires_at": MIDNIGHT, "credits": None}
PASS_ENDED: Row = PASS | {"dedupe_key": f"package:77:{int(MIDNIGHT.timestamp())}"}
NEXT_PASS: Row = {"next_package": "All-Access 30", "next_ends_at": MIDNIGHT + 31 * DAY}
PAID: Row = (
    LUMEN
    | ADA
    | {
        "id": 512,
        "status": "PARTIALLY_REFUNDED",
        "list_price": 1_800_000,
        "currency": "TRY",
        "product": "Elite 30",
        "refund_status": "succeeded",
        "dedupe_key": "refund:re_1",
        "facts": {
            "checkout:SUCCEEDED": {
                "teller": "checkout",
                "status": "SUCCEEDED",
                "amount": 1_620_000,
                "currency": "TRY",
            },
            "refund:re_1": {"source": "refund:re_1", "status": "succeeded", "amount": 540_000, "currency": "TRY"},
        },
        "amount_received": 1_620_000,
        "amount_refunded": 540_000,
        "payment_currency": "TRY",
        "packages": ["Elite 30"],
    }
)
TURNED: Row = (
    LUMEN
    | ADA
    | {
        "id": 77,
        "package": "Core 10",
        "expires_at": MIDNIGHT,
        "stands": False,
        "is_held": True,
        "renewal": "FAILED",
    }
)
REVIEWED: Row = LUMEN | {
    "name": None,
    "email": "desk@lumen.example",
    "id": 512,
    "currency": "TRY",
    "paid": 1_620_000,
    "refunded": 540_000,
    "product": "Elite 30",
    "packages": ["Elite 30"],
    "kind": "PARTIAL_REFUND",
    "about": "re_3Pf0o2",
    "resolved_at": None,
}
ENROLLMENT: Row = (
    THRIVE
    | ADA
    | {
        "id": 41,
        "status": "ACTIVE",
        "course": "Spanish from Zero",
        "cohort": "Winter 2026",
        "steps": COURSE_STEPS,
        "went_back": False,
    }
)
SESSION: Row = THRIVE | {
    "organization_id": 2,
    "session_id": 402,
    "name": None,
    "email": "desk@thrive.example",
    "low_seats_threshold": 2,
    "start_at": LESSON,
    "end_at": LESSON + TALK,
    "class": "Spanish from Zero 2, by day",
    "teacher": "Lucía",
}
ENDED: Row = {"status": "CANCELLED"}
REMINDED: Row = {"dedupe_key": f"booking:1024:{int(START.timestamp())}:1440"}
