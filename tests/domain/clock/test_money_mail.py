"""Mails about money: what went back, and what did not come."""

from __future__ import annotations

import pytest

from tests.domain.booking.world import give_back
from tests.domain.clock.hours import written
from tests.school import School
from tests.stripe_objects import checkout, intent, refund
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")


def test_each_refund_is_told_once_however_often_and_early_it_is_heard(timetable: Timetable) -> None:
    first, second = refund(amount=100_000, refund_id="re_1"), refund(amount=200_000, refund_id="re_2")
    timetable.studio.deliver(first)
    timetable.studio.deliver(checkout(), intent())
    timetable.studio.drain()
    timetable.studio.deliver(refund(amount=100_000, refund_id="re_1", kind="refund.updated"), second)

    assert sorted(written(timetable, "refund.done")) == ["refund:re_1", "refund:re_2"]


def test_a_refund_that_is_pending_is_told_once_it_is_done(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout(), refund(status="pending", refund_id="re_1"))
    pending = written(timetable, "refund.done")

    timetable.studio.deliver(refund(status="succeeded", refund_id="re_1", kind="refund.updated"))

    assert (pending, written(timetable, "refund.done")) == ([], ["refund:re_1"])


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_failed", "checkout.session.expired"])
def test_a_payment_that_did_not_come_is_told_once(timetable: Timetable, kind: str) -> None:
    timetable.studio.deliver(checkout(paid="unpaid"))
    timetable.studio.deliver(checkout(paid="unpaid", kind=kind), checkout(paid="unpaid", kind=kind))

    assert len(written(timetable, "payment.failed")) == 1


def test_a_checkout_that_was_never_begun_is_told_to_nobody(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout(paid="unpaid", kind="checkout.session.expired"))

    assert written(timetable, "payment.failed") == []


def test_an_enrollment_that_is_revoked_or_assigned_is_told(timetable: Timetable) -> None:
    school = School(timetable)
    school.plan()
    full = school.cohort(capacity=1)
    school.enroll("eve", full)
    waiting = school.enroll("ada", full)
    school.assign(waiting, None)
    give_back(timetable, waiting)

    assert len(written(timetable, "enrollment.assigned")) == 1
    assert len(written(timetable, "enrollment.revoked")) == 1


@pytest.mark.parametrize("failed_first", [True, False])
def test_a_payment_that_was_begun_and_failed_in_one_is_told(timetable: Timetable, *, failed_first: bool) -> None:
    pending = checkout(paid="unpaid")
    failed = checkout(paid="unpaid", kind="checkout.session.async_payment_failed")

    timetable.studio.deliver(*((failed, pending) if failed_first else (pending, failed)))

    assert len(written(timetable, "payment.failed")) == 1


def test_a_refund_of_which_was_told_is_not_told_again_with_another_fact(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout(), refund(amount=100_000, refund_id="re_old"))
    timetable.studio.rows("DELETE FROM notifications WHERE kind = 'refund.done'")

    timetable.studio.deliver(refund(amount=50_000, refund_id="re_new"))

    assert written(timetable, "refund.done") == ["refund:re_new"]
