"""The pages and doors are for this machine: no page of another site may use them through somebody's browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request

NAMES = {"localhost", "127.0.0.1", "::1"}


def refuse_strangers() -> Response | None:
    """Refuse a request that a browser was made to send: its host is a foreign name, or its origin another site."""
    if request.path.startswith("/v1/"):
        return None
    host = urlsplit(f"//{request.host}").hostname
    origin = request.headers.get("Origin")
    if host not in NAMES or (origin is not None and origin != f"{request.scheme}://{request.host}"):
        return Response("This page is for this machine only.\n", 403, mimetype="text/plain")
    return None
