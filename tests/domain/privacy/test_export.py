"""All that is held about one person, and nothing about anybody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy import Table

from db.models import Base
from db.transaction import reading
from domain.errors import NotFound
from domain.inbox.retention import KEEP_PAYLOADS
from domain.privacy.erase_rows import ERASURES
from domain.privacy.export import SECRET, SECTIONS, SELF_EVIDENT, export
from tests.domain.desk.merging import guest
from tests.domain.privacy.someone import CANARIES, CUSTOMER, EMAIL, GUEST, NOTE, OLD, WHO, live, purchase
from tests.school import School
from tests.stripe_objects import event, intent
from tests.timetable import Timetable
from worker import clock, upkeep

Now = FrozenDateTimeFactory

# Tables whose rows hang on a student's, and are nobody's data, or everybody's.
LEFT_OUT = {
    "stripe_events": "are found by what they say, and come last",
    "organizations": "the studio's own",
}
# Tables that erasing leaves as they are: amounts, times and ids, of which nothing says whose they were.
IMPERSONAL = {"orders", "student_package_allowances", "all_access_daily_usages", "student_course_enrollments"} | {
    "student_course_step_progress",
    "coupon_uses",
}


def exported(timetable: Timetable, name: str = WHO, org: str = "lumen") -> dict[str, Any]:
    told: list[str] = []
    with reading(timetable.engine) as session:
        document = export(session, timetable.organization(org), name, tell=told.append, at=clock.now())
    assert len(told) == len(SECTIONS) + 1
    return dict(json.loads(json.dumps(document)))


def hanging() -> set[str]:
    """Return the tables whose rows name a student, or a row of theirs that only one of them has."""
    tables = Base.metadata.sorted_tables
    found = {"students", *(table.name for table in tables if "student_id" in table.c)}
    private = found - {"notifications", "jobs", "domain_events"}
    while more := {table.name for table in tables if private & _owners(table)} - found:
        found |= more
        private |= more
    return found


def _owners(table: Table) -> set[str]:
    """Return the tables to which a table's required references lead."""
    return {
        key.column.table.name
        for constraint in table.foreign_key_constraints
        for key in constraint.elements
        if not key.parent.nullable
    }


def test_every_table_that_hangs_on_a_student_is_in_it() -> None:
    exported_tables = {section.model.__tablename__ for section in SECTIONS}

    assert hanging() - LEFT_OUT.keys() <= exported_tables
    # These name a payment or a student without a reference.
    assert exported_tables - hanging() == {"payments", "legacy_records"}
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)


def test_what_is_exported_is_erased_or_says_nothing() -> None:
    written = {statement.split()[2 if "DELETE" in statement else 1] for statement in ERASURES.values()}

    shown = {section.model.__tablename__ for section in SECTIONS} | {"stripe_events"}
    assert shown - IMPERSONAL == written | {"payments"}
    assert not IMPERSONAL & written


def test_it_has_every_column_but_what_is_secret_or_of_our_own() -> None:
    columns = {column.name for section in SECTIONS for column in section.model.__table__.columns}

    assert columns >= SELF_EVIDENT | SECRET


def test_it_holds_all_that_they_did(timetable: Timetable, now: Now) -> None:
    live(timetable, now)

    document = exported(timetable)

    whole = json.dumps(document, ensure_ascii=False)
    assert [canary for canary in CANARIES if canary not in whole] == []
    assert document["external_ids"] == [WHO, OLD]
    assert [name for name, rows in document.items() if rows == []] == ["all_access_days", "enrollments", "course_steps"]
    assert [row["guest_email"] for row in document["bookings"] if row["guest_of"]] == [GUEST["email"]]
    assert {row["kind"] for row in document["ledger"]} == {"SPEND", "RETURN", "BONUS", "ADJUST", "TAKEN_BACK"}
    assert {row["coupon_code"] for row in document["coupon_uses"]} == {"GIFT", "FREE"}
    assert {row["stripe_customer_id"] for row in document["stripe_customers"]} == {CUSTOMER}
    assert NOTE in {row["notes"] for row in document["packages"]}
    assert all(row["class_name"] for row in document["bookings"] if row["session_id"])


