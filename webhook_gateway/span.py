"""Which part of a calendar a request asks for."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.calendar.calendar import Span
from webhook_gateway.problem import FieldError, Problem
from webhook_gateway.schema.calendar import MAX_SPAN_DAYS, SPAN_DAYS, SpanQuery


def wanted(query: SpanQuery, *, at: datetime) -> Span:
    """Return the span of a query: from now for a week, unless it says otherwise.

    Raises:
        Problem: it ends before it begins, or is longer than a page of a calendar ever shows.

    """
    try:
        since = query.from_ or (min(at, query.to) if query.to else at)
        until = query.to or since + timedelta(days=SPAN_DAYS)
        latest = since + timedelta(days=MAX_SPAN_DAYS)
    except OverflowError as error:
        raise _refusal() from error
    if not since <= until <= latest:
        raise _refusal()
    return Span(since, until, query.service_type)


def _refusal() -> Problem:
    errors = [FieldError("#/to", f"Name an end after `from`, within {MAX_SPAN_DAYS} days")]
    return Problem(
        "validation_failed", "Ask for a shorter part of the calendar, and for the next one after it.", errors=errors
    )
