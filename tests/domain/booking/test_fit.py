from __future__ import annotations

import pytest

from db.models import ServiceType
from domain.booking.fit import Fit, cost, fits

PRIVATE = ServiceType.PRIVATE
GROUP = ServiceType.GROUP
COURSE = ServiceType.COURSE


@pytest.mark.parametrize(
    ("minutes", "unit", "seat", "credits"),
    [
        (45, 60, None, 1),
        (60, 60, None, 1),
        (61, 60, None, 2),
        (90, 30, None, 3),
        (1, 15, None, 1),
        (45, 60, 2, 2),
        (90, 30, 1, 1),
    ],
)
def test_a_session_costs_the_units_it_begins_or_what_its_seat_costs(
    minutes: int, unit: int, seat: int | None, credits: int
) -> None:
    assert cost(minutes, unit, seat) == credits


@pytest.mark.parametrize(
    ("line", "service", "fit"),
    [
        (PRIVATE, PRIVATE, Fit.EXACT),
        (GROUP, GROUP, Fit.EXACT),
        (PRIVATE, GROUP, Fit.HIGHER),
        (GROUP, PRIVATE, Fit.NO),
        (COURSE, GROUP, Fit.NO),
        (COURSE, PRIVATE, Fit.NO),
        (COURSE, COURSE, Fit.NO),
        (PRIVATE, COURSE, Fit.NO),
        (GROUP, COURSE, Fit.NO),
    ],
)
def test_private_credits_pay_for_groups_and_never_the_other_way(
    line: ServiceType, service: ServiceType, fit: Fit
) -> None:
    assert fits(line, 0, service, 0) is fit


@pytest.mark.parametrize(
    ("line_tier", "tier", "fit"),
    [
        (0, 0, Fit.EXACT),
        (0, 20, Fit.EXACT),
        (20, 20, Fit.EXACT),
        (20, 10, Fit.HIGHER),
        (20, 0, Fit.HIGHER),
        (20, 21, Fit.NO),
    ],
)
def test_a_line_of_a_tier_pays_for_teachers_up_to_it(line_tier: int, tier: int, fit: Fit) -> None:
    assert fits(GROUP, line_tier, GROUP, tier) is fit
