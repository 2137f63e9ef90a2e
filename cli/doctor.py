"""What an installation needs, looked at one by one: what is wrong, and how to mend it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

import config
from cli.doctor_stripe import examine_stripe
from cli.finding import Finding
from config import ConfigError, Settings
from db import schema
from db.connection import build_engine

OLDEST_POSTGRESQL = 150_000
# RFC 7518 §3.2: a key for HS256 has at least the size of the hash.
HS256_KEY_BYTES = 32
BROKER_TIMEOUT_SECONDS = 2


def examine() -> list[Finding]:
    """Look at settings, database, schema, broker and Stripe; the rest is skipped where the settings are wrong."""
    try:
        settings = config.load()
    except ConfigError as error:
        return [_python(), Finding("settings", fine=False, found=str(error), mend="set it in the environment")]
    engine = build_engine(settings.database_url, name="doctor", size=1)
    try:
        return [_python(), Finding("settings", fine=True, found="complete"), *_rest(settings, engine)]
    finally:
        engine.dispose()


def _rest(settings: Settings, engine: Engine) -> Iterator[Finding]:
    for what, look in (("database", _database), ("schema", _schema)):
        yield _asked(what, look, engine)
    yield _broker(settings)
    yield _token_key(settings)
    yield from examine_stripe(settings)
    yield _mail(settings)


def _python() -> Finding:
    return Finding("python", fine=sys.version_info >= (3, 11), found=sys.version.split()[0], mend="")


def _asked(what: str, look: Callable[[Engine], Finding], engine: Engine) -> Finding:
    try:
        return look(engine)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        return Finding(what, fine=False, found=reason, mend="start the database, or mend DATABASE_URL")


def _database(engine: Engine) -> Finding:
    with engine.connect() as connection:
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
        version = connection.execute(text("SHOW server_version")).scalar_one()
    fine = number >= OLDEST_POSTGRESQL
    return Finding(
        "database", fine=fine, found=f"PostgreSQL {version}", mend="" if fine else "take PostgreSQL 15 or newer"
    )


def _schema(engine: Engine) -> Finding:
    with engine.connect() as connection:
        current = schema.current(connection)
    fine = current == schema.head()
    return Finding("schema", fine=fine, found=current, mend="" if fine else "run `punchcard migrate`")


def _broker(settings: Settings) -> Finding:
    if not settings.broker_url.startswith("redis"):
        return Finding("broker", fine=True, found="not looked at: only Redis is")
    try:
        limits = {"socket_timeout": BROKER_TIMEOUT_SECONDS, "socket_connect_timeout": BROKER_TIMEOUT_SECONDS}
        with redis.Redis.from_url(settings.broker_url, **limits) as client:
            info = client.info()
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except redis.RedisError as error:
        return Finding("broker", fine=False, found=type(error).__name__, mend="start the broker, or mend BROKER_URL")
    fine = policy == "noeviction"
    version = info.get("valkey_version") or info.get("redis_version")
    return Finding(
        "broker", fine=fine, found=f"{version}, {policy}", mend="" if fine else "set maxmemory-policy noeviction"
    )


def _token_key(settings: Settings) -> Finding:
    if settings.jwt_secret is None:
        return Finding("tokens", fine=True, found="keys from JWT_JWKS_URL")
    size = len(settings.jwt_secret.encode())
    fine = size >= HS256_KEY_BYTES
    mend = "" if fine else f"take at least {HS256_KEY_BYTES} bytes: `openssl rand -hex 32`"
    return Finding("tokens", fine=fine, found=f"JWT_SECRET of {size} bytes", mend=mend)


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url is not None:
        from worker.smtp import examine as ask

        wrong = ask(settings.smtp_url)
        mend = "start the mail server, or mend SMTP_URL; mails wait until then" if wrong else ""
        return Finding("mail", fine=wrong is None, found=wrong or "SMTP_URL takes the login", mend=mend)
    folder = settings.mail_folder
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    fine = os.access(place, os.W_OK)
    return Finding("mail", fine=fine, found=f"written to {folder}", mend="" if fine else f"make {place} writable")
