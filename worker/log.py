"""Structured logs: one line per fact, bound to the id of the row it is about, never a body or an address."""

from __future__ import annotations

import logging
import sys

import structlog

from domain.redaction import redact

# Libraries that tell of every message and migration; their warnings stay.
CHATTY = ("alembic", "celery", "kombu", "redis", "urllib3", "stripe")

SHORTEST_SECRET = 4


def configure(*, level: str, form: str) -> None:
    """Send our logs and the libraries' to standard error, as JSON or for a person at a terminal."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_failure, renderer], foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # A warning may quote an exception; so does what logging prints where it cannot log.
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _failure(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Drop what is internal, and turn an exception into where it happened: its text may hold what a student typed."""
    event.pop("_record", None)
    ours = event.pop("_from_structlog", False)
    event.pop("stack_info", None)
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else None
    error = error or (sys.exc_info()[1] if info else None)
    if not ours:
        event["event"] = _without(error, str(event["event"]))
    if error is not None:
        event["error"] = describe(error)
    return {name: _clean(value) for name, value in event.items()}


def _without(error: BaseException | None, text: str) -> str:
    """Return the first line of what a library says: without what an exception says, nor the messages it was about."""
    told = {repr(error), str(error), *map(str, error.args)} if error is not None else set()
    # What is shorter is no secret, and would be found within other words.
    for each in sorted((each for each in told if len(each) >= SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(each, type(error).__name__)
    return text.partition("\n")[0]


def _clean(value: object) -> object:
    """Return a value as it may be read: an exception without its text, a text without secrets and addresses."""
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return redact(value) if isinstance(value, str) else value


def describe(error: BaseException) -> str:
    """Return what an exception is and where it was raised, without its arguments.

    A database error adds its state and constraint: names of ours, no values.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else ""
    # SQLAlchemy wraps what the driver said.
    diagnosis = getattr(getattr(error, "orig", None) or error, "diag", None)
    names = (getattr(diagnosis, "sqlstate", None), getattr(diagnosis, "constraint_name", None))
    return " ".join([type(error).__name__, *filter(None, names)]) + place
