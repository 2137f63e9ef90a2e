"""A sample of every mail, written by what writes the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cli import mail_rows as some
from cli.mail_rows import Row
from domain.course.low_seats import LowSeatsLine
from domain.enrollment.unbooked import Choice
from domain.mail import booking_kinds as kinds
from domain.mail import (
    enrollment_mail,
    low_seats_mail,
    money_mail,
    order_review_mail,
    package_mail,
    receipt,
    standing_mail,
    step_mail,
    waitlist_mail,
)
from domain.mail.booking_mail import BOOKING, booking_mail
from domain.mail.letter import Letter
from domain.purchase.grant_rows import RECEIPT

# What other reports say, beside the rows.
BY_DAY = Choice(3, 402, 12, "Spanish from Zero 2, by day", some.LESSON, some.LESSON + some.TALK, 10, 4, "Lucía")
DATES = (
    BY_DAY,
    replace(
        BY_DAY,
        group_class_name="Spanish from Zero 2, evening",
        start_at=some.LESSON + 2 * some.DAY,
        teacher_name="Mateo",
    ),
    replace(BY_DAY, start_at=some.LESSON + 7 * some.DAY),
)
SERVED = LowSeatsLine("SFZ", "Spanish from Zero", 2, "SFZ-2", 2, 402, "SFZ-2-DAY", some.LESSON, 1, 10, 5, ())


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail of a kind: its rows, each with the statement that reads such a row, and what is written from them."""

    kind: str
    rows: tuple[tuple[str, Row], ...]
    write: Callable[[Sequence[Row]], Letter]

    def letter(self, language: str) -> Letter:
        """Return it in a language."""
        return self.write([row | {"language": language} if "language" in row else row for _, row in self.rows])


def _of(kind: str, statement: str, write: Callable[[Row], Letter], row: Row) -> Sample:
    return Sample(kind, ((statement, row),), lambda rows: write(rows[0]))


def _booking(kind: str, row: Row, **more: Any) -> Sample:  # noqa: ANN401 - the columns of a row
    return _of(kind, BOOKING, booking_mail, {**row, **more, "kind": kind})


def _receipt(order: Row, package: Row, *courses: Row) -> Sample:
    rows = ((receipt.ORDER, order), (receipt.PACKAGES, package), *((receipt.COURSES, row) for row in courses))
    return Sample(RECEIPT, rows, lambda rows: receipt.receipt(rows[0], rows[1:2], rows[2:]))


# By the name that a preview has: the kind, and where there are several of it, which.
SAMPLES: Mapping[str, Sample] = {
    "purchase.receipt": _receipt(some.PURCHASE, some.ELITE),
    "purchase.receipt.course": _receipt(some.COURSE_PURCHASE, some.COURSE, some.ENROLLED),
    "booking.confirmed": _booking(kinds.CONFIRMED, some.RIDE_BOOKING | some.WITH_GUEST),
    "booking.confirmed.guest": _booking(kinds.CONFIRMED, some.RIDE_BOOKING | some.AS_GUEST),
    "booking.changed": _booking(
        kinds.CHANGED,
        some.RIDE_BOOKING,
        before_status="CANCELLED",
        before_payment="CREDIT",
        before_session_id=310,
        before_start_at=some.START - some.DAY,
        before_class="Ride",
        before_seat="3",
        first_id=1001,
    ),
    "booking.cancelled": _booking(kinds.CANCELLED, some.RIDE_BOOKING | some.ENDED, credits_left=22),
    "booking.forfeited": _booking(kinds.FORFEITED, some.RIDE_BOOKING, status="FORFEITED"),
    "booking.reminder": _booking(kinds.REMINDER, some.RIDE_BOOKING | some.WITH_GUEST | some.REMINDED),
    "booking.reminder.course": _booking(kinds.REMINDER, some.STEP_BOOKING | some.REMINDED),
    "booking.reminder.guest": _booking(kinds.REMINDER, some.RIDE_BOOKING | some.AS_GUEST | some.REMINDED),
    "waitlist.promoted": _booking(kinds.PROMOTED, some.RIDE_BOOKING, undo_until=some.START - some.DAY),
    "waitlist.skipped": _of(waitlist_mail.SKIPPED, waitlist_mail.ABOUT, waitlist_mail.skipped_mail, some.WAITING),
    "waitlist.closed": _of(
        waitlist_mail.CLOSED,
        waitlist_mail.ABOUT,
        waitlist_mail.closed_mail,
        some.WAITING | {"session_status": "CANCELLED"},
    ),
    "waitlist.closed.revoked": _of(
        waitlist_mail.CLOSED,
        waitlist_mail.ABOUT,
        waitlist_mail.closed_mail,
        some.WAITING | {"reason": "package_revoked"},
    ),
    "session.cancelled": _booking(
        kinds.CALLED_OFF,
        some.RIDE_BOOKING | some.ENDED,
        cancel_reason="the water is off in the whole street.",
        credits_left=22,
    ),
    "session.moved": _booking(kinds.MOVED, some.RIDE_BOOKING, moved_from=some.START - some.DAY),
    "step.unbooked": _of(step_mail.UNBOOKED, step_mail.STEP, partial(step_mail.step_mail, dates=DATES), some.OPEN_STEP),
    "package.expiring": _of(package_mail.EXPIRING, package_mail.PACKAGE, package_mail.expiring_mail, some.HELD),
    "package.expiring.pass": _of(
        package_mail.EXPIRING, package_mail.PACKAGE, package_mail.expiring_mail, some.HELD | some.PASS | some.NEXT_PASS
    ),
    "pass.expired": _of(
        package_mail.PASS_EXPIRED, package_mail.PACKAGE, package_mail.pass_expired_mail, some.HELD | some.PASS_ENDED
    ),
    "refund.done": _of(money_mail.REFUNDED, money_mail.ORDER, money_mail.refund_mail, some.PAID),
    "refund.failed": _of(
        money_mail.UNDONE, money_mail.ORDER, money_mail.undone_mail, some.PAID | {"refund_status": "failed"}
    ),
    "payment.failed": _of(
        money_mail.FAILED, money_mail.ORDER, money_mail.failed_mail, some.PAID | {"status": "FAILED", "packages": None}
    ),
    "enrollment.revoked": _of(
        enrollment_mail.REVOKED, enrollment_mail.ENROLLMENT, enrollment_mail.revoked_mail, some.ENROLLMENT
    ),
    "enrollment.assigned": _of(
        enrollment_mail.ASSIGNED, enrollment_mail.ENROLLMENT, enrollment_mail.assigned_mail, some.ENROLLMENT
    ),
    "session.low_seats": _of(
        low_seats_mail.LOW_SEATS,
        low_seats_mail.SESSION,
        partial(low_seats_mail.low_seats_mail, lines=(SERVED,)),
        some.SESSION,
    ),
    "package.revoked": _of(standing_mail.REVOKED, standing_mail.PACKAGE, standing_mail.revoked_mail, some.TURNED),
    "package.reinstated": _of(
        standing_mail.REINSTATED, standing_mail.PACKAGE, standing_mail.reinstated_mail, some.TURNED
    ),
    "subscription.payment_failed": _of(
        standing_mail.RENEWAL_FAILED, standing_mail.PACKAGE, standing_mail.renewal_failed_mail, some.TURNED
    ),
    "order.review": _of(
        order_review_mail.REVIEW, order_review_mail.ABOUT, order_review_mail.review_mail, some.REVIEWED
    ),
}
