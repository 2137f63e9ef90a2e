"""A place that the waitlist gave, and a refund took again: it is offered on, and who had it is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.test_book import soon
from tests.domain.waitlist.lines import full, give_back
from tests.refunding import Till
from tests.timetable import Timetable

Now = FrozenDateTimeFactory


@pytest.fixture
def till(timetable: Timetable, now: Now) -> Till:
    return Till(timetable)


def promoted(till: Till, package: int) -> int:
    """Have bea promoted, whose package pays, with cleo behind her in the line; return the session."""
    session = full(till.timetable, "ada")
    till.timetable.join("bea", session)
    till.timetable.buy("cleo")
    till.timetable.join("cleo", session)
    give_back(till.timetable, session, "ada")
    assert (till.timetable.who(session), till.timetable.left(package)) == (["bea"], [4])
    return session


def test_a_promotion_whose_money_goes_back_is_offered_to_the_next_in_line(till: Till) -> None:
    package = till.timetable.buy("bea")
    session = promoted(till, package)

    job = till.refund(package).job
    during = till.timetable.who(session)
    till.answer(job)
    till.timetable.studio.deliver(till.told(job, kind="refund.created"), till.told(job))
    till.timetable.work()

    assert (during, till.timetable.who(session)) == (["bea"], ["cleo"])
    assert [status for _, status, _ in till.timetable.line(session)] == ["PROMOTED", "PROMOTED"]
    assert till.timetable.kinds("bea") == ["waitlist.promoted", "refund.done", "booking.cancelled"]
    assert till.timetable.studio.audit() == []


def test_a_promotion_by_what_is_in_use_goes_when_the_refund_is_ordered(till: Till, now: Now) -> None:
    package = till.timetable.buy("bea")
    till.timetable.book("bea", till.timetable.session(soon(1)))
    now.tick(timedelta(days=1, hours=2))
    session = full(till.timetable, "ada")
    till.timetable.join("bea", session)
    till.timetable.buy("cleo")
    till.timetable.join("cleo", session)
    give_back(till.timetable, session, "ada")

    job = till.refund(package).job
    till.timetable.work()
    offered = till.timetable.who(session)
    till.refuse(job)
    till.timetable.work()

    # What was offered on is not taken from whom it was given to.
    assert (offered, till.timetable.who(session)) == (["cleo"], ["cleo"])
    assert till.timetable.left(package) == [4]
    assert till.timetable.kinds("bea").count("booking.cancelled") == 1


def test_a_promotion_that_went_before_its_mail_is_told_as_gone_alone(till: Till) -> None:
    package = till.timetable.buy("bea")
    promoted(till, package)
    till.timetable.studio.rows("UPDATE students SET email = external_id || '@example.com'")

    till.answer(till.refund(package).job)
    till.timetable.studio.relay()

    sent = till.timetable.studio.rows(
        "SELECT n.kind, n.status FROM notifications n JOIN students s ON s.id = n.student_id"
        " WHERE s.external_id = 'bea' AND n.kind <> 'purchase.receipt' ORDER BY n.id"
    )
    assert [tuple(row.values()) for row in sent] == [
        ("waitlist.promoted", "VOID"),
        ("refund.done", "SENT"),
        ("booking.cancelled", "SENT"),
    ]


def test_whose_promotion_was_withdrawn_may_wait_and_be_promoted_there_again(till: Till) -> None:
    package = till.timetable.buy("bea")
    session = promoted(till, package)
    till.answer(till.refund(package).job)
    till.timetable.work()

    till.timetable.buy("bea")
    joined = till.timetable.join("bea", session).code
    give_back(till.timetable, session, "cleo")

    assert (joined, till.timetable.who(session)) == ("done", ["bea"])
