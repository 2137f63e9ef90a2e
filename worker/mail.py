"""Mail: rendered from a row when it leaves, sent to the SMTP server or written to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.models import Notification
from db.transaction import fetch, reading
from domain.mail import standing_mail
from domain.mail.booking_mail import TRUE_WHILE, read_booking_mail
from domain.mail.enrollment_mail import ASSIGNED, REVOKED, read_assigned_mail, read_revoked_mail
from domain.mail.letter import Letter
from domain.mail.low_seats_mail import LOW_SEATS, read_low_seats_mail
from domain.mail.money_mail import FAILED, REFUNDED, UNDONE, read_failed_mail, read_refund_mail, read_undone_mail
from domain.mail.order_review_mail import REVIEW, read_review_mail
from domain.mail.package_mail import EXPIRING, PASS_EXPIRED, read_expiring_mail, read_pass_expired_mail
from domain.mail.receipt import read_receipt
from domain.mail.step_mail import UNBOOKED, read_step_mail
from domain.mail.waitlist_mail import CLOSED, SKIPPED, read_closed_mail, read_skipped_mail
from domain.purchase.grant_rows import RECEIPT
from worker import clock, smtp
from worker.letterpress import compose
from worker.outbox import NoLongerTrue, Outbox
from worker.runtime import settings
from worker.way import Way, open_way


class UnknownKind(Exception):
    """A mail of a kind that this version does not know: a newer one wrote it, and sends it."""


class Read(Protocol):
    """How what a kind of mail tells is read when it leaves."""

    def __call__(self, session: Session, notification_id: int, /, *, at: datetime) -> Letter | None:
        """Return what to say at an instant; None if that is no longer true."""


# Each kind of mail, and how it is read.
KINDS: Mapping[str, Read] = {
    RECEIPT: read_receipt,
    **dict.fromkeys(TRUE_WHILE, read_booking_mail),
    SKIPPED: read_skipped_mail,
    CLOSED: read_closed_mail,
    UNBOOKED: read_step_mail,
    EXPIRING: read_expiring_mail,
    PASS_EXPIRED: read_pass_expired_mail,
    REFUNDED: read_refund_mail,
    UNDONE: read_undone_mail,
    FAILED: read_failed_mail,
    REVOKED: read_revoked_mail,
    ASSIGNED: read_assigned_mail,
    LOW_SEATS: read_low_seats_mail,
    REVIEW: read_review_mail,
    standing_mail.REVOKED: standing_mail.read_revoked_mail,
    standing_mail.REINSTATED: standing_mail.read_reinstated_mail,
    standing_mail.RENEWAL_FAILED: standing_mail.read_renewal_failed_mail,
}


def deliver(engine: Engine, row_id: int) -> None:
    """Render and send one row of the outbox."""
    with reading(engine) as session:
        letter = _kind(session, row_id)(session, row_id, at=clock.now())
    if letter is None:
        raise NoLongerTrue
    message = compose(letter)
    url = settings().smtp_url
    if url is None:
        _write(settings().mail_folder, letter.message_id, message)
    else:
        smtp.send(url, message)


KIND = """
SELECT n.kind, s.erased_at FROM notifications n LEFT JOIN students s ON s.id = n.student_id WHERE n.id = %(id)s
"""


def _kind(session: Session, row_id: int) -> Read:
    """Return how a mail is read; one to somebody who was erased has nothing to say."""
    (row,) = fetch(session, KIND, id=row_id)
    if row["erased_at"]:
        raise NoLongerTrue
    try:
        return KINDS[row["kind"]]
    except KeyError:
        raise UnknownKind(row["kind"]) from None


def _write(folder: Path, name: str, message: EmailMessage) -> None:
    """Write a mail whole or not at all; sent again it takes its own place."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}"
    unfinished.write_bytes(message.as_bytes())
    unfinished.replace(folder / f"{name}.eml")


def _way() -> AbstractContextManager[Way]:
    """Return how a batch leaves: a folder takes any number, a mail server what it can."""
    url = settings().smtp_url
    return open_way() if url is None else smtp.batch(url)


NOTIFICATIONS = Outbox(Notification, batch=5, send=deliver, way=_way)
