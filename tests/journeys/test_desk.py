"""The desk through the whole stack: sold, corrected, waited for, called off, moved, merged, and told by mail."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import psycopg
import pytest

from tests.pasted import needs_a_shell, paste
from tests.patron import ZONES, Patron, Row, gets_mail, mails
from tests.stack import Reply, Stack, send, wait_for
from tests.test_guides import DESK
from worker import clock

# From now on, and over at once: as much of a session as it takes to have come to it.
BEGIN = """
WITH begun AS (UPDATE class_sessions SET teacher_id = NULL, start_at = now() + interval '1 second',
                      end_at = now() + interval '2 seconds' WHERE id = %s RETURNING id, start_at, end_at)
UPDATE bookings b SET start_at = begun.start_at, end_at = begun.end_at FROM begun WHERE b.session_id = begun.id
"""
# As if they had been made days ago: what is done in the last minutes can be undone for a while.
AGE = "UPDATE bookings SET created_at = created_at - interval '3 days' WHERE session_id = %s"
pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def staff(stack: Stack) -> Patron:
    return Patron(stack, "desk", role="staff")


@pytest.fixture
def admin(stack: Stack) -> Patron:
    return Patron(stack, "boss", role="admin")


def does(who: Patron, method: str, path: str, said: Row | None = None) -> Reply:
    return send(who.stack.port, method, f"/api{path}", said, who.token, Prefer="wait=30")


def redeems(staff: Patron, member: Patron, package: str, **more: object) -> Reply:
    """Hand a package over to a student who may be new."""
    ids = {each["code"]: each["id"] for each in staff.sees("/api/packages", limit=200)["items"]}
    said: Row = {"memberId": member.name, "email": member.email, "packageId": ids[package]}
    return does(staff, "POST", "/packages/redeem", said | more)


def held(staff: Patron, member: Patron, package: str) -> Patron:
    """Return a student who got a package at the desk."""
    assert redeems(staff, member, package).status == 201
    return member


def booking(reply: Reply) -> Row:
    assert reply.status in {200, 201}, reply.said
    return dict(reply.said["booking"])


def make(stack: Stack, statement: str, *values: object) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(statement, values)


def test_somebody_new_gets_a_package_with_a_coupon_books_and_each_line_of_the_ledger_says_why(
    stack: Stack, staff: Patron, admin: Patron
) -> None:
    ines = Patron(stack, "ines")
    unknown = does(staff, "POST", "/packages/redeem", {"memberId": "ines", "couponCode": "plus2"})
    redeemed = redeems(staff, ines, "CORE-10", couponCode="plus2", notes="paid in cash")
    again = redeems(staff, ines, "CORE-10", couponCode="PLUS2")
    receipt = ines.gets_mail("Core 10")
    ride, other = ines.calendar(13)[:2]
    booked, cancelled = booking(ines.books(ride)), ines.cancels(ines.books(other))
    package = ines.holds("CORE-10") or {}
    line = {"allowanceId": package["balances"][0]["allowanceId"]}
    adjusted = [
        does(who, "POST", f"/admin/packages/{package['id']}/adjust", line | {"credits": more, "reason": "A gift"})
        for who, more in ((admin, 3), (admin, -15), (staff, 1))
    ]
    mark = {"marks": [{"bookingId": booked["id"], "status": "NO_SHOW"}]}
    early = does(staff, "POST", f"/admin/sessions/{ride['sessionId']}/attendance", mark)
    make(stack, BEGIN, ride["sessionId"])
    time.sleep(1.2)
    marked = does(staff, "POST", f"/admin/sessions/{ride['sessionId']}/attendance", mark)

    assert (unknown.status, again.code) == (404, "coupon_exhausted")
    assert [redeemed.said["redemption"][name] for name in ("credits", "paid")] == [12, 800_000]
    assert "PLUS2" in receipt
    assert [each.code for each in adjusted] == ["done", "insufficient_credits", "forbidden"]
    assert (early.code, booking(cancelled)["status"]) == ("session_not_started", "CANCELLED")
    assert [each["status"] for each in marked.said["bookings"]] == ["NO_SHOW"]
    lines = staff.sees("/api/members/ines/ledger")["items"]
    told = " ".join(f"{each['kind']} {each['balanceBefore']}-{each['balanceAfter']}" for each in reversed(lines))
    assert told == "BONUS 10-12 SPEND 12-11 SPEND 11-10 RETURN 10-11 ADJUST 11-14"
    assert (lines[0]["reason"], lines[0]["actor"]) == ("A gift", "ADMIN boss")
    assert {"reason", "actor"} & {*ines.sees("/api/students/me/ledger")["items"][0]} == {"reason"}
    assert ines.left("CORE-10") == [14]


def test_of_a_full_session_the_first_in_line_who_can_pay_gets_the_place_and_may_give_it_back(
    stack: Stack, staff: Patron, admin: Patron
) -> None:
    jo, kai = (held(staff, Patron(stack, name), "EXPLORER-5") for name in ("jo", "kai"))
    lou, full = held(staff, Patron(stack, "lou"), "SINGLE-RIDE"), jo.calendar(14)[0]
    line = f"/sessions/{full['sessionId']}/waitlist"
    booking(lou.books(lou.calendar(16)[0]))
    early = does(kai, "POST", line)
    capacity = does(admin, "PATCH", f"/admin/sessions/{full['sessionId']}", {"capacity": 1})
    booked = jo.books(full)
    joined = [does(each, "POST", line) for each in (lou, kai)]
    refused = [does(kai, "POST", line), does(jo, "POST", line), kai.books(full), does(staff, "POST", line)]

    gone = jo.cancels(booked)
    skipped = lou.gets_mail("but we could not book you")
    promoted = kai.gets_mail("a place came free, you are booked for Ride")
    (mine,) = (each for each in kai.sees("/api/students/me/bookings")["items"] if each["status"] == "CONFIRMED")
    waits = [each.sees("/api/students/me/waitlists")["items"][0]["status"] for each in (lou, kai)]
    undone = does(kai, "DELETE", f"/bookings/{mine['id']}")

    assert (early.code, capacity.status) == ("session_not_full", 200)
    assert [each.said["waitlistEntry"]["position"] for each in joined] == [1, 2]
    assert [each.code for each in refused] == ["already_waiting", "already_booked", "session_full", "forbidden"]
    assert booking(gone)["status"] == booking(undone)["status"] == "CANCELLED"
    assert waits == ["SKIPPED", "PROMOTED"]
    assert "nothing that you hold pays for it" in skipped
    assert "give it back by" in promoted
    assert (does(kai, "POST", line).code, kai.left("EXPLORER-5")) == ("waitlist_closed", [5])


def test_a_session_that_is_called_off_or_moved_is_told_to_everybody_who_gets_all_of_it_back(
    stack: Stack, staff: Patron
) -> None:
    mia, friend = held(staff, Patron(stack, "mia"), "ELITE-30"), {"name": "Grace", "email": "grace@example.org"}
    nia = held(staff, Patron(stack, "nia"), "ALL-ACCESS-30")
    off, kept = mia.calendar(8)[0], mia.calendar(9)[0]
    path, before = f"/admin/sessions/{off['sessionId']}/cancel", nia.holds("ALL-ACCESS-30") or {}
    booking(mia.books(off, friend=friend)), booking(nia.books(off))
    stays = [each.books(kept) for each in (mia, nia)]

    called = does(staff, "POST", path, {"reason": "Deniz is ill"})
    told = [mia.gets_mail("called off"), nia.gets_mail("called off"), gets_mail(stack, friend["email"], "called off")]
    make(stack, AGE, kept["sessionId"])
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    # At one of them the teacher is free.
    starts = [{"startAt": (hour + timedelta(hours=each)).isoformat()} for each in (3, 5)]
    tries = (does(staff, "PATCH", f"/admin/sessions/{kept['sessionId']}", each) for each in starts)
    moved = next(each for each in tries if each.status == 200)
    later = [each.gets_mail("your session is now Ride") for each in (mia, nia)]
    late = [each.cancels(booked) for each, booked in zip((mia, nia), stays, strict=True)]

    assert (called.said["cancelled"], does(staff, "POST", path).code) == (3, "session_cancelled")
    assert all("Deniz is ill" in each for each in told)
    assert (nia.holds("ALL-ACCESS-30") or {})["allAccess"]["expiresAt"] > before["allAccess"]["expiresAt"]
    assert moved.said["movedBookings"] == 2
    assert all("The studio moved it" in each for each in later)
    assert [booking(each)["status"] for each in late] == ["CANCELLED"] * 2
    assert (mia.left("ELITE-30"), (mia.holds("ELITE-30") or {})["friendPass"]["status"]) == ([30], "AVAILABLE")
    usage = staff.sees(f"/api/redemptions/{before['id']}/all-access-usage")["items"]
    assert [each["freed"] for each in usage] == [True, True]


def test_a_draft_has_a_time_with_a_teacher_loses_it_and_gets_another(stack: Stack) -> None:
    desk, boss = Patron(stack, "desk", "thrive", "staff"), Patron(stack, "boss", "thrive", "admin")
    olga, paul = (held(desk, Patron(stack, name, "thrive"), "WELLNESS-3") for name in ("olga", "paul"))
    drafts = [each.sees("/api/students/me/bookings", status="DRAFT")["items"] for each in (olga, paul)]
    teachers = {each["code"]: each["id"] for each in boss.sees("/api/admin/teachers")["items"]}
    today = clock.now().astimezone(ZONES["thrive"]).date()
    tuesday = today + timedelta(days=14 + (1 - today.weekday()) % 7)

    def schedules(who: Patron, draft: Row, hour: int, **more: object) -> Reply:
        start = datetime.combine(tuesday, clock_time(hour), ZONES["thrive"]).isoformat()
        return does(who, "POST", f"/bookings/{draft['id']}/schedule", {"startTime": start} | more)

    mine, theirs = drafts[0][0], drafts[1][0]
    first = schedules(desk, mine, 14, teacherId=teachers["MAYA"])
    clash, dear = schedules(paul, theirs, 14), schedules(paul, theirs, 16, teacherId=teachers["LUCA"])
    night, strange = schedules(paul, theirs, 21), schedules(paul, mine, 16)
    confirmed = olga.gets_mail("you are booked for Private session")
    again = olga.cancels(first)
    free = schedules(paul, theirs, 14)
    second = schedules(olga, mine, 15)

    assert [len(each) for each in drafts] == [3, 3]
    assert [each.code for each in (clash, night)] == ["teacher_unavailable"] * 2
    assert [each.code for each in (dear, strange)] == ["validation_failed", "not_found"]
    assert "with Maya Brooks" in confirmed
    assert [booking(each)["status"] for each in (first, free, second)] == ["CONFIRMED"] * 3
    assert booking(again)["status"] == "DRAFT"
    assert (olga.left("WELLNESS-3"), paul.left("WELLNESS-3")) == ([2], [2])


def test_two_records_of_one_person_are_one_by_either_name(stack: Stack, staff: Patron, admin: Patron) -> None:
    quin, old = held(staff, Patron(stack, "quin"), "EXPLORER-5"), held(staff, Patron(stack, "quin-old"), "CORE-10")
    booked = booking(old.books(old.calendar(12)[0]))
    path = "/admin/members/quin-old/merge"

    forbidden, merged = (does(each, "POST", path, {"intoMemberId": "quin"}) for each in (staff, admin))
    twice = does(admin, "POST", path, {"intoMemberId": "quin"})

    assert (forbidden.code, twice.code) == ("forbidden", "student_merged")
    assert (merged.said["moved"]["packages"], merged.said["moved"]["bookings"]) == (1, 1)
    for name in (quin, old):
        assert {each["productCode"] for each in stack.holdings(name.token)} == {"EXPLORER-5", "CORE-10"}
        assert [each["id"] for each in name.sees("/api/students/me/bookings")["items"]] == [booked["id"]]


@needs_a_shell
def test_the_requests_of_the_guide_do_what_it_says_in_their_order(stack: Stack, tmp_path: Path) -> None:
    paste(stack, DESK, tmp_path)

    wait_for(lambda: len(mails(stack, "grace@example.com")) >= 8, what="the mails of the guide")
