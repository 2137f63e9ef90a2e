"""Two records of one person made one: everything goes along, and the names of the one mean the other."""

from __future__ import annotations

import pytest

from db.models import Base
from db.transaction import reading, transaction
from domain import student
from domain.desk.merge_rows import MOVES
from domain.errors import InvalidField, NotFound, StudentMerged
from domain.inbox import job_view
from domain.student import Identity
from tests.domain.booking.world import GRACE, give_back, soon
from tests.domain.desk.merging import coupon, events, guest, holders, joined, joined_into_new, refused, use_coupon, wait
from tests.stripe_objects import checkout
from tests.timetable import Timetable
from worker import clock

pytestmark = pytest.mark.usefixtures("now")


def test_everything_goes_along(timetable: Timetable) -> None:
    timetable.buy("ada")
    package = timetable.buy("old", "ELITE-30")
    timetable.buy("old", "ALL-ACCESS-30")
    timetable.book("old", timetable.session(soon(3)), packageId=package, friend=GRACE)
    timetable.book("old", timetable.session(soon(4)))
    wait(timetable, "old", timetable.session(soon(5)))
    use_coupon(timetable, coupon(timetable, 1), "old", 1, 1)
    timetable.studio.rows(
        "INSERT INTO stripe_customers (organization_id, stripe_customer_id, student_id)"
        " VALUES (%(org)s, 'cus_1', %(id)s)",
        org=timetable.organization("lumen"),
        id=timetable.student("old"),
    )
    ada, old = timetable.student("ada"), timetable.student("old")
    before = events(timetable, old)

    done = joined(timetable, "old", "ada", reason="the same person")

    assert (done.merged_member_id, done.member_id, done.kept) == ("old", "ada", 0)
    assert dict(done.moved) == {
        "orders": 2,
        "packages": 2,
        "bookings": 3,
        "all_access_days": 1,
        "enrollments": 0,
        "waitlist_entries": 1,
        "jobs": 0,
        "notifications": 5,
        "calendar_links": 0,
        "customers": 1,
        "coupon_uses": 1,
    }
    assert {table for table, ids in holders(timetable).items() if old in ids} == {"domain_events", "jobs"}
    assert events(timetable, old) == [*before, "student.merged"]
    assert events(timetable, ada) == ["package.fulfilled", "student.merged"]


def test_no_table_with_students_is_forgotten() -> None:
    tables = {table.name for table in Base.metadata.sorted_tables if "student_id" in table.c}

    moved = {each.split()[1] for each in MOVES.values()}

    assert moved | {"domain_events"} == tables


def test_both_are_told_by_events_that_say_who_and_why(timetable: Timetable) -> None:
    timetable.student("ada")
    timetable.student("old")

    joined(timetable, "old", "ada", reason="the same person")

    rows = timetable.studio.rows("SELECT sequence, subject, data FROM domain_events ORDER BY id")
    why = {"by": "ADMIN desk", "reason": "the same person"}
    ada, old = timetable.student("ada"), timetable.student("old")
    assert [(row["sequence"], row["subject"], row["data"]) for row in rows] == [
        (1, f"student/{ada}", {"studentId": "ada", "mergedFrom": "old"} | why),
        (1, f"student/{old}", {"studentId": "old", "mergedInto": "ada"} | why),
    ]


