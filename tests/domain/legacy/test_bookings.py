"""Parent bookings: gone into orders; their sessions as drafts, as what took place, or booked in what is ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.domain.booking.world import nothing_written, soon, told
from tests.domain.legacy.old import ADA, GRACE, became, child, package, parent, refused, take
from tests.timetable import Timetable
from worker import clock

pytestmark = pytest.mark.usefixtures("now")

FULL = "has no place left"


def private(timetable: Timetable, start: datetime, *, minutes: int = 60) -> int:
    return timetable.session(start, org="thrive", service="PRIVATE", minutes=minutes, capacity=1, tier=0)


def bookings(timetable: Timetable) -> list[tuple[str, int | None, int]]:
    rows = timetable.studio.rows("SELECT status, session_id, credits_used FROM bookings ORDER BY id")
    return [(row["status"], row["session_id"], row["credits_used"]) for row in rows]


def why(report: Any) -> list[tuple[str, str]]:
    return [(each.legacy_id, each.why) for each in report.unmapped]


def test_a_parent_disappears_into_an_order_and_its_drafts_stay_drafts(timetable: Timetable) -> None:
    report = take(timetable, students=[ADA], bookings=[parent(), child(173), child(174), child(175)])

    order = timetable.studio.one("SELECT * FROM orders")
    drafts = timetable.studio.rows("SELECT * FROM bookings")
    held = timetable.studio.one("SELECT id, product_code FROM student_packages")
    assert (order["paid"], order["currency"], order["package_metadata"]["total_sessions"]) == (50_000, "USD", 3)
    assert held["product_code"] == "WELLNESS-3"
    assert timetable.left(held["id"]) == [3]
    assert [(each["status"], each["start_at"], each["order_id"]) for each in drafts] == [
        ("DRAFT", None, order["id"])
    ] * 3
    assert became(report, "bookings") == {"in_file": 4, "taken_over": 4}
    assert timetable.studio.count("notifications") == 0


def test_a_draft_that_was_taken_over_can_be_scheduled(timetable: Timetable) -> None:
    session = private(timetable, soon())
    take(timetable, students=[ADA], bookings=[parent(), child(173), child(174)])
    draft = timetable.studio.one("SELECT min(id) AS id FROM bookings")["id"]

    outcome = timetable.schedule("ada", draft, org="thrive", sessionId=session)

    assert outcome.code == "done"
    assert bookings(timetable) == [("CONFIRMED", session, 1), ("DRAFT", None, 0)]


def test_what_is_ahead_is_booked_in_our_session_and_its_student_hears_of_it(timetable: Timetable) -> None:
    start = soon()
    session = private(timetable, start)

    report = take(timetable, students=[ADA], bookings=[parent(), child(173), _at(174, "confirmed", start)])

    assert bookings(timetable) == [("DRAFT", None, 0), ("CONFIRMED", session, 1)]
    assert told(timetable, "ada", "thrive") == ["booking.confirmed"]
    mail = timetable.studio.one("SELECT status, kind FROM notifications")
    assert mail == {"status": "PENDING", "kind": "booking.confirmed"}
    assert became(report, "bookings") == {"in_file": 3, "taken_over": 3}


def _at(number: int, status: str, start: datetime, **more: Any) -> dict[str, Any]:
    return child(number, status, start_time=start.isoformat()) | more


def test_what_took_place_in_a_session_of_ours_is_a_booking_of_it_without_a_mail(timetable: Timetable) -> None:
    start = clock.now() - timedelta(days=9)
    session = private(timetable, start)

    take(timetable, students=[ADA], bookings=[parent(), child(173), _at(174, "completed", start)])

    assert bookings(timetable) == [("DRAFT", None, 0), ("COMPLETED", session, 1)]
    assert timetable.studio.one("SELECT kind, credits FROM package_uses") == {"kind": "SPEND", "credits": 1}
    assert timetable.studio.one("SELECT kind, status FROM notifications") == {
        "kind": "booking.confirmed",
        "status": "VOID",
    }
    types = timetable.studio.rows("SELECT type FROM domain_events ORDER BY sequence")
    assert [each["type"] for each in types] == ["package.fulfilled", "booking.completed"]


def test_what_was_confirmed_in_a_session_that_is_over_is_completed_by_the_clock_or_was(timetable: Timetable) -> None:
    starts = [clock.now() - timedelta(days=days) for days in (9, 8)]
    private(timetable, starts[0])
    done = private(timetable, starts[1])
    timetable.studio.rows("UPDATE class_sessions SET completed_at = end_at WHERE id = %(id)s", id=done)

    take(timetable, students=[ADA], bookings=[parent(), *(_at(n, "confirmed", s) for n, s in enumerate(starts, 173))])

    assert [status for status, *_ in bookings(timetable)] == ["CONFIRMED", "COMPLETED"]


def test_what_was_completed_elsewhere_stays_used_and_is_listed(timetable: Timetable) -> None:
    past = clock.now() - timedelta(days=9)

    report = take(timetable, students=[ADA], bookings=[parent(), child(173), _at(174, "completed", past)])

    held = timetable.studio.one("SELECT id FROM student_packages")["id"]
    use = timetable.studio.one("SELECT kind, credits, reason FROM package_uses")
    assert timetable.left(held) == [1]
    assert use == {"kind": "ADJUST", "credits": 1, "reason": "used before the move"}
    assert why(report) == [("174", "no session of ours starts then")]
    assert bookings(timetable) == [("DRAFT", None, 0)]
    assert became(report, "bookings") == {"in_file": 3, "taken_over": 2, "not_mappable": 1}


def test_what_is_confirmed_for_a_time_without_a_session_stays_a_credit_and_is_listed(timetable: Timetable) -> None:
    rows = [parent(), _at(173, "confirmed", soon()), child(174, "confirmed"), _at(175, "completed", soon())]
    private(timetable, soon(), minutes=90)
    name = timetable.studio.one("SELECT name FROM group_classes ORDER BY id DESC LIMIT 1")["name"]

    report = take(timetable, students=[ADA], bookings=rows)

    assert bookings(timetable) == [("DRAFT", None, 0)] * 2
    assert why(report) == [
        ("173", f"{name} costs 2 credits, and an old session was one"),
        ("174", "it is confirmed, and says no start_time"),
        ("175", f"it is completed, and {name} is still ahead"),
    ]


def test_of_several_sessions_at_once_the_class_says_which(timetable: Timetable) -> None:
    start = soon()
    private(timetable, start)
    second = private(timetable, start)
    code = timetable.studio.one(
        "SELECT g.code FROM group_classes g JOIN class_sessions c ON c.group_class_id = g.id WHERE c.id = %(id)s",
        id=second,
    )["code"]
    rows = [parent(), _at(173, "confirmed", start), _at(174, "confirmed", start) | {"class": code}]

    report = take(timetable, students=[ADA], bookings=rows)

    assert bookings(timetable) == [("DRAFT", None, 0), ("CONFIRMED", second, 1)]
    assert why(report) == [("173", "several sessions start then: name its class")]


def test_what_the_engine_refuses_stays_a_draft_and_says_why(timetable: Timetable) -> None:
    start, later = soon(), soon(4)
    private(timetable, start)
    rows = [parent(), _at(173, "confirmed", start), _at(174, "confirmed", later)]
    more = [parent(legacy_id=180, student_id=2), _at(181, "confirmed", start, parent_id=180, student_id=2)]
    timetable.session(later, org="thrive", minutes=60)

    report = take(timetable, students=[ADA, GRACE], bookings=[*rows, *more])

    assert sorted(status for status, *_ in bookings(timetable)) == ["CONFIRMED", "CONFIRMED", "DRAFT"]
    assert [number for number, _ in why(report)] == ["181"]


def test_a_session_that_is_over_is_never_oversold_and_a_student_is_in_one_place(timetable: Timetable) -> None:
    past = clock.now() - timedelta(days=9)
    first = private(timetable, past)
    code = timetable.studio.one("SELECT code FROM group_classes ORDER BY id DESC LIMIT 1")["code"]
    private(timetable, past + timedelta(minutes=30))
    rows = [
        parent(),
        _at(173, "completed", past) | {"class": code},
        _at(174, "completed", past + timedelta(minutes=30)),
        parent(legacy_id=180, student_id=2),
        _at(181, "completed", past, parent_id=180, student_id=2),
    ]

    report = take(timetable, students=[ADA, GRACE], bookings=rows)

    assert bookings(timetable) == [("COMPLETED", first, 1)]
    assert why(report) == [
        ("174", "the student is in another session then, or has a place in this one"),
        ("181", f"{code} {FULL}"),
    ]


def test_a_package_pays_for_what_was_while_it_was_valid(timetable: Timetable) -> None:
    past = clock.now() - timedelta(days=60)
    private(timetable, past)

    report = take(timetable, students=[ADA], bookings=[parent(), _at(173, "completed", past)])

    assert why(report) == [("173", "Wellness 3 was not valid then")]


def test_cancelled_sessions_give_nothing(timetable: Timetable) -> None:
    report = take(timetable, students=[ADA], bookings=[parent(), child(173), child(174, "cancelled")])

    held = timetable.studio.one("SELECT id FROM student_packages")["id"]
    assert timetable.left(held) == [1]
    assert became(report, "bookings") == {"in_file": 3, "taken_over": 2, "left_out": 1}


@pytest.mark.parametrize(
    ("rows", "counted", "reasons"),
    [
        ([parent(status="cancelled"), child(173)], {"left_out": 1, "not_mappable": 1}, ["purchase was cancelled"]),
        ([parent(status="draft"), child(173)], {"not_mappable": 2}, ["never confirmed", "never confirmed"]),
        ([parent(), child(173, "cancelled")], {"left_out": 1, "not_mappable": 1}, ["no session of it is left"]),
        ([child(173, parent_id=None)], {"not_mappable": 1}, ["neither a package purchase nor a session of one"]),
    ],
)
def test_what_has_no_purchase_behind_it_becomes_nothing(
    timetable: Timetable, rows: list[Any], counted: dict[str, int], reasons: list[str]
) -> None:
    report = take(timetable, students=[ADA], bookings=rows)

    assert became(report, "bookings") == {"in_file": len(rows)} | counted
    assert all(reason in said for reason, (_, said) in zip(reasons, why(report), strict=True))
    assert timetable.studio.count("orders") == timetable.studio.count("bookings") == 0


def test_running_it_twice_changes_nothing(timetable: Timetable) -> None:
    past, start = clock.now() - timedelta(days=9), soon()
    private(timetable, past)
    private(timetable, start)
    sessions = [_at(173, "completed", past), _at(174, "confirmed", start), child(175), _at(176, "completed", soon(-3))]
    files: dict[str, Any] = {"students": [ADA], "bookings": [parent(), *sessions, child(177, "cancelled")]}
    take(timetable, **files)

    with nothing_written(timetable):
        again = take(timetable, **files)

    assert became(again, "bookings") == {"in_file": 6, "known": 5, "left_out": 1}
    assert again.unmapped == []


def test_a_session_that_comes_after_its_purchase_was_taken_over_is_listed(timetable: Timetable) -> None:
    take(timetable, students=[ADA], bookings=[parent(), child(173)])

    with nothing_written(timetable):
        report = take(timetable, bookings=[child(174)])

    assert why(report) == [("174", "its package purchase was taken over before, without it")]


def test_an_old_package_whose_days_begin_with_its_first_session_begins_with_it(timetable: Timetable) -> None:
    timetable.studio.rows("UPDATE products SET validity_starts = 'FIRST_USE' WHERE code = 'WELLNESS-3'")
    past, start = clock.now() - timedelta(days=9), soon()
    private(timetable, past)
    private(timetable, start)
    rows = [parent(), _at(173, "completed", past), _at(174, "confirmed", start), child(175)]
    fresh = [parent(legacy_id=180), child(181, parent_id=180)]

    take(timetable, students=[ADA], bookings=[*rows, *fresh], packages=[package(product_code="PREMIUM-3")])

    begun, unused = timetable.studio.rows(
        "SELECT starts_at, expires_at FROM student_packages WHERE product_code = 'WELLNESS-3' ORDER BY id"
    )
    assert begun["starts_at"] == past
    assert unused == {"starts_at": None, "expires_at": None}


REFUSED = [
    ([parent(product_code=None), child(173)], "row 1, product_code: name the product that the package was"),
    ([parent(product_code="BUNDLE-5P-3G"), child(173)], "row 1, product_code: BUNDLE-5P-3G has several kinds"),
    ([parent(product_code="NONE"), child(173)], "row 1, product_code: there is no product of this code"),
    ([parent(student_id=9), child(173, student_id=9)], "row 1, student_id: there is no student 9"),
    ([parent(), child(173, student_id=2)], "row 2, student_id: the package purchase is student 1's"),
    ([child(173)], "row 1, parent_id: there is no package purchase 172 in the file"),
    ([parent(parent_id=1), child(173)], "row 1, parent_id: a package purchase has no parent"),
    ([parent(), child(173) | {"class": "NONE"}], "row 2, class: there is no class NONE"),
    ([parent(), child(173, status="paid")], "row 2, status: Input should be 'draft'"),
    ([parent(), child(173, created_at="2026-12-01")], "row 2, created_at: it is still ahead"),
    ([parent(expires_at="2026-01-01"), child(173)], "row 1, expires_at: it is before the package was bought"),
    (
        [parent(is_package_purchase="perhaps"), child(173)],
        "row 1, is_package_purchase: Input should be a valid boolean",
    ),
]


@pytest.mark.parametrize(("rows", "reason"), REFUSED)
def test_what_is_wrong_with_a_row_is_told_and_nothing_is_left_behind(
    timetable: Timetable, rows: list[Any], reason: str
) -> None:
    with nothing_written(timetable):
        said = refused(timetable, students=[ADA, GRACE], bookings=rows)

    assert said[0].startswith(f"bookings.json, {reason}")


def test_classes_and_products_of_another_organization_are_not_found(timetable: Timetable) -> None:
    rows = [parent(product_code="EXPLORER-5"), child(173) | {"class": "RIDE"}]

    (said,) = refused(timetable, students=[ADA], bookings=rows)
    (other,) = refused(timetable, students=[ADA], bookings=[parent(), child(173) | {"class": "RIDE"}])

    assert "there is no product of this code" in said
    assert "there is no class RIDE" in other
