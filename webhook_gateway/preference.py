"""What a caller prefers (RFC 7240): how long to wait for a command, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

DEFAULT_WAIT_S = 5
MAX_WAIT_S = 30

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110's word for it
# What stands between commas, but for those in quotes.
ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
# No two repetitions of the same characters touch, so that no header takes longer than its length.
PREFERENCE = re.compile(rf'\s*({TOKEN})\s*(?:=\s*(?:({TOKEN}|"(?:[^"\\]|\\.)*")\s*)?)?(?:;.*)?')
# Whoever prefers more than this is not understood.
LONGEST = 1_024


@dataclass(frozen=True, slots=True)
class Preference:
    """How a caller wants to be answered; None is no word about it."""

    wait: int | None = None
    is_async: bool = False

    @property
    def seconds(self) -> int:
        """How long to wait for the outcome."""
        if self.wait is None:
            return 0 if self.is_async else DEFAULT_WAIT_S
        return self.wait

    def applied(self, *, is_finished: bool, has_waited: bool) -> str:
        """Return what of it an answer followed, as `Preference-Applied` says it; empty is nothing."""
        said = ["respond-async"] if self.is_async and not is_finished else []
        return ", ".join([*said, f"wait={self.wait}"] if self.wait is not None and has_waited else said)


def read(header: str) -> Preference:
    """Return what a header says; what is unknown, malformed or said before is passed over."""
    said: dict[str, str] = {}
    if len(header) > LONGEST:
        return Preference()
    for name, value in _preferences(header):
        said.setdefault(name, value)
    return Preference(_seconds(said.get("wait", "")), is_async=said.get("respond-async") == "")


def _preferences(header: str) -> Iterator[tuple[str, str]]:
    for element in ELEMENT.findall(header):
        if match := PREFERENCE.fullmatch(element):
            yield match[1].lower(), (match[2] or "").strip('"')


def _seconds(value: str) -> int | None:
    if not re.fullmatch("[0-9]+", value):
        return None
    digits = value.lstrip("0") or "0"
    return min(int(digits), MAX_WAIT_S) if len(digits) <= len(str(MAX_WAIT_S)) else MAX_WAIT_S
