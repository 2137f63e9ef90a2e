"""Lists in pages: an opaque cursor goes out with one page and comes back for the next."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Protocol

from domain.listing import Part
from webhook_gateway.path import MAX_ID
from webhook_gateway.problem import Problem
from webhook_gateway.schema.base import PageQuery


class Row(Protocol):
    """Anything that is listed by its id."""

    @property
    def id(self) -> int:
        """What its place in the list follows from."""


def part(query: PageQuery) -> Part:
    """Return the rows to read for a page: one more than it shows, which tells whether there is a next one."""
    return Part(query.limit + 1, None if query.cursor is None else _decoded(query.cursor))


def page(rows: Sequence[Row], query: PageQuery) -> dict[str, Any]:
    """Return the members of a page."""
    items = rows[: query.limit]
    return {"items": items, "next_cursor": _encoded(items[-1].id) if len(rows) > len(items) else None}


def _encoded(row_id: int) -> str:
    return urlsafe_b64encode(str(row_id).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> int:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if text.isdecimal() and int(text) <= MAX_ID and _encoded(int(text)) == cursor:
        return int(text)
    raise Problem("malformed_request", "Take the cursor from `nextCursor` of the page before, or leave it out.")
