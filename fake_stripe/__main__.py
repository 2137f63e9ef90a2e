"""`python -m fake_stripe`: serve until a signal says stop. Secrets come by the environment, not by words."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress

from fake_stripe.fake import Fake
from fake_stripe.server import bound

KEY = "sk_fake_local"


def main() -> None:
    """Read the words and serve."""
    parser = argparse.ArgumentParser(prog="python -m fake_stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (this machine only)")
    parser.add_argument("--port", type=int, default=8420, help="0 is any free one")
    parser.add_argument("--data", default=":memory:", help="the SQLite file that keeps all (nothing is kept)")
    parser.add_argument("--webhook-url", help="where every event is posted, besides the endpoints that are made")
    parser.add_argument("--webhook-secret", help="what signs it (FAKE_STRIPE_WEBHOOK_SECRET)")
    parser.add_argument("--quiet", action="store_true", help="do not say where it is")
    said = parser.parse_args()
    secret = said.webhook_secret or os.environ.get("FAKE_STRIPE_WEBHOOK_SECRET", "")
    if bool(said.webhook_url) != bool(secret):
        parser.error("--webhook-url needs a secret, and a secret --webhook-url")
    webhook = (said.webhook_url, secret) if said.webhook_url else None
    key = os.environ.get("FAKE_STRIPE_KEY") or KEY
    _serve(Fake(data=said.data, key=key, webhook=webhook), said.host, said.port, quiet=said.quiet)


def _serve(fake: Fake, host: str, port: int, *, quiet: bool) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = bound(fake, host, port)
    fake.webhooks.start()
    if not quiet:
        sys.stderr.write(f"fake Stripe at {fake.base}/dashboard\n")
    try:
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    finally:
        server.server_close()
        fake.close()


if __name__ == "__main__":
    main()
