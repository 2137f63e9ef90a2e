"""Stripe's signature: what is taken and what is refused, measured against Stripe's own library."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe import SignatureVerificationError, WebhookSignature

from webhook_gateway.signature import MAX_HEADER, MAX_SIGNATURES, SignatureInvalid, sign, verify

BODY = '{"id": "evt_1", "type": "customer.created", "name": "Zoë"}'.encode()
SECRET, OTHER = "whsec_current", "whsec_retired"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = str(int(AT.timestamp()))


def v1(secret: str = SECRET, body: bytes = BODY, timestamp: str = T) -> str:
    """Return the digest as Stripe's own library makes it."""
    return WebhookSignature._compute_signature(f"{timestamp}.{body.decode()}", secret)  # noqa: SLF001


def accepts(header: str, *secrets: str, at: datetime = AT) -> bool:
    try:
        return bool(verify(BODY, header, secrets or (SECRET,), at=at))
    except SignatureInvalid:
        return False


@settings(deadline=None)
@given(body=st.text(), secret=st.text(min_size=1).map("whsec_".__add__))
def test_what_stripe_signs_is_taken_and_what_we_sign_stripe_takes(body: str, secret: str) -> None:
    now = datetime.now(UTC)
    theirs = WebhookSignature.generate_signature_header(body, secret, int(now.timestamp()))

    ours = sign(body.encode(), secret, at=now)

    assert ours == theirs
    assert verify(body.encode(), theirs, [secret], at=now) == secret
    assert WebhookSignature.verify_header(body, ours, secret, tolerance=300)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["t=1", f"t={T}", "v1=" + v1(), "v1=0", "v0=" + v1(), "v1=", "=", "t=", "x=1"]), max_size=6
    )
)
def test_whatever_we_take_stripe_takes_too(parts: list[str]) -> None:
    header = ",".join(parts)

    if accepts(header):
        assert WebhookSignature.verify_header(BODY, header, SECRET)


@settings(deadline=None)
@given(
    st.text(st.characters(codec=None))
    | st.text("tv01=,-9 ")
    | st.lists(st.sampled_from(["t=", T, ",", "v1=", v1(), "é", "=", "\0"])).map("".join)
)
def test_no_header_makes_it_fail_in_another_way(header: str) -> None:
    try:
        taken = verify(BODY, header, [SECRET], at=AT)
    except SignatureInvalid:
        return

    assert taken == SECRET
    assert f"v1={v1()}" in header


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_during_a_rotation_both_secrets_sign(secret: str) -> None:
    header = f"t={T},v1={v1(secret)}"

    assert verify(BODY, header, [SECRET, OTHER], at=AT) == secret


def test_a_header_with_both_signatures_of_a_rotation_is_taken_by_either_secret() -> None:
    header = f"t={T},v1={v1(OTHER)},v1={v1(SECRET)},v0={v1('whsec_test')}"

    assert accepts(header, SECRET)
    assert accepts(header, OTHER)
    assert not accepts(header, "whsec_third")


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_the_time_may_be_five_minutes_off_in_either_direction(seconds: int, taken: bool) -> None:  # noqa: FBT001
    header = f"t={T},v1={v1()}"

    assert accepts(header, at=AT + timedelta(seconds=seconds)) is taken


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=" + v1(),
        f"t={T}",
        f"t={T},v0={v1()}",
        f"t={T},v1=",
        f"t={T},v1",
        f"t={T},v1={v1()}0",
        f"t={T},v1={v1().upper()}",
        f"t={T},v1={v1('whsec_wrong')}",
        f"t={T},v1={v1(body=b'{}')}",
        f"t={T},t={T},v1={v1()}",
        f"t=0,t={T},v1={v1()}",
        f"t=x,v1={v1(timestamp='x')}",
        f"t=,v1={v1(timestamp='')}",
        f"t=-{T},v1={v1(timestamp='-' + T)}",
        f"t=+{T},v1={v1(timestamp='+' + T)}",
        f"t={T}.0,v1={v1(timestamp=T + '.0')}",
        f"t=0x1,v1={v1(timestamp='0x1')}",
        f"t=1{T},v1={v1(timestamp='1' + T)}",
        f"t={'9' * 400},v1={v1(timestamp='9' * 400)}",
        "t=" + "".join(chr(0x0660 + int(digit)) for digit in T) + f",v1={v1()}",
        f"t={T},v1={v1()},v1=é",
        f"t={T};v1={v1()}",
        f"T={T},V1={v1()}",
    ],
)
def test_what_is_not_a_signature_of_this_body_now_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(BODY, header, [SECRET], at=AT)


def test_sixteen_signatures_are_looked_at_and_not_one_more() -> None:
    fillers = ",v1=0" * (MAX_SIGNATURES - 1)

    assert accepts(f"t={T}{fillers},v1={v1()}")
    assert not accepts(f"t={T}{fillers},v1=0,v1={v1()}")


def test_four_kibibytes_of_header_are_read_and_not_one_more() -> None:
    header = f"t={T},v1={v1()},v2="
    most = header + "0" * (MAX_HEADER - len(header))

    assert accepts(most)
    assert not accepts(most + "0")


def test_a_thousand_signatures_cost_next_to_nothing() -> None:
    header = f"t={T}" + f",v1={v1()}" * 1_000
    body = b"x" * 1_000_000

    began = time.perf_counter()
    with pytest.raises(SignatureInvalid):
        verify(body, header, [SECRET], at=AT)

    assert time.perf_counter() - began < 0.1


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(SignatureInvalid):
        verify(BODY, f"t={T},v1={v1('')}", [], at=AT)


def test_stripe_refuses_what_it_calls_too_old_and_so_do_we() -> None:
    now = datetime.now(UTC)
    old = sign(BODY, SECRET, at=now - timedelta(seconds=302))

    with pytest.raises(SignatureVerificationError):
        WebhookSignature.verify_header(BODY.decode(), old, SECRET, tolerance=300)
    assert not accepts(old, at=now)
