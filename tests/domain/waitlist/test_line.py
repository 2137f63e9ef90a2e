"""Waiting for a full session: joined, left, closed, and a free place kept for who waits."""

from __future__ import annotations

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory

from db.transaction import transaction
from domain.waitlist.calling import call_uncalled
from domain.waitlist.closing import close_lines
from tests.domain.booking.world import refuse_waiting, soon
from tests.domain.waitlist.lines import full, give_back
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS


def test_whoever_asked_before_the_start_is_told_that_it_was_begun_too_late(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada")
    now.tick(timedelta(days=3, minutes=55))
    job = timetable.ask("waitlist.join", "grace", sessionId=session)
    now.tick(timedelta(minutes=10))

    timetable.work()

    assert timetable.outcome(job).code == "too_late"


def test_a_free_place_is_kept_for_the_line_until_it_was_called(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    timetable.buy("quick")
    booking = timetable.studio.one("SELECT id FROM bookings WHERE session_id = %(id)s", id=session)["id"]
    jobs = [
        timetable.ask("booking.cancel", "ada", bookingId=booking),
        timetable.ask("booking.book", "quick", sessionId=session),
    ]

    timetable.work()

    assert timetable.codes(jobs) == ["done", "session_full"]
    assert timetable.who(session) == ["grace"]


def test_whoever_waits_may_take_a_free_place_that_nobody_before_them_waits_for(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.join("grace", session)
    give_back(timetable, session, "ada")
    timetable.buy("grace")

    booked = timetable.book("grace", session)

    assert booked.code == "done"
    assert timetable.line(session) == [("grace", "CLOSED", "booked")]


def test_leaving_the_line_ends_the_wait(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)

    left = timetable.leave("grace", session)

    assert left.result
    assert left.result["waitlistEntry"]["status"] == "LEFT"
    give_back(timetable, session, "ada")
    assert timetable.who(session) == []
    assert timetable.leave("grace", session).code == "not_found"


def test_who_joins_anew_stands_at_the_end(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    for student in ("bea", "cleo"):
        timetable.buy(student)
        timetable.join(student, session)
    timetable.leave("bea", session)

    again = timetable.join("bea", session)

    assert again.result
    assert again.result["waitlistEntry"]["position"] == 2


def test_a_line_is_for_a_full_group_session_that_is_ahead(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    free, private = timetable.session(soon()), timetable.session(soon(4), service="PRIVATE", capacity=1)
    course = timetable.session(soon(5), service="COURSE", capacity=1)
    session = full(timetable, "bea")

    codes = {name: refuse_waiting(timetable, "ada", each) for name, each in {
        "free": free, "private": private, "course": course, "nowhere": 999_999,
    }.items()}  # fmt: skip

    assert codes == {
        "free": "session_not_full",
        "private": "validation_failed",
        "course": "enrollment_required",
        "nowhere": "not_found",
    }
    assert refuse_waiting(timetable, "bea", session) == "already_booked"
    timetable.join("ada", session)
    assert refuse_waiting(timetable, "ada", session) == "already_waiting"
    now.move_to(soon() - timedelta(hours=2))
    assert refuse_waiting(timetable, "cleo", session) == "waitlist_closed"
    now.move_to(soon())
    assert refuse_waiting(timetable, "cleo", session) == "session_started"


def test_another_seat_may_be_taken_though_others_wait(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), capacity=2, seats=[1, 1, 1])
    first, _, third = timetable.seats(session)
    booked = timetable.book("ada", session, seatId=first)
    timetable.buy("bea")
    timetable.book("bea", session)
    timetable.buy("grace")
    timetable.join("grace", session)

    changed = timetable.change("ada", booked.id, seatId=third)

    assert changed.code == "done"
    assert timetable.line(session) == [("grace", "WAITING", None)]


def test_what_can_bring_no_place_any_more_is_closed_by_the_clock(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada")
    timetable.join("grace", session)
    timetable.join("bea", session, autoBookUntil=(soon() - timedelta(days=1)).isoformat())

    for moment in (soon() - timedelta(days=1), soon() - timedelta(hours=2)):
        now.move_to(moment)
        with transaction(timetable.engine) as own:
            close_lines(own, at=clock.now())

    assert timetable.line(session) == [("grace", "CLOSED", "cut_off"), ("bea", "CLOSED", "auto_book_until")]
    with transaction(timetable.engine) as own:
        assert close_lines(own, at=clock.now()) == 0


def test_a_line_that_nobody_called_is_called_by_the_clock(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), capacity=2, seats=[1])
    timetable.book("ada", session)
    timetable.buy("grace")
    timetable.join("grace", session)
    timetable.studio.rows(
        "INSERT INTO seats (organization_id, group_class_id, position, label)"
        " SELECT organization_id, group_class_id, 2, 'new' FROM class_sessions WHERE id = %(id)s",
        id=session,
    )
    assert timetable.studio.audit() == [f"waitlist.called: session {session}"]

    with transaction(timetable.engine) as own:
        assert call_uncalled(own, at=clock.now()) == 1
        assert call_uncalled(own, at=clock.now()) == 0
    timetable.work()

    assert timetable.who(session) == ["ada", "grace"]
    assert timetable.studio.audit() == []


def test_a_line_is_left_and_joined_anew_in_one_batch(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.join("grace", session)
    jobs = [timetable.ask(kind, "grace", sessionId=session) for kind in ("waitlist.leave", "waitlist.join")]

    assert drain_batch(JOBS, timetable.engine) == 2

    assert timetable.codes(jobs) == ["done", "done"]
    assert timetable.line(session) == [("grace", "LEFT", None), ("grace", "WAITING", None)]


def test_a_call_that_was_parked_is_seen_by_the_audit(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    booking = timetable.studio.one("SELECT id FROM bookings WHERE session_id = %(id)s", id=session)["id"]
    timetable.ask("booking.cancel", "ada", bookingId=booking)
    drain_batch(JOBS, timetable.engine)
    assert timetable.studio.audit() == []

    timetable.studio.rows(
        "UPDATE jobs SET status = 'FAILED', error_code = 'failed', problem = '{}', finished_at = received_at"
        " WHERE kind = 'waitlist.promote'"
    )

    assert timetable.studio.audit() == [f"waitlist.called: session {session}"]
    with transaction(timetable.engine) as own:
        assert call_uncalled(own, at=clock.now()) == 0
