"""What becomes of refunds and of what staff must look at follows from the set of facts, in whatever order they come."""

from __future__ import annotations

from itertools import permutations

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.test_book import soon
from tests.refunding import Till
from tests.stripe_objects import Event, charge, checkout, dispute, intent, refund
from tests.timetable import Timetable

Now = FrozenDateTimeFactory


@pytest.fixture
def till(timetable: Timetable, now: Now) -> Till:
    return Till(timetable)


def state(till: Till, package: int) -> tuple[object, ...]:
    """Return all that must be the same whatever came first."""
    refunds = till.timetable.studio.rows("SELECT amount, status, stripe_refund_id, last_error FROM refunds ORDER BY id")
    reviews = [(kind, about) for kind, about, _ in till.reviews()]
    ledger = (sorted(till.taken()), till.timetable.left(package), till.drafts(package))
    return [tuple(row.values()) for row in refunds], reviews, ledger, till.status(package)


# The answer and the webhook.


def test_a_webhook_before_the_answer_changes_nothing_about_the_end(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)

    till.timetable.studio.deliver(till.told(waiting.job))
    before = state(till, package)
    ended = till.answer(waiting.job)

    assert ended.code == "done"
    assert state(till, package) == before
    assert till.refunds() == [(200_000, "SUCCEEDED", False)]


