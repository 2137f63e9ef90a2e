"""The calendar feed: what a calendar app subscribes to, with a token or by a secret link, and who never reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar
from werkzeug.test import TestResponse

from db.transaction import transaction
from domain.calendar import link
from domain.desk.merge import Merge, merge
from tests import canaries
from tests.canaries import leaked
from tests.domain.booking.test_book import soon
from tests.school import School
from tests.served import Served, environment, request, served
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from worker import clock

MINE = "/api/students/me/bookings.ics"
LINK = "/api/students/me/calendar-link"
ISTANBUL = ZoneInfo("Europe/Istanbul")

pytestmark = pytest.mark.usefixtures("of_a_worker")


def entries(answer: TestResponse) -> list[Any]:
    assert answer.status_code == 200
    return list(Calendar.from_ical(answer.data).walk("VEVENT"))


def linked(browser: Browser, **claims: Any) -> str:
    """Make a link; return its path."""
    answer = browser.post(LINK, **claims)
    assert answer.status_code == 201
    return str(answer.get_json()["url"]).removeprefix("http://localhost")


def test_it_shows_a_session_in_the_studios_own_time(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    start = datetime(2030, 7, 1, 10, tzinfo=ISTANBUL)
    timetable.studio.rows("UPDATE student_packages SET expires_at = '2031-01-01Z'")
    booked = timetable.book("ada", timetable.session(start, seats=[1, 1]))

    answer = browser.get(MINE)

    (entry,) = entries(answer)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert entry["UID"] == f"booking-{booked.id}@lumen.punchcard"
    assert entry["DTSTART"].params["TZID"] == "Europe/Istanbul"
    assert (entry.start, entry.end - entry.start) == (start, timedelta(minutes=45))
    assert entry["STATUS"] == "CONFIRMED"
    assert "Seat 1" in entry["DESCRIPTION"]
    calendar: Any = Calendar.from_ical(answer.data)
    assert (calendar["METHOD"], calendar["X-WR-CALNAME"]) == ("PUBLISH", "Lumen Spin")
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["Europe/Istanbul"]
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in answer.data
    assert b"X-PUBLISHED-TTL:PT1H\r\n" in answer.data
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))


def test_a_student_without_bookings_has_an_empty_calendar(browser: Browser, timetable: Timetable) -> None:
    assert timetable

    assert entries(browser.get(MINE, sub="nobody")) == []


def test_a_step_of_a_course_says_which(browser: Browser, timetable: Timetable) -> None:
    school = School(timetable)
    school.plan()
    package = school.enroll("ada", school.cohort())
    school.cancel("ada", package, "SFZ-4")
    school.book("ada", package, "SFZ-1-DAY")

    (entry,) = entries(browser.get(MINE, org="thrive"))

    assert entry["SUMMARY"].startswith("SFZ-1, ")


def test_a_changed_booking_stays_the_same_entry_and_a_cancelled_one_goes(
    browser: Browser, timetable: Timetable
) -> None:
    timetable.buy("ada")
    first = timetable.book("ada", timetable.session(soon(2)))
    timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 hour'")
    before = entries(browser.get(MINE))
    second = timetable.change("ada", first.id, sessionId=timetable.session(soon(3)))
    third = timetable.change("ada", second.id, sessionId=timetable.session(soon(4)))
    after = entries(browser.get(MINE))
    timetable.cancel("ada", third.id)

    gone = entries(browser.get(MINE))

    assert [entry["UID"] for entry in before] == [entry["UID"] for entry in after]
    assert int(before[0]["SEQUENCE"]) < int(after[0]["SEQUENCE"])
    assert after[0].start == soon(4)
    assert gone == []


def test_what_is_long_over_is_not_shown_and_what_was_attended_is(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    bookings = [timetable.book("ada", timetable.session(soon(day))).id for day in (2, 3, 4)]
    for booking, days, status in zip(bookings, (91, 89, 1), ("COMPLETED", "COMPLETED", "NO_SHOW"), strict=True):
        timetable.studio.rows(
            "UPDATE bookings SET status = %(status)s, start_at = %(at)s, end_at = %(at)s + interval '45 minutes'"
            " WHERE id = %(id)s",
            id=booking,
            status=status,
            at=clock.now() - timedelta(days=days),
        )

    shown = [entry["UID"] for entry in entries(browser.get(MINE))]

    assert shown == [f"booking-{each}@lumen.punchcard" for each in bookings[1:]]


def test_it_shows_no_guest_and_nobody_elses_bookings(browser: Browser, timetable: Timetable) -> None:
    package, session = timetable.buy("ada", "ELITE-30"), timetable.session(soon())
    timetable.buy("eve")
    timetable.book("eve", session)
    mine = timetable.book("ada", session, packageId=package, friend={"name": "Grace", "email": "grace@example.org"})

    answers = [browser.get(MINE), browser.client.get(linked(browser))]

    for answer in answers:
        assert [entry["UID"] for entry in entries(answer)] == [f"booking-{mine.id}@lumen.punchcard"]
        assert "grace" not in answer.text.lower()


def test_who_has_it_already_is_told_so_until_it_changes(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.book("ada", timetable.session(soon(2)))
    path = linked(browser)
    tag = browser.client.get(path).headers["ETag"]

    same = browser.client.get(path, headers={"If-None-Match": tag})
    timetable.book("ada", timetable.session(soon(3)))
    other = browser.client.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert len(entries(other)) == 2


def test_head_says_the_same_without_it(browser: Browser, timetable: Timetable) -> None:
    assert timetable
    path = linked(browser)

    head, whole = browser.client.head(path), browser.client.get(path)

    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", whole.headers["ETag"])


def test_a_link_is_new_each_time_kept_as_a_hash_and_withdrawn(browser: Browser, timetable: Timetable) -> None:
    first, second = linked(browser), linked(browser)
    statuses = [browser.client.get(path).status_code for path in (first, second)]
    kept = timetable.studio.one("SELECT * FROM calendar_links")

    withdrawn = browser.client.delete(LINK, headers=Browser.headers())
    again = browser.client.delete(LINK, headers=Browser.headers())

    secret = second.removeprefix("/calendar/").removesuffix(".ics")
    assert re.fullmatch(r"[\w-]{43}", secret)
    assert statuses == [404, 200]
    assert secret not in str(kept)
    assert (len(bytes(kept["token_hash"])), withdrawn.status_code, again.status_code) == (32, 204, 204)
    assert browser.client.get(second).status_code == 404


@pytest.mark.parametrize("secret", ["x", "x" * 43, "x" * 5_000, "%00", "../x", "é" * 43])
def test_a_link_that_is_none_is_not_found(browser: Browser, timetable: Timetable, secret: str) -> None:
    assert timetable

    answer = browser.client.get(f"/calendar/{secret}.ics")

    assert answer.status_code in {400, 404}
    assert answer.get_json(force=True)["code"] in {"not_found", "malformed_request"}


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"Host": "pay.example.com", "X-Forwarded-Proto": "https"}, "https://pay.example.com"),
        ({"Host": "127.0.0.1:8000"}, "http://127.0.0.1:8000"),
        ({"Host": "pay.example.com", "X-Forwarded-Proto": "javascript"}, "http://pay.example.com"),
        ({"Host": "pay.example.com", "X-Forwarded-Proto": "https, http"}, "https://pay.example.com"),
        ({"Host": "[::1]:8000"}, "http://[::1]:8000"),
    ],
)
def test_a_link_begins_as_its_caller_reaches_us(
    client: FlaskClient, timetable: Timetable, headers: dict[str, str], origin: str
) -> None:
    assert timetable

    url = client.post(LINK, headers=Browser.headers() | headers).get_json()["url"]

    assert url.startswith(f"{origin}/calendar/")


@pytest.mark.parametrize("host", ["", "/", "evil.example/x?", 'a b"><script>', "[::1", "eve@example.com", "x:y", "..."])
def test_without_a_host_to_begin_with_there_is_no_link_and_the_one_before_stays(
    browser: Browser, timetable: Timetable, host: str
) -> None:
    assert timetable
    before = linked(browser)

    answer = browser.client.post(LINK, headers=Browser.headers() | {"Host": host})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_request")
    assert browser.client.get(before).status_code == 200


def test_staff_have_no_calendar(browser: Browser, timetable: Timetable) -> None:
    assert timetable

    assert browser.get(MINE, role="staff", sub="desk").status_code == 403
    assert browser.post(LINK, role="staff", sub="desk").status_code == 403
    assert browser.client.get(MINE).status_code == 401


@pytest.mark.parametrize("has_one", [False, True], ids=["alone", "beside another"])
def test_a_link_goes_with_whom_a_student_is_merged_into_unless_they_have_one(
    browser: Browser, timetable: Timetable, *, has_one: bool
) -> None:
    timetable.buy("old")
    timetable.book("old", timetable.session(soon()))
    timetable.student("ada")
    old = linked(browser, sub="old")
    kept = linked(browser) if has_one else old
    with transaction(timetable.engine) as session:
        merge(session, timetable.organization("lumen"), Merge("old", "ada", "STAFF desk", None), at=clock.now())

    statuses = {path: browser.client.get(path).status_code for path in (old, kept)}

    assert statuses == ({old: 404, kept: 200} if has_one else {old: 200})
    assert len(entries(browser.client.get(kept))) == 1


def test_a_summers_and_a_winters_session_have_their_zones_hours(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("ada", "BUNDLE-5P-3G")
    timetable.studio.rows("UPDATE student_packages SET expires_at = '2031-01-01Z'")
    starts = [datetime(2030, month, 1, 15, tzinfo=UTC) for month in (3, 6, 11)]
    for start in starts:
        timetable.do("booking.book", "ada", org="thrive", sessionId=timetable.session(start, org="thrive", minutes=60))

    answer = browser.get(MINE, org="thrive")

    local = [entry["DTSTART"].to_ical() for entry in entries(answer)]
    assert local == [b"20300301T100000", b"20300601T110000", b"20301101T110000"]
    assert [entry.start for entry in entries(answer)] == starts
    assert b"DTSTART:20300310T020000\r\n" in answer.data


@pytest.fixture
def gateway(database_url: str, timetable: Timetable, tmp_path: Path) -> Iterator[Served]:
    """Give a gateway that logs all it has to say."""
    assert timetable
    secrets = {"JWT_SECRET": f"{canaries.PASSWORD}, long enough for HS256", "LOG_LEVEL": "debug"}
    with served(environment(database_url, "redis://127.0.0.1:1/0", tmp_path) | secrets, tmp_path / "log") as each:
        yield each


def test_the_secret_stands_in_no_log_no_metric_and_no_answer(gateway: Served, timetable: Timetable) -> None:
    timetable.student("ada")
    with transaction(timetable.engine) as session:
        secret = link.create(session, timetable.organization("lumen"), timetable.student("ada"), at=clock.now())
    path = f"/calendar/{secret}.ics"

    shown = gateway.get(path)
    wrong = gateway.say(request("POST", path))
    longer = gateway.get(f"/calendar/{secret}{secret}.ics")
    timetable.studio.rows("ALTER TABLE calendar_links RENAME TO links_away")
    try:
        failed = gateway.get(path)
    finally:
        timetable.studio.rows("ALTER TABLE links_away RENAME TO calendar_links")
    metrics = gateway.get("/metrics")

    answers = (shown, wrong, longer, failed, metrics)
    assert [each and each.status for each in answers] == [200, 405, 404, 500, 200]
    said = "".join(each.body.decode() + str(each.headers) for each in answers if each)
    assert secret not in said + gateway.log.read_text()
    assert "/calendar/<string:secret>.ics" in said
    assert leaked(gateway.log.read_text()) == []
