from __future__ import annotations

from dataclasses import dataclass

import pytest

from db.models import ServiceType
from domain.catalog.bundle import check_lines, describe
from domain.catalog.entries import check
from domain.errors import InvalidCatalog
from tests.cli.conftest import organization, product


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


def test_a_line_like_one_before_it_is_named() -> None:
    with pytest.raises(InvalidCatalog, match="Line 3 is like one before"):
        check_lines([PRIVATE, GROUP, Line(ServiceType.PRIVATE, 9, 30)])


@pytest.mark.parametrize(
    ("field", "value"),
    [("credits", 0), ("credits", -1), ("credits", 10_001), ("credit_unit_minutes", 50), ("teacher_tier", -1)],
)
def test_a_line_that_could_not_be_sold_is_named(field: str, value: int) -> None:
    line = {"service_type": "GROUP", "credits": 3, "credit_unit_minutes": 60}
    faulty = product("B", allowances=[line, line | {"service_type": "PRIVATE", field: value}])

    with pytest.raises(InvalidCatalog, match=rf"^organizations\.0\.products\.0\.allowances\.1\.{field}: "):
        check({"organizations": [organization("lumen", products=[faulty])]})


def test_a_name_is_kept_without_the_blanks_around_it() -> None:
    catalog = check({"organizations": [organization("lumen", products=[product("B", name=" Core\u00a0 ")])]})

    assert catalog.organizations[0].products[0].name == "Core"
