"""An identity provider with real keys and a real JWKS address, and the ways to forge its tokens."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm

from webhook_gateway.token import InvalidToken

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass
class Clock:
    """A monotonic clock that a test moves."""

    seconds: float = 1_000_000

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Provider:
    """What its address answers, and how often it was asked."""

    url: str = ""
    fetches: int = 0
    body: bytes = b""
    status: int = 200
    clock: Clock = field(default_factory=Clock)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def identity_provider() -> Iterator[Provider]:
    provider = Provider()
    provider.publish(rsa_jwk(), {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "ec-1"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.fetches += 1
            self.send_response(provider.status)
            self.end_headers()
            self.wfile.write(provider.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


def rsa_jwk(key: rsa.RSAPrivateKey = RSA_KEY, kid: str = "rsa-1") -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims with some changed; a claim changed to None is left out."""
    good = {"sub": "ada", "org": "lumen", "role": "student", "aud": "punchcard", "exp": time.time() + 600}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(
    key: Any = RSA_KEY, algorithm: str = "RS256", kid: str = "rsa-1", *, headers: dict[str, Any] | None = None
) -> str:
    return jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def forged(secret: bytes, payload: dict[str, Any], **header: Any) -> str:
    """Return a token put together by hand, as no library would make it."""
    parts = [json.dumps({"alg": "HS256", **header}), json.dumps(payload)]
    body = ".".join(segment(part.encode()) for part in parts)
    return f"{body}.{segment(HMACAlgorithm(HMACAlgorithm.SHA256).sign(body.encode(), secret))}"


def refused(read: Callable[[str], object], token: str) -> bool:
    try:
        read(token)
    except InvalidToken:
        return True
    return False
