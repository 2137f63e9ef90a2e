"""A refund of all that is left: nothing is used while it is under way, and nothing is left once it is done."""

from __future__ import annotations

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import soon
from tests.refunding import Till
from tests.stripe_objects import refund
from tests.timetable import Timetable

Now = FrozenDateTimeFactory


@pytest.fixture
def till(timetable: Timetable, now: Now) -> Till:
    return Till(timetable)


def grant(till: Till) -> str:
    return str(till.timetable.studio.one("SELECT grant_status FROM payments")["grant_status"])


def has_pass(till: Till) -> bool:
    return bool(till.timetable.studio.one("SELECT has_all_access FROM students")["has_all_access"])


def test_while_it_is_under_way_what_is_booked_stands_and_nothing_new_is(till: Till) -> None:
    package = till.timetable.buy("ada")
    booked, wanted = till.timetable.session(soon(3)), till.timetable.session(soon(4))
    till.timetable.book("ada", booked)

    assert till.refund(package).status == "RUNNING"

    assert till.timetable.who(booked) == ["ada"]
    assert till.timetable.book("ada", wanted).code == "package_suspended"
    assert grant(till) == "SUSPENDED"


@pytest.mark.parametrize("code", ["stripe_refused", "stripe_unavailable"])
def test_where_stripe_refuses_it_is_valid_as_before(till: Till, code: str) -> None:
    package = till.timetable.buy("ada", "ALL-ACCESS-30")
    job = till.refund(package).job
    lent = has_pass(till)

    till.refuse(job, code)

    assert (lent, has_pass(till), grant(till)) == (False, True, "VALID")
    assert till.timetable.book("ada", till.timetable.session(soon(2))).code == "done"
    assert till.timetable.kinds("ada").count("package.reinstated") == 0


def test_where_stripe_says_that_it_failed_it_is_valid_as_before(till: Till) -> None:
    package = till.timetable.buy("ada")
    job = till.refund(package).job

    till.answer(job, status="failed")

    assert grant(till) == "VALID"
    assert till.timetable.book("ada", till.timetable.session(soon(2))).code == "done"


def test_what_was_refused_here_and_done_by_stripe_after_all_is_revoked(till: Till) -> None:
    package = till.timetable.buy("ada")
    job = till.refund(package).job
    till.refuse(job, "stripe_unavailable")

    till.timetable.studio.deliver(till.told(job))

    assert (grant(till), till.status(package)) == ("REVOKED", "REFUNDED")


def test_a_part_that_fails_later_brings_nothing_back_of_what_went_back_whole(till: Till) -> None:
    package = till.timetable.buy("ada")
    part = till.refund(package, sessions=2).job
    till.answer(part, status="pending")
    till.answer(till.refund(package).job)

    till.timetable.studio.deliver(till.told(part, "failed", "refund.failed"))

    assert (grant(till), till.status(package)) == ("REVOKED", "PARTIALLY_REFUNDED")
    assert till.timetable.book("ada", till.timetable.session(soon(2)), packageId=package).code == "package_revoked"
    assert [kind for kind, _, is_open in till.reviews() if is_open] == ["REFUND_FAILED"]


def test_a_part_from_the_dashboard_that_fails_brings_nothing_back_either(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.studio.deliver(refund(till.payment(package), amount=50_000))
    till.answer(till.refund(package).job)

    till.timetable.studio.deliver(refund(till.payment(package), amount=50_000, status="failed", kind="refund.failed"))

    assert (grant(till), till.status(package)) == ("REVOKED", "PARTIALLY_REFUNDED")


def test_all_that_was_left_revokes_though_a_part_before_it_is_refused(till: Till) -> None:
    package = till.timetable.buy("ada")
    ahead = till.timetable.session(soon(5))
    till.timetable.book("ada", ahead)
    part = till.refund(package, sessions=2).job
    till.answer(till.refund(package).job)

    till.refuse(part)

    assert (grant(till), till.timetable.who(ahead)) == ("REVOKED", [])


def test_the_rest_can_be_paid_back_once_more_where_a_part_had_failed(till: Till) -> None:
    package = till.timetable.buy("ada")
    part = till.refund(package, sessions=2).job
    till.answer(till.refund(package).job)
    till.refuse(part)

    till.answer(till.refund(package).job)

    assert [amount for amount, *_ in till.refunds()] == [200_000, 300_000, 200_000]
    assert (grant(till), till.status(package)) == ("REVOKED", "REFUNDED")


def test_a_whole_refund_that_fails_once_it_was_done_makes_it_valid_again(till: Till) -> None:
    package = till.timetable.buy("ada")
    job = till.refund(package).job
    till.answer(job)

    till.timetable.studio.deliver(till.told(job, "failed", "refund.failed"))

    assert (grant(till), till.status(package)) == ("VALID", "PAID")
    assert till.timetable.kinds("ada").count("package.reinstated") == 1