def test_it_holds_nothing_of_others(timetable: Timetable, now: Now) -> None:
    live(timetable, now)

    whole = json.dumps(exported(timetable))

    assert "grace" not in whole
    assert "canary-unknown" not in whole
    assert len(exported(timetable, "grace")["bookings"]) == 1


def test_whoever_shares_an_address_keeps_what_is_of_their_customer(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(
        purchase(),
        purchase("pi_child", product="SINGLE-RIDE", amount=150_000, student="child", customer="cus_child"),
        purchase("pi_unknown", product="NONE-1", student=None, customer="cus_child"),
    )
    timetable.studio.deliver(event("customer.updated", {"id": "cus_child", "object": "customer", "email": EMAIL}))

    mine, childs = exported(timetable), exported(timetable, "child")

    assert [row["type"] for row in mine["stripe_events"]] == ["checkout.session.completed"]
    assert [row["stripe_key"] for row in mine["payments"]] == ["pi_canary"]
    assert [row["type"] for row in childs["stripe_events"]][-1] == "customer.updated"
    assert [row["stripe_key"] for row in childs["payments"]] == ["pi_child", "pi_unknown"]


def test_a_payment_that_names_its_student_in_one_event_is_not_the_addresss_in_another(
    timetable: Timetable, now: Now
) -> None:
    named = purchase("pi_child", product="NONE-1", student="child", customer=None)
    timetable.student("child")
    timetable.studio.deliver(purchase(), named, intent("pi_child", email=EMAIL))

    owners = {name: [row["stripe_key"] for row in exported(timetable, name)["payments"]] for name in (WHO, "child")}

    assert owners == {WHO: ["pi_canary"], "child": ["pi_child"]}


def test_it_is_the_same_each_time_and_in_one_order(timetable: Timetable, now: Now) -> None:
    live(timetable, now)

    first, second = exported(timetable), exported(timetable, OLD)

    assert first == second
    head = ["exported_at", "student_id", "external_ids"]
    assert [*first] == [*head, *(section.name for section in SECTIONS), "stripe_events"]
    for section in SECTIONS:
        ids = [row["id"] for row in first[section.name] if "id" in row]
        assert ids == sorted(ids)


def test_events_are_shown_with_what_they_said_as_long_as_that_is_kept(timetable: Timetable, now: Now) -> None:
    live(timetable, now)
    before = exported(timetable)["stripe_events"]
    now.move_to(clock.now() + KEEP_PAYLOADS + KEEP_PAYLOADS)
    upkeep.prune_payloads(timetable.engine, at=clock.now())

    after = exported(timetable)["stripe_events"]

    assert {row["type"] for row in before} >= {"checkout.session.completed", "customer.updated", "charge.updated"}
    assert all(row["payload"]["id"] == row["event_id"] for row in before)
    # What names no payment is not known by its hash.
    assert {row["event_id"] for row in after} < {row["event_id"] for row in before}
    assert all(len(row["payload_sha256"]) == 64 for row in after)


def test_a_course_is_told_with_its_steps(school: School, now: Now) -> None:
    package = school.enroll(WHO, school.cohort())
    school.book(WHO, package, "SFZ-1-DAY")

    document = exported(school.timetable, WHO, "thrive")

    assert [row["course_name"] for row in document["enrollments"]] != [None]
    steps = {row["step_label"]: row["status"] for row in document["course_steps"]}
    assert steps == {"SFZ-1": "BOOKED", "SFZ-2": "UNBOOKED", "SFZ-3": "UNBOOKED", "SFZ-4": "BOOKED"}


def test_a_pass_is_told_with_its_days(timetable: Timetable, now: Now) -> None:
    timetable.buy(WHO, "ALL-ACCESS-30")
    timetable.book(WHO, timetable.session(clock.now().replace(day=7)))

    assert [row["usage_date"] for row in exported(timetable)["all_access_days"]] == ["2026-10-07"]


def test_a_guest_is_known_by_their_address(timetable: Timetable, now: Now) -> None:
    guest(timetable, EMAIL)

    assert len(exported(timetable, EMAIL)["orders"]) == 1


@pytest.mark.parametrize(("name", "org"), [("nobody", "lumen"), (WHO, "thrive")])
def test_who_is_not_there_is_not_found(timetable: Timetable, now: Now, name: str, org: str) -> None:
    timetable.student(WHO)

    with pytest.raises(NotFound, match="There is no student"):
        exported(timetable, name, org)