def test_a_webhook_after_the_answer_changes_nothing(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.answer(waiting.job)
    before = state(till, package)

    till.timetable.studio.deliver(till.told(waiting.job, kind="refund.created"), till.told(waiting.job))

    assert state(till, package) == before
    assert till.timetable.kinds("ada") == ["refund.done"]


def test_a_pending_refund_ends_its_command_and_is_done_later(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)

    ended = till.answer(waiting.job, status="pending")
    during = till.refunds()
    till.timetable.studio.deliver(till.told(waiting.job))

    assert ended.result
    assert ended.result["refund"]["status"] == "REQUESTED"
    assert (during, till.refunds()) == ([(200_000, "REQUESTED", False)], [(200_000, "SUCCEEDED", False)])


def test_a_whole_refund_revokes_what_was_bought(till: Till) -> None:
    package = till.timetable.buy("ada")
    ahead = till.timetable.book("ada", till.timetable.session(soon(3)))

    till.answer(till.refund(package).job)

    assert till.status(package) == "REFUNDED"
    assert till.timetable.booking(ahead.id)["status"] == "CANCELLED"
    assert till.reviews() == []


def test_what_stripe_refuses_is_there_again(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)

    ended = till.refuse(waiting.job, reason="Charge ch_1 has been disputed.")

    assert (ended.status, ended.code) == ("FAILED", "stripe_refused")
    assert ended.problem
    assert ended.problem["detail"].startswith("Charge ch_1 has been disputed. ")
    assert (till.refunds(), till.taken(), till.timetable.left(package)) == (
        [(200_000, "FAILED", False)],
        [2, -2],
        [5],
    )
    # What failed does not count: the next one is worth the same.
    till.refund(package, sessions=2)
    assert till.refunds()[-1] == (200_000, "REQUESTED", False)


def test_what_stripe_did_though_it_was_refused_is_put_before_staff(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.refuse(waiting.job, code="stripe_unavailable", reason="It did not answer for three days.")

    till.timetable.studio.deliver(till.told(waiting.job))

    assert till.timetable.outcome(waiting.job).code == "stripe_unavailable"
    assert (till.refunds(), till.timetable.left(package)) == ([(200_000, "FAILED", False)], [5])
    assert [kind for kind, *_ in till.reviews()] == ["PARTIAL_REFUND"]


def test_a_refusal_after_the_webhook_ends_as_the_webhook_says(till: Till) -> None:
    package = till.timetable.buy("ada")
    waiting = till.refund(package, sessions=2)
    till.timetable.studio.deliver(till.told(waiting.job))

    ended = till.refuse(waiting.job)

    assert (ended.code, till.refunds(), till.taken()) == ("done", [(200_000, "SUCCEEDED", False)], [2])


def test_a_refund_that_fails_in_the_answer_fails_its_command(till: Till) -> None:
    package = till.timetable.buy("ada")

    ended = till.answer(till.refund(package, sessions=2).job, status="failed")

    assert ended.code == "stripe_refused"
    assert (till.refunds(), till.timetable.left(package)) == ([(200_000, "FAILED", False)], [5])


def test_a_refund_that_failed_later_gives_back_once(till: Till) -> None:
    package = till.timetable.buy("ada", "WELLNESS-3")
    waiting = till.refund(package, sessions=2)
    till.answer(waiting.job)

    failed = till.told(waiting.job, "failed", "refund.failed")
    till.timetable.studio.deliver(failed, till.told(waiting.job, "failed"), till.told(waiting.job))

    assert (till.taken(), till.timetable.left(package), till.drafts(package)) == ([2, -2], [3], 3)
    assert till.reviews() == [("REFUND_FAILED", f"re_ours_{till.call(waiting.job)['refund_id']}", True)]
    assert till.status(package) == "PAID"


def test_what_nobody_heard_of_any_more_is_there_again(till: Till) -> None:
    package = till.timetable.buy("ada")

    ended = till.refuse(till.refund(package, sessions=2).job, code="worker_lost", reason="the process died")

    assert (ended.code, till.timetable.left(package)) == ("stripe_unavailable", [5])


# What staff must look at.


def test_a_part_refunded_in_stripes_dashboard_is_put_before_staff_once(till: Till) -> None:
    till.timetable.studio.rows("UPDATE organizations SET staff_email = 'desk@lumen.example'")
    package = till.timetable.buy("ada")
    back = refund(till.payment(package), amount=100_000, refund_id="re_dash")

    till.timetable.studio.deliver(back, refund(till.payment(package), amount=100_000, refund_id="re_dash"))

    assert till.reviews() == [("PARTIAL_REFUND", "re_dash", True)]
    review = till.timetable.studio.one("SELECT id, order_id FROM order_reviews")
    mail = till.timetable.studio.one("SELECT * FROM notifications WHERE kind = 'order.review'")
    assert (mail["student_id"], mail["order_id"]) == (None, review["order_id"])
    assert mail["dedupe_key"] == f"review:{review['id']}"
    told = till.timetable.studio.one("SELECT data FROM domain_events WHERE type = 'order.needs_review'")
    assert told["data"] == {
        "orderId": review["order_id"],
        "studentId": "ada",
        "reviewId": review["id"],
        "kind": "PARTIAL_REFUND",
    }


def test_nobody_is_written_to_where_staff_have_no_address(till: Till) -> None:
    package = till.timetable.buy("ada")

    till.timetable.studio.deliver(refund(till.payment(package), amount=100_000))

    assert till.timetable.studio.rows("SELECT 1 FROM notifications WHERE kind = 'order.review'") == []
    assert len(till.reviews()) == 1


def test_what_is_no_longer_so_leaves_the_list_and_what_was_settled_stays(till: Till) -> None:
    package = till.timetable.buy("ada")
    payment = till.payment(package)
    till.timetable.studio.deliver(refund(payment, amount=100_000, refund_id="re_a"))
    till.timetable.studio.rows("UPDATE order_reviews SET resolved_at = created_at, resolved_by = 'STAFF desk'")
    till.timetable.studio.deliver(refund(payment, amount=100_000, refund_id="re_b"))

    till.timetable.studio.deliver(refund(payment, amount=300_000, refund_id="re_c"))

    assert till.reviews() == [("PARTIAL_REFUND", "re_a", False)]


def test_a_dispute_is_put_before_staff_and_an_inquiry_is_not(till: Till) -> None:
    package = till.timetable.buy("ada")
    payment = till.payment(package)
    till.timetable.studio.deliver(dispute(payment, status="warning_needs_response"))
    before = till.reviews()

    till.timetable.studio.deliver(dispute(payment))

    assert before == []
    assert till.reviews() == [("DISPUTED", f"dp_of_{payment}", True)]


@pytest.mark.parametrize("policy", ["REVIEW", "UNUSED_ONLY"])
@pytest.mark.parametrize("how", ["refund", "dispute"])
def test_what_went_back_after_it_was_used_is_put_before_staff_where_the_product_says_so(
    till: Till, now: Now, policy: str, how: str
) -> None:
    till.policy("EXPLORER-5", policy)
    package = till.timetable.buy("ada")
    till.timetable.book("ada", till.timetable.session(soon(1)))
    now.move_to(soon(2))
    payment = till.payment(package)

    lost = dispute(payment, status="lost", kind="charge.dispute.closed")
    till.timetable.studio.deliver(refund(payment) if how == "refund" else lost)

    noted = [about for kind, about, _ in till.reviews() if kind == "CONSUMED"]
    assert noted == ([payment] if policy == "REVIEW" else [])


# Every order of the facts.


def stories(till: Till, job: int, payment: str) -> dict[str, list[Event]]:
    listed = refund(payment, amount=50_000, refund_id="re_dash")
    ours = till.told(job)
    return {
        "ours fails": [
            intent(payment, org="lumen"),
            till.told(job, "pending", "refund.created"),
            till.told(job),
            till.told(job, "failed", "refund.failed"),
            refund(payment, amount=50_000, refund_id="re_dash"),
        ],
        "ours stands, part in the dashboard, the charge, a dispute lost": [
            till.told(job, "pending", "refund.created"),
            till.told(job),
            refund(payment, amount=50_000, refund_id="re_dash"),
            charge(payment, refunded=250_000, listed=[listed, ours]),
            dispute(payment, status="lost", kind="charge.dispute.closed"),
        ],
        "all the rest in the dashboard, of which a part fails": [
            till.told(job),
            refund(payment, amount=50_000, refund_id="re_dash"),
            refund(payment, amount=250_000, refund_id="re_rest"),
            refund(payment, amount=250_000, refund_id="re_rest", status="failed", kind="refund.failed"),
            dispute(payment),
        ],
    }


# What our refund ends as, what staff must look at, the credits that are left, and where the order stands.
STORIES: dict[str, tuple[str, list[str], list[int], str]] = {
    "ours fails": ("FAILED", ["PARTIAL_REFUND", "REFUND_FAILED"], [5], "PARTIALLY_REFUNDED"),
    "ours stands, part in the dashboard, the charge, a dispute lost": (
        "SUCCEEDED",
        ["DISPUTED", "PARTIAL_REFUND"],
        [3],
        "PARTIALLY_REFUNDED",
    ),
    "all the rest in the dashboard, of which a part fails": (
        "SUCCEEDED",
        ["DISPUTED", "PARTIAL_REFUND", "REFUND_FAILED"],
        [3],
        "PARTIALLY_REFUNDED",
    ),
}
AGAIN = (
    "TRUNCATE stripe_events, payments, orders, students, stripe_customers, student_packages, jobs, refunds,"
    " student_package_allowances, package_uses, bookings, notifications, domain_events, stripe_calls RESTART IDENTITY"
    " CASCADE"
)


@pytest.mark.parametrize("story", STORIES)
def test_every_order_of_the_facts_ends_in_one_state(till: Till, story: str) -> None:
    studio = till.timetable.studio

    for number, order in enumerate(permutations(range(5))):
        studio.rows(AGAIN)
        package = till.timetable.buy("ada")
        job = till.refund(package, sessions=2).job
        events = stories(till, job, till.payment(package))[story]
        for place in order:
            studio.receive(events[place])
            # Every other order is drained as one batch.
            if number % 2:
                studio.drain()
        studio.drain()
        if number % 3:
            till.answer(job)
        said = [status for _, status, _ in till.refunds()], [kind for kind, *_ in till.reviews()]
        end = (*said[0], said[1], till.timetable.left(package), till.status(package))
        assert end == STORIES[story], order
        assert sorted(till.taken()) == ([-2, 2] if end[0] == "FAILED" else [2])
        assert [each for each in studio.audit() if not each.startswith("inbox.alive")] == [], order


def test_the_dashboards_refund_before_its_purchase_ends_the_same(till: Till) -> None:
    studio, ends = till.timetable.studio, []
    events = [
        checkout(),
        intent(),
        refund(amount=100_000, refund_id="re_dash"),
        refund(amount=100_000, refund_id="re_gone", status="failed", kind="refund.failed"),
        dispute(),
    ]

    for order in permutations(events):
        studio.rows(AGAIN)
        for each in order:
            studio.deliver(each)
        studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
        studio.drain()
        ends.append(till.reviews())
        assert [each for each in studio.audit() if not each.startswith("inbox.alive")] == []

    assert all(end == ends[0] for end in ends)
    assert [kind for kind, *_ in ends[0]] == ["DISPUTED", "PARTIAL_REFUND", "REFUND_FAILED"]
