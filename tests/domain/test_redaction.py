"""What is hidden by its shape, and what is not."""

from __future__ import annotations

import time

import pytest

from domain.inbox.verdict import Parked
from domain.redaction import HIDDEN, redact
from tests import canaries


@pytest.mark.parametrize("canary", canaries.SHAPED)
@pytest.mark.parametrize("around", ["{}", "it was {}.", "<{}>: refused", "'{}'", "Key (email)=({}) exists", "a={}&b=1"])
def test_a_secret_an_address_and_a_card_are_hidden_wherever_they_stand(canary: str, around: str) -> None:
    hidden = redact(around.format(canary))

    assert canary not in hidden
    assert around.format(HIDDEN).endswith(hidden), "an address may have begun sooner"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://punchcard:{}@db.example.com:5432/x",
        "redis://:{}@10.0.0.1:6379/0",
        "smtp://u:{}@mail",
        "postgresql://punchcard:half@{}@db/x",
    ],
)
def test_who_logs_in_at_an_address_is_hidden_and_the_address_is_not(address: str) -> None:
    hidden = redact(address.format(canaries.PASSWORD))

    assert canaries.PASSWORD not in hidden
    assert hidden.rpartition("@")[2] == address.rpartition("@")[2] or HIDDEN in hidden


@pytest.mark.parametrize(
    "text",
    [
        "payment pi_3MtwBwLkdIwHu7ix28a3tqPa was not seen yet",
        "evt_1NG8Du2eZvKYlo2CUI79vXWy",
        "order 4242424242424241",
        "1758445200000",
        "2026-11-21T09:00:00.000000Z",
        "pi_4242424242424242",
        "UniqueViolation 23505 uq_students_organization_id at domain.buyer:77",
        "metadata.org names atlantis, which is no organization here",
        "the catalog has no product_code CORE-10: add it with `punchcard catalog apply`, and this is taken up",
        "https://dashboard.example.com/a?b=c",
    ],
)
def test_ids_times_and_names_stay(text: str) -> None:
    assert redact(text) == text


def test_a_reason_hides_what_an_event_says_in_the_place_of_a_name() -> None:
    parked = Parked("unknown_product", f"the catalog has no product_code {canaries.EMAIL}")

    assert parked.reason == f"the catalog has no product_code {HIDDEN}"


@pytest.mark.parametrize("unit", ["a", "a@", "://", "a.", "4 ", "eyJ", ":a@", "a@a.", "4-", "://a@"])
def test_no_text_takes_long(unit: str) -> None:
    began = time.perf_counter()

    redact(unit * (200_000 // len(unit)))

    assert time.perf_counter() - began < 5
