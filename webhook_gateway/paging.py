"""Lists in pages: an opaque cursor goes out with one page and comes back for the next."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from domain.listing import Part, TimedPart
from webhook_gateway.path import MAX_ID
from webhook_gateway.problem import Problem
from webhook_gateway.schema.base import PageQuery

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
# As many digits as a date can hold; nothing takes place before the epoch.
TIMED = re.compile(r"([0-9]{1,17})/([0-9]{1,19})", re.ASCII)


class Row(Protocol):
    """Anything that is listed by its id."""

    @property
    def id(self) -> int:
        """What its place in the list follows from."""


class TimedRow(Row, Protocol):
    """Anything that is listed by its start, and by its id where starts are the same."""

    @property
    def start_at(self) -> datetime:
        """What its place in the list follows from, first."""


def part(query: PageQuery) -> Part:
    """Return the rows to read for a page: one more than it shows, which tells whether there is a next one."""
    return Part(query.limit + 1, None if query.cursor is None else _id(query.cursor))


def timed_part(query: PageQuery) -> TimedPart:
    """Return the rows to read for a page of a list in the order of time."""
    return TimedPart(query.limit + 1, None if query.cursor is None else _moment(query.cursor))


def page(rows: Sequence[Row], query: PageQuery) -> dict[str, Any]:
    """Return the members of a page."""
    items = rows[: query.limit]
    return {"items": items, "next_cursor": _encoded(str(items[-1].id)) if len(rows) > len(items) else None}


def timed_page(rows: Sequence[TimedRow], query: PageQuery) -> dict[str, Any]:
    """Return the members of a page in the order of time."""
    items = rows[: query.limit]
    return {"items": items, "next_cursor": _encoded(_told(items[-1])) if len(rows) > len(items) else None}


def _told(row: TimedRow) -> str:
    return f"{(row.start_at - EPOCH) // TICK}/{row.id}"


def _id(cursor: str) -> int:
    text = _decoded(cursor)
    if text.isdecimal() and int(text) <= MAX_ID and _encoded(str(int(text))) == cursor:
        return int(text)
    raise _foreign()


def _moment(cursor: str) -> tuple[datetime, int]:
    told = TIMED.fullmatch(_decoded(cursor))
    if told is None or int(told[2]) > MAX_ID:
        raise _foreign()
    return EPOCH + int(told[1]) * TICK, int(told[2])


def _encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _foreign() -> Problem:
    return Problem("malformed_request", "Take the cursor from `nextCursor` of the page before, or leave it out.")
