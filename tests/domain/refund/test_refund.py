"""A refund that the studio orders: what it takes back, what it pays, and why it is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.test_book import soon
from tests.domain.booking.world import nothing_written
from tests.domain.purchase.test_stories import SUBSCRIPTION
from tests.refunding import Till
from tests.school import School
from tests.stripe_objects import MONTHS, checkout, dispute, invoice, invoice_payment, refund, subscribed
from tests.timetable import Outcome, Timetable

Now = FrozenDateTimeFactory


@pytest.fixture
def till(timetable: Timetable, now: Now) -> Till:
    return Till(timetable)


def past(till: Till, now: Now, student: str = "ada", **more: Any) -> int:
    """Let a student go to a session that is over by now; return its booking."""
    session = till.timetable.session(soon(1), **more)
    booked = till.timetable.book(student, session)
    assert booked.code == "done", booked.problem
    now.move_to(soon(2))
    return booked.id


def refused(till: Till, job: int) -> Outcome:
    """Do a command that must be refused without a trace."""
    with nothing_written(till.timetable):
        till.timetable.work()
    return till.timetable.outcome(job)


# What goes back.


def test_an_order_of_which_nothing_was_used_goes_back_whole(till: Till) -> None:
    package = till.timetable.buy("ada")

    waiting = till.refund(package)

    assert (waiting.status, till.refunds(), till.taken()) == ("RUNNING", [(500_000, "REQUESTED", True)], [])
    call = till.call(waiting.job)
    assert (call["status"], call["job_id"]) == ("PENDING", waiting.job)
    assert call["params"] == {
        "payment_intent": till.payment(package),
        "amount": 500_000,
        "reason": "requested_by_customer",
        "metadata": {"org": "lumen", "punchcard_refund": str(call["refund_id"])},
    }


def test_the_command_ends_with_what_stripe_answers(till: Till) -> None:
    package = till.timetable.buy("ada")

    ended = till.answer(till.take(package, 2).job)

    assert ended.result
    (line,) = till.timetable.lines(package)
    said = ended.result["refund"]
    assert said | {"id": 0} == {
        "id": 0,
        "orderId": till.order(package),
        "amount": 200_000,
        "currency": "TRY",
        "status": "SUCCEEDED",
        "stripeRefundId": f"re_ours_{said['id']}",
        "takenBack": [{"allowanceId": line, "credits": 2}],
        "isWhole": False,
        "reason": "not happy",
        "createdAt": "2026-10-05T08:00:00Z",
    }
    assert (till.status(package), till.timetable.left(package)) == ("PARTIALLY_REFUNDED", [3])
    assert till.timetable.kinds("ada") == ["refund.done"]


def test_parts_of_a_bundle_go_by_their_weight_and_add_up(till: Till) -> None:
    package = till.timetable.buy("ada", "BUNDLE-5P-3G")
    private, group = till.timetable.lines(package)
    till.timetable.studio.rows("UPDATE student_package_allowances SET weight = 2 WHERE id = %(id)s", id=private)

    for each in ((2, 0), (1, 2), (2, 1)):
        assert till.answer(till.take(package, *each).job).code == "done"

    # Of 13 units 4 go first, then 4, then 5.
    assert [amount for amount, *_ in till.refunds()] == [12_308, 12_307, 15_385]
    assert (till.status(package), till.timetable.left(package)) == ("REFUNDED", [0, 0])
    assert group != private


def test_sessions_are_credits_of_the_only_line(till: Till) -> None:
    package = till.timetable.buy("ada")

    till.refund(package, sessions=2)

    assert (till.refunds(), till.taken()) == ([(200_000, "REQUESTED", False)], [2])


def test_a_bonus_counts_among_what_was_sold(till: Till) -> None:
    package = till.timetable.buy("ada")
    (line,) = till.timetable.lines(package)
    till.timetable.studio.rows(
        "INSERT INTO package_uses (organization_id, allowance_id, kind, credits, created_at)"
        " SELECT organization_id, id, 'BONUS', -5, '2026-10-05Z' FROM student_package_allowances WHERE id = %(id)s",
        id=line,
    )

    till.refund(package, sessions=1)

    assert till.refunds() == [(50_000, "REQUESTED", False)]
    till.timetable.studio.rows("DELETE FROM package_uses WHERE kind = 'BONUS'")


def test_what_the_studio_gave_on_top_is_worth_nothing(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.adjust("ada", till.timetable.lines(package)[0], 3)
    till.answer(till.refund(package, sessions=5).job)

    assert till.refund(package, sessions=1).code == "nothing_to_refund"
    assert till.timetable.left(package) == [3]


def test_packages_of_one_order_are_one_whole(till: Till) -> None:
    cart = checkout("EXPLORER-5", amount=600_000)
    till.timetable.studio.deliver(cart)
    first = int(till.timetable.studio.one("SELECT id FROM student_packages")["id"])
    till.timetable.studio.rows(
        "INSERT INTO student_packages (organization_id, student_id, order_id, product_id, line, unit, product_code,"
        " name, bundle_description, validity_days, validity_starts, purchased_at, starts_at, expires_at)"
        " SELECT organization_id, student_id, order_id, product_id, 1, 0, product_code, name, bundle_description,"
        " validity_days, validity_starts, purchased_at, starts_at, expires_at FROM student_packages"
    )
    till.timetable.studio.rows(
        "INSERT INTO student_package_allowances (organization_id, student_package_id, position, service_type,"
        " teacher_tier, credits, credit_unit_minutes) SELECT organization_id, (SELECT max(id) FROM student_packages),"
        " position, service_type, teacher_tier, credits, credit_unit_minutes FROM student_package_allowances"
    )

    several = till.refund(first, sessions=1)
    till.take(first, 1)

    assert (several.code, several.problem and several.problem["field"]) == ("validation_failed", "sessions")
    assert till.refunds() == [(60_000, "REQUESTED", False)]
    till.timetable.studio.rows("DELETE FROM student_package_allowances WHERE student_package_id <> %(id)s", id=first)
    till.timetable.studio.rows("DELETE FROM student_packages WHERE id <> %(id)s", id=first)


def test_a_part_is_never_more_than_is_left(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.studio.deliver(refund(till.payment(package), amount=450_000))

    till.refund(package, sessions=3)

    assert till.refunds() == [(50_000, "REQUESTED", False)]


def test_what_is_under_way_is_counted_before_stripe_tells_of_it(till: Till) -> None:
    package = till.timetable.buy("ada")

    till.refund(package, sessions=2)
    till.refund(package)

    assert till.refunds() == [(200_000, "REQUESTED", False), (300_000, "REQUESTED", True)]


def test_drafts_go_with_their_credits_and_come_back_with_them(till: Till) -> None:
    package = till.timetable.buy("ada", "WELLNESS-3")

    waiting = till.refund(package, sessions=2)
    during = till.drafts(package)
    ended = till.refuse(waiting.job)

    assert (during, till.drafts(package), till.timetable.left(package)) == (1, 3, [3])
    assert (ended.code, till.refunds(), till.taken()) == ("stripe_refused", [(33_333, "FAILED", False)], [2, -2])


def test_drafts_of_what_ended_meanwhile_stay_closed(till: Till, now: Now) -> None:
    package = till.timetable.buy("ada", "WELLNESS-3")
    waiting = till.refund(package, sessions=2)
    till.timetable.studio.rows(
        "UPDATE student_packages SET expires_at = starts_at + interval '1 hour', expiry_noted = starts_at +"
        " interval '1 hour' WHERE id = %(id)s",
        id=package,
    )
    now.move_to(soon(1))

    till.refuse(waiting.job)

    rows = till.timetable.studio.rows("SELECT metadata FROM bookings WHERE status = 'CANCELLED' ORDER BY id")
    assert [row["metadata"] for row in rows] == [{"expired": True}] * 2
    till.timetable.studio.rows("DELETE FROM bookings")


# By policy, once something was used.


@pytest.mark.parametrize("policy", ["UNUSED_ONLY", "ALL", "REVIEW"])
def test_an_unused_order_goes_back_whole_by_every_policy(till: Till, policy: str) -> None:
    till.policy("EXPLORER-5", policy)
    package = till.timetable.buy("ada")
    till.timetable.book("ada", till.timetable.session(soon(3)))

    till.refund(package)

    assert till.refunds() == [(500_000, "REQUESTED", True)]


def test_what_is_unused_goes_back_and_bookings_ahead_are_given_up(till: Till, now: Now) -> None:
    package = till.timetable.buy("ada")
    past(till, now)
    ahead = till.timetable.book("ada", till.timetable.session(soon(5)))

    till.answer(till.refund(package).job)

    assert till.timetable.booking(ahead.id)["status"] == "CANCELLED"
    assert (till.refunds(), till.timetable.left(package)) == ([(400_000, "SUCCEEDED", False)], [0])
    assert till.status(package) == "PARTIALLY_REFUNDED"


def test_all_goes_back_whatever_was_used_where_the_product_says_so(till: Till, now: Now) -> None:
    till.policy("EXPLORER-5", "ALL")
    package = till.timetable.buy("ada")
    booked = past(till, now)

    till.answer(till.refund(package).job)

    assert (till.refunds(), till.status(package)) == ([(500_000, "SUCCEEDED", True)], "REFUNDED")
    assert till.timetable.booking(booked)["status"] == "CONFIRMED"
    assert till.reviews() == []


def test_a_person_decides_where_the_product_says_so_and_may_name_credits(till: Till, now: Now) -> None:
    till.policy("EXPLORER-5", "REVIEW")
    package = till.timetable.buy("ada")
    past(till, now)

    job = till.ask(package)

    assert refused(till, job).code == "refund_review_required"
    assert till.answer(till.refund(package, sessions=4).job).code == "done"


def test_a_pass_that_is_in_use_is_no_credits(till: Till, now: Now) -> None:
    package = till.timetable.buy("ada", "ALL-ACCESS-30")
    past(till, now)

    ended = refused(till, till.ask(package))

    assert ended.code == "refund_review_required"
    assert ended.problem
    assert "refund_policy be ALL" in ended.problem["detail"]


@pytest.mark.parametrize(
    ("status", "is_used"), [("COMPLETED", True), ("NO_SHOW", True), ("FORFEITED", True), ("CANCELLED", False)]
)
def test_what_counts_as_used(till: Till, now: Now, status: str, is_used: bool) -> None:  # noqa: FBT001 - a row
    till.policy("EXPLORER-5", "REVIEW")
    package = till.timetable.buy("ada")
    session = till.timetable.session(soon(1))
    booked = till.timetable.book("ada", session)
    if status in {"FORFEITED", "CANCELLED"}:
        now.move_to(soon(1, 8) if status == "FORFEITED" else soon(0))
        till.timetable.cancel("ada", booked.id, acceptForfeit=True)
    else:
        now.move_to(soon(2))
        till.timetable.attend(session, (booked.id, "ATTENDED" if status == "COMPLETED" else status))
    assert till.timetable.booking(booked.id)["status"] == status

    assert till.refund(package).code == ("refund_review_required" if is_used else "done")


# Why not.


def test_an_order_that_is_not_there_is_not_found(till: Till) -> None:
    package = till.timetable.buy("ada")

    ended = refused(till, till.ask(package, orderId=till.order(package) + 1))

    assert ended.code == "not_found"


def test_what_was_sold_at_the_desk_goes_back_at_the_desk(till: Till) -> None:
    sold = till.timetable.redeem("ada", "EXPLORER-5").redemption

    assert refused(till, till.ask(sold["id"])).code == "not_refundable"


def test_what_cost_nothing_gives_nothing_back(till: Till) -> None:
    till.timetable.studio.deliver(checkout("SINGLE-RIDE", payment=None, amount=0, paid="no_payment_required"))
    package = int(till.timetable.studio.one("SELECT id FROM student_packages")["id"])

    assert refused(till, till.ask(package)).code == "not_refundable"


def test_a_disputed_payment_is_the_banks(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.studio.deliver(dispute(till.payment(package)))

    assert refused(till, till.ask(package)).code == "payment_disputed"


def test_what_went_back_does_not_go_back_again(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.studio.deliver(refund(till.payment(package)))

    assert refused(till, till.ask(package)).code == "nothing_to_refund"
    assert refused(till, till.ask(package, sessions=1)).code == "nothing_to_refund"


def test_all_is_asked_for_once(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.refund(package)

    assert refused(till, till.ask(package)).code == "refund_under_way"
    assert refused(till, till.ask(package, sessions=1)).code == "refund_under_way"


def test_credits_in_bookings_ahead_are_given_back_first(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.book("ada", till.timetable.session(soon(3)))

    ended = refused(till, till.ask(package, sessions=5))

    assert ended.code == "insufficient_credits"
    assert ended.problem
    assert "4 unused" in ended.problem["detail"]
    assert "1 more are bound" in ended.problem["detail"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"lines": [{"allowanceId": 99_999, "credits": 1}]}, "lines.0.allowance_id"),
        ({"lines": [{"allowanceId": 0, "credits": 1}], "sessions": 1}, "sessions"),
    ],
)
def test_lines_are_the_orders(till: Till, said: dict[str, Any], field: str) -> None:
    package = till.timetable.buy("ada")

    ended = refused(till, till.ask(package, **said))

    assert (ended.code, ended.problem and ended.problem["field"]) == ("validation_failed", field)


def test_a_line_is_named_once(till: Till) -> None:
    package = till.timetable.buy("ada")
    (line,) = till.timetable.lines(package)

    ended = refused(till, till.ask(package, lines=[{"allowanceId": line, "credits": 1}] * 2))

    assert (ended.code, ended.problem and ended.problem["field"]) == ("validation_failed", "lines.1.allowance_id")


def test_steps_of_a_course_are_no_credits_and_its_extras_are(till: Till, now: Now) -> None:
    school = School(till.timetable)
    school.plan()
    package = school.enroll("eve", school.cohort())
    steps, extras = till.timetable.lines(package)

    of_steps = till.refund(package, lines=[{"allowanceId": steps, "credits": 1}])
    till.answer(till.refund(package, lines=[{"allowanceId": extras, "credits": 2}]).job)

    assert (of_steps.code, of_steps.problem and of_steps.problem["field"]) == (
        "validation_failed",
        "lines.0.allowance_id",
    )
    # Two of six units: four steps and two extras.
    assert till.refunds() == [(16_633, "SUCCEEDED", False)]


def test_what_is_worth_nothing_is_not_taken(till: Till) -> None:
    package = till.timetable.buy("ada", "BUNDLE-5P-3G")
    till.timetable.studio.rows(
        "UPDATE student_package_allowances SET weight = 1000000 WHERE student_package_id = %(id)s AND position = 0",
        id=package,
    )

    assert refused(till, till.ask_for(package, 0, 1)).code == "nothing_to_refund"


def test_a_command_that_nobody_began_in_time_is_refused(till: Till, now: Now) -> None:
    job = till.ask(till.timetable.buy("ada"))
    now.tick(16 * 60)

    assert refused(till, job).code == "too_late"


def test_other_systems_hear_of_it(till: Till) -> None:
    package = till.timetable.buy("ada")

    till.refund(package)

    event = till.timetable.studio.one("SELECT * FROM domain_events WHERE type = 'order.refund_requested'")
    assert event["data"] == {
        "orderId": till.order(package),
        "studentId": "ada",
        "refundId": till.call()["refund_id"],
        "isWhole": True,
        "amount": 500_000,
        "currency": "TRY",
    }


def test_an_invoice_goes_back_by_the_payment_that_paid_it(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.studio.rows("UPDATE payments SET stripe_key = 'in_1'")

    unknown = refused(till, till.ask(package))
    till.timetable.studio.rows(
        "INSERT INTO payments (organization_id, stripe_key, status, facts, amount_received, currency, part_of,"
        " received_at) SELECT organization_id, 'pi_of_invoice', 'PENDING', '{}', 0, currency, id, received_at"
        " FROM payments"
    )
    till.refund(package)

    assert unknown.code == "not_refundable"
    assert till.call()["params"]["payment_intent"] == "pi_of_invoice"
    till.timetable.studio.rows("DELETE FROM payments WHERE stripe_key = 'pi_of_invoice'")


def test_an_invoice_that_several_payments_paid_is_left_to_stripes_dashboard(till: Till, now: Now) -> None:
    now.move_to(datetime.fromtimestamp(MONTHS[0], UTC))
    till.timetable.studio.rows(SUBSCRIPTION)
    till.timetable.studio.deliver(
        subscribed(), invoice(), *(invoice_payment("in_1", name, amount=900_000) for name in ("pi_a", "pi_b"))
    )
    package = int(till.timetable.studio.one("SELECT id FROM student_packages")["id"])

    ended = refused(till, till.ask(package))

    assert ended.code == "not_refundable"
    assert ended.problem
    assert "pi_a, pi_b" in ended.problem["detail"]
    assert "Stripe's dashboard" in ended.problem["detail"]


def test_a_charge_without_a_payment_intent_goes_back_by_its_own_name(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.studio.rows("UPDATE payments SET stripe_key = 'charge:ch_1'")

    ended = till.answer(till.refund(package, sessions=1).job)

    assert till.call()["params"] | {"metadata": {}} == {
        "charge": "ch_1",
        "amount": 100_000,
        "reason": "requested_by_customer",
        "metadata": {},
    }
    assert (ended.code, till.refunds()) == ("done", [(100_000, "SUCCEEDED", False)])
