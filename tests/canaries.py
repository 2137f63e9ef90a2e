"""Values that must not be read anywhere but where they belong; whoever finds one has found a leak."""

from __future__ import annotations

import base64

from cli.token import mint

EMAIL = "canary.of-ada+1@mail.example.com"
CARD = "4242424242424242"
SPACED_CARD = "4242 4242 4242 4242"
WEBHOOK_SECRET = "whsec_canarycanarycanarycanary1234"
API_KEY = "sk_live_canarycanarycanary1234"
RESTRICTED_KEY = "rk_test_canarycanarycanary1234"
TOKEN = mint("a secret of the canaries, long enough for HS256", org="lumen", role="student", sub="canary")
PASSWORD = "canary-of-a-password"
# Without a shape that anything could know it by.
NAME = "Canary Öztürk of the Name"

SHAPED = (EMAIL, CARD, SPACED_CARD, WEBHOOK_SECRET, API_KEY, RESTRICTED_KEY, TOKEN)
ALL = (*SHAPED, PASSWORD, NAME)


def leaked(text: str) -> list[str]:
    """Return the canaries that a text holds, as they are or in base64."""
    return [canary for canary in ALL if any(form in text for form in _forms(canary))]


def _forms(canary: str) -> tuple[str, ...]:
    escaped = canary.encode("ascii", "backslashreplace").decode()
    return canary, escaped, base64.b64encode(canary.encode()).decode()[:-4]
