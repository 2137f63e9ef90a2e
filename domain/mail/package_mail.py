"""What mails tell of a package or a pass that ends: soon, with what is left of it, or a pass that has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from db.models import ServiceType
from db.transaction import fetch
from domain.clock.ending import NEWS
from domain.mail.credit_words import number_of_credits
from domain.mail.letter import Card, Letter, envelope
from domain.mail.voice import Voice, voice_of
from domain.purchase.holder import LIVE

EXPIRING, PASS_EXPIRED = "package.expiring", "pass.expired"
# The last warning before the end, in days; one before it has nothing to say any more.
LAST_WARNING = 1

PACKAGE = f"""
SELECT n.message_id::text, n.dedupe_key, o.name AS organization, o.email_sender, o.slug, o.timezone, o.language,
       s.name, s.email, k.id, k.name AS package, k.expires_at, k.all_access_expires_at, {LIVE} AS is_held,
       (SELECT jsonb_agg(jsonb_build_array(x.service_type, x.credit_unit_minutes, x.credits_left) ORDER BY x.position)
          FROM (SELECT a.position, a.service_type, a.credit_unit_minutes, a.credits
                       - coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0)
                       AS credits_left
                  FROM student_package_allowances a WHERE a.student_package_id = k.id) x
         WHERE x.credits_left > 0) AS credits,
       next.name AS next_package, next.all_access_expires_at AS next_ends_at,
       p.subscription_key IS NOT NULL AND p.subscription_key = next.subscription_key AS is_renewed
  FROM notifications n
  JOIN organizations o ON o.id = n.organization_id
  JOIN student_packages k ON k.id = n.student_package_id
  JOIN students s ON s.id = k.student_id
  JOIN orders w ON w.id = k.order_id
  LEFT JOIN payments p ON p.id = w.payment_id
  LEFT JOIN LATERAL (SELECT x.name, x.all_access_expires_at, p.subscription_key
                       FROM student_packages x JOIN orders w ON w.id = x.order_id
                       LEFT JOIN payments p ON p.id = w.payment_id
                      WHERE x.student_id = s.id AND {LIVE}
                        AND x.all_access_expires_at > greatest(k.all_access_expires_at, %(at)s)
                      ORDER BY x.all_access_starts_at, x.id LIMIT 1) next ON true
 WHERE n.id = %(id)s
"""  # noqa: S608 - our own words

Row = Mapping[str, Any]


def read_expiring_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:
    """Read what a warning must say; None if nothing of it ends then, or the end is not as near, or nearer, by now."""
    (row,) = fetch(session, PACKAGE, id=notification_id, at=at)
    if not row["is_held"] or not (_ends_as_pass(row) or _ends_with_credits(row)):
        return None
    days = int(row["dedupe_key"].split(":")[2])
    until = _end(row) if days == LAST_WARNING else _before_end(row, LAST_WARNING)
    return expiring_mail(row) if _before_end(row, days) <= at < until else None


def _end(row: Row) -> datetime:
    """Return the end that a warning is about: a bundle has one of its pass, and maybe a later one of its credits."""
    return datetime.fromtimestamp(int(row["dedupe_key"].split(":")[3]), UTC)


def _ends_as_pass(row: Row) -> bool:
    return bool(row["all_access_expires_at"] == _end(row))


def _ends_with_credits(row: Row) -> bool:
    return bool(row["credits"]) and row["expires_at"] == _end(row)


def _before_end(row: Row, days: int) -> datetime:
    """Return the instant so many local days before the end."""
    return _end(row).astimezone(ZoneInfo(row["timezone"])) - timedelta(days=days)


def read_pass_expired_mail(session: Session, notification_id: int, *, at: datetime) -> Letter | None:
    """Read what a mail about a pass that has ended must say; None if it is none or no news, renewed, or unpaid."""
    (row,) = fetch(session, PACKAGE, id=notification_id, at=at)
    told = datetime.fromtimestamp(int(row["dedupe_key"].split(":")[2]), UTC)
    lasts = row["all_access_expires_at"] is None or row["all_access_expires_at"] > told
    lasts = lasts or row["is_renewed"]
    return None if lasts or not row["is_held"] or told + NEWS <= at else pass_expired_mail(row)


def expiring_mail(row: Row) -> Letter:
    """Return the warning of a row of `PACKAGE`."""
    voice = voice_of(row)
    day = voice.last_day(_end(row))
    return Letter(
        **envelope(row, voice, voice.say("{package} ends on {day}", package=row["package"], day=day)),
        heading=voice.say("Your pass ends soon") if _ends_as_pass(row) else voice.say("Your package ends soon"),
        cards=(Card(row["package"], tuple(_left(row, voice)), voice.say("Valid through {day}", day=day)),),
        notes=(
            voice.say("It pays for sessions that begin through that day: book them while there are places."),
            *_goes_on(row, voice),
        ),
        facts=(voice.say("Package: {number}", number=row["id"]),),
    )


def pass_expired_mail(row: Row) -> Letter:
    """Return the mail about a pass that has ended, of a row of `PACKAGE`."""
    voice = voice_of(row)
    day = voice.last_day(row["all_access_expires_at"])
    buy = voice.say("If you want to go on, buy your next pass or package whenever you like.")
    return Letter(
        **envelope(row, voice, voice.say("{package} has ended", package=row["package"])),
        heading=voice.say("Your pass has ended"),
        cards=(Card(row["package"], (), voice.say("It was valid through {day}", day=day)),),
        notes=tuple(_goes_on(row, voice)) or (buy,),
        facts=(voice.say("Package: {number}", number=row["id"]),),
    )


def _left(row: Row, voice: Voice) -> Iterator[str]:
    """Say what is left until then: days of a pass, and the credits of each line."""
    if _ends_as_pass(row):
        yield voice.say("All-Access")
    for service, minutes, number in row["credits"] if _ends_with_credits(row) else ():
        credits_left = number_of_credits(voice, service, number)
        if service == ServiceType.COURSE:
            yield voice.say("{credits} left", credits=credits_left)
        else:
            yield voice.say("{credits} left, of {minutes} minutes each", credits=credits_left, minutes=minutes)


def _goes_on(row: Row, voice: Voice) -> Iterator[str]:
    """Say which pass comes next, if there is one."""
    if row["next_package"]:
        said = {"package": row["next_package"], "day": voice.last_day(row["next_ends_at"])}
        yield voice.say("You go on with {package}, which is valid through {day}.", **said)
