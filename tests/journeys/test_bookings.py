"""Bookings through the whole stack: bought by a signed event, booked over HTTP, told by mail, and nothing oversold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, Event

import psycopg
import pytest

from tests.patron import Patron, Row, gets_mail, mails
from tests.stack import Reply, Stack, running, wait_for
from worker import clock

CROWD = 200
PLACES = 20
QUEUED = "SELECT count(*) FROM jobs WHERE status = 'QUEUED'"
TAKEN = "SELECT count(DISTINCT place) FROM bookings WHERE session_id = %s AND status = 'CONFIRMED'"
HOLDERS = "SELECT count(DISTINCT student_id) FROM student_packages"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("bookings") / "home") as each:
        yield each


@pytest.fixture
def staff(stack: Stack) -> Patron:
    return Patron(stack, "desk", role="staff")


def ask(stack: Stack, statement: str, *values: object) -> int:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


def booking(reply: Reply) -> Row:
    assert reply.status in {200, 201}, reply.said
    return dict(reply.said["booking"])


def refused(*replies: Reply) -> list[str]:
    """Return why, of refusals that are final and problems."""
    assert {each.status for each in replies} == {409}
    assert {each.headers.get_content_type() for each in replies} == {"application/problem+json"}
    return [each.code for each in replies]


def test_a_student_buys_looks_asks_books_changes_and_cancels_and_gets_a_mail_of_each(stack: Stack) -> None:
    ada = Patron(stack, "ada")
    package = ada.buys("EXPLORER-5")
    morning, noon, _ = ada.calendar(3)
    asked = ada.sees(f"/api/packages/compatible-for-session/{morning['sessionId']}")

    booked = ada.books(morning, seatId=morning["seats"][4]["seatId"])
    confirmed = ada.gets_mail("you are booked for Ride")
    seen = ada.session(morning)
    changed = ada.changes(booked, noon)
    ada.gets_mail("your booking is now Ride")
    left = ada.left("EXPLORER-5")
    cancelled = ada.cancels(changed, reason="I am ill")
    ended = ada.gets_mail("cancelled, Ride")

    assert asked["recommended"]["id"] == package["id"]
    assert asked["unusable"] == []
    assert [each.status for each in (booked, changed, cancelled)] == [201, 200, 200]
    assert (seen["spotsAvailable"], seen["seats"][4]["taken"]) == (morning["spotsAvailable"] - 1, True)
    assert "Seat 5" in confirmed
    assert "which has 4 left" in confirmed
    assert left == [4]
    assert ada.left("EXPLORER-5") == [5]
    assert "1 group credit came back to Explorer 5, which has 5 left" in ended
    assert booking(changed)["metadata"]["changedFrom"] == booking(booked)["id"]
    listed = ada.sees("/api/students/me/bookings")["items"]
    assert [each["status"] for each in listed] == ["CANCELLED", "CANCELLED"]
    assert [ada.session(each)["spotsAvailable"] for each in (morning, noon)] == [PLACES, PLACES]
    assert len(ada.mails()) == 4


def test_a_friend_comes_along_once_and_both_are_told(stack: Stack) -> None:
    bea, friend = Patron(stack, "bea"), {"name": "Grace", "email": "grace@example.com"}
    bea.buys("ELITE-30")
    morning, noon, evening = bea.calendar(4)

    booked = bea.books(morning, friend=friend)
    invited = gets_mail(stack, friend["email"], "you are booked for Ride")
    bea.gets_mail("you are booked for Ride")
    again = bea.books(noon, friend=friend)
    places = bea.session(morning)["spotsAvailable"]
    cancelled = bea.cancels(booked)
    bea.gets_mail("cancelled, Ride")
    gets_mail(stack, friend["email"], "cancelled, Ride")
    later = bea.books(evening, friend=friend)

    assert booked.said["guestBooking"]["guestOf"] == booking(booked)["id"]
    assert refused(again) == ["friend_pass_unavailable"]
    assert places == PLACES - 2
    assert booking(cancelled)["status"] == "CANCELLED"
    assert later.said["guestBooking"]["status"] == "CONFIRMED"
    assert bea.left("ELITE-30") == [29]
    assert "Elite" not in invited
    wait_for(lambda: len(mails(stack, friend["email"])) == 3, what="the second invitation")


def test_what_is_refused_says_why_and_costs_nothing(stack: Stack) -> None:
    cem, dora = Patron(stack, "cem"), Patron(stack, "dora")
    cem.buys("SINGLE-RIDE")
    dora.buys("ALL-ACCESS-30")
    morning, noon, _ = cem.calendar(5)

    booked = [cem.books(morning), dora.books(morning)]
    twice = cem.books(morning)
    broke = cem.books(noon)
    same_day = dora.books(noon)
    next_day = dora.books(dora.calendar(6)[0])

    assert [booking(each)["paymentType"] for each in booked] == ["CREDIT", "ALL_ACCESS"]
    assert refused(twice, broke, same_day) == ["already_booked", "insufficient_credits", "all_access_used_today"]
    assert booking(next_day)["paymentType"] == "ALL_ACCESS"
    assert cem.left("SINGLE-RIDE") == [0]
    assert cem.session(noon)["spotsAvailable"] == PLACES


def test_credits_of_a_higher_tier_pay_when_that_is_confirmed_and_a_private_lesson_has_one_place(stack: Stack) -> None:
    eli, fay = Patron(stack, "eli", "thrive"), Patron(stack, "fay", "thrive")
    eli.buys("PREMIUM-3")
    fay.buys("BUNDLE-5P-3G")
    lesson, dearer = eli.calendar(3, "PRIVATE")
    asked = eli.sees(f"/api/packages/compatible-for-session/{lesson['sessionId']}")

    unconfirmed = eli.books(lesson)
    confirmed = eli.books(lesson, confirmHigherTier=True)
    full = fay.books(lesson)
    other = fay.books(dearer)
    elsewhere = Patron(stack, "ada").books(lesson)

    assert [each["productCode"] for each in asked["higherTier"]] == ["PREMIUM-3"]
    assert (asked["exactMatch"], asked["recommended"]) == ([], None)
    assert refused(unconfirmed, full) == ["confirmation_required", "session_full"]
    assert booking(confirmed)["creditsUsed"] == 1
    assert (eli.left("PREMIUM-3"), fay.left("BUNDLE-5P-3G")) == ([2], [4, 3])
    assert (elsewhere.status, elsewhere.code) == (404, "not_found")
    assert "America" not in eli.gets_mail("you are booked for Private Lesson")
    assert booking(other)["startAt"] == dearer["startAt"]


def test_staff_give_a_place_away_and_make_an_exception(stack: Stack, staff: Patron) -> None:
    gus = Patron(stack, "gus")
    gus.buys("CORE-10")
    morning, noon, _ = gus.calendar(7)
    tonight = next(each for day in (0, 1) for each in gus.calendar(day) if starts_in(each) > timedelta(minutes=30))
    gift: Row = {"paymentType": "FREE", "reason": "a birthday"}

    free = staff.books(morning, studentId="gus", **gift)
    given = gus.gets_mail("you are booked for Ride")
    forbidden = gus.books(noon, **gift)
    late = gus.books(tonight)
    # As if it had been made days ago: what is done in the last hours can be undone for a while.
    ask(
        stack, "UPDATE bookings SET created_at = created_at - interval '3 days' WHERE id = %s RETURNING 1", number(late)
    )
    closed = gus.cancels(late)
    excepted = staff.cancels(late, override=True, reason="the studio is flooded")

    assert (booking(free)["paymentType"], booking(free)["metadata"]) == ("FREE", {})
    assert "It is free of charge" in given
    assert (forbidden.status, forbidden.code) == (403, "forbidden")
    assert refused(closed) == ["cancellation_window_closed"]
    assert booking(excepted)["status"] == "CANCELLED"
    assert staff.sees("/api/members/gus/bookings")["items"][0]["metadata"]["staffReason"] == "the studio is flooded"
    assert "came back" in gus.gets_mail("cancelled, Ride")
    assert gus.left("CORE-10") == [10]


def test_sent_at_the_same_moment_and_again_with_its_key_a_command_is_one(stack: Stack) -> None:
    hal = Patron(stack, "hal")
    hal.buys("EXPLORER-5")
    said, start = {"sessionId": hal.calendar(8)[0]["sessionId"]}, Barrier(8)

    def send(key: str | None) -> Reply:
        return stack.post("/api/bookings", said, hal.token, Idempotency_Key=key, Prefer="wait=30")

    def together(key: str) -> Reply:
        start.wait()
        return send(key)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(together, ['"once"', "once"] * 4))
    again, without = send("once"), send(None)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert {(each.status, each.content, each.job) for each in replies} == {(201, again.content, again.job)}
    assert refused(without) == ["already_booked"]
    assert hal.left("EXPLORER-5") == [4]


# Everybody at once.


@pytest.fixture(scope="module")
def crowd(stack: Stack) -> Sequence[Patron]:
    """Give students who hold a package each."""
    before = ask(stack, HOLDERS)
    everybody = [Patron(stack, f"crowd-{each}") for each in range(CROWD)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda each: stack.post_event(each.purchase("EXPLORER-5")), everybody)) == {200}
    wait_for(lambda: ask(stack, HOLDERS) == before + CROWD, seconds=30, what="the packages")
    # Each has its token before they all begin.
    assert len({each.token for each in everybody}) == CROWD
    return everybody


def ended(patron: Patron, session: Row, start: Barrier) -> str:
    """Book at the same moment as everybody; return what the job ended in."""
    start.wait()
    reply = patron.books(session)
    if reply.status != 202:
        return reply.code
    while (job := patron.sees(reply.headers["Location"], wait=30))["status"] in {"QUEUED", "RUNNING"}:
        pass
    return "done" if job["status"] == "SUCCEEDED" else str(job["problem"]["code"])


@pytest.mark.parametrize("days", [10, 11])
def test_of_200_who_book_at_the_same_moment_20_get_a_place_and_webhooks_are_answered(
    stack: Stack, crowd: Sequence[Patron], days: int
) -> None:
    session, over, start = crowd[0].calendar(days)[0], Event(), Barrier(CROWD + 1)
    answers: list[int] = []

    def buy_meanwhile() -> None:
        start.wait()
        while not over.is_set():
            answers.append(stack.post_event(Patron(stack, f"meanwhile-{days}-{len(answers)}").purchase("SINGLE-RIDE")))

    with ThreadPoolExecutor(CROWD + 1) as pool:
        buying = pool.submit(buy_meanwhile)
        outcomes = list(pool.map(lambda each: ended(each, session, start), crowd))
        over.set()
        buying.result()

    assert Counter(outcomes) == {"done": PLACES, "session_full": CROWD - PLACES}
    assert set(answers) == {200}
    assert crowd[0].session(session)["spotsAvailable"] == 0
    assert ask(stack, TAKEN, session["sessionId"]) == PLACES
    assert ask(stack, QUEUED) == 0
    assert stack.run("audit").returncode == 0


def starts_in(session: Row) -> timedelta:
    return datetime.fromisoformat(session["startAt"]) - clock.now()


def number(reply: Reply) -> int:
    return int(booking(reply)["id"])
