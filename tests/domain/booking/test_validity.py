"""How long a package pays: from its purchase or its first session, judged by when the booked session starts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import contest, give_back, line, refuse, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")
FIRST_USE: dict[str, Any] = {"validity_starts": "FIRST_USE", "validity_days": 10}
# Local midnight at lumen, in Istanbul, is 21:00 UTC. Ten days after the 5th are through the 15th.
END = datetime.fromisoformat("2026-10-15T21:00:00+00:00")


def dates(timetable: Timetable, package: int) -> tuple[str | None, str | None]:
    row = timetable.studio.one("SELECT starts_at, expires_at FROM student_packages WHERE id = %(id)s", id=package)
    start, end = (value.strftime("%m-%d %H:%M") if value else None for value in (row["starts_at"], row["expires_at"]))
    return start, end


@pytest.mark.parametrize(("start", "code"), [(END - timedelta(seconds=1), "done"), (END, "package_expired")])
def test_days_from_the_purchase_are_through_the_end_of_the_last_local_one(
    timetable: Timetable, start: datetime, code: str
) -> None:
    sell(timetable, "ada", validity_days=10)

    outcome = timetable.book("ada", timetable.session(start))

    assert outcome.code == code


def test_what_counts_is_when_the_session_starts_not_when_it_is_booked(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", validity_days=10)
    late, after = timetable.session(END - timedelta(minutes=1)), timetable.session(END + timedelta(days=1))

    early = refuse(timetable, "book", "ada", sessionId=after)
    now.move_to(END - timedelta(minutes=2))
    last = timetable.book("ada", late)
    now.move_to(END + timedelta(hours=1))
    gone = refuse(timetable, "book", "ada", sessionId=after)

    assert [early.code, last.code, gone.code] == ["package_expired", "done", "package_expired"]
    assert timetable.left(package) == [4]


def test_the_days_begin_with_the_earliest_session_however_late_it_was_booked(timetable: Timetable) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    before = dates(timetable, package)

    timetable.book("ada", timetable.session(soon(20)))
    first = dates(timetable, package)
    timetable.book("ada", timetable.session(soon(15)))
    earlier = dates(timetable, package)
    timetable.book("ada", timetable.session(soon(18)))

    assert before == (None, None)
    assert first == ("10-25 09:00", "11-04 21:00")
    assert earlier == ("10-20 09:00", "10-30 21:00")
    assert dates(timetable, package) == earlier


@pytest.mark.parametrize(("days", "code"), [(10, "done"), (11, "package_expired")])
def test_a_session_that_would_push_another_outside_is_refused(timetable: Timetable, days: int, code: str) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    timetable.book("ada", timetable.session(soon(3 + days)))

    outcome = timetable.book("ada", timetable.session(soon(3)))

    assert outcome.code == code
    assert timetable.left(package) == [5 - 2 if code == "done" else 5 - 1]


@pytest.mark.parametrize(("days", "code"), [(10, "done"), (11, "package_expired")])
def test_a_session_behind_the_last_day_is_refused(timetable: Timetable, days: int, code: str) -> None:
    sell(timetable, "ada", **FIRST_USE)
    timetable.book("ada", timetable.session(soon(3)))

    outcome = timetable.book("ada", timetable.session(soon(3 + days)))

    assert outcome.code == code


def test_when_the_first_session_is_cancelled_the_days_begin_with_the_next(timetable: Timetable) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    first, second = (timetable.book("ada", timetable.session(soon(days))) for days in (3, 8))

    timetable.cancel("ada", first.id)
    after_first = dates(timetable, package)
    timetable.cancel("ada", second.id)

    assert after_first == ("10-13 09:00", "10-23 21:00")
    assert dates(timetable, package) == (None, None)


def test_a_change_of_the_only_session_moves_the_days_with_it(timetable: Timetable) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    booked = timetable.book("ada", timetable.session(soon(3)))

    moved = timetable.change("ada", booked.id, sessionId=timetable.session(soon(30)))

    assert moved.code == "done"
    assert dates(timetable, package) == ("11-04 09:00", "11-14 21:00")


def test_a_change_that_would_push_another_outside_leaves_all_as_it_was(timetable: Timetable) -> None:
    sell(timetable, "ada", **FIRST_USE)
    booked, _ = (timetable.book("ada", timetable.session(soon(days))) for days in (10, 15))

    refused = refuse(timetable, "change", "ada", bookingId=booked.id, sessionId=timetable.session(soon(2)))

    assert refused.code == "package_expired"


def test_the_days_have_begun_once_the_first_session_has(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    timetable.book("ada", timetable.session(soon(3)))
    now.tick(timedelta(days=5))

    outcome = timetable.book("ada", timetable.session(soon(30)))

    assert outcome.code == "package_expired"
    assert dates(timetable, package) == ("10-08 09:00", "10-18 21:00")


@pytest.mark.parametrize(
    ("fate", "code"),
    [(give_back, "package_revoked"), (contest, "package_suspended")],
)
def test_a_package_whose_payment_went_back_or_is_disputed_books_nothing(
    timetable: Timetable, fate: Any, code: str
) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon())
    fate(timetable, package)

    named = refuse(timetable, "book", "ada", sessionId=session, packageId=package)
    other = timetable.buy("ada")
    paid = timetable.book("ada", session)

    assert named.code == code
    assert paid.booking["studentPackageId"] == other


@pytest.mark.parametrize(("end", "code"), [("won", "done"), ("lost", "package_revoked")])
def test_a_settled_dispute_gives_the_package_back_or_takes_it(timetable: Timetable, end: str, code: str) -> None:
    package = timetable.buy("ada")
    contest(timetable, package)
    contest(timetable, package, end)

    outcome = timetable.book("ada", timetable.session(soon()), packageId=package)

    assert outcome.code == code


def test_bookings_of_a_suspended_package_stand_and_may_be_cancelled(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon(), seats=[1, 1]))
    contest(timetable, package)

    moved = refuse(timetable, "change", "ada", bookingId=booked.id, sessionId=timetable.session(soon(4)))
    cancelled = timetable.cancel("ada", booked.id)

    assert moved.code == "package_suspended"
    assert cancelled.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]


def test_an_ended_package_keeps_the_booking_that_starts_before_its_end(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(1), validity_days=10)
    booked = timetable.book("ada", timetable.session(END - timedelta(minutes=30)))

    now.move_to(END - timedelta(minutes=20))
    refused = refuse(timetable, "cancel", "ada", bookingId=booked.id)

    assert refused.code == "session_started"
    assert timetable.booking(booked.id)["status"] == "CONFIRMED"
    assert timetable.left(package) == [0]