def test_flags_follow_what_is_held(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.buy("old", "ELITE-30")
    timetable.buy("old", "ALL-ACCESS-30")

    joined(timetable, "old", "ada")

    flags = "SELECT is_elite_member, has_all_access, all_access_expires_at IS NOT NULL AS until FROM students"
    rows = timetable.studio.rows(f"{flags} ORDER BY external_id")
    assert [tuple(row.values()) for row in rows] == [(True, True, True), (False, False, False)]


def test_what_was_held_pays_and_is_given_up_under_the_new_name(timetable: Timetable) -> None:
    package = timetable.buy("old")
    booked = timetable.book("old", timetable.session(soon(3)))

    joined_into_new(timetable)

    assert timetable.cancel("ada", booked.id).code == "done"
    assert timetable.book("ada", timetable.session(soon(4)), packageId=package).code == "done"
    assert timetable.left(package) == [4]


# Names.


def test_the_old_name_means_the_other_student_from_now_on(timetable: Timetable) -> None:
    timetable.student("old")
    joined_into_new(timetable)
    lumen = timetable.organization("lumen")

    with transaction(timetable.engine) as session:
        found = student.find(session, lumen, "old")
        welcomed = student.welcome(
            session, lumen, Identity("old", "o@example.com", email_verified=True), at=clock.now()
        )

    assert found == welcomed == timetable.student("ada")
    assert timetable.studio.count("students") == 2


def test_a_purchase_that_names_who_was_merged_is_the_others(timetable: Timetable) -> None:
    timetable.student("old")
    joined_into_new(timetable)

    timetable.buy("old")

    assert timetable.studio.packages() == [("EXPLORER-5", "ada")]


def test_what_stripe_says_late_of_an_earlier_purchase_stays_with_the_other(timetable: Timetable) -> None:
    package = timetable.buy("old")
    joined_into_new(timetable)

    give_back(timetable, package)

    assert timetable.studio.packages() == [("EXPLORER-5", "ada")]
    assert timetable.book("ada", timetable.session(soon())).code == "insufficient_credits"


def test_a_customer_of_who_was_merged_is_the_others(timetable: Timetable) -> None:
    timetable.studio.deliver(
        checkout("EXPLORER-5", payment="pi_1", student="old", customer="cus_1", org="lumen", email=None)
    )
    joined_into_new(timetable)

    timetable.studio.deliver(
        checkout("CORE-10", payment="pi_2", amount=800_000, customer="cus_1", student=None, email=None)
    )

    assert timetable.studio.packages() == [("CORE-10", "ada"), ("EXPLORER-5", "ada")]


def test_a_guest_is_merged_by_their_address_and_buys_for_the_other_from_then_on(timetable: Timetable) -> None:
    guest(timetable, "Old@example.com")
    timetable.student("ada")

    done = joined(timetable, "old@EXAMPLE.com", "ada")
    guest(timetable, "old@example.com", "pi_again")

    assert (done.merged_member_id, done.member_id) == (None, "ada")
    assert timetable.studio.packages() == [("EXPLORER-5", "ada")] * 2
    assert timetable.studio.one("SELECT email FROM students WHERE external_id = 'ada'")["email"] == "Old@example.com"


def test_a_merged_guest_is_adopted_by_nobody_else(timetable: Timetable) -> None:
    guest(timetable, "family@example.com")
    joined_into_new(timetable, "family@example.com")
    lumen = timetable.organization("lumen")

    with transaction(timetable.engine) as session:
        sibling = Identity("bob", "family@example.com", email_verified=True)
        bob = student.welcome(session, lumen, sibling, at=clock.now())

    assert bob not in {timetable.student("ada"), student_of(timetable, "family@example.com")}
    assert timetable.studio.packages() == [("EXPLORER-5", "ada")]


def student_of(timetable: Timetable, email: str) -> int:
    row = timetable.studio.one("SELECT id FROM students WHERE email = %(email)s AND external_id IS NULL", email=email)
    return int(row["id"])


def test_an_address_that_is_known_already_stays(timetable: Timetable) -> None:
    guest(timetable, "old@example.com")
    timetable.student("ada")
    timetable.studio.rows("UPDATE students SET email = 'ada@example.com', name = 'Ada' WHERE external_id = 'ada'")

    joined(timetable, "old@example.com", "ada")

    row = timetable.studio.one("SELECT email, name FROM students WHERE external_id = 'ada'")
    assert (row["email"], row["name"]) == ("ada@example.com", "Ada")


def test_nobody_has_to_follow_twice(timetable: Timetable) -> None:
    for name in ("first", "second", "third"):
        timetable.student(name)
    joined(timetable, "first", "second")
    joined(timetable, "second", "third")

    timetable.buy("first")

    rows = timetable.studio.rows("SELECT merged_into FROM students ORDER BY id")
    third = timetable.student("third")
    assert [row["merged_into"] for row in rows] == [third, third, None]
    assert timetable.studio.packages() == [("EXPLORER-5", "third")]


def test_into_somebody_who_was_merged_is_into_whom_they_were_merged(timetable: Timetable) -> None:
    for name in ("first", "second", "third"):
        timetable.student(name)
    joined(timetable, "second", "third")

    assert joined(timetable, "first", "second").member_id == "third"


def test_nobody_is_merged_into_themselves_or_twice(timetable: Timetable) -> None:
    for name in ("ada", "old", "bob"):
        timetable.student(name)

    refused(timetable, "ada", "ada", InvalidField)
    joined(timetable, "old", "ada")
    refused(timetable, "ada", "old", InvalidField)
    refused(timetable, "old", "bob", StudentMerged)


def test_who_is_not_there_is_not_merged(timetable: Timetable) -> None:
    timetable.student("ada")
    timetable.student("old", "thrive")

    assert "old" in refused(timetable, "old", "ada", NotFound)
    assert "nobody" in refused(timetable, "ada", "nobody", NotFound)


def test_what_became_of_a_command_stays_readable_for_whom_it_was_merged_into(timetable: Timetable) -> None:
    timetable.student("ada")
    timetable.buy("old")
    job = timetable.book("old", timetable.session(soon())).job
    stranger = timetable.student("eve")

    joined(timetable, "old", "ada")

    with reading(timetable.engine) as session:
        own = {"organization_id": timetable.organization("lumen")}
        found = job_view.find(session, job, **own, student_id=timetable.student("ada"))
        assert found is not None
        assert found.result
        assert job_view.find(session, job, **own, student_id=stranger) is None
