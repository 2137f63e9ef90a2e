"""Act as Stripe would: post event files with a valid signature."""

from __future__ import annotations

import http.client
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit
from uuid import uuid4

import typer

import config
from cli import output
from webhook_gateway.signature import sign
from worker import clock

TIMEOUT_SECONDS = 10
MAX_REPEAT = 1_000


def send(  # noqa: PLR0913, PLR0917 - one parameter per option
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE.json…")],
    secret: Annotated[str | None, typer.Option(help="whsec_…; the platform's first one if not given.")] = None,
    url: Annotated[str | None, typer.Option(help="The webhook's address.")] = None,
    repeat: Annotated[int, typer.Option(min=1, max=MAX_REPEAT, help="Send each so many times.")] = 1,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="In random order.")] = False,  # noqa: FBT002 - a flag
    fresh: Annotated[bool, typer.Option("--fresh", help="Under new ids: another purchase.")] = False,  # noqa: FBT002
) -> None:
    """Post event files to a gateway; exit 1 if one is not accepted."""
    settings = config.load()
    key = secret or next(iter(settings.platform_secrets), None)
    if key is None:
        raise output.fail("there is no platform secret: name one with --secret", output.USAGE)
    address = _address(url or f"http://{settings.host}:{settings.port}/webhooks/stripe")
    bodies = [body for file in files for body in [_body(file, fresh=fresh)] * repeat]
    if shuffle:
        random.shuffle(bodies)
    accepted = [_post(address, body, key) for body in bodies]
    if not all(accepted):
        raise typer.Exit(1)


def _address(url: str) -> SplitResult:
    with suppress(ValueError):
        address = urlsplit(url)
        # A port that is none shows only when it is asked for.
        if address.scheme in {"http", "https"} and address.hostname and address.port != 0:
            return address
    raise output.fail(f"--url must be http://… or https://…, not {url!r}", output.USAGE)


def _body(file: Path, *, fresh: bool) -> bytes:
    """Return a file's bytes; fresh, with every id in it that Stripe would have made anew replaced."""
    body = file.read_bytes()
    if not fresh:
        return body
    try:
        ids = _ids(json.loads(body))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise output.fail(f"{file} is no event of Stripe's: it has no ids to make anew", output.USAGE) from error
    mark = uuid4().hex[:12]
    for old in ids:
        body = body.replace(old.encode(), f"{old}{mark}".encode())
    return body


def _ids(event: dict[str, Any]) -> set[str]:
    obj = event["data"]["object"]
    names = (event["id"], obj["id"], obj.get("payment_intent"))
    return {name for name in names if name and isinstance(name, str)}


def _post(address: SplitResult, body: bytes, secret: str) -> bool:
    """Post one body and say what came back; return whether it was accepted."""
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": "application/json", "Stripe-Signature": sign(body, secret, at=clock.now())}
    try:
        connection.request("POST", urlunsplit(("", "", address.path or "/", address.query, "")), body, headers)
        response = connection.getresponse()
        typer.echo(f"{response.status} {response.read().decode(errors='replace')}")
    except (OSError, http.client.HTTPException) as error:
        said = str(error).strip()
        typer.echo(f"punchcard: {address.netloc} does not answer ({said}): is `punchcard up` running?", err=True)
        return False
    finally:
        connection.close()
    return response.status == http.HTTPStatus.OK
