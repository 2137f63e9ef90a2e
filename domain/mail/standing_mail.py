"""What mails tell of a package whose money turned: a dispute that was lost, one that is valid again, a renewal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import voice_of
from domain.purchase.holder import LIVE, STANDS

REVOKED, REINSTATED, RENEWAL_FAILED = "package.revoked", "package.reinstated", "subscription.payment_failed"

# A renewal's mail is named after its invoice.
PACKAGE = f"""
SELECT n.message_id::text, o.name AS organization, o.email_sender, o.slug, o.timezone, o.language, s.name, s.email,
       k.id, k.name AS package, k.expires_at, {STANDS} AS stands, {LIVE} AS is_held,
       (SELECT i.status FROM payments i WHERE i.organization_id = n.organization_id
           AND i.stripe_key = split_part(n.dedupe_key, ':', 2)) AS renewal
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN student_packages k ON k.id = n.student_package_id
  JOIN students s ON s.id = k.student_id
  JOIN orders w ON w.id = k.order_id
  LEFT JOIN payments p ON p.id = w.payment_id
 WHERE n.id = %(id)s
"""  # noqa: S608 - our own words

Row = Mapping[str, Any]


def read_revoked_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a package that was withdrawn must say; None if it stands again."""
    (row,) = fetch(session, PACKAGE, id=notification_id)
    return None if row["stands"] else revoked_mail(row)


def read_reinstated_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a package that is valid again must say; None if it is not any more."""
    (row,) = fetch(session, PACKAGE, id=notification_id)
    return reinstated_mail(row) if row["is_held"] else None


def read_renewal_failed_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:  # noqa: ARG001 - as all read
    """Read what a mail about a renewal that failed must say; None if it was paid after all."""
    (row,) = fetch(session, PACKAGE, id=notification_id)
    return renewal_failed_mail(row) if row["renewal"] == "FAILED" else None


def revoked_mail(row: Row) -> Letter:
    """Return the mail about a package that was withdrawn, of a row of `PACKAGE`."""
    voice = voice_of(row)
    return Letter(
        **envelope(row, voice, voice.say("{package} is not valid any more", package=row["package"])),
        heading=voice.say("Your package was withdrawn"),
        cards=(Card(row["package"]),),
        notes=(
            voice.say("Its payment was disputed, and the bank has given the money back."),
            voice.say("What you had booked with it is cancelled. If this surprises you, ask the studio."),
        ),
        facts=(voice.say("Package: {number}", number=row["id"]),),
    )


def reinstated_mail(row: Row) -> Letter:
    """Return the mail about a package that is valid again, of a row of `PACKAGE`."""
    voice = voice_of(row)
    until = voice.say("Valid through {day}", day=voice.last_day(row["expires_at"])) if row["expires_at"] else None
    return Letter(
        **envelope(row, voice, voice.say("{package} is valid again", package=row["package"])),
        heading=voice.say("Your package is valid again"),
        cards=(Card(row["package"], (), until),),
        notes=(
            voice.say("Its payment has come back to the studio, and you can book with it again."),
            voice.say("What was cancelled meanwhile is not booked again: please book it anew."),
        ),
        facts=(voice.say("Package: {number}", number=row["id"]),),
    )


def renewal_failed_mail(row: Row) -> Letter:
    """Return the mail about a renewal that failed, of a row of `PACKAGE`."""
    voice = voice_of(row)
    until = voice.say("Valid through {day}", day=voice.last_day(row["expires_at"])) if row["expires_at"] else None
    return Letter(
        **envelope(row, voice, voice.say("we could not renew {package}", package=row["package"])),
        heading=voice.say("Your renewal was not paid"),
        cards=(Card(row["package"], (), until),),
        notes=(
            voice.say("The payment for the next period did not go through. It will be tried again."),
            voice.say("Please check your card: after some days without a payment your subscription pauses."),
        ),
        facts=(voice.say("Package: {number}", number=row["id"]),),
    )
