"""The local days that a dispute took of packages, given back at their ends (PRODUCT.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.booking.outgoing import Outgoing
from domain.booking.state import Package, Student
from domain.studio.extension import last_of
from domain.validity import later, local_days

FRIENDS = """
UPDATE student_packages k SET friend_pass_expires_at =
       (k.friend_pass_expires_at AT TIME ZONE g.timezone + make_interval(days =>
          (%(at)s::timestamptz AT TIME ZONE g.timezone)::date - (new.since AT TIME ZONE g.timezone)::date))
       AT TIME ZONE g.timezone
  FROM unnest(%(ids)s::bigint[], %(since)s::timestamptz[]) AS new (id, since), organizations g
 WHERE k.id = new.id AND g.id = k.organization_id AND k.friend_pass_expires_at > new.since
"""


def give_back(outgoing: Outgoing, student: Student, package: Package, since: datetime, *, at: datetime) -> int:
    """Add the days from an instant to now to the ends of a package that had not come by then; return how many.

    Those of a pass go to the last one of those that follow it, as far as it ran itself: a day that two passes pay for
    is none gained, and none was lost that another one paid for.
    """
    zone, gaining, until, began = student.zone.key, package, at, package.starts_at
    if package.all_access:
        began = package.all_access.starts_at
        gaining = last_of(package, student, at=at)
        until = at if gaining is package else min(at, package.all_access.ends_at)
    days = local_days(max(since, began or since), until, zone)
    if days <= 0:
        return 0
    if package.all_access and package.all_access.ends_at > since:
        window = gaining.all_access
        assert window is not None  # noqa: S101 - only passes follow a pass
        gaining.all_access = replace(window, ends_at=later(window.ends_at, days, zone))
    for each in {package.id: package, gaining.id: gaining}.values():
        # A pass that others follow ends where it did: its days are at the end of them all.
        if (each is gaining or each.lines) and each.expires_at is not None and each.expires_at > since:
            each.expires_at = each.extended_until = later(each.expires_at, days, zone)
        outgoing.keep(each)
    return days


def give_back_friends(session: Session, lost: Mapping[int, datetime], *, at: datetime) -> None:
    """Add the days since an instant each to the friend passes of packages that had not ended by then."""
    if lost:
        fetch(session, FRIENDS, ids=list(lost), since=list(lost.values()), at=at)
