"""What docs/booking.md says is what the rules say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from domain.errors import Refusal
from webhook_gateway.problem import CATALOGUE

GUIDE = (Path(__file__).parents[1] / "docs" / "booking.md").read_text()


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


def test_every_refusal_has_its_line_and_no_other() -> None:
    _, _, table = GUIDE.partition("| code | means | do |")

    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert sorted(told) == sorted({each.code for each in refusals()})
    assert set(told) <= set(CATALOGUE)
