"""The Stripe of the demo, on this machine: a process beside the others, for whoever has no account."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.broker import LOOPBACK, free_port
from cli.supervisor import Child
from config import MAX_PORT, Settings

VARIABLES = ("STRIPE_API_KEY", "STRIPE_API_BASE")
DATA = "stripe.db"


@dataclass(frozen=True, slots=True)
class StandIn:
    """Where it is and who may ask it; `key` names no mode, so that events of both are taken."""

    port: int
    key: str
    secret: str
    webhook_url: str
    data: Path

    @property
    def base(self) -> str:
        """Where it is."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """Return the settings by which the others find it."""
        return dict(zip(VARIABLES, (self.key, self.base), strict=True))

    def child(self) -> Child:
        """Return the process; its secrets come by the environment, where no list of processes shows them."""
        words = ["--port", str(self.port), "--data", str(self.data), "--webhook-url", self.webhook_url, "--quiet"]
        environ = {"FAKE_STRIPE_KEY": self.key, "FAKE_STRIPE_WEBHOOK_SECRET": self.secret}
        argv = [sys.executable, "-m", "fake_stripe", *words]
        return Child("fake Stripe", argv, {"PATH": os.environ.get("PATH", os.defpath), **environ})


def stand_in(settings: Settings, environ: Mapping[str, str], *, base_url: str) -> StandIn | None:
    """Return the Stripe of a demo that was given none; its webhooks go to the gateway at `base_url`."""
    if any(environ.get(name) for name in VARIABLES) or not settings.platform_secrets:
        return None
    beside = settings.port + 1
    return StandIn(
        port=free_port(beside if beside <= MAX_PORT else 0),
        key=f"sk_fake_{secrets.token_hex(24)}",
        secret=settings.platform_secrets[0],
        webhook_url=f"{base_url}/webhooks/stripe",
        data=settings.home / DATA,
    )
