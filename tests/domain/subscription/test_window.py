"""How long what a period granted lasts, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.subscription.window import Course, Period, end_of, end_of_credits

ISTANBUL, NEW_YORK = "Europe/Istanbul", "America/New_York"
START, END = datetime(2027, 3, 1, 9, tzinfo=UTC), datetime(2027, 4, 1, 9, tzinfo=UTC)
MARCH = Period(START, END)
# The midnight after the local day on which it ends, and three days later.
MIDNIGHT = datetime(2027, 4, 1, 21, tzinfo=UTC)
GRACE = datetime(2027, 4, 4, 21, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("course", "end"),
    [
        pytest.param(Course(), MIDNIGHT, id="it lasts through the local day on which it ends"),
        pytest.param(Course(behind=[END]), GRACE, id="behind with the next payment: three days more"),
        pytest.param(Course(behind=[START]), MIDNIGHT, id="behind with its own payment, which came: no more"),
        pytest.param(Course(behind=[END + 31 * DAY]), MIDNIGHT, id="behind with a later one: no more"),
        pytest.param(Course(ended_at=END), MIDNIGHT, id="cancelled at its end: no more and no less"),
        pytest.param(Course(ended_at=START + 5 * DAY), START + 5 * DAY, id="cancelled at once: then and there"),
        pytest.param(Course(ended_at=START), START + timedelta(seconds=1), id="cancelled as it began: it was"),
        pytest.param(
            Course(ended_at=START - DAY), START + timedelta(seconds=1), id="cancelled before it began: it was"
        ),
        pytest.param(Course(ended_at=END + DAY, behind=[END]), END + DAY, id="given up while behind: until then"),
        pytest.param(Course(ended_at=END + 9 * DAY, behind=[END]), GRACE, id="given up after the grace: until its end"),
        pytest.param(Course(ended_at=END + timedelta(hours=1), behind=[END]), MIDNIGHT, id="never before its own day"),
    ],
)
def test_a_pass_ends(course: Course, end: datetime) -> None:
    assert end_of(MARCH, course, ISTANBUL) == end


def test_a_period_that_ends_at_a_local_midnight_ends_there() -> None:
    midnight = datetime(2027, 3, 31, 21, tzinfo=UTC)

    assert end_of(Period(START, midnight), Course(), ISTANBUL) == midnight


def test_days_are_local_ones_where_clocks_change() -> None:
    over = Period(datetime(2027, 2, 12, 9, tzinfo=UTC), datetime(2027, 3, 12, 9, tzinfo=UTC))

    plain, grace = end_of(over, Course(), NEW_YORK), end_of(over, Course(behind=[over.end]), NEW_YORK)

    assert plain == datetime(2027, 3, 13, 5, tzinfo=UTC)
    # Its third day has 23 hours.
    assert grace == datetime(2027, 3, 16, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("course", "days", "end"),
    [
        pytest.param(Course(), 30, MIDNIGHT, id="at least the period"),
        pytest.param(Course(), 60, datetime(2027, 4, 30, 21, tzinfo=UTC), id="or the days of the product"),
        pytest.param(Course(ended_at=START + DAY), 60, START + DAY, id="cancelled at once"),
        pytest.param(Course(ended_at=END), 60, datetime(2027, 4, 30, 21, tzinfo=UTC), id="cancelled at its end"),
        pytest.param(
            Course(ended_at=START - DAY), 60, datetime(2027, 4, 30, 21, tzinfo=UTC), id="cancelled in an earlier period"
        ),
    ],
)
def test_credits_end(course: Course, days: int, end: datetime) -> None:
    assert end_of_credits(MARCH, course, ISTANBUL, days) == end
