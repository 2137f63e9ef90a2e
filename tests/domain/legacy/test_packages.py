"""Students and packages of one service: found or made, one allowance each, what was used as a line of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.domain.booking.world import everything, nothing_written, soon
from tests.domain.legacy.old import ADA, GRACE, became, package, refused, take
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")


def test_a_package_becomes_a_bundle_of_one_line_with_what_is_left_of_it(timetable: Timetable) -> None:
    report = take(timetable, students=[ADA], packages=[package(name="Ten old lessons", expires_at="2026-12-31")])

    held = timetable.studio.one("SELECT * FROM student_packages")
    order = timetable.studio.one("SELECT * FROM orders")
    line = timetable.studio.one("SELECT * FROM student_package_allowances")
    assert (held["product_code"], held["name"]) == ("BUNDLE-5P-3G", "Ten old lessons")
    assert held["bundle_description"] == "10 Private (30 min)"
    assert (line["service_type"], line["credits"], line["credit_unit_minutes"]) == ("PRIVATE", 10, 30)
    assert timetable.left(held["id"]) == [4]
    assert (held["starts_at"], held["purchased_at"]) == (datetime(2026, 9, 1, 14, tzinfo=UTC),) * 2
    assert held["expires_at"] == datetime(2027, 1, 1, 5, tzinfo=UTC)
    assert (order["status"], order["paid"], order["list_price"], order["payment_id"]) == ("PAID", 30_000, 30_000, None)
    assert order["package_metadata"] == {"total_sessions": 10, "session_value_cents": 3_000}
    assert order["created_at"] == held["purchased_at"]
    assert became(report, "packages") == {"in_file": 1, "taken_over": 1}
    assert report.unmapped == []


def test_what_was_used_is_one_line_of_the_ledger_that_says_so(timetable: Timetable) -> None:
    take(timetable, students=[ADA], packages=[package()])

    use = timetable.studio.one("SELECT kind, credits, reason, actor, booking_id FROM package_uses")
    assert use == {
        "kind": "ADJUST",
        "credits": 6,
        "reason": "used before the move",
        "actor": "import legacy",
        "booking_id": None,
    }


def test_of_an_unused_package_there_is_no_line_and_of_a_used_up_one_nothing_is_left(timetable: Timetable) -> None:
    fresh, empty = package(remaining_sessions=10), package(legacy_id=11, remaining_sessions=0)

    take(timetable, students=[ADA], packages=[fresh, empty])

    assert timetable.studio.rows("SELECT credits FROM package_uses") == [{"credits": 10}]


def test_nobody_gets_a_mail_for_what_they_bought_long_ago_and_other_systems_hear_of_it(timetable: Timetable) -> None:
    take(timetable, students=[ADA], packages=[package(), package(legacy_id=11)])

    events = timetable.studio.rows("SELECT type, subject, sequence FROM domain_events ORDER BY sequence")
    assert timetable.studio.count("notifications") == 0
    assert [(each["type"], each["sequence"]) for each in events] == [("package.fulfilled", 1), ("package.fulfilled", 2)]


def test_the_desk_sees_who_handed_it_over(timetable: Timetable) -> None:
    take(timetable, students=[ADA], packages=[package()])

    held = timetable.studio.one("SELECT redemption_type, redeemed_by FROM student_packages")

    assert held == {"redemption_type": "PACKAGE_DIRECT", "redeemed_by": "import legacy"}


def test_what_is_left_pays_for_a_session(timetable: Timetable) -> None:
    session = timetable.session(soon(), org="thrive", service="PRIVATE", minutes=30, capacity=1)
    take(timetable, students=[ADA], packages=[package()])

    outcome = timetable.book("ada", session, org="thrive")

    assert outcome.code == "done"
    assert timetable.left(outcome.booking["studentPackageId"]) == [3]


def test_what_is_not_said_of_its_credits_the_product_says(timetable: Timetable) -> None:
    rows = [
        package(legacy_id=10, product_code="PREMIUM-3", service_type=None, total_sessions=3, remaining_sessions=3),
        package(legacy_id=11, service_type="GROUP"),
        package(legacy_id=12, teacher_tier=7, credit_unit_minutes=45),
    ]

    take(timetable, students=[ADA], packages=rows)

    lines = timetable.studio.rows("SELECT * FROM student_package_allowances ORDER BY id")
    assert [(each["service_type"], each["teacher_tier"], each["credit_unit_minutes"]) for each in lines] == [
        ("PRIVATE", 20, 30),
        ("GROUP", 0, 60),
        ("PRIVATE", 7, 45),
    ]


def test_a_package_whose_end_is_not_said_lasts_as_its_product_does(timetable: Timetable) -> None:
    take(timetable, students=[ADA], packages=[package()])

    held = timetable.studio.one("SELECT purchased_at, expires_at FROM student_packages")
    assert (held["expires_at"] - held["purchased_at"]).days == 180


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("2026-12-31", datetime(2027, 1, 1, 5, tzinfo=UTC)),
        ("2026-12-31T17:30", datetime(2027, 1, 1, 5, tzinfo=UTC)),
        ("2026-12-31 23:30:00+00", datetime(2027, 1, 1, 5, tzinfo=UTC)),
        ("2027-01-01T00:00", datetime(2027, 1, 1, 5, tzinfo=UTC)),
    ],
)
def test_an_end_is_the_end_of_its_local_day(timetable: Timetable, said: str, end: datetime) -> None:
    take(timetable, students=[ADA], packages=[package(expires_at=said)])

    assert timetable.studio.one("SELECT expires_at FROM student_packages")["expires_at"] == end


def test_a_package_that_has_ended_stays_on_record(timetable: Timetable) -> None:
    session = timetable.session(soon(), org="thrive", service="PRIVATE", minutes=30, capacity=1)
    take(timetable, students=[ADA], packages=[package(expires_at="2026-10-01")])

    assert timetable.book("ada", session, org="thrive").code == "package_expired"


def test_a_package_that_is_scheduled_later_has_a_draft_for_each_credit_left(timetable: Timetable) -> None:
    wellness = package(product_code="WELLNESS-3", total_sessions=3, remaining_sessions=2)

    take(timetable, students=[ADA], packages=[wellness])

    drafts = timetable.studio.rows("SELECT status, minutes, booking_type FROM bookings")
    assert [tuple(each.values()) for each in drafts] == [("DRAFT", 60, "PACKAGE_SESSION")] * 2


def test_a_student_is_found_by_id_by_address_or_made(timetable: Timetable) -> None:
    ada = timetable.student("ada", "thrive")
    guest = timetable.studio.one(
        "INSERT INTO students (organization_id, email, created_at) VALUES (%(org)s, 'Grace@Example.com', now())"
        " RETURNING id",
        org=timetable.organization("thrive"),
    )["id"]
    hal = {"legacy_id": 3, "external_id": "hal", "email": "grace@example.com", "created_at": "2020-02-03"}
    nobody = {"legacy_id": 4, "name": "Hal's friend"}

    report = take(timetable, students=[ADA, GRACE, hal, nobody])

    records = timetable.studio.rows("SELECT legacy_id, row_id FROM legacy_records ORDER BY legacy_id")
    made = timetable.studio.rows("SELECT id, external_id, created_at FROM students WHERE id > %(n)s", n=guest)
    assert [row["row_id"] for row in records] == [ada, guest, made[0]["id"], made[1]["id"]]
    assert made[0]["external_id"] == "hal"
    assert made[0]["created_at"] == datetime(2020, 2, 3, 5, tzinfo=UTC)
    assert became(report, "students") == {"in_file": 4, "taken_over": 4}


def test_a_student_who_was_merged_is_the_one_they_became(timetable: Timetable) -> None:
    old, now = timetable.student("ada", "thrive"), timetable.student("ada-now", "thrive")
    timetable.studio.rows("UPDATE students SET merged_into = %(now)s WHERE id = %(old)s", now=now, old=old)

    take(timetable, students=[ADA], packages=[package()])

    assert timetable.studio.one("SELECT student_id FROM student_packages")["student_id"] == now


def test_a_student_who_was_merged_since_is_the_one_they_became(timetable: Timetable) -> None:
    take(timetable, students=[ADA])
    old, now = timetable.student("ada", "thrive"), timetable.student("ada-now", "thrive")
    timetable.studio.rows("UPDATE students SET merged_into = %(now)s WHERE id = %(old)s", now=now, old=old)

    take(timetable, packages=[package()])

    assert timetable.studio.one("SELECT student_id FROM student_packages")["student_id"] == now


def test_running_it_twice_changes_nothing(timetable: Timetable) -> None:
    files: dict[str, Any] = {"students": [ADA, GRACE], "packages": [package(), package(legacy_id=11, student_id=2)]}
    take(timetable, **files)

    with nothing_written(timetable):
        again = take(timetable, **files)

    assert became(again, "students") == {"in_file": 2, "known": 2}
    assert became(again, "packages") == {"in_file": 2, "known": 2}
    assert again.before == again.after


def test_a_later_file_adds_what_is_new(timetable: Timetable) -> None:
    take(timetable, students=[ADA], packages=[package()])

    report = take(timetable, packages=[package(), package(legacy_id=11)])

    assert became(report, "packages") == {"in_file": 2, "known": 1, "taken_over": 1}
    assert report.after["packages"] == report.before["packages"] + 1 == 2


def test_a_badge_lasts_as_long_as_its_package(timetable: Timetable) -> None:
    elite = {"product_code": "ELITE-30", "service_type": None, "total_sessions": 30, "remaining_sessions": 3}
    rows = [package(**elite), package(**elite, legacy_id=11, student_id=2, expires_at="2026-10-01")]

    take(timetable, org="lumen", students=[ADA, GRACE], packages=rows)

    flags = timetable.studio.rows("SELECT is_elite_member FROM students ORDER BY name")
    assert [each["is_elite_member"] for each in flags] == [True, False]


REFUSED = [
    ({"student_id": 9}, "student_id: there is no student 9 in the file of students"),
    ({"product_code": "NONE"}, "product_code: there is no product of this code: apply a catalog that has it first"),
    ({"product_code": "EXPLORER-5"}, "product_code: there is no product of this code"),
    ({"service_type": None}, "service_type: BUNDLE-5P-3G has several kinds of credits: name the one that it was"),
    ({"service_type": "COURSE"}, "service_type: BUNDLE-5P-3G is for GROUP or PRIVATE"),
    ({"remaining_sessions": 11}, "remaining_sessions: it is more than the 10 that were sold"),
    ({"purchased_at": "2026-10-06T10:00"}, "purchased_at: it is still ahead"),
    ({"expires_at": "2026-08-01"}, "expires_at: it is before the package was bought"),
    ({"total_sessions": 0}, "total_sessions: Input should be greater than 0"),
    ({"total_sessions": 10_001}, "total_sessions: Input should be less than or equal to 10000"),
    ({"total_sessions": "many"}, "total_sessions: write a whole number"),
    ({"total_sessions": 2.0}, "total_sessions: write a whole number"),
    ({"total_sessions": True}, "total_sessions: write a whole number"),
    ({"credit_unit_minutes": 50}, "credit_unit_minutes: write 15, 30, 45, 60"),
    ({"purchased_at": "1.9.2026"}, "purchased_at: write 2026-12-01T18:30"),
    ({"purchased_at": "2026-02-30"}, "purchased_at: day is out of range"),
    ({"purchased_at": "1999-12-31"}, "purchased_at: the year 1999 is not between"),
    ({"purchased_at": "2026-03-08T02:30"}, "purchased_at: 2026-03-08T02:30:00 does not exist in America/New_York"),
    ({"currency": "usd"}, "currency: String should match"),
    ({"price_paid": -1}, "price_paid: Input should be greater than or equal to 0"),
    ({"colour": "blue"}, "colour: there is no such column"),
    ({"legacy_id": None}, "legacy_id: it is missing"),
]


@pytest.mark.parametrize(("changes", "why"), REFUSED)
def test_what_is_wrong_with_a_row_is_told_and_nothing_is_left_behind(
    timetable: Timetable, changes: dict[str, Any], why: str
) -> None:
    before = everything(timetable.studio)

    (said,) = refused(timetable, students=[ADA], packages=[package(legacy_id=9), package(**changes)])

    assert said.startswith(f"packages.json, row 2, {why}")
    assert everything(timetable.studio) == before


def test_a_pass_is_no_package_of_sessions(timetable: Timetable) -> None:
    row = package(product_code="ALL-ACCESS-30", service_type=None)

    assert "it is a pass" in refused(timetable, org="lumen", students=[ADA], packages=[row])[0]


def test_all_that_is_wrong_is_told_at_once(timetable: Timetable) -> None:
    rows = [package(student_id=8), package(legacy_id=11, student_id=9, product_code="NONE")]

    said = refused(timetable, students=[ADA], packages=rows)

    assert [each.partition(":")[0] for each in said] == [
        "packages.json, row 1, student_id",
        "packages.json, row 2, product_code",
        "packages.json, row 2, student_id",
    ]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([ADA, ADA | {"external_id": "x"}], "students.json, row 2, legacy_id: row 1 has this id already"),
        ([ADA, ADA | {"legacy_id": 2}], "students.json, row 2, external_id: row 1 is the same student"),
        (
            [GRACE, GRACE | {"legacy_id": 3, "email": "GRACE@example.com"}],
            "students.json, row 2, email: row 1 is the same student",
        ),
        ([ADA | {"created_at": "2026-10-06"}], "students.json, row 1, created_at: it is still ahead"),
        ([ADA | {"email": "nobody"}], "students.json, row 1, email: String should match"),
        ([ADA | {"name": "A\u202eda"}], "students.json, row 1, name: String should match"),
    ],
)
def test_of_two_who_are_the_same_the_second_is_refused(timetable: Timetable, rows: list[Any], why: str) -> None:
    (said,) = refused(timetable, students=rows)

    assert said.startswith(why)
    assert timetable.studio.count("students") == 0


def test_students_of_another_organization_are_not_found(timetable: Timetable) -> None:
    timetable.student("ada", "lumen")
    take(timetable, org="lumen", students=[ADA])

    said = refused(timetable, packages=[package()])

    assert said == ["packages.json, row 1, student_id: there is no student 1 in the file of students"]
