"""Every refusal there is: reached by a command, final, written nowhere but on its job, and it says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from domain import errors
from domain.errors import Refusal
from tests.domain.booking.world import GRACE, contest, give_back, line, nothing_written, refuse, sell, soon
from tests.timetable import Outcome, Timetable

Case = Callable[[Timetable, FrozenDateTimeFactory], Outcome]
CASES: dict[str, Case] = {}
# A verb at the beginning of what is advised, or where to look.
ADVICE = re.compile(
    r"(: |, or |\. )(choose|send|ask|name|enroll|buy|change|cancel|book|leave|look|it pays again|GET /api/)",
    re.IGNORECASE,
)
# Those of the desk, of courses, and of who looks after students, have their cases there.
OF_OTHERS = {
    "student_merged", "session_not_started", "coupon_invalid", "coupon_exhausted",
    "not_refundable", "nothing_to_refund", "refund_under_way", "refund_review_required", "payment_disputed",
    "stripe_refused", "stripe_unavailable", "call_final", "cohort_closed", "order_not_paid",
    "step_already_booked", "step_not_booked", "invalid_option", "cohort_full", "already_enrolled",
}  # fmt: skip


def case(function: Case) -> Case:
    CASES[function.__name__.strip("_")] = function
    return function


def book(timetable: Timetable, session: int, **more: Any) -> Outcome:
    return refuse(timetable, "book", "ada", sessionId=session, **more)


@case
def _too_late(timetable: Timetable, now: FrozenDateTimeFactory) -> Outcome:
    job = timetable.ask("booking.book", "ada", sessionId=timetable.session(soon()))
    now.tick(timedelta(hours=1))
    timetable.work()
    return timetable.outcome(job)


@case
def _not_found(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    return refuse(timetable, "cancel", "ada", bookingId=999_999)


@case
def _validation_failed(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    return book(timetable, timetable.session(soon(), seats=[1]), seatId=999_999)


@case
def _session_cancelled(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    session = timetable.session(soon())
    timetable.studio.rows("UPDATE class_sessions SET status = 'CANCELLED'")
    return book(timetable, session)


@case
def _session_started(timetable: Timetable, now: FrozenDateTimeFactory) -> Outcome:
    session = timetable.session(soon(0, 9))
    now.move_to(soon(0, 9))
    return book(timetable, session)


@case
def _session_full(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    session = timetable.session(soon(), capacity=1)
    timetable.book(timetable.students(1)[0], session)
    return book(timetable, session)


@case
def _seat_taken(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    session = timetable.session(soon(), seats=[1, 1])
    taken = timetable.book(timetable.students(1)[0], session)
    return book(timetable, session, seatId=taken.booking["seatId"])


@case
def _already_booked(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada")
    session = timetable.session(soon())
    timetable.book("ada", session)
    return book(timetable, session)


@case
def _time_conflict(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada")
    timetable.book("ada", timetable.session(soon()))
    return book(timetable, timetable.session(soon()))


@case
def _enrollment_required(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    return book(timetable, timetable.session(soon(), service="COURSE"))


@case
def _insufficient_credits(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    return book(timetable, timetable.session(soon()))


@case
def _all_access_used_today(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada", "ALL-ACCESS-30")
    timetable.book("ada", timetable.session(soon(hour=6)))
    return book(timetable, timetable.session(soon(hour=9)))


@case
def _friend_pass_unavailable(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada")
    return book(timetable, timetable.session(soon()), friend=GRACE)


@case
def _confirmation_required(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    sell(timetable, "ada", line(5, "PRIVATE"))
    return book(timetable, timetable.session(soon()))


@case
def _package_expired(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    sell(timetable, "ada", validity_days=1)
    return book(timetable, timetable.session(soon(9)))


@case
def _package_not_started(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada", "ALL-ACCESS-30")
    second = timetable.buy("ada", "ALL-ACCESS-30")
    return book(timetable, timetable.session(soon()), packageId=second)


@case
def _package_suspended(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    contest(timetable, timetable.buy("ada"))
    return book(timetable, timetable.session(soon()))


@case
def _package_revoked(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    package = timetable.buy("ada")
    give_back(timetable, package)
    return book(timetable, timetable.session(soon()), packageId=package)


@case
def _cancellation_window_closed(timetable: Timetable, now: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))
    now.tick(timedelta(days=3))
    return refuse(timetable, "cancel", "ada", bookingId=booked.id)


@case
def _booking_closed(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))
    timetable.cancel("ada", booked.id)
    return refuse(timetable, "cancel", "ada", bookingId=booked.id)


@case
def _teacher_unavailable(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    later = {"service_type": "PRIVATE", "minutes": 60}
    sell(timetable, "ada", line(1, "PRIVATE"), schedule_later=later)
    draft = timetable.studio.one("SELECT id FROM bookings")["id"]
    timetable.studio.rows("UPDATE teachers SET active = false")
    return refuse(timetable, "schedule", "ada", bookingId=draft, startTime=soon().isoformat())


@case
def _session_not_full(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    return wait(timetable, "ada", timetable.session(soon()))


@case
def _already_waiting(timetable: Timetable, _: FrozenDateTimeFactory) -> Outcome:
    session = full(timetable)
    timetable.join("ada", session)
    return wait(timetable, "ada", session)


@case
def _waitlist_closed(timetable: Timetable, now: FrozenDateTimeFactory) -> Outcome:
    session = full(timetable)
    now.move_to(soon() - timedelta(hours=1))
    return wait(timetable, "ada", session)


def full(timetable: Timetable) -> int:
    session = timetable.session(soon(), capacity=1)
    timetable.buy("bea")
    timetable.book("bea", session)
    return session


def wait(timetable: Timetable, student: str, session: int) -> Outcome:
    job = timetable.ask("waitlist.join", student, sessionId=session)
    with nothing_written(timetable):
        timetable.work()
    return timetable.outcome(job)


def kinds(base: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in base.__subclasses__():
        yield each
        yield from kinds(each)


@pytest.mark.parametrize("code", CASES)
def test_a_command_is_refused_with_its_code_and_a_sentence_that_says_what_to_do(
    timetable: Timetable, now: FrozenDateTimeFactory, code: str
) -> None:
    refused = CASES[code](timetable, now)

    job = timetable.studio.one("SELECT * FROM jobs WHERE id = %(id)s", id=refused.job)
    assert refused.problem
    assert set(refused.problem) == {"code", "detail"}
    assert refused.problem["code"] == job["error_code"] == code
    assert (job["status"], job["result"], job["last_error"], job["attempts"]) == ("FAILED", None, None, 0)
    assert job["finished_at"] is not None
    assert ADVICE.search(refused.problem["detail"]), refused.problem["detail"]


def test_every_refusal_there_is_has_its_case_here() -> None:
    codes = {each.code for each in kinds() if each.__module__ == errors.__name__}

    assert codes == {*CASES} | OF_OTHERS


def test_of_several_reasons_the_one_is_told_that_its_student_can_do_most_about(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    sell(timetable, "ada", line(1, "PRIVATE"), validity_days=1)
    session = timetable.session(soon(9))
    reasons = [book(timetable, session).code]
    contest(timetable, timetable.buy("ada"))
    reasons.append(book(timetable, session).code)
    timetable.buy("ada", "ALL-ACCESS-30")
    timetable.book("ada", timetable.session(soon(9, 6)))
    reasons.append(book(timetable, session).code)
    sell(timetable, "ada", line(1, "PRIVATE"))
    reasons.append(book(timetable, session).code)

    assert reasons == ["package_expired", "package_suspended", "all_access_used_today", "confirmation_required"]
