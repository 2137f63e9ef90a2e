"""Whether this process may be sent requests."""

from __future__ import annotations

import socket
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import Engine

from db import schema
from db.transaction import reading
from webhook_gateway.problem import Problem

BROKER_TIMEOUT_S = 0.3
BROKER_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672}


def schema_revision(engine: Engine) -> str:
    """Return the database's revision: the code's own, or a newer one of a deploy that is under way.

    Raises:
        Problem: the database is older than the code.

    """
    with reading(engine) as session:
        revision = schema.current(session.connection())
    # A revision that this code does not know was made after it.
    if revision != _head() and schema.known(revision):
        raise Problem("schema_outdated", "Run `punchcard migrate`.", headers={"Retry-After": "5"})
    return revision


@cache
def _head() -> str:
    return schema.head()


def broker_state(url: str) -> Literal["reachable", "unreachable"]:
    """Say whether the broker takes connections; without it work is found by the sweeper, only later."""
    address = urlsplit(url)
    port = address.port or BROKER_PORTS[address.scheme]
    try:
        socket.create_connection((address.hostname or "localhost", port), timeout=BROKER_TIMEOUT_S).close()
    except OSError:
        return "unreachable"
    return "reachable"
