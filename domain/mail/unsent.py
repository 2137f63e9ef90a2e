"""Mails that did not leave: which of them a later fact may bring back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.mail.enrollment_mail import ASSIGNED, REVOKED
from domain.mail.money_mail import FAILED, REFUNDED, UNDONE
from domain.mail.package_mail import EXPIRING
from domain.mail.step_mail import UNBOOKED
from domain.purchase.grant_rows import RECEIPT

# News as long as it is true, however late: whether it is, is seen when it leaves. Of a pass that has ended it is not.
STILL_NEWS = (UNBOOKED, EXPIRING, REFUNDED, UNDONE, FAILED, REVOKED, ASSIGNED)
# What was no longer true about a purchase may be true again: a refund can fail. A booking's next change has a
# mail of its own, and one of a session that was is no news.
RETRY = """
UPDATE notifications n SET status = 'PENDING', due_at = %(at)s, attempts = 0, crashes = 0, last_error = NULL
 WHERE n.student_id = ANY(%(students)s) AND n.status IN ('PARKED', 'VOID')
   AND (n.kind = %(receipt)s
        OR n.status = 'PARKED'
           AND (n.kind = ANY(%(news)s)
                OR EXISTS (SELECT 1 FROM bookings b WHERE b.id = n.booking_id AND b.start_at > %(at)s)))
"""


def retry_unsent(session: Session, students: Sequence[int], *, at: datetime) -> None:
    """Make mails of students due again that did not leave: the address may be known now, or the refund have failed.

    What is still untrue or still without an address ends where it was.
    """
    fetch(session, RETRY, students=list(students), receipt=RECEIPT, news=list(STILL_NEWS), at=at)
