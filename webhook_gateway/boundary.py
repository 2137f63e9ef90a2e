"""What every request passes on its way in, and every response on its way out."""

from __future__ import annotations

import re
import time
from uuid import uuid4

from flask import Flask, Response, g, request

from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def register(app: Flask) -> None:
    """Hook the boundary into an application; it must come before every other hook."""
    app.before_request(_enter)
    app.after_request(_leave)


def _enter() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
    g.entered = time.perf_counter()
    # PostgreSQL's text holds every character but this one.
    if "\0" in request.path or any("\0" in text for pair in request.args.items(multi=True) for text in pair):
        raise Problem("malformed_request", "Send the request without NUL characters.")


def _leave(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = g.request_id
    route = request.url_rule.rule if request.url_rule else "unmatched"
    here().metrics.observe(request.method, route, response.status_code, time.perf_counter() - g.entered)
    return response
