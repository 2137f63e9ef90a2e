"""The file by which every command in a folder finds the stack that runs there, and its secrets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config import ENV_FILE, ORG_SECRETS, read_env_file

SECRETS = ("STRIPE_WEBHOOK_SECRETS", "JWT_SECRET")


def generated_secrets(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the folder's own secrets, made at its first start; forget the addresses that a killed run left."""
    kept = _only_secrets(read_env_file(home))
    values = {name: kept.get(name) or _generate(name) for name in SECRETS if _is_needed(name, environ)}
    write(home, {**kept, **values})
    # Those of organizations were put there by `punchcard stripe setup`.
    return {name: value for name, value in kept.items() if name.startswith(ORG_SECRETS)} | values


@contextmanager
def published(home: Path, values: Mapping[str, str]) -> Iterator[None]:
    """Leave these variables in the file for as long as the stack runs; the secrets stay afterwards."""
    write(home, {**read_env_file(home), **values})
    try:
        yield
    finally:
        write(home, _only_secrets(read_env_file(home)))


def write(home: Path, values: Mapping[str, str]) -> None:
    """Replace the file in one step: a reader sees the old lines or the new ones, and nobody else sees any."""
    draft = home / f"{ENV_FILE}.new"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:  # noqa: PTH123 - the descriptor was born with mode 0600
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    draft.replace(home / ENV_FILE)


def _only_secrets(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in SECRETS or name.startswith(ORG_SECRETS)}


def _is_needed(name: str, environ: Mapping[str, str]) -> bool:
    # A stack that verifies tokens by JWT_JWKS_URL refuses to have a JWT_SECRET too.
    return name != "JWT_SECRET" or not environ.get("JWT_JWKS_URL")


def _generate(name: str) -> str:
    # Either holds 256 random bits.
    return f"whsec_{secrets.token_urlsafe(32)}" if name == "STRIPE_WEBHOOK_SECRETS" else secrets.token_hex(32)
