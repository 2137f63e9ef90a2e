"""No answer at all: the connection ends, or breaks."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

from fake_stripe.error import Hangup

HEADER = "X-Fake-Hangup"
ABORT = struct.pack("ii", 1, 0)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def hung_up(hangup: Hangup) -> Response:
    """Return the mark by which the outermost layer knows that nothing is to be answered."""
    return Response(status=599, headers={HEADER: "reset" if hangup.reset else "end"})


def hanging_up(app: Wsgi) -> Wsgi:
    """Return an application that cuts the connection where one is marked so."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            mark = dict(headers).get(HEADER)
            if mark is not None:
                _cut(environ["werkzeug.socket"], reset=mark == "reset")
                # The server takes this for a client that has gone.
                raise ConnectionResetError("on demand")
            return start_response(status, headers, *more)

        return app(environ, start)

    return answer


def _cut(connection: socket.socket, *, reset: bool) -> None:
    """End a connection, as a crashed machine would if it is to be reset."""
    if not reset:
        connection.shutdown(socket.SHUT_RDWR)
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    # The server would say goodbye before it closes: its file is taken away from it.
    os.close(connection.detach())
