"""The commands of one student, in the order in which they were accepted, whatever happens to one of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from psycopg.types.json import Jsonb

from db.transaction import transaction
from domain.inbox import job_retry
from tests.domain.booking.world import refuse, soon, told
from tests.timetable import Timetable
from worker import clock

pytestmark = pytest.mark.usefixtures("now")
QUARTER = timedelta(minutes=15)


def statuses(timetable: Timetable, *jobs: int) -> list[str]:
    return [timetable.outcome(job).status for job in jobs]


def broken(timetable: Timetable, student: str) -> int:
    """Store a command that fails by a fault each time it is tried: it lacks what the gateway would have asked for."""
    return timetable.ask("booking.book", student)


def mend(timetable: Timetable, job: int, session: int) -> None:
    said = Jsonb({"sessionId": session})
    timetable.studio.rows("UPDATE jobs SET request = %(said)s WHERE id = %(id)s", said=said, id=job)


def park(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    """Let commands that fail be tried until they are parked."""
    for _ in range(5):
        timetable.work()
        now.tick(timedelta(seconds=40))


def retry(timetable: Timetable, job: int) -> None:
    with transaction(timetable.engine) as session:
        assert job_retry.retry(session, [job], None, at=clock.now()) == {}


def test_more_commands_than_a_batch_take_effect_in_their_order(timetable: Timetable) -> None:
    package = timetable.buy("ada", "ELITE-30")
    sessions = [timetable.session(soon(3 + number)) for number in range(45)]
    jobs = [timetable.ask("booking.book", "ada", sessionId=each) for each in sessions]

    timetable.work()

    assert timetable.codes(jobs) == ["done"] * 30 + ["insufficient_credits"] * 15
    assert timetable.left(package) == [0]
    assert told(timetable, "ada") == ["booking.confirmed"] * 30
    booked = [timetable.outcome(job).booking["sessionId"] for job in jobs[:30]]
    assert booked == sessions[:30]


def test_commands_of_several_students_are_decided_in_the_order_of_all(timetable: Timetable) -> None:
    names = timetable.students(2, "EXPLORER-5")
    sessions = [timetable.session(soon(3 + number), capacity=1) for number in range(4)]

    jobs = [
        timetable.ask("booking.book", name, sessionId=session)
        for number, session in enumerate(sessions)
        for name in (names if number % 2 else reversed(names))
    ]
    timetable.work()

    assert timetable.codes(jobs) == ["done", "session_full"] * 4


def test_what_a_command_gives_back_pays_for_the_next_one_of_the_batch(timetable: Timetable) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    booked = timetable.book("ada", timetable.session(soon()))

    jobs = [
        timetable.ask("booking.book", "ada", sessionId=timetable.session(soon(4))),
        timetable.ask("booking.cancel", "ada", bookingId=booked.id),
        timetable.ask("booking.book", "ada", sessionId=timetable.session(soon(5))),
    ]
    timetable.work()

    assert timetable.codes(jobs) == ["insufficient_credits", "done", "done"]
    assert timetable.left(package) == [0]


def test_a_command_that_fails_keeps_the_later_ones_of_its_student_waiting_and_nobody_else(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    (eve,) = timetable.students(1)
    first, second = timetable.session(soon()), timetable.session(soon(4))
    failing = broken(timetable, "ada")
    later = timetable.ask("booking.book", "ada", sessionId=second)
    other = timetable.ask("booking.book", eve, sessionId=second)

    timetable.work()
    waiting = statuses(timetable, failing, later, other)
    mend(timetable, failing, first)
    now.tick(timedelta(seconds=3))
    timetable.work()

    assert waiting == ["QUEUED", "QUEUED", "SUCCEEDED"]
    assert timetable.codes([failing, later]) == ["done", "insufficient_credits"]
    assert timetable.left(package) == [0]
    assert (timetable.active(first), timetable.active(second)) == (1, 1)


def test_one_that_was_parked_lets_the_later_ones_through_and_is_done_when_it_is_retried(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    failing = broken(timetable, "ada")
    later = timetable.ask("booking.book", "ada", sessionId=timetable.session(soon(4)))

    park(timetable, now)
    parked = timetable.outcome(failing)
    mend(timetable, failing, session)
    now.tick(timedelta(hours=5))
    retry(timetable, failing)
    timetable.work()

    assert parked.code == "failed"
    assert timetable.codes([failing, later]) == ["done", "done"]
    assert timetable.active(session) == 1


def test_a_retried_command_whose_session_began_meanwhile_is_too_late(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(0, 9))
    failing = broken(timetable, "ada")
    park(timetable, now)
    mend(timetable, failing, session)
    now.tick(timedelta(hours=5))

    retry(timetable, failing)
    timetable.work()

    assert timetable.codes([failing]) == ["too_late"]
    assert timetable.active(session) == 0


def test_what_a_newer_version_asks_for_waits_and_keeps_what_is_behind_it(timetable: Timetable) -> None:
    timetable.buy("ada", "SINGLE-RIDE")
    first, second = timetable.session(soon()), timetable.session(soon(4))
    unknown = timetable.ask("booking.of_tomorrow", "ada", sessionId=first)
    behind = timetable.ask("booking.book", "ada", sessionId=second)
    before = timetable.ask("booking.book", "eve", sessionId=second)

    timetable.work()
    waiting = statuses(timetable, unknown, behind, before)
    timetable.studio.rows("UPDATE jobs SET kind = 'booking.book' WHERE id = %(id)s", id=unknown)
    timetable.work()

    assert waiting == ["QUEUED", "QUEUED", "FAILED"]
    assert timetable.codes([unknown, behind]) == ["done", "insufficient_credits"]


@pytest.mark.parametrize(("waited", "code"), [(QUARTER, "done"), (QUARTER + timedelta(seconds=1), "too_late")])
def test_a_command_that_was_not_begun_within_15_minutes_is_too_late(
    timetable: Timetable, now: FrozenDateTimeFactory, waited: timedelta, code: str
) -> None:
    timetable.buy("ada")
    booked, other = (timetable.book("ada", timetable.session(soon(days))) for days in (5, 7))
    jobs = [
        timetable.ask("booking.book", "ada", sessionId=timetable.session(soon())),
        timetable.ask("booking.change", "ada", bookingId=booked.id, sessionId=timetable.session(soon(6))),
        timetable.ask("booking.cancel", "ada", bookingId=other.id),
    ]
    now.tick(waited)

    timetable.work()

    assert timetable.codes(jobs) == [code] * 3


@pytest.mark.parametrize("kind", ["book", "change", "cancel"])
def test_a_command_whose_session_began_while_it_waited_is_too_late(
    timetable: Timetable, now: FrozenDateTimeFactory, kind: str
) -> None:
    timetable.buy("ada")
    now.tick(timedelta(minutes=50))
    later = timetable.book("ada", timetable.session(soon(5)))
    near = timetable.session(soon(0, 9))
    held = timetable.book("ada", near) if kind == "cancel" else later
    named: dict[str, Any] = {} if kind == "cancel" else {"sessionId": near}
    named |= {} if kind == "book" else {"bookingId": held.id}
    job = timetable.ask(f"booking.{kind}", "ada", **named)
    now.tick(timedelta(minutes=10))

    timetable.work()

    assert timetable.codes([job]) == ["too_late"]


def test_a_command_for_a_session_that_had_begun_is_told_so(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(0, 9))
    now.move_to(soon(0, 9))

    refused = refuse(timetable, "book", "ada", sessionId=session)

    assert refused.code == "session_started"


def test_a_batch_with_a_fault_in_it_is_done_again_without_what_it_had_written(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    jobs = [timetable.ask("booking.book", "ada", sessionId=timetable.session(soon()))]
    broken(timetable, "eve")

    timetable.work()

    assert timetable.codes(jobs) == ["done"]
    assert timetable.left(package) == [4]
    assert told(timetable, "ada") == ["booking.confirmed"]
    assert timetable.studio.count("bookings") == 1
