"""Whose purchase it is."""

from __future__ import annotations

from itertools import permutations

from tests.stripe_objects import checkout, intent, refund
from tests.studio import Studio


def test_a_purchase_belongs_to_the_student_it_names(studio: Studio) -> None:
    studio.deliver(checkout(payment="pi_1", student="ada"), checkout("CORE-10", payment="pi_2", student="ada"))

    assert studio.count("students") == 1
    assert studio.packages() == [("CORE-10", "ada"), ("EXPLORER-5", "ada")]


def test_two_students_may_share_an_address(studio: Studio) -> None:
    studio.deliver(checkout(payment="pi_1", student="ada"), checkout(payment="pi_2", student="ben"))

    assert studio.packages() == [("EXPLORER-5", "ada"), ("EXPLORER-5", "ben")]


def test_the_same_id_at_two_organizations_is_two_students(studio: Studio) -> None:
    studio.deliver(
        checkout(payment="pi_1"), checkout("PREMIUM-3", payment="pi_2", org="thrive", amount=24_000, currency="usd")
    )

    assert studio.count("students") == 2
    assert studio.audit() == []


def test_guests_are_found_by_address_whatever_its_case(studio: Studio) -> None:
    studio.deliver(checkout(payment="pi_1", student=None, email="Eve@Example.com"))

    studio.deliver(checkout(payment="pi_2", student=None, email="eve@example.com"))

    assert studio.count("students") == 1
    assert studio.packages() == [("EXPLORER-5", None)] * 2


def test_an_address_never_leads_to_a_student_with_an_id(studio: Studio) -> None:
    studio.deliver(checkout(payment="pi_1", student="ada", email="family@example.com"))

    studio.deliver(checkout(payment="pi_2", student=None, email="family@example.com"))

    assert studio.count("students") == 2
    assert {student for _, student in studio.packages()} == {"ada", None}


def test_a_purchase_that_names_nobody_still_has_a_student(studio: Studio) -> None:
    studio.deliver(checkout(student=None, email=None))

    assert studio.packages() == [("EXPLORER-5", None)]
    assert studio.audit() == []


def test_a_customers_purchases_follow_the_student_that_one_of_them_names(studio: Studio) -> None:
    events = [
        checkout(payment="pi_1", student=None, customer="cus_1"),
        checkout("CORE-10", payment="pi_2", student="ada", customer="cus_1"),
        intent("pi_3", product_code="ELITE-20", org="lumen", customer="cus_1", amount=1_400_000),
    ]

    for order in permutations(events):
        studio.empty()
        for event in order:
            studio.deliver(event)

        assert studio.packages() == [("CORE-10", "ada"), ("ELITE-20", "ada"), ("EXPLORER-5", "ada")]
        assert studio.audit() == []


def test_a_purchase_moves_with_all_that_hangs_on_it_when_its_student_is_named_last(studio: Studio) -> None:
    studio.deliver(intent("pi_1", product_code="ELITE-30", org="lumen", email="ada@example.com", amount=1_800_000))
    guest = studio.one("SELECT * FROM students")

    studio.deliver(checkout("ELITE-30", payment="pi_1", student="ada", amount=1_800_000))

    students = {row["external_id"]: row for row in studio.rows("SELECT * FROM students")}
    assert guest["is_elite_member"]
    assert not students[None]["is_elite_member"]
    assert students["ada"]["is_elite_member"]
    assert studio.packages() == [("ELITE-30", "ada")]
    assert studio.one("SELECT student_id FROM notifications")["student_id"] == students["ada"]["id"]
    assert studio.audit() == []


def test_a_guest_who_was_adopted_keeps_the_package_whatever_comes_after(studio: Studio) -> None:
    studio.deliver(checkout(student=None))
    studio.rows("UPDATE students SET external_id = 'ada'")

    studio.deliver(intent(), refund(amount=100_000))

    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.count("students") == 1


def test_a_purchase_of_nobody_stays_with_the_student_made_for_it(studio: Studio) -> None:
    studio.deliver(checkout(student=None, email=None))

    for number in range(5):
        studio.deliver(refund(amount=10_000, refund_id=f"re_{number}"))

    assert studio.count("students") == 1


def test_addresses_are_folded_by_the_database_alone(studio: Studio) -> None:
    studio.deliver(checkout(student=None, email="\u0130pek@example.com"))
    studio.deliver(checkout(payment="pi_2", student=None, email="\u0130pek@example.com"))

    assert studio.packages() == [("EXPLORER-5", None)] * 2
    assert studio.count("students") == 1


def test_an_address_completes_a_student_known_by_id_only(studio: Studio) -> None:
    studio.rows(
        "INSERT INTO students (organization_id, external_id, created_at)"
        " SELECT id, 'ada', created_at FROM organizations WHERE slug = 'lumen'"
    )

    studio.deliver(checkout())

    assert studio.one("SELECT email FROM students")["email"] == "ada@example.com"
