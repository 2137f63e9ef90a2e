"""Serve it: werkzeug's threaded server, one thread per request, on one address."""

from __future__ import annotations

from threading import Thread
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from fake_stripe.acts.checking_out import expire_due
from fake_stripe.app import build
from fake_stripe.fake import Fake
from fake_stripe.hangup import hanging_up


class Handler(WSGIRequestHandler):
    """A handler that logs nothing: the dashboard shows what happened."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's word
        """Say nothing, but for what is a bug of ours."""
        if type == "error":
            super().log(type, message, *args)


class Server(ThreadedWSGIServer):
    """A server that minds no client that has gone."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections are cut here on demand."""


def bound(fake: Fake, host: str, port: int) -> Server:
    """Return a server that has its address, and tell the fake; port 0 is any free one."""
    server = Server(host, port, hanging_up(build(fake).wsgi_app), handler=Handler)
    shown = f"[{host}]" if ":" in host else host
    fake.base = f"http://{shown}:{server.server_port}"
    fake.webhooks.chore = lambda: expire_due(fake)
    return server


class Running:
    """A server in a thread of this process, from entry to exit."""

    def __init__(self, fake: Fake, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.fake = fake
        self._server = bound(fake, host, port)
        # It looks for the end at every poll.
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="fake stripe", daemon=True)

    def __enter__(self) -> Fake:
        """Serve."""
        self.fake.webhooks.start()
        self._thread.start()
        return self.fake

    def __exit__(self, *_: object) -> None:
        """Stop serving and close the file."""
        self.fake.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.fake.close()
