"""A time zone as a calendar is told of it: every change of the clocks in some years, to the minute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from icalendar import Timezone

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@lru_cache(maxsize=256)
def zone(name: str, first_year: int, last_year: int) -> Timezone:
    """Return the VTIMEZONE of an IANA zone, true from the first local midnight of a year to the end of another.

    Calendars know the zones by their names, mostly; who does not reads here when clocks change. The larger
    of the offsets is called daylight time wherever clocks change, as calendars expect it, also in Dublin.
    """
    from icalendar import Timezone, TimezoneDaylight, TimezoneStandard  # noqa: PLC0415 - slow to import

    found = list(_observances(ZoneInfo(name), first_year, last_year))
    least = min(after for _, _, after, _ in found)
    starts: defaultdict[tuple[timedelta, timedelta, str], list[datetime]] = defaultdict(list)
    for start, before, after, called in found:
        starts[before, after, called].append(start)
    component = Timezone()
    component.add("tzid", name)
    for (before, after, called), (first, *others) in starts.items():
        observance = TimezoneStandard() if after == least else TimezoneDaylight()
        observance.add("dtstart", first)
        observance.add("tzoffsetfrom", before)
        observance.add("tzoffsetto", after)
        observance.add("tzname", called)
        if others:
            observance.add("rdate", others)
        component.add_component(observance)
    return component


def _observances(
    local: ZoneInfo, first_year: int, last_year: int
) -> Iterator[tuple[datetime, timedelta, timedelta, str]]:
    """Yield when each offset begins, by the clocks before it, with the offset before, the offset and its name."""
    begin = datetime(first_year, 1, 1, tzinfo=local).astimezone(UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=local).astimezone(UTC)
    offset = _offset(begin, local)
    yield _shown(begin, offset), offset, offset, _called(begin, local)
    while begin < end:
        following = begin + DAY
        if _offset(following, local) != offset:
            change = _change(begin, following, local)
            before, offset = offset, _offset(change, local)
            yield _shown(change, before), before, offset, _called(change, local)
        begin = following


def _change(before: datetime, after: datetime, local: ZoneInfo) -> datetime:
    """Return the minute in which clocks change between two instants."""
    while after - before > MINUTE:
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if _offset(middle, local) == _offset(before, local):
            before = middle
        else:
            after = middle
    return after


def _offset(instant: datetime, local: ZoneInfo) -> timedelta:
    return instant.astimezone(local).utcoffset() or timedelta()


def _called(instant: datetime, local: ZoneInfo) -> str:
    return instant.astimezone(local).tzname() or local.key


def _shown(instant: datetime, offset: timedelta) -> datetime:
    """Return what clocks of an offset show."""
    return instant.astimezone(timezone(offset)).replace(tzinfo=None)
