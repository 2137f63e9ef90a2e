from __future__ import annotations

from dataclasses import dataclass

import pytest

from db.models import ServiceType
from domain.catalog.bundle import check_lines, describe
from domain.errors import InvalidCatalog


@dataclass(frozen=True)
class Line:
    service_type: ServiceType
    credits: int
    credit_unit_minutes: int
    teacher_tier: int = 0


PRIVATE = Line(ServiceType.PRIVATE, 5, 30)
GROUP = Line(ServiceType.GROUP, 3, 60)


def test_a_bundle_is_described_line_by_line() -> None:
    assert describe([PRIVATE, GROUP]) == "5 Private (30 min) + 3 Group (60 min)"


def test_a_pass_is_described_by_its_days() -> None:
    assert describe([], all_access_days=30) == "All-Access (30 days)"
    assert describe([GROUP], all_access_days=30) == "All-Access (30 days) + 3 Group (60 min)"


def test_lines_that_differ_in_anything_they_pay_for_make_a_bundle() -> None:
    check_lines([])
    check_lines([PRIVATE, GROUP, Line(ServiceType.PRIVATE, 5, 60), Line(ServiceType.PRIVATE, 5, 30, 20)])


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (Line(ServiceType.GROUP, 0, 60), r"allowances\[1\]\.credits"),
        (Line(ServiceType.GROUP, -1, 60), r"allowances\[1\]\.credits"),
        (Line(ServiceType.GROUP, 1, 50), r"allowances\[1\]\.credit_unit_minutes"),
        (Line(ServiceType.GROUP, 1, 60, -1), r"allowances\[1\]\.teacher_tier"),
        (Line(ServiceType.PRIVATE, 9, 30), r"allowances\[1\] is like"),
    ],
)
def test_a_line_that_could_not_be_sold_is_named(line: Line, field: str) -> None:
    with pytest.raises(InvalidCatalog, match=field):
        check_lines([PRIVATE, line])
