"""A place that comes free: booked for the first in line who can be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.waitlist import promotion
from tests.domain.booking.world import line, sell, soon
from tests.domain.desk.merging import joined
from tests.domain.waitlist.lines import full, give_back
from tests.timetable import Timetable


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
