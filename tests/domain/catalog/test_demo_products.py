"""Every product of the demo studios, bought and fulfilled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from freezegun import freeze_time

from domain.errors import InvalidCatalog
from tests.cli.conftest import organization, product
from tests.stripe_objects import checkout
from tests.studio import Studio

NOON = datetime(2026, 11, 21, 9, tzinfo=UTC)

LUMEN = [
    ("SINGLE-RIDE", 150_000, 90, "1 Group (60 min)", 1, 150_000),
    ("EXPLORER-5", 500_000, 90, "5 Group (60 min)", 5, 100_000),
    ("CORE-10", 800_000, 180, "10 Group (60 min)", 10, 80_000),
    ("ELITE-20", 1_400_000, 365, "20 Group (60 min)", 20, 70_000),
    ("ELITE-30", 1_800_000, 365, "30 Group (60 min)", 30, 60_000),
]


@freeze_time(NOON)
@pytest.mark.parametrize(("code", "price", "days", "description", "credits", "value"), LUMEN)
def test_a_credit_pack_gives_its_credits_for_its_days(
    studio: Studio, code: str, price: int, days: int, description: str, credits: int, value: int
) -> None:
    studio.deliver(checkout(code, amount=price))

    package = studio.one("SELECT * FROM student_packages")
    order = studio.one("SELECT * FROM orders")
    line = studio.one("SELECT * FROM student_package_allowances")
    assert package["bundle_description"] == description
    assert (package["expires_at"] - datetime(2026, 11, 21, 21, tzinfo=UTC)).days == days
    assert (line["service_type"], line["credits"], line["credit_unit_minutes"]) == ("GROUP", credits, 60)
    assert (order["status"], order["list_price"], order["paid"]) == ("PAID", price, price)
    assert order["package_metadata"] == {"total_sessions": credits, "session_value_cents": value}
    assert not order["price_mismatch"]
    assert studio.audit() == []


@freeze_time(NOON)
def test_elite_30_comes_with_a_friend_pass_and_a_badge(studio: Studio) -> None:
    studio.deliver(checkout("ELITE-30", amount=1_800_000))

    package = studio.one("SELECT * FROM student_packages")
    student = studio.one("SELECT * FROM students")
    assert package["friend_pass_expires_at"] == datetime(2026, 12, 21, 21, tzinfo=UTC)
    assert package["elite_badge"]
    assert student["is_elite_member"]
    assert not student["has_all_access"]


@freeze_time(NOON)
def test_all_access_opens_a_window_of_local_days(studio: Studio) -> None:
    studio.deliver(checkout("ALL-ACCESS-30", amount=2_100_000))

    package = studio.one("SELECT * FROM student_packages")
    student = studio.one("SELECT * FROM students")
    assert package["all_access_starts_at"] == NOON
    assert package["all_access_expires_at"] == datetime(2026, 12, 21, 21, tzinfo=UTC)
    assert package["bundle_description"] == "All-Access (30 days)"
    assert student["has_all_access"]
    assert student["all_access_expires_at"] == package["all_access_expires_at"]
    assert (package["all_access_services"], package["all_access_daily_limit"]) == (["GROUP"], 1)
    assert studio.count("student_package_allowances") == 0
    assert studio.audit() == []


@freeze_time(NOON)
def test_a_pass_keeps_the_services_and_the_limit_that_it_was_sold_with(studio: Studio) -> None:
    pass_of_both = {"all_access_days": 30, "all_access_services": ["GROUP", "PRIVATE"], "all_access_daily_limit": 2}
    document = {"organizations": [organization("lumen", products=[product("BOTH", allowances=[], **pass_of_both)])]}
    studio.apply(document)
    studio.deliver(checkout("BOTH"))

    again = studio.apply(document)

    package = studio.one("SELECT * FROM student_packages")
    assert (package["all_access_services"], package["all_access_daily_limit"]) == (["GROUP", "PRIVATE"], 2)
    assert again.updated == []


@pytest.mark.parametrize("members", [{"all_access_services": []}, {"all_access_services": ["COURSE"]}])
def test_a_pass_is_for_what_a_pass_may_pay(studio: Studio, members: dict[str, list[str]]) -> None:
    faulty = product("BOTH", allowances=[], all_access_days=30, **members)

    with pytest.raises(InvalidCatalog, match=r"organizations\.0\.products\.0\.all_access_services"):
        studio.apply({"organizations": [organization("lumen", products=[faulty])]})


@freeze_time(NOON)
def test_a_second_pass_starts_when_the_first_ends(studio: Studio) -> None:
    studio.deliver(
        checkout("ALL-ACCESS-30", payment="pi_1", amount=2_100_000),
        checkout("ALL-ACCESS-30", payment="pi_2", amount=2_100_000),
    )

    first, second = studio.rows("SELECT * FROM student_packages ORDER BY all_access_starts_at")
    assert second["all_access_starts_at"] == first["all_access_expires_at"]
    assert studio.one("SELECT * FROM students")["all_access_expires_at"] == second["all_access_expires_at"]


@freeze_time(NOON)
def test_a_bundle_keeps_a_balance_per_service(studio: Studio) -> None:
    studio.deliver(checkout("BUNDLE-5P-3G", org="thrive", amount=40_000, currency="usd"))

    lines = studio.rows("SELECT * FROM student_package_allowances ORDER BY position")
    assert studio.one("SELECT * FROM student_packages")["bundle_description"] == "5 Private (30 min) + 3 Group (60 min)"
    assert [(line["service_type"], line["credits"], line["credit_unit_minutes"]) for line in lines] == [
        ("PRIVATE", 5, 30),
        ("GROUP", 3, 60),
    ]
    assert studio.one("SELECT * FROM orders")["package_metadata"]["total_sessions"] == 8


@freeze_time(NOON)
def test_premium_credits_are_good_for_teachers_up_to_their_tier(studio: Studio) -> None:
    studio.deliver(checkout("PREMIUM-3", org="thrive", amount=24_000, currency="usd"))

    assert studio.one("SELECT * FROM student_package_allowances")["teacher_tier"] == 20


@freeze_time(NOON)
def test_wellness_3_leaves_three_drafts_under_one_order_and_no_parent(studio: Studio) -> None:
    studio.deliver(checkout("WELLNESS-3", org="thrive", amount=50_000, currency="usd"))

    order = studio.one("SELECT * FROM orders")
    drafts = studio.rows("SELECT * FROM bookings")
    assert order["package_metadata"] == {"total_sessions": 3, "session_value_cents": 16_667}
    assert len(drafts) == 3
    assert {draft["order_id"] for draft in drafts} == {order["id"]}
    assert {(draft["status"], draft["start_at"], draft["minutes"], draft["service_type"]) for draft in drafts} == {
        ("DRAFT", None, 60, "PRIVATE")
    }
    assert {draft["teacher_tier"] for draft in drafts} == {0}
    assert studio.audit() == []


def test_what_the_catalog_says_later_does_not_change_what_was_sold(studio: Studio) -> None:
    studio.deliver(checkout("EXPLORER-5"))

    studio.apply(
        {
            "organizations": [
                {
                    "slug": "lumen",
                    "name": "Lumen Spin",
                    "timezone": "Europe/Istanbul",
                    "currency": "TRY",
                    "credit_price": 150_000,
                    "products": [
                        {
                            "code": "EXPLORER-5",
                            "name": "Explorer 7",
                            "price": 1,
                            "validity_days": 1,
                            "allowances": [{"service_type": "PRIVATE", "credits": 7, "credit_unit_minutes": 30}],
                        }
                    ],
                }
            ]
        }
    )

    line = studio.one("SELECT * FROM student_package_allowances")
    assert (line["service_type"], line["credits"], line["credit_unit_minutes"]) == ("GROUP", 5, 60)
    assert studio.one("SELECT name FROM student_packages")["name"] == "Explorer 5"
    assert studio.audit() == []
