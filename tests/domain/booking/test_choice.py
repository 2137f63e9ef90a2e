"""What pays when several things could: passes, then the own service, then what ends first, then the oldest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import line, refuse, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")
GROUP, PRIVATE, PREMIUM = line(9), line(9, "PRIVATE"), line(9, "PRIVATE", tier=20)


def chosen(timetable: Timetable, session: int, **wish: Any) -> tuple[str, int]:
    """Book, and return what paid: how, and which package."""
    booking = timetable.book("ada", session, **wish).booking
    return booking["paymentType"], booking["studentPackageId"]


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ({"validity_days": 90}, {"validity_days": 30}, 1),
        ({"validity_days": 30}, {"validity_days": 90}, 0),
        ({"validity_days": 30}, {"validity_days": 30}, 0),
        ({"validity_starts": "FIRST_USE"}, {"validity_days": 365}, 1),
        ({"validity_starts": "FIRST_USE"}, {"validity_starts": "FIRST_USE"}, 0),
    ],
)
def test_the_package_that_ends_first_pays_and_of_equals_the_oldest(
    timetable: Timetable, now: FrozenDateTimeFactory, first: dict[str, Any], second: dict[str, Any], winner: int
) -> None:
    packages = [sell(timetable, "ada", **first)]
    now.tick(timedelta(minutes=1))
    packages.append(sell(timetable, "ada", **second))

    paid = chosen(timetable, timetable.session(soon()))

    assert paid == ("CREDIT", packages[winner])


def test_a_package_that_ends_before_the_session_leaves_it_to_the_next(timetable: Timetable) -> None:
    sell(timetable, "ada", validity_days=5)
    long = sell(timetable, "ada", validity_days=30)

    assert chosen(timetable, timetable.session(soon(10))) == ("CREDIT", long)


def test_a_package_without_enough_credits_leaves_it_to_the_next(timetable: Timetable) -> None:
    short = sell(timetable, "ada", line(1), validity_days=5)
    long = sell(timetable, "ada", line(2), validity_days=30)

    paid = chosen(timetable, timetable.session(soon(), minutes=90))

    assert paid == ("CREDIT", long)
    assert timetable.left(short) == [1]


def test_the_same_service_pays_first_even_if_it_ends_later(timetable: Timetable) -> None:
    sell(timetable, "ada", PRIVATE, validity_days=5)
    group = sell(timetable, "ada", GROUP, validity_days=30)

    paid = chosen(timetable, timetable.session(soon()), confirmHigherTier=True)

    assert paid == ("CREDIT", group)


def test_within_a_bundle_the_line_of_the_service_pays_wherever_it_stands(timetable: Timetable) -> None:
    package = sell(timetable, "ada", PRIVATE, GROUP)

    timetable.book("ada", timetable.session(soon()), confirmHigherTier=True)

    assert timetable.left(package) == [9, 8]


def test_what_needs_no_confirmation_pays_before_what_does(timetable: Timetable) -> None:
    sell(timetable, "ada", line(9, tier=20), validity_days=5)
    plain = sell(timetable, "ada", GROUP, validity_days=30)

    assert chosen(timetable, timetable.session(soon(), tier=0)) == ("CREDIT", plain)


def test_once_confirmed_a_higher_tier_that_ends_first_pays_first(timetable: Timetable) -> None:
    premium = sell(timetable, "ada", PREMIUM, validity_days=5)
    sell(timetable, "ada", PRIVATE, validity_days=30)
    session = timetable.session(soon(), service="PRIVATE", tier=0)

    assert chosen(timetable, session, confirmHigherTier=True) == ("CREDIT", premium)


@pytest.mark.parametrize(
    ("credits", "session"),
    [(PRIVATE, {}), (PREMIUM, {"service": "PRIVATE", "tier": 0}), (PREMIUM, {"service": "PRIVATE", "tier": 10})],
)
def test_a_higher_tier_pays_only_when_the_request_confirms_it(
    timetable: Timetable, credits: dict[str, Any], session: dict[str, Any]
) -> None:
    package = sell(timetable, "ada", credits)
    wanted = timetable.session(soon(), **session)

    asked = refuse(timetable, "book", "ada", sessionId=wanted)
    named = refuse(timetable, "book", "ada", sessionId=wanted, packageId=package, paymentType="CREDIT")
    paid = chosen(timetable, wanted, confirmHigherTier=True)

    assert (asked.code, named.code) == ("confirmation_required", "confirmation_required")
    assert paid == ("CREDIT", package)


def test_the_tier_of_the_teacher_itself_needs_no_confirmation(timetable: Timetable) -> None:
    package = sell(timetable, "ada", PREMIUM)

    assert chosen(timetable, timetable.session(soon(), service="PRIVATE", tier=20)) == ("CREDIT", package)


def test_a_request_may_name_credits_where_a_pass_would_pay(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    package = timetable.buy("ada", "EXPLORER-5")
    first, second = timetable.session(soon()), timetable.session(soon(4))

    by_payment = chosen(timetable, first, paymentType="CREDIT")
    by_package = chosen(timetable, second, packageId=package)

    assert (by_payment, by_package) == (("CREDIT", package), ("CREDIT", package))


def test_a_request_may_name_the_pass_and_then_credits_do_not_step_in(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    timetable.buy("ada", "EXPLORER-5")
    timetable.book("ada", timetable.session(soon(hour=6)))

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon(hour=9)), paymentType="ALL_ACCESS")

    assert refused.code == "all_access_used_today"


def test_a_named_package_pays_though_another_would_come_first(timetable: Timetable) -> None:
    sell(timetable, "ada", validity_days=5)
    long = sell(timetable, "ada", validity_days=30)

    assert chosen(timetable, timetable.session(soon()), packageId=long) == ("CREDIT", long)


def test_a_named_package_that_cannot_pay_is_not_replaced_by_another(timetable: Timetable) -> None:
    short = sell(timetable, "ada", validity_days=5)
    sell(timetable, "ada", validity_days=30)

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon(10)), packageId=short)

    assert refused.code == "package_expired"


@pytest.mark.parametrize("owner", ["eve", "nobody"])
def test_a_package_of_another_student_is_not_found(timetable: Timetable, owner: str) -> None:
    timetable.buy("ada")
    package = timetable.buy("eve") if owner == "eve" else 999_999

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon()), packageId=package)

    assert refused.code == "not_found"


def test_a_package_that_ended_long_ago_is_named_as_ended(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", validity_days=5)
    now.tick(timedelta(days=200))

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon()), packageId=package)

    assert refused.code == "package_expired"


def test_a_package_whose_days_have_just_begun_pays_next_where_it_ends_first(timetable: Timetable) -> None:
    fresh = sell(timetable, "ada", validity_starts="FIRST_USE", validity_days=10)
    sell(timetable, "ada", validity_days=60)
    sessions = [timetable.session(soon(days)) for days in (3, 4)]

    first = timetable.ask("booking.book", "ada", sessionId=sessions[0], packageId=fresh)
    second = timetable.ask("booking.book", "ada", sessionId=sessions[1])
    timetable.work()

    paid = [timetable.outcome(job).booking["studentPackageId"] for job in (first, second)]
    assert paid == [fresh, fresh]
