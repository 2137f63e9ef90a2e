"""Each invariant, broken by hand, is named by the audit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.audit.audit import rules
from tests.domain.booking.breaks import BREAKS_OF_BOOKINGS
from tests.domain.course.breaks import BREAKS_OF_COURSES
from tests.domain.desk.breaks import BREAKS_OF_DESK
from tests.domain.subscription.breaks import BREAKS_OF_SUBSCRIPTIONS
from tests.refunding import Till
from tests.stripe_objects import checkout, refund
from tests.studio import Studio
from tests.timetable import Timetable

USE = "INSERT INTO package_uses (organization_id, allowance_id, kind, credits, created_at) SELECT organization_id, id,"

BREAKS: dict[str, Sequence[str]] = {
    "ledger.not_negative": [f"{USE} 'SPEND', 6, now() FROM student_package_allowances WHERE credits = 5"],
    "ledger.adjusted": [
        """INSERT INTO package_uses (organization_id, allowance_id, kind, credits, reason, actor, created_at)
           SELECT organization_id, id, 'ADJUST', 1, ' ', 'ADMIN desk', now() FROM student_package_allowances"""
    ],
    "ledger.balances": [
        f"{USE} 'SPEND', 6, now() FROM student_package_allowances WHERE credits = 5",
        f"{USE} 'RETURN', -1, now() FROM student_package_allowances WHERE credits = 5",
    ],
    "ledger.own_organization": [
        f"{USE} 'SPEND', 1, now() FROM student_package_allowances WHERE credits = 5",
        "UPDATE package_uses SET organization_id = 3 - organization_id WHERE refund_id IS NULL",
    ],
    "student.merged_once": ["UPDATE students SET merged_into = id WHERE id = 1"],
    "student.merged_has_nothing": [
        "INSERT INTO students (organization_id, external_id, created_at) VALUES (1, 'other', now())",
        "UPDATE students SET merged_into = (SELECT max(id) FROM students) WHERE id = 1",
    ],
    "payment.one_order": [
        "UPDATE orders SET package_metadata = jsonb_set(package_metadata, '{total_sessions}', '7') WHERE id = 1"
    ],
    "payment.unpaid_grants_nothing": ["UPDATE orders SET status = 'PENDING', paid = 0 WHERE id = 1"],
    "payment.order_agrees": ["UPDATE orders SET paid = paid - 1 WHERE id = 1"],
    "package.one_per_unit": [
        "INSERT INTO students (organization_id, external_id, created_at) VALUES (1, 'thief', now())",
        "UPDATE student_packages SET student_id = (SELECT max(id) FROM students) WHERE id = 1",
    ],
    "drafts.are_credits": ["UPDATE bookings SET status = 'CANCELLED' WHERE id = 1"],
    "organization.apart": [
        """UPDATE student_packages k
              SET product_id = (SELECT max(id) FROM products d WHERE d.organization_id <> k.organization_id)
            WHERE id = 1"""
    ],
    "outbox.receipt": ["DELETE FROM notifications WHERE id = 1"],
    "outbox.fulfilled": ["UPDATE domain_events SET type = 'package.revoked' WHERE id = 1"],
    "outbox.sequence": ["UPDATE students SET event_sequence = 9 WHERE id = 1"],
    "inbox.alive": [
        """UPDATE stripe_events SET status = 'RECEIVED', finished_at = NULL, due_at = now() - interval '1 hour'
            WHERE id = 1"""
    ],
    "refund.takes_back": ["UPDATE refunds SET status = 'FAILED', finished_at = created_at"],
    "refund.whole_or_lines": ["UPDATE refunds SET is_whole = true"],
    "refund.whole_keeps": ["UPDATE refunds SET is_whole = true"],
    "refund.within_payment": ["UPDATE refunds SET amount = 500001"],
    "refund.asked_for": ["DELETE FROM stripe_calls"],
    "refund.follows_stripe": [
        "UPDATE refunds SET status = 'SUCCEEDED', finished_at = created_at, stripe_refund_id = 're_other'"
    ],
    "review.told": ["UPDATE domain_events SET type = 'order.other' WHERE type = 'order.needs_review'"],
    "payment.follows_facts": ["UPDATE payments SET amount_refunded = 1 WHERE id = 1"],
}


@pytest.fixture
def busy(studio: Studio) -> Studio:
    studio.deliver(
        checkout(payment="pi_1"),
        checkout("WELLNESS-3", payment="pi_2", org="thrive", amount=50_000, currency="usd"),
    )
    studio.deliver(refund("pi_1", amount=100))
    Till(Timetable(studio)).refund(1, sessions=1)
    return studio


def test_every_invariant_is_broken_here() -> None:
    broken = BREAKS.keys() | BREAKS_OF_BOOKINGS.keys() | BREAKS_OF_DESK.keys() | BREAKS_OF_COURSES.keys()
    broken |= BREAKS_OF_SUBSCRIPTIONS.keys()

    assert {rule.name for rule in rules()} == broken


def test_a_studio_as_it_should_be_violates_nothing(busy: Studio) -> None:
    assert busy.audit() == []


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_named(busy: Studio, name: str) -> None:
    for statement in BREAKS[name]:
        busy.rows(statement)

    assert name in {violation.split(":")[0] for violation in busy.audit()}
