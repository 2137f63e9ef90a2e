"""A whole request as a WSGI application takes it, and what it answers."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from granian.rsgi import Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# What is the same in every request; of the process's environment nothing is passed on.
BASE: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
# What a header says whose value is not ASCII: the server keeps its name and leaves the value out.
UNREAD = "\ufffd".encode().decode("latin-1")


def answer(app: WSGIApplication, scope: Scope, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Have an application answer a request; return the status, the headers and the body."""
    code, fields = 0, list[tuple[str, str]]()
    chunks: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], object]:
        nonlocal code, fields
        code, fields = int(status[:3]), headers
        return chunks.append

    result = app(_environ(scope, body), start)
    try:
        chunks.extend(result)
    finally:
        if close := getattr(result, "close", None):
            close()
    return code, fields, b"".join(chunks)


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return a request as WSGI says it: text is bytes read as Latin-1, a header that comes twice is joined."""
    host, _, port = scope.server.rpartition(":")
    environ = {
        **BASE,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": _latin(scope.path),
        "QUERY_STRING": _latin(scope.query_string),
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.0" if scope.http_version == "1" else f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in scope.headers.items():
        key = _variable(name)
        if key in environ:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ", ") + value
        elif key:
            environ[key] = value
    for name in scope.headers.keys():  # noqa: SIM118 - it is no dict
        if key := _variable(name):
            environ.setdefault(key, UNREAD)
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _latin(text: str) -> str:
    return text if text.isascii() else text.encode().decode("latin-1")


@lru_cache(maxsize=512)
def _variable(name: str) -> str:
    """Return the variable of a header, or none: the body is chunked no more, and `a_b` could pass for `a-b`."""
    if name == "transfer-encoding" or "_" in name:
        return ""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
