"""The Flask application: the API below /v1, the doors below /_fake, and the pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from fake_stripe import call, control
from fake_stripe.api.routes import ROUTES
from fake_stripe.error import Hangup, Refused, unknown_parameter
from fake_stripe.fake import Fake
from fake_stripe.forms import Params, nested
from fake_stripe.hangup import hung_up
from fake_stripe.pages import checkout_page, dashboard
from fake_stripe.same_machine import refuse_strangers
from fake_stripe.store import Json, shown

MAX_BODY = 65_536
VERBS = ["GET", "POST", "DELETE", "PUT", "PATCH"]


def build(fake: Fake) -> Flask:
    """Return the application."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # A new one at every start: what it signs are the messages of the dashboard.
    app.secret_key = secrets.token_bytes(32)
    app.config |= {"SESSION_COOKIE_NAME": "fake_stripe", "SESSION_COOKIE_SAMESITE": "Strict"}
    for method, path, handler in ROUTES:
        _rule(app, method, f"/v1/{path}", partial(_call, fake, handler))
    for method, path, door in control.DOORS:
        _rule(app, method, f"/_fake/{path}", partial(_door, fake, door))
    _rule(app, "GET", "/v1/<path:unknown>", lambda **_: _call(fake, None), methods=VERBS)
    checkout_page.register(app, fake)
    dashboard.register(app, fake)
    app.before_request(refuse_strangers)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _wrong)
    app.register_error_handler(Hangup, hung_up)
    return app


def _rule(app: Flask, method: str, path: str, view: Callable[..., Any], methods: list[str] | None = None) -> None:
    app.add_url_rule(path, f"{method} {path}", view, methods=methods or [method], provide_automatic_options=False)


def _call(fake: Fake, handler: call.Handler | None, **ids: str) -> Response:
    """Answer a call of the API."""
    said = nested([*request.args.items(multi=True), *request.form.items(multi=True)])
    asked = call.Asked(request.method, request.path, dict(request.headers), said)
    reply = call.answer(fake, asked, handler, ids)
    return _json(reply.body, reply.status, reply.headers)


def _door(fake: Fake, door: control.Door, **ids: str) -> Response:
    """Do what a test asks for; its JSON is read as a form would be."""
    body = request.get_json(silent=True) if request.data else {}
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    said = Params({name: _text(value) for name, value in body.items() if value is not None})
    if door in control.WAITING:
        return _json(door(fake, said, **ids))
    with fake.act():
        result = door(fake, said, **ids)
        for name in said.unread():
            raise unknown_parameter(name)
    return _json(shown(result))


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _json(body: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _refused(refused: Refused) -> Response:
    return _json(refused.envelope, refused.status, refused.headers)


def _wrong(error: HTTPException) -> Response:
    status = error.code or 500
    return _refused(Refused(f"{error.name} ({request.method}: {request.path}).", status=status))
