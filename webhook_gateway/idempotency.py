"""Idempotency-Key, as draft-ietf-httpapi-idempotency-key-header-07 has it: which requests are the same one."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlencode

from flask import Request

from webhook_gateway.problem import Problem

HEADER = "Idempotency-Key"
MAX_KEY = 255
# A String of RFC 8941; what has parameters, or comes twice, is none.
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
# What clients send that do not know of the quotes.
BARE = re.compile(r"[!#-+\--:<-\[\]-~]+")
ADVICE = f"Send one {HEADER} of 1 to {MAX_KEY} printable ASCII characters in quotes, without parameters."


def key(request: Request) -> str | None:
    """Return a request's key, the same whether it came in quotes or bare; None if it has none.

    Raises:
        Problem: it is not one key.

    """
    header = request.headers.get(HEADER)
    if header is None:
        return None
    said = header.strip(" \t")
    quoted = QUOTED.fullmatch(said)
    found = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else said if BARE.fullmatch(said) else ""
    if not 0 < len(found) <= MAX_KEY:
        raise Problem("malformed_request", ADVICE)
    return found


def fingerprint(request: Request) -> str:
    """Return what tells a request from every other: a hash of all that decides what it asks for."""
    query = urlencode(sorted(request.args.items(multi=True)))
    head = (request.method, request.path, query, request.headers.get("Content-Type", ""))
    digest = hashlib.sha256()
    for part in (*(each.encode() for each in head), request.get_data()):
        # With its length, so that nothing can move from one part into the next.
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()
