"""Serve the gateway: granian, which watches over the one process that serves."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

import config

if TYPE_CHECKING:
    from webhook_gateway.front import Front, Limits

# A client that does not finish its headers, or sends no further request, is given up.
HEADER_TIMEOUT_MS = 10_000
# More than the front holds requests, so that those beyond are told so and do not hang.
CONNECTIONS = 2_048
# What one connection may have sent that nobody has read yet.
BUFFER_BYTES = 131_072


def serve(
    settings: config.Settings, *, header_timeout_ms: int = HEADER_TIMEOUT_MS, limits: Limits | None = None
) -> None:
    """Serve until a signal says stop; requests under way are finished first.

    Raises:
        ConfigError: nothing can listen at HOST and PORT.

    """
    options: dict[str, Any] = {
        "address": _address(settings.host, settings.port),
        "port": settings.port,
        "interface": Interfaces.RSGI,
        "http": HTTPModes.http1,
        "workers": 1,
        "backpressure": CONNECTIONS,
        "respawn_failed_workers": True,
        "workers_kill_timeout": 20,
        "http1_settings": HTTP1Settings(header_read_timeout=header_timeout_ms, max_buffer_size=BUFFER_BYTES),
        "websockets": False,
        "log_access": False,
        "log_level": "error",
    }
    server = Server("webhook_gateway.serving:application", **options)
    server.serve(target_loader=cast("Callable[..., Any]", partial(_application, limits)), wrap_loader=False)


def _application(limits: Limits | None) -> Front:
    # In the process that serves: the one that watches over it needs nothing of this, and never gives memory back.
    from webhook_gateway import serving  # noqa: PLC0415

    return serving.application(limits or serving.LIMITS)


def _address(host: str, port: int) -> str:
    """Return a host as the number that the server wants, once a socket could be bound to it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            # As the server does it: what it would share is not in use.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise config.ConfigError(f"nothing can listen at HOST {host} and PORT {port}: {error}") from error
    return str(address[0])
