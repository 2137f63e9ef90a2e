"""Waiting for a full session: joined, left, and booked in turn when a place comes free."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy.orm import Session

from db.transaction import Rows, fetch, transaction
from domain.waitlist import promotion
from domain.waitlist.calling import call_uncalled
from domain.waitlist.closing import close_lines
from tests.domain.booking.world import line, refuse_waiting, sell, soon
from tests.domain.desk.merging import joined
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS


def full(timetable: Timetable, *students: str, capacity: int | None = None, **session: object) -> int:
    """Return a session in which the students named have all the places."""
    wanted = timetable.session(soon(), capacity=capacity or len(students), **session)  # type: ignore[arg-type]
    for student in students:
        timetable.buy(student)
        assert timetable.book(student, wanted).code == "done"
    return wanted


def give_back(timetable: Timetable, session: int, student: str) -> None:
    """Have a student give up their place, and the line be called."""
    row = timetable.studio.one(
        "SELECT b.id FROM bookings b JOIN students s ON s.id = b.student_id WHERE b.session_id = %(wanted)s"
        " AND s.external_id = %(student)s AND b.place IS NOT NULL AND b.guest_of IS NULL",
        wanted=session,
        student=student,
    )
    assert timetable.cancel(student, row["id"]).code == "done"
    timetable.work()


def test_who_waits_gets_the_place_that_comes_free(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    package = timetable.buy("grace")
    joined = timetable.join("grace", session)
    assert joined.result
    assert joined.result["waitlistEntry"] | {"id": 1, "joinedAt": ""} == {
        "id": 1,
        "sessionId": session,
        "status": "WAITING",
        "position": 1,
        "joinedAt": "",
    }

    give_back(timetable, session, "ada")

    assert timetable.line(session) == [("grace", "PROMOTED", None)]
    assert timetable.who(session) == ["grace"]
    assert timetable.left(package) == [4]
    assert timetable.studio.audit() == []


def test_the_first_in_line_comes_first(timetable: Timetable) -> None:
    session = full(timetable, "ada", "bea")
    for student in ("cleo", "dora", "emma"):
        timetable.buy(student)
        timetable.join(student, session)

    give_back(timetable, session, "ada")
    assert timetable.who(session) == ["bea", "cleo"]
    give_back(timetable, session, "bea")

    assert timetable.who(session) == ["cleo", "dora"]
    assert timetable.line(session)[-1] == ("emma", "WAITING", None)


def test_who_cannot_pay_is_skipped_and_told_and_stays_in_line(timetable: Timetable) -> None:
    session = full(timetable, "ada", "bea")
    timetable.join("poor", session)
    timetable.buy("rich")
    timetable.join("rich", session)

    give_back(timetable, session, "ada")

    assert timetable.line(session) == [("poor", "SKIPPED", "insufficient_credits"), ("rich", "PROMOTED", None)]
    assert timetable.kinds("poor") == ["waitlist.skipped"]
    timetable.buy("poor")
    give_back(timetable, session, "bea")
    assert timetable.who(session) == ["poor", "rich"]
    assert timetable.studio.audit() == []


def test_whoever_asked_before_the_start_is_told_that_it_was_begun_too_late(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada")
    now.tick(timedelta(days=3, minutes=55))
    job = timetable.ask("waitlist.join", "grace", sessionId=session)
    now.tick(timedelta(minutes=10))

    timetable.work()

    assert timetable.outcome(job).code == "too_late"


def test_a_student_who_was_skipped_is_told_once(timetable: Timetable) -> None:
    session = full(timetable, "ada", "bea")
    timetable.join("poor", session)

    give_back(timetable, session, "ada")
    give_back(timetable, session, "bea")

    assert timetable.kinds("poor") == ["waitlist.skipped"]
    assert timetable.line(session) == [("poor", "SKIPPED", "insufficient_credits")]


def test_who_is_elsewhere_at_that_time_is_skipped(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    other = timetable.session(soon() + timedelta(minutes=30))
    timetable.buy("grace")
    timetable.join("grace", session)
    timetable.book("grace", other)

    give_back(timetable, session, "ada")

    assert timetable.line(session) == [("grace", "SKIPPED", "time_conflict")]


def test_a_pass_pays_one_promotion_a_day(timetable: Timetable) -> None:
    morning, evening = full(timetable, "ada"), timetable.session(soon(3, 15), capacity=1)
    timetable.buy("bea")
    timetable.book("bea", evening)
    timetable.buy("grace", "ALL-ACCESS-30")
    for session in (morning, evening):
        timetable.join("grace", session)

    give_back(timetable, morning, "ada")
    give_back(timetable, evening, "bea")

    assert timetable.line(morning) == [("grace", "PROMOTED", None)]
    assert timetable.line(evening) == [("grace", "SKIPPED", "all_access_used_today")]
    assert timetable.studio.audit() == []


def test_a_promotion_withdraws_the_other_waits_at_that_time_and_no_others(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    overlapping = timetable.session(soon() + timedelta(minutes=15), capacity=1)
    later = timetable.session(soon() + timedelta(hours=5), capacity=1)
    for other, student in ((overlapping, "bea"), (later, "cleo")):
        timetable.buy(student)
        timetable.book(student, other)
    timetable.buy("grace")
    for each in (overlapping, later, session):
        assert timetable.join("grace", each).code == "done"

    give_back(timetable, session, "ada")

    assert timetable.line(overlapping) == [("grace", "CLOSED", "overlap")]
    assert timetable.line(later) == [("grace", "WAITING", None)]


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


@pytest.mark.parametrize("before", [timedelta(hours=2), timedelta(minutes=30)])
def test_nobody_is_promoted_from_the_cut_off_on(
    timetable: Timetable, now: FrozenDateTimeFactory, before: timedelta
) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    booking = timetable.studio.one("SELECT id FROM bookings WHERE session_id = %(id)s", id=session)["id"]
    now.move_to(soon() - before)

    assert timetable.cancel("ada", booking, acceptForfeit=True).code == "done"

    assert timetable.line(session) == [("grace", "WAITING", None)]
    assert timetable.who(session) == []
    timetable.buy("quick")
    assert timetable.book("quick", session).code == "done"


def test_a_student_says_until_when_they_may_be_booked(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    session = full(timetable, "ada")
    for student in ("grace", "late"):
        timetable.buy(student)
    timetable.join("grace", session, autoBookUntil=(soon() - timedelta(days=2)).isoformat())
    timetable.join("late", session)
    now.move_to(soon() - timedelta(days=2))

    give_back(timetable, session, "ada")

    assert timetable.who(session) == ["late"]
    assert timetable.line(session)[0] == ("grace", "WAITING", None)


def test_a_promotion_is_undone_free_inside_the_window_and_not_made_again(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada", "bea")
    package = timetable.buy("grace")
    timetable.join("grace", session)
    now.move_to(soon() - timedelta(hours=10))
    first, second = (row["id"] for row in timetable.studio.rows("SELECT id FROM bookings ORDER BY id"))
    timetable.cancel("ada", first, acceptForfeit=True)
    timetable.work()
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(minutes=59))

    undone = timetable.cancel("grace", promoted)

    assert undone.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]
    assert timetable.line(session) == [("grace", "LEFT", None)]
    timetable.cancel("bea", second, acceptForfeit=True)
    timetable.work()
    assert timetable.who(session) == []
    for student in ("cleo", "dora"):
        timetable.buy(student)
        timetable.book(student, session)
    assert refuse_waiting(timetable, "grace", session) == "waitlist_closed"


@pytest.mark.parametrize(("hours", "minutes"), [(10, 61), (3, 60)])
def test_a_promotion_is_kept_after_an_hour_or_when_the_line_closes(
    timetable: Timetable, now: FrozenDateTimeFactory, hours: int, minutes: int
) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    # Of three hours before the start, the line has half an hour more.
    now.move_to(soon() - timedelta(hours=hours) + timedelta(minutes=30 if minutes == 60 else 0))
    booking = timetable.studio.one("SELECT id FROM bookings")["id"]
    timetable.cancel("ada", booking, acceptForfeit=True)
    timetable.work()
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(minutes=31 if minutes == 60 else minutes))

    assert timetable.cancel("grace", promoted).code == "cancellation_window_closed"


def test_one_who_gave_a_promotion_back_in_another_way_may_wait_again(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)
    give_back(timetable, session, "ada")
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(hours=2))
    timetable.cancel("grace", promoted)
    timetable.buy("bea")
    timetable.book("bea", session)

    assert timetable.join("grace", session).code == "done"


def test_a_seat_that_comes_free_goes_to_the_line_and_costs_what_it_costs(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), capacity=2, seats=[2, 1])
    dear, cheap = timetable.seats(session)
    booked = timetable.book("ada", session, seatId=dear)
    timetable.buy("bea")
    timetable.book("bea", session, seatId=cheap)
    package = timetable.buy("grace")
    timetable.join("grace", session)

    timetable.cancel("ada", booked.id)
    timetable.work()

    assert timetable.who(session) == ["bea", "grace"]
    assert timetable.left(package) == [3]


def test_credits_of_a_higher_tier_are_never_taken_unasked(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    sell(timetable, "grace", line(5, "PRIVATE"))
    timetable.join("grace", session)

    give_back(timetable, session, "ada")

    assert timetable.line(session) == [("grace", "SKIPPED", "confirmation_required")]


def test_several_free_places_are_offered_at_once(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), capacity=2)
    booked = timetable.book("ada", session, friend={"name": "Grace", "email": "grace@example.com"})
    for student in ("bea", "cleo"):
        timetable.buy(student)
        timetable.join(student, session)

    timetable.cancel("ada", booked.id)
    timetable.work()

    assert timetable.who(session) == ["bea", "cleo"]


def test_a_long_line_of_people_who_cannot_pay_is_gone_through(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    for number in range(25):
        timetable.join(f"poor-{number}", session)
    timetable.buy("rich")
    timetable.join("rich", session)

    give_back(timetable, session, "ada")

    assert timetable.who(session) == ["rich"]
    assert timetable.studio.audit() == []


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


def test_a_promotion_is_told_by_mail_and_by_event(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.buy("grace")
    timetable.join("grace", session)

    give_back(timetable, session, "ada")

    assert timetable.kinds("grace")[-1] == "waitlist.promoted"
    events = timetable.studio.rows(
        "SELECT type, sequence FROM domain_events v JOIN students s ON s.id = v.student_id"
        " WHERE s.external_id = 'grace' ORDER BY sequence"
    )
    assert [row["type"] for row in events] == [
        "package.fulfilled",
        "waitlist.joined",
        "booking.confirmed",
        "waitlist.promoted",
    ]
    assert [row["sequence"] for row in events] == [1, 2, 3, 4]


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


LATER: dict[str, Any] = {"schedule_later": {"service_type": "GROUP", "minutes": 60}}


def test_a_draft_pays_for_a_promotion_and_may_be_promoted_again(timetable: Timetable) -> None:
    package = sell(timetable, "grace", line(2), **LATER)
    for number, student in enumerate(("ada", "bea")):
        timetable.buy(student)
        session = timetable.session(soon(3 + number), capacity=1)
        timetable.book(student, session)
        timetable.join("grace", session)
        give_back(timetable, session, student)

        assert timetable.line(session) == [("grace", "PROMOTED", None)]
        assert timetable.left(package) == [1]
        promoted = timetable.studio.one("SELECT max(booking_id) AS id FROM waitlist_entries")["id"]
        # As if the hour were over: then it is cancelled like any other, and a draft again.
        timetable.studio.rows("UPDATE bookings SET metadata = metadata - 'undoUntil' WHERE id = %(id)s", id=promoted)
        assert timetable.cancel("grace", promoted).booking["status"] == "DRAFT"
        assert timetable.studio.audit() == []


def test_a_line_is_left_and_joined_anew_in_one_batch(timetable: Timetable) -> None:
    session = full(timetable, "ada")
    timetable.join("grace", session)
    jobs = [timetable.ask(kind, "grace", sessionId=session) for kind in ("waitlist.leave", "waitlist.join")]

    assert drain_batch(JOBS, timetable.engine) == 2

    assert timetable.codes(jobs) == ["done", "done"]
    assert timetable.line(session) == [("grace", "LEFT", None), ("grace", "WAITING", None)]


def test_another_seat_keeps_the_hour_in_which_a_promotion_may_be_undone(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    now.move_to(soon() - timedelta(days=3, hours=-14))
    start = clock.now() + timedelta(hours=10)
    session = timetable.session(start, capacity=2, seats=[1, 1, 1])
    first, second, third = timetable.seats(session)
    for student, seat in (("ada", first), ("bea", second)):
        timetable.buy(student)
        timetable.book(student, session, seatId=seat)
    package = timetable.buy("grace")
    timetable.join("grace", session)
    give_back(timetable, session, "ada")
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    now.tick(timedelta(minutes=20))

    changed = timetable.change("grace", promoted, seatId=third)
    assert changed.code == "done"
    assert timetable.line(session) == [("grace", "PROMOTED", None)]
    now.tick(timedelta(minutes=20))
    assert timetable.cancel("grace", changed.id).code == "done"

    assert timetable.left(package) == [5]
    assert timetable.line(session) == [("grace", "LEFT", None)]


def test_a_student_who_is_merged_while_the_line_is_called_keeps_nobody_from_their_turn(
    timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = full(timetable, "ada")
    timetable.student("into")
    for student in ("old", "bea"):
        timetable.buy(student)
        timetable.join(student, session)
    merged = list[object]()

    def interrupted(transaction: Session, statement: str, **values: object) -> Rows:
        rows = fetch(transaction, statement, **values)
        if statement is promotion.LINE and not merged:
            merged.append(joined(timetable, "old", "into"))
        return rows

    monkeypatch.setattr(promotion, "fetch", interrupted)
    give_back(timetable, session, "ada")

    assert merged
    assert timetable.line(session) == [("into", "PROMOTED", None), ("bea", "WAITING", None)]
    assert timetable.kinds("bea") == []


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
