from __future__ import annotations

import pytest

from db.models import ServiceType
from domain.holding import Balance


@pytest.mark.parametrize(("total", "used", "remaining"), [(5, 0, 5), (5, 5, 0), (3, 4, 0)])
def test_what_remains_is_never_below_zero(total: int, used: int, remaining: int) -> None:
    balance = Balance(1, ServiceType.GROUP, 0, 60, total, used)

    assert balance.remaining == remaining
