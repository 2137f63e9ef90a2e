from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import config
from cli.token import mint
from tests.webhook_gateway.conftest import SECRET
from tests.webhook_gateway.provider import (
    EC_KEY,
    PUBLIC_PEM,
    RSA_KEY,
    Provider,
    claims,
    forged,
    identity_provider,
    refused,
    rsa_jwk,
    segment,
    signed,
)
from webhook_gateway.keys import COOLDOWN_S, KEPT_S, KeyRing
from webhook_gateway.problem import Problem
from webhook_gateway.token import InvalidToken, TokenReader


@pytest.fixture
def provider() -> Iterator[Provider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def reader(settings: config.Settings, provider: Provider) -> TokenReader:
    keyed = replace(settings, jwt_secret=None, jwt_jwks_url=provider.url)
    return TokenReader(keyed, KeyRing(provider.url, monotonic=provider.clock))


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa-1"), (EC_KEY, "ES256", "ec-1")])
def test_a_token_of_a_published_key_is_read(reader: TokenReader, key: Any, algorithm: str, kid: str) -> None:
    assert reader.read(signed(key, algorithm, kid)).sub == "ada"


def test_a_public_key_is_no_secret_to_sign_with(reader: TokenReader) -> None:
    assert refused(reader.read, forged(PUBLIC_PEM, claims(), kid="rsa-1"))


def test_an_unsigned_token_is_refused(reader: TokenReader) -> None:
    token = forged(b"", claims(), alg="none", kid="rsa-1")

    assert refused(reader.read, token)
    assert refused(reader.read, token.rpartition(".")[0] + ".")


def test_a_secret_that_the_provider_publishes_by_mistake_signs_nothing(reader: TokenReader, provider: Provider) -> None:
    provider.publish({"kty": "oct", "kid": "oct-1", "k": segment(SECRET.encode())}, rsa_jwk())

    assert refused(reader.read, signed(SECRET, "HS256", "oct-1"))


def test_a_token_of_a_secret_is_nothing_where_a_provider_is_configured(reader: TokenReader) -> None:
    assert refused(reader.read, mint(SECRET, org="lumen", role="student", sub="ada"))


def test_other_algorithms_of_the_same_key_are_refused(reader: TokenReader) -> None:
    assert refused(reader.read, signed(algorithm="RS512"))


@pytest.mark.parametrize("kid", ["../../../../dev/null", "rsa-1' OR '1'='1", "https://evil.example/key", ""])
def test_a_key_id_is_only_a_name_among_our_keys(reader: TokenReader, provider: Provider, kid: str) -> None:
    assert refused(reader.read, signed(kid=kid))

    assert provider.fetches <= 1


def test_a_token_cannot_bring_its_own_keys(reader: TokenReader, provider: Provider) -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    advice = {"jku": provider.url + "?own", "x5u": provider.url + "?own", "jwk": rsa_jwk(own)}

    assert refused(reader.read, signed(own, headers=advice))

    assert provider.fetches == 1


def test_a_flood_of_unknown_keys_costs_one_fetch_in_thirty_seconds(reader: TokenReader, provider: Provider) -> None:
    flood = [signed(kid=f"unknown-{number}") for number in range(50)]

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda token: refused(reader.read, token), flood))
        provider.clock.seconds += COOLDOWN_S
        second = list(pool.map(lambda token: refused(reader.read, token), flood))

    assert all(first + second)
    assert provider.fetches == 2


def test_a_new_key_is_found_after_the_cooldown_and_a_withdrawn_one_is_gone(
    reader: TokenReader, provider: Provider
) -> None:
    reader.read(signed())
    provider.publish(rsa_jwk(kid="rsa-2"))

    provider.clock.seconds += COOLDOWN_S

    assert reader.read(signed(kid="rsa-2")).sub == "ada"
    assert refused(reader.read, signed())


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b"<html>"), (200, b"\xff"), (200, b'{"keys": []}'), (302, b"")]
)
def test_known_keys_outlast_an_outage_but_not_a_day_of_it(
    reader: TokenReader, provider: Provider, status: int, body: bytes
) -> None:
    reader.read(signed())
    provider.status, provider.body = status, body

    provider.clock.seconds += KEPT_S - 1
    assert reader.read(signed()).sub == "ada"

    provider.clock.seconds += 2
    with pytest.raises(Problem) as problem:
        reader.read(signed())
    assert problem.value.code == "keys_unavailable"


def test_an_outage_costs_one_try_in_thirty_seconds(reader: TokenReader, provider: Provider) -> None:
    provider.status = 500

    for _ in range(20):
        with pytest.raises(Problem):
            reader.read(signed())

    assert provider.fetches == 1


def test_an_address_that_nobody_listens_at_is_an_outage(settings: config.Settings) -> None:
    reader = TokenReader(replace(settings, jwt_secret=None, jwt_jwks_url="http://127.0.0.1:1/jwks.json"))

    with pytest.raises(Problem):
        reader.read(signed())


def test_first_requests_at_once_all_wait_for_the_keys(reader: TokenReader, provider: Provider) -> None:
    token = signed()

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(reader.read, [token] * 32))

    assert {claims.sub for claims in read} == {"ada"}
    assert provider.fetches == 1


def test_a_key_of_another_kind_than_the_algorithm_verifies_nothing(reader: TokenReader) -> None:
    with pytest.raises(InvalidToken):
        reader.read(signed(RSA_KEY, "RS256", "ec-1"))
