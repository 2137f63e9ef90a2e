"""Serve the gateway: granian and our front before Flask, one process, a thread per request being answered."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from typing import Any, cast

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

import config
from webhook_gateway import gateway
from webhook_gateway.app import create_app
from webhook_gateway.front import Front, Limits
from worker import log
from worker.hints import Hints, HintThread
from worker.lifeline import die_with

# Requests being answered at once: 40 that wait for their job, and as many as two cores can use besides.
THREADS = 56
# A client that does not finish its headers, or sends no further request, is given up.
HEADER_TIMEOUT_MS = 10_000
# More than the front holds requests, so that those beyond are told so and do not hang.
CONNECTIONS = 2_048
OPEN_FILES = 4_096
# What one connection may have sent that nobody has read yet.
BUFFER_BYTES = 131_072

LIMITS = Limits(threads=THREADS)


def application(limits: Limits = LIMITS) -> Front:
    """Return the application of a serving process, which ends with the one that started it."""
    if parent := parent_process():
        # Whoever holds the socket after a crash would keep the next start from it.
        die_with(parent.pid or 0)
    settings = config.load()
    log.configure(level=settings.log_level, form=settings.log_format)
    app = create_app(settings)
    app.extensions["punchcard.hint"] = HintThread(Hints(settings.broker_url)).want
    _allow_open_files()
    return Front(app, limits, app.extensions[gateway.KEY].metrics.observe)


def serve(settings: config.Settings, *, header_timeout_ms: int = HEADER_TIMEOUT_MS, limits: Limits = LIMITS) -> None:
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
    server = Server("webhook_gateway.server:application", **options)
    server.serve(target_loader=cast("Callable[..., Any]", partial(application, limits)), wrap_loader=False)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))


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
