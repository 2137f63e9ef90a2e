"""What a caller prefers, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_gateway.preference import DEFAULT_WAIT_S, MAX_WAIT_S, Preference, read


@pytest.mark.parametrize(
    ("header", "wait", "is_async"),
    [
        ("", None, False),
        ("wait=10", 10, False),
        ("WAIT=10", 10, False),
        ("wait = 10", 10, False),
        ('wait="10"', 10, False),
        ("wait=0", 0, False),
        ("wait=007", 7, False),
        ("wait=31", MAX_WAIT_S, False),
        ("wait=" + "9" * 900, MAX_WAIT_S, False),
        ("respond-async", None, True),
        ("Respond-Async", None, True),
        ("respond-async, wait=5", 5, True),
        ("wait=5,respond-async", 5, True),
        (" , ,respond-async;foo=bar,, wait=5; x", 5, True),
        ("wait=3, wait=9", 3, False),
        ('foo="a, wait=9", wait=3', 3, False),
        ('foo="a\\", wait=9", wait=3', 3, False),
        ("handling=lenient, return=minimal, wait=4", 4, False),
    ],
    ids=repr,
)
def test_what_is_preferred_is_read(header: str, wait: int | None, *, is_async: bool) -> None:
    assert read(header) == Preference(wait, is_async=is_async)


@pytest.mark.parametrize(
    "header",
    [
        "wait",
        "wait=",
        "wait=x",
        "wait=-1",
        "wait=1.5",
        "wait=\u0661",
        "wait 5",
        "=5",
        "respond-async=1",
        '"wait=5',
        "é",
        "wait=x, wait=9",
        '\\"wait=5',
        "(wait=5)",
    ],
)
def test_what_is_malformed_or_unknown_is_passed_over(header: str) -> None:
    assert read(header) == Preference()
    assert read(header).seconds == DEFAULT_WAIT_S


@given(st.text(alphabet='wait=respond-async, ;"\\059\t', max_size=200))
def test_no_header_breaks_it(header: str) -> None:
    assert 0 <= read(header).seconds <= MAX_WAIT_S


def test_a_header_full_of_quotes_is_read_in_no_time() -> None:
    assert read('"' * 60_001 + "\\" + "," * 30_000 + ", wait=3") == Preference()


@pytest.mark.parametrize(
    ("header", "seconds"), [("respond-async", 0), ("respond-async, wait=5", 5), ("wait=0", 0), ("", 5)]
)
def test_how_long_is_waited(header: str, seconds: int) -> None:
    assert read(header).seconds == seconds


@pytest.mark.parametrize(
    ("header", "is_finished", "has_waited", "applied"),
    [
        ("respond-async, wait=5", False, True, "respond-async, wait=5"),
        ("respond-async, wait=5", True, True, "wait=5"),
        ("respond-async, wait=5", False, False, "respond-async"),
        ("respond-async", True, True, ""),
        ("wait=99", False, True, "wait=30"),
        ("wait=9", False, False, ""),
        ("", False, True, ""),
    ],
)
def test_what_was_followed_is_said(header: str, *, is_finished: bool, has_waited: bool, applied: str) -> None:
    assert read(header).applied(is_finished=is_finished, has_waited=has_waited) == applied


@pytest.mark.parametrize("header", ["a=" + " " * 100_000 + '"', "a=" + " " * 900 + '"', '"' * 900, "a;" * 400])
def test_a_header_made_to_take_long_is_no_word_at_all(header: str) -> None:
    # One that took the square of its length would not come to an end here.
    assert read(header) == Preference()
