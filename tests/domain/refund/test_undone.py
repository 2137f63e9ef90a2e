"""A refund that comes to nothing after it was said to be done, or that Stripe refuses: who is told of it."""

from __future__ import annotations

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.test_book import soon
from tests.refunding import Till
from tests.stripe_objects import charge, checkout, dispute, refund
from tests.timetable import Timetable

Now = FrozenDateTimeFactory


@pytest.fixture
def till(timetable: Timetable, now: Now) -> Till:
    return Till(timetable)


def sound(till: Till) -> bool:
    """Say whether the audit finds nothing."""
    return [each for each in till.timetable.studio.audit() if not each.startswith("inbox.alive")] == []


# A refund that failed after it was done.


def test_a_part_that_fails_after_it_was_done_is_told_to_the_student_once(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.answer(waiting.job)

    till.timetable.studio.deliver(till.told(waiting.job, "failed", "refund.failed"))
    till.timetable.studio.deliver(till.told(waiting.job, "failed"))

    mail = till.timetable.studio.one(
        "SELECT n.dedupe_key, n.order_id, s.external_id FROM notifications n JOIN students s ON s.id = n.student_id"
        " WHERE n.kind = 'refund.failed'"
    )
    assert mail == {
        "dedupe_key": f"refund:re_ours_{till.call(waiting.job)['refund_id']}",
        "order_id": till.order(package),
        "external_id": "ada",
    }
    assert till.timetable.kinds("ada") == ["refund.done", "refund.failed"]
    assert sound(till)


def test_a_part_of_the_dashboards_that_is_called_off_is_told(till: Till) -> None:
    payment = till.payment(till.timetable.buy("ada"))
    till.timetable.studio.deliver(refund(payment, amount=100_000, refund_id="re_dash"))

    till.timetable.studio.deliver(refund(payment, amount=100_000, refund_id="re_dash", status="canceled"))

    assert till.timetable.kinds("ada") == ["refund.done", "refund.failed"]


def test_a_whole_refund_that_fails_is_told_by_the_package_that_is_valid_again(till: Till) -> None:
    payment = till.payment(till.timetable.buy("ada"))
    till.timetable.studio.deliver(refund(payment, amount=500_000, refund_id="re_all"))

    till.timetable.studio.deliver(refund(payment, amount=500_000, refund_id="re_all", status="failed"))

    assert till.timetable.kinds("ada") == ["refund.done", "package.reinstated"]


def test_a_whole_refund_that_fails_while_the_money_is_disputed_is_told(till: Till) -> None:
    payment = till.payment(till.timetable.buy("ada"))
    till.timetable.studio.deliver(refund(payment, amount=500_000, refund_id="re_all"), dispute(payment))

    till.timetable.studio.deliver(refund(payment, amount=500_000, refund_id="re_all", status="failed"))

    assert till.timetable.kinds("ada") == ["refund.done", "refund.failed"]


def test_a_refund_that_was_never_said_to_be_done_is_not_said_to_have_failed(till: Till) -> None:
    payment = till.payment(till.timetable.buy("ada"))
    till.timetable.studio.deliver(refund(payment, amount=100_000, refund_id="re_dash", status="pending"))

    till.timetable.studio.deliver(
        refund(payment, amount=100_000, refund_id="re_dash"),
        refund(payment, amount=100_000, refund_id="re_dash", status="failed"),
    )

    assert till.timetable.kinds("ada") == []


def test_what_was_refunded_before_there_was_an_order_is_not_said_to_have_failed(till: Till) -> None:
    studio = till.timetable.studio
    studio.deliver(checkout("LATER-5"))
    studio.deliver(refund(amount=100_000, refund_id="re_dash"))
    studio.rows("UPDATE products SET code = 'LATER-5' WHERE code = 'EXPLORER-5'")

    studio.deliver(checkout("LATER-5"), refund(amount=100_000, refund_id="re_dash", status="failed"))

    assert till.reviews() == [("REFUND_FAILED", "re_dash", True)]
    assert till.timetable.kinds("ada") == []


# A refund that Stripe refuses.


def test_what_stripe_refuses_is_put_before_staff_where_bookings_were_cancelled_for_it(till: Till, now: Now) -> None:
    till.timetable.studio.rows("UPDATE organizations SET staff_email = 'desk@lumen.example'")
    package = till.timetable.buy("ada")
    till.timetable.book("ada", till.timetable.session(soon(1)))
    now.move_to(soon(2))
    ahead = till.timetable.book("ada", till.timetable.session(soon(5)))

    waiting = till.refund(package)
    till.refuse(waiting.job)

    about = f"refund:{till.call(waiting.job)['refund_id']}"
    assert till.timetable.booking(ahead.id)["status"] == "CANCELLED"
    assert till.reviews() == [("REFUND_FAILED", about, True)]
    event = till.timetable.studio.one("SELECT data FROM domain_events WHERE type = 'order.needs_review'")
    assert event["data"]["kind"] == "REFUND_FAILED"
    mail = till.timetable.studio.one("SELECT order_id FROM notifications WHERE kind = 'order.review'")
    assert mail["order_id"] == till.order(package)
    assert sound(till)


def test_a_whole_refund_that_stripe_refuses_changed_nothing_and_waits_for_nobody(till: Till) -> None:
    package = till.timetable.buy("ada")

    till.refuse(till.refund(package).job)

    assert till.reviews() == []


def test_the_note_of_a_refusal_stays_whatever_else_is_said_of_the_payment(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.refuse(waiting.job)

    till.timetable.studio.deliver(refund(till.payment(package), amount=100_000, refund_id="re_dash"))

    about = f"refund:{till.call(waiting.job)['refund_id']}"
    assert till.reviews() == [("PARTIAL_REFUND", "re_dash", True), ("REFUND_FAILED", about, True)]
    assert sound(till)


def test_the_note_of_a_refusal_goes_where_stripe_has_done_it_all_the_same(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.refuse(waiting.job, code="stripe_unavailable", reason="It did not answer for three days.")
    before = till.reviews()

    till.timetable.studio.deliver(till.told(waiting.job))

    number = till.call(waiting.job)["refund_id"]
    assert before == [("REFUND_FAILED", f"refund:{number}", True)]
    assert till.reviews() == [("PARTIAL_REFUND", f"re_ours_{number}", True)]
    assert sound(till)


def test_a_refusal_that_staff_have_settled_is_not_noted_again(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.refuse(waiting.job)
    till.timetable.studio.rows("UPDATE order_reviews SET resolved_at = created_at, resolved_by = 'STAFF desk'")

    till.timetable.studio.deliver(dispute(till.payment(package)))

    number = till.call(waiting.job)["refund_id"]
    assert [each for each in till.reviews() if each[0] == "REFUND_FAILED"] == [
        ("REFUND_FAILED", f"refund:{number}", False)
    ]


# Old shapes.


def test_a_refund_in_a_charge_may_have_no_status_and_counts_as_pending(till: Till) -> None:
    told = refund("pi_1", amount=100_000, refund_id="re_old")
    told["data"]["object"] |= {"status": None}
    listed = charge("pi_1", refunded=100_000, listed=[told])

    till.timetable.studio.deliver(checkout(), listed)

    assert till.timetable.studio.event(listed)["status"] == "PROCESSED"
    assert till.timetable.studio.one("SELECT amount_refunded FROM payments") == {"amount_refunded": 100_000}
    assert till.timetable.kinds("ada") == []
