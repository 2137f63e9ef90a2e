"""Corrections and merges that race bookings and purchases on real connections."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from db.models import Base
from db.transaction import transaction
from domain.desk.merge import Merge, merge
from tests.races.bookings import INBOXES, SINGLY, hourly, soon
from tests.stripe_objects import checkout
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS
from worker.stripe_inbox import STRIPE_EVENTS


def adjustments(timetable: Timetable, package: int, credits: int, number: int) -> list[tuple[str, dict[str, Any]]]:
    (allowance,) = timetable.lines(package)
    said = {"packageId": package, "allowanceId": allowance, "credits": credits, "reason": "a mistake"}
    return [("ada", said)] * number


def join(timetable: Timetable, source: str, into: str) -> None:
    """Merge, again where another transaction was in the way."""
    for _ in range(10):
        try:
            with transaction(timetable.engine) as session:
                wanted = Merge(source, into, "ADMIN desk")
                merge(session, timetable.organization("lumen"), wanted, at=clock.now())
        except psycopg.OperationalError:
            continue
        return
    raise AssertionError("something is always in the way of the merge")


def left_behind(timetable: Timetable, name: str) -> set[str]:
    """Return the tables in which something belongs to a student of that very name, commands that were done aside."""
    return {
        table.name
        for table in Base.metadata.sorted_tables
        if "student_id" in table.c
        and timetable.studio.rows(
            f"SELECT 1 FROM {table.name} x JOIN students s ON s.id = x.student_id WHERE s.external_id = %(name)s"
            + (" AND x.status = 'QUEUED'" if table.name == "jobs" else ""),
            name=name,
        )
    }


def finish(timetable: Timetable) -> None:
    """Do what came in to the end."""
    while drain_batch(STRIPE_EVENTS, timetable.engine) or drain_batch(JOBS, timetable.engine):
        pass


@INBOXES
def test_twenty_take_from_five_credits_while_bookings_spend_them(timetable: Timetable, inbox: Any) -> None:
    package = timetable.buy("ada")
    asked = [("booking.book", ("ada", {"sessionId": session})) for session in hourly(timetable, 10)]
    asked += [("package.adjust", each) for each in adjustments(timetable, package, -1, 20)]
    asked.sort(key=lambda each: str(each[1][1].get("sessionId", 5)))
    jobs = [timetable.ask_all(kind, [each])[0] for kind, each in asked]

    assert timetable.crowd(inbox) == []

    assert Counter(timetable.codes(jobs)) == {"done": 5, "insufficient_credits": 25}
    assert timetable.left(package) == [0]
    assert timetable.studio.audit() == []


def test_what_is_given_while_bookings_wait_for_it_is_spent_once(timetable: Timetable) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    sessions = hourly(timetable, 12)
    jobs = list[int]()

    def come_in() -> None:
        for number, session in enumerate(sessions):
            jobs.extend(timetable.ask_all("booking.book", [("ada", {"sessionId": session})]))
            if number % 3 == 0:
                timetable.ask_all("package.adjust", adjustments(timetable, package, 1, 1))

    assert timetable.crowd(SINGLY, meanwhile=[come_in]) == []

    # One that was sold, and four that were given, each before a booking that follows it.
    assert Counter(timetable.codes(jobs)) == {"done": 5, "insufficient_credits": 7}
    assert timetable.left(package) == [0]
    assert timetable.studio.audit() == []


@pytest.mark.parametrize("round_", range(4))
def test_two_students_are_made_one_while_both_book(timetable: Timetable, round_: int) -> None:
    for name in ("ada", "old"):
        timetable.buy(name, "CORE-10")
    sessions = hourly(timetable, 12, capacity=3)
    timetable.book("old", timetable.session(soon(5)), packageId=None)
    # Of the sessions that follow each other one is the one's and one the other's.
    asked = [(("ada", "old")[number % 2], {"sessionId": session}) for number, session in enumerate(sessions)]
    first = timetable.ask_all("booking.book", asked[:4])
    later = list[int]()

    def come_in() -> None:
        for each in asked[4:]:
            later.extend(timetable.ask_all("booking.book", [each]))

    merging = [come_in, lambda: join(timetable, "old", "ada")]
    faults = timetable.crowd(SINGLY, workers=4, meanwhile=merging)
    finish(timetable)

    assert [fault for fault in faults if not isinstance(fault, psycopg.OperationalError)] == []
    assert Counter(timetable.codes([*first, *later])) == {"done": 12}
    assert left_behind(timetable, "old") == {"domain_events"}
    assert timetable.studio.audit() == []


@pytest.mark.parametrize("round_", range(4))
def test_a_purchase_of_who_is_merged_at_this_moment_goes_to_the_other(timetable: Timetable, round_: int) -> None:
    timetable.student("ada")
    timetable.buy("old")
    told: dict[str, Any] = {"amount": 150_000, "currency": "try", "org": "lumen", "email": None}
    names: list[dict[str, Any]] = [
        {"student": "old"},
        {"student": "old", "customer": "cus_1"},
        {"student": None, "customer": "cus_1"},
    ]
    events = [
        checkout("SINGLE-RIDE", payment=f"pi_{round_}_{number}", **told, **names[number % 3]) for number in range(12)
    ]

    def buy() -> None:
        for each in events:
            timetable.studio.receive(each)
            drain_batch(STRIPE_EVENTS, timetable.engine)

    faults = timetable.crowd(workers=1, meanwhile=[buy, lambda: join(timetable, "old", "ada")])
    timetable.studio.rows("UPDATE stripe_events SET due_at = %(at)s WHERE status = 'RECEIVED'", at=clock.now())
    finish(timetable)

    assert [fault for fault in faults if not isinstance(fault, psycopg.OperationalError)] == []
    assert left_behind(timetable, "old") == {"domain_events"}
    assert timetable.studio.packages() == [("EXPLORER-5", "ada"), *[("SINGLE-RIDE", "ada")] * 12]
    assert timetable.studio.audit() == []


@pytest.mark.parametrize(
    "who",
    [{"student": "old"}, {"student": "old", "customer": "cus_2"}, {"student": None, "email": "old@example.com"}],
    ids=["by name", "with a customer", "by address"],
)
def test_a_purchase_that_found_them_before_they_were_merged_follows(timetable: Timetable, who: dict[str, Any]) -> None:
    timetable.student("ada")
    told: dict[str, Any] = {"amount": 150_000, "currency": "try", "org": "lumen"} | ({"email": None} | who)
    timetable.studio.deliver(checkout("SINGLE-RIDE", payment="pi_first", **told))

    with ThreadPoolExecutor(1) as pool, transaction(timetable.engine) as merging:
        source = who["student"] or who["email"]
        merge(merging, timetable.organization("lumen"), Merge(source, "ada", "ADMIN desk"), at=clock.now())
        timetable.studio.receive(checkout("SINGLE-RIDE", payment="pi_second", **told))
        buying = pool.submit(drain_batch, STRIPE_EVENTS, timetable.engine)
        with pytest.raises(TimeoutError):
            buying.result(timeout=0.3)
        merging.commit()
        assert buying.result(timeout=5) == 1

    assert timetable.studio.packages() == [("SINGLE-RIDE", "ada")] * 2
    assert timetable.studio.audit() == []


def test_an_order_that_is_paid_while_it_changes_hands_is_granted_to_the_other(timetable: Timetable) -> None:
    timetable.student("ada")
    told: dict[str, Any] = {"amount": 150_000, "currency": "try", "org": "lumen", "email": None, "customer": "cus_1"}
    late: dict[str, Any] = told | {"payment": "pi_late", "student": None}
    timetable.studio.deliver(checkout("SINGLE-RIDE", payment="pi_first", student="old", **told))
    timetable.studio.deliver(checkout("SINGLE-RIDE", **late, paid="unpaid"))
    success = checkout("SINGLE-RIDE", **late, kind="checkout.session.async_payment_succeeded")

    with ThreadPoolExecutor(1) as pool, transaction(timetable.engine) as merging:
        merge(merging, timetable.organization("lumen"), Merge("old", "ada", "ADMIN desk"), at=clock.now())
        timetable.studio.receive(success)
        paying = pool.submit(drain_batch, STRIPE_EVENTS, timetable.engine)
        with pytest.raises(TimeoutError):
            paying.result(timeout=0.3)
        merging.commit()
        assert paying.result(timeout=5) == 1

    assert timetable.studio.packages() == [("SINGLE-RIDE", "ada")] * 2
    assert left_behind(timetable, "old") == {"domain_events"}
    assert timetable.studio.audit() == []


def test_a_command_that_comes_in_while_they_are_merged_is_done_for_the_other(timetable: Timetable) -> None:
    timetable.student("ada")
    package = timetable.buy("old")
    booked = timetable.book("old", timetable.session(soon()))

    with ThreadPoolExecutor(2) as pool, transaction(timetable.engine) as merging:
        merge(merging, timetable.organization("lumen"), Merge("old", "ada", "ADMIN desk"), at=clock.now())
        # It is of a student who cannot be referred to at this moment.
        asking = pool.submit(timetable.ask, "booking.cancel", "old", bookingId=booked.id)
        with pytest.raises(TimeoutError):
            asking.result(timeout=0.3)
        merging.commit()
        job = asking.result(timeout=5)
    timetable.work()

    assert timetable.outcome(job).code == "done"
    assert timetable.left(package) == [5]
    assert left_behind(timetable, "old") == {"domain_events"}
    assert timetable.studio.audit() == []


def test_two_who_are_merged_into_each_other_at_once_end_in_one(timetable: Timetable) -> None:
    for name in ("ada", "old"):
        timetable.buy(name)
    # Somebody is busy with both: the two who merge wait behind them, and for each other.
    timetable.book("ada", timetable.session(soon()))
    timetable.book("old", timetable.session(soon() + timedelta(hours=2)))

    ways = [lambda: join(timetable, "old", "ada"), lambda: join(timetable, "ada", "old")]
    faults = timetable.crowd(workers=1, meanwhile=ways)

    assert len(faults) == 1
    assert [row["n"] for row in timetable.studio.rows("SELECT count(merged_into) AS n FROM students")] == [1]
    assert timetable.studio.audit() == []
