"""Reports: a page of lines as JSON, or all of them as one table (RFC 4180)."""

from __future__ import annotations

import binascii
import csv
import io
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, get_args
from urllib.parse import urlencode

from flask import Response, request
from pydantic.alias_generators import to_camel

from domain.course.report import Key
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.schema.base import Output, Page
from webhook_gateway.schema.report import MAX_TABLE, ReportQuery

# What a spreadsheet takes for the beginning of a formula, also behind blanks.
FORMULA = ("=", "+", "-", "@")
# What is told of each part of a line has a name of its own beside what is told of the line.
PART = "step"
Line = TypeVar("Line", bound=Output)


class Keyed(Protocol):
    """A line of a report, whose place in it follows from its key."""

    @property
    def key(self) -> Key:
        """Numbers and texts, in the same places of each line."""


def report(lines: Sequence[Keyed], query: ReportQuery, shape: type[Page[Line]], line: type[Line]) -> Response:
    """Return what is asked for of a report, in the order of the keys.

    Raises:
        Problem: the cursor is none of this report's.

    """
    is_table = query.format == "csv"
    behind = _behind(sorted(lines, key=lambda each: each.key), query.cursor)
    shown = behind[: MAX_TABLE if is_table else query.limit]
    cursor = _encoded(shown[-1].key) if len(shown) < len(behind) else None
    page = shape.model_validate({"items": shown, "next_cursor": cursor})
    return _table(page, line) if is_table else respond(page)


def _behind(lines: Sequence[Keyed], cursor: str | None) -> Sequence[Keyed]:
    if cursor is None:
        return lines
    after = _decoded(cursor)
    if any(list(map(type, each.key)) != list(map(type, after)) for each in lines[:1]):
        raise _foreign()
    return [each for each in lines if each.key > after]


def _encoded(key: Key) -> str:
    return urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> Key:
    try:
        said = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise _foreign() from error
    if not isinstance(said, list) or not said or any(type(each) not in {int, str} for each in said):
        raise _foreign()
    return tuple(said)


def _foreign() -> Problem:
    return Problem("malformed_request", "Take the cursor from the part of this report before, or leave it out.")


def _table(page: Page[Line], line: type[Line]) -> Response:
    """Return a page as a table with its header; what comes behind it is in the Link header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_columns(line)))
    writer.writeheader()
    writer.writerows(row for each in page.items for row in _rows(each.model_dump(mode="json", by_alias=True)))
    response = Response(text.getvalue(), mimetype="text/csv")
    name = request.path.rpartition("/")[2]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    if page.next_cursor:
        following = urlencode(request.args.to_dict() | {"cursor": page.next_cursor})
        response.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    return response


def _columns(line: type[Output]) -> Iterator[str]:
    """Yield the columns of a line: its fields, and in the place of its parts theirs."""
    for name, field in line.model_fields.items():
        (*_, kind) = get_args(field.annotation) or (None,)
        if isinstance(kind, type) and issubclass(kind, Output):
            yield from map(_of_part, map(to_camel, kind.model_fields))
        else:
            yield to_camel(name)


def _rows(line: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the row of a line, or one for each of its parts."""
    own = {name: _cell(value) for name, value in line.items() if not isinstance(value, list)}
    parts = [part for value in line.values() if isinstance(value, list) for part in value]
    for part in parts or [{}]:
        yield own | {_of_part(name): _cell(value) for name, value in part.items()}


def _of_part(name: str) -> str:
    return name if name.startswith(PART) else f"{PART}{name[0].upper()}{name[1:]}"


def _cell(value: object) -> str:
    """Return what stands in a cell; a text that would be a formula gets an apostrophe, which makes it one no more."""
    if isinstance(value, str):
        return f"'{value}" if value.lstrip().startswith(FORMULA) else value
    return "" if value is None else json.dumps(value)
