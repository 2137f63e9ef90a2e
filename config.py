"""Every environment variable, read once and checked; imported by entry points only.

The embedded default keeps what it generated (URLs, secrets) as `NAME=value` lines in
`PUNCHCARD_HOME/env`. A variable set in the environment wins over a line there, so that every
`punchcard` command in a folder talks to the stack that runs there without being told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ENV_FILE = "env"
ORG_SECRETS = "STRIPE_WEBHOOK_SECRETS__"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "console")
# A rotation needs two secrets at a time; each one tried costs an HMAC over the whole body.
MAX_SECRETS = 3
MAX_PORT = 65_535
LONGEST_SHOWN = 12


class ConfigError(Exception):
    """A setting is missing or malformed; the message is one line that says which and how to mend it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Secrets are kept out of `repr`, so that no traceback shows them."""

    home: Path
    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    embedded: bool
    platform_secrets: tuple[str, ...] = field(repr=False)
    organization_secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    livemode: bool | None
    stripe_api_key: str | None = field(repr=False)
    stripe_api_base: str | None
    jwt_secret: str | None = field(repr=False)
    jwt_jwks_url: str | None
    jwt_audience: str
    jwt_issuer: str | None
    smtp_url: str | None = field(repr=False)
    host: str
    port: int
    log_level: str
    log_format: str

    @property
    def mail_folder(self) -> Path:
        """Where mails are written when no SMTP server is set."""
        return self.home / "mail"


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the embedded data, secrets, mail and logs."""
    return Path(environ.get("PUNCHCARD_HOME") or ".punchcard").absolute()


def read_env_file(home: Path) -> dict[str, str]:
    """Return the variables that the embedded default left in its folder; empty if it never ran there."""
    try:
        text = (home / ENV_FILE).read_text()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def uses_embedded(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether the stack of this environment runs on the embedded PostgreSQL."""
    return not environ.get("DATABASE_URL")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings.

    Raises:
        ConfigError: for the first one that is missing or malformed.

    """
    home = home_folder(environ)
    embedded = uses_embedded(environ)
    values = {**(_generated(home, environ) if embedded else {}), **environ}
    settings = Settings(
        home=home,
        database_url=_database_url(values, _start_first(embedded=embedded)),
        broker_url=_url(values, "BROKER_URL", ("redis", "rediss", "amqp"), "set it to redis://host:port/0"),
        embedded=embedded,
        platform_secrets=_secrets(values, "STRIPE_WEBHOOK_SECRETS"),
        organization_secrets=_organization_secrets(values),
        livemode=_livemode(values),
        stripe_api_key=values.get("STRIPE_API_KEY") or None,
        stripe_api_base=_optional_url(values, "STRIPE_API_BASE", ("http", "https")),
        jwt_secret=values.get("JWT_SECRET") or None,
        jwt_jwks_url=_optional_url(values, "JWT_JWKS_URL", ("http", "https")),
        jwt_audience=values.get("JWT_AUDIENCE") or "punchcard",
        jwt_issuer=values.get("JWT_ISSUER") or None,
        smtp_url=_optional_url(values, "SMTP_URL", ("smtp", "smtps")),
        host=values.get("HOST") or "127.0.0.1",
        port=_port(values),
        log_level=_choice(values, "LOG_LEVEL", "info", LOG_LEVELS),
        log_format=_choice(values, "LOG_FORMAT", "json", LOG_FORMATS),
    )
    _check_tokens(settings)
    _check_webhook_secrets(settings)
    return settings


def _generated(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the embedded default generated, but for a token secret where keys are set instead."""
    values = read_env_file(home)
    if environ.get("JWT_JWKS_URL"):
        values.pop("JWT_SECRET", None)
    return values


def _start_first(*, embedded: bool) -> str:
    return "start `punchcard up` in this folder first, or set it" if embedded else "set it to postgresql://…"


def _url(values: Mapping[str, str], name: str, schemes: tuple[str, ...], advice: str) -> str:
    url = _optional_url(values, name, schemes)
    if url is None:
        message = f"{name} is not set: {advice}"
        raise ConfigError(message)
    return url


def _database_url(values: Mapping[str, str], advice: str) -> str:
    """Return the database's URL if its parts are where they seem to be.

    Of one that is written badly the driver would take a part of the password for a host, and say so in its errors.
    """
    url = _url(values, "DATABASE_URL", ("postgresql", "postgres"), advice)
    _, at, rest = url.partition("@")
    if re.search(r"\s|%(?![0-9A-Fa-f]{2})", url) or "@" in rest or (at and not urlsplit(url).netloc.count("@")):
        message = (
            "DATABASE_URL holds a character that must be written as a number: in a password @ is %40, / %2F, % %25"
        )
        raise ConfigError(message)
    return url


def _optional_url(values: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    url = values.get(name, "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        message = f"{name} is not a URL that starts with {' or '.join(f'{s}://' for s in schemes)}"
        raise ConfigError(message)
    return url


def _secrets(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    secrets = tuple(part.strip() for part in values.get(name, "").split(",") if part.strip())
    if any(not secret.startswith("whsec_") or not secret.isascii() for secret in secrets):
        message = f"{name} must hold webhook secrets that start with whsec_, comma separated"
        raise ConfigError(message)
    if len(secrets) > MAX_SECRETS:
        message = f"{name} holds {len(secrets)} secrets; at most {MAX_SECRETS} are tried: remove the retired ones"
        raise ConfigError(message)
    return secrets


def _organization_secrets(values: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    names = (name for name in values if name.startswith(ORG_SECRETS) and values[name].strip())
    return {name.removeprefix(ORG_SECRETS).lower().replace("_", "-"): _secrets(values, name) for name in names}


def _livemode(values: Mapping[str, str]) -> bool | None:
    named = _choice(values, "STRIPE_LIVEMODE", "", ("", "true", "false"))
    if named:
        return named == "true"
    key = values.get("STRIPE_API_KEY") or ""
    # The key of what stands in for Stripe names no mode, and leaves both open.
    return "_live_" in key if "_live_" in key or "_test_" in key else None


def _port(values: Mapping[str, str]) -> int:
    text = values.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) <= MAX_PORT:
        message = f"PORT must be a number from 1 to {MAX_PORT}, not {_shown(text)}"
        raise ConfigError(message)
    return int(text)


def _choice(values: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = (values.get(name) or default).lower()
    if value not in choices:
        message = f"{name} must be one of {', '.join(filter(None, choices))}, not {_shown(value)}"
        raise ConfigError(message)
    return value


def _shown(value: str) -> str:
    """Return a wrong value as an error may show it; what is long may be a secret that was meant for another name."""
    return repr(value) if len(value) <= LONGEST_SHOWN else "what it is set to"


def _check_tokens(settings: Settings) -> None:
    if bool(settings.jwt_secret) == bool(settings.jwt_jwks_url):
        message = "set one of JWT_SECRET (HS256) and JWT_JWKS_URL (RS256, ES256), and not both"
        raise ConfigError(message)


def _check_webhook_secrets(settings: Settings) -> None:
    if not settings.platform_secrets and not settings.organization_secrets:
        message = "STRIPE_WEBHOOK_SECRETS is not set: copy the endpoint's whsec_… from Stripe's dashboard"
        raise ConfigError(message)
