from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from db.models import ServiceType
from db.transaction import reading
from domain.holding.holding import Balance, Holding, holdings
from domain.listing import Part
from tests.timetable import Timetable

FRIDAY = datetime(2026, 11, 20, 9, tzinfo=UTC)
FRIEND = {"name": "Grace", "email": "grace@example.com"}


def held(timetable: Timetable, at: datetime) -> Holding:
    """Return the one package that ada holds."""
    organization, student = timetable.organization("lumen"), timetable.student("ada")
    with reading(timetable.engine) as session:
        (holding,) = holdings(session, organization, student, Part(10), at=at)
    return holding


def used_today(timetable: Timetable, at: datetime) -> bool:
    holding = held(timetable, at)
    assert holding.all_access
    return holding.all_access.used_today


def friend_pass(timetable: Timetable, at: datetime) -> str:
    holding = held(timetable, at)
    assert holding.friend_pass
    return holding.friend_pass.status.value


@pytest.mark.parametrize(("total", "used", "remaining"), [(5, 0, 5), (5, 5, 0), (3, 4, 0)])
def test_what_remains_is_never_below_zero(total: int, used: int, remaining: int) -> None:
    balance = Balance(1, ServiceType.GROUP, 0, 60, total, used)

    assert balance.remaining == remaining


@freeze_time(FRIDAY)
def test_a_pass_is_used_today_from_midnight_to_midnight_of_its_studio(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    booked = timetable.book("ada", timetable.session(FRIDAY + timedelta(days=1)))
    # Istanbul's 21 November begins at 21:00 UTC on the 20th.
    midnight = datetime(2026, 11, 20, 21, tzinfo=UTC)
    around = [midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=24)]

    seen = [used_today(timetable, each) for each in around]
    timetable.cancel("ada", booked.id)

    assert seen == [False, True, False]
    assert not used_today(timetable, midnight)


@freeze_time(FRIDAY)
def test_a_pass_for_two_a_day_is_used_after_two(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    timetable.studio.rows("UPDATE student_packages SET all_access_daily_limit = 2")
    seen = []

    for hour in (2, 4):
        timetable.book("ada", timetable.session(FRIDAY + timedelta(hours=hour)))
        seen.append(used_today(timetable, FRIDAY))

    assert seen == [False, True]


@freeze_time(FRIDAY)
def test_a_friend_pass_is_used_once_and_comes_back_in_time(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    booked = timetable.book("ada", timetable.session(FRIDAY + timedelta(days=3)), friend=FRIEND)

    used = friend_pass(timetable, FRIDAY)
    timetable.cancel("ada", booked.id)

    assert used == "USED"
    assert friend_pass(timetable, FRIDAY) == "AVAILABLE"
    assert friend_pass(timetable, FRIDAY + timedelta(days=40)) == "EXPIRED"


@freeze_time(FRIDAY)
def test_a_friend_pass_that_was_used_stays_so_after_its_end(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    booked = timetable.book("ada", timetable.session(FRIDAY + timedelta(hours=3)), friend=FRIEND)
    timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 hour'")

    timetable.cancel("ada", booked.id, acceptForfeit=True)

    assert friend_pass(timetable, FRIDAY + timedelta(days=40)) == "USED"
