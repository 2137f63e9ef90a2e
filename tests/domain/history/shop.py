"""What the studios of a history sell, and who teaches: once for the catalog, once for the model."""

from __future__ import annotations

from datetime import time
from typing import Any

import yaml

from cli.demo import DEMO
from tests.domain.history import school
from tests.domain.history.nouns import Coupon, Product
from tests.studio import Studio

PRODUCTS = {
    "SINGLE-RIDE": Product("lumen", 150_000, 90, (("GROUP", 0, 60, 1),)),
    "EXPLORER-5": Product("lumen", 500_000, 90, (("GROUP", 0, 60, 5),)),
    "ELITE-30": Product("lumen", 1_800_000, 365, (("GROUP", 0, 60, 30),), friend_days=30),
    "ALL-ACCESS-30": Product("lumen", 2_100_000, 30, is_pass=True),
    "TRIAL-3": Product("lumen", 90_000, 2, (("GROUP", 0, 45, 3),), friend_days=2, from_first_use=True, policy="ALL"),
    "DAYS-3": Product("lumen", 70_000, 3, (("GROUP", 0, 60, 4),), policy="REVIEW"),
    "BUNDLE-5P-3G": Product("thrive", 40_000, 180, (("PRIVATE", 0, 30, 5), ("GROUP", 0, 60, 3))),
    "PREMIUM-3": Product("thrive", 24_000, 180, (("PRIVATE", 20, 30, 3),)),
    "WELLNESS-3": Product("thrive", 50_000, 365, (("PRIVATE", 0, 60, 3),), later=True),
    "PASS-3": Product("thrive", 60_000, 3, is_pass=True),
    "LESSONS-3": Product("thrive", 45_000, 3, (("PRIVATE", 0, 60, 3),), later=True),
    "UNEVEN-5": Product("thrive", 10_001, 9, (("PRIVATE", 0, 60, 2), ("GROUP", 0, 60, 3)), weights=(3, 1)),
}
# What the demo does not sell: days that begin with the first session, days that end soon, a pass where clocks change,
# credits that are not worth the same, and other ways to pay back what was used.
SOON: dict[str, Any] = {"validity_days": 3}
HOURS: dict[str, Any] = {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0}
MORE: dict[str, list[dict[str, Any]]] = {
    "lumen": [
        {
            "code": "TRIAL-3",
            "price": 90_000,
            "validity_days": 2,
            "validity_starts": "FIRST_USE",
            "refund_policy": "ALL",
            "friend_pass_days": 2,
            "allowances": [{"service_type": "GROUP", "credits": 3, "credit_unit_minutes": 45}],
        },
        SOON
        | {
            "code": "DAYS-3",
            "price": 70_000,
            "refund_policy": "REVIEW",
            "allowances": [{"service_type": "GROUP", "credits": 4, "credit_unit_minutes": 60}],
        },
    ],
    "thrive": [
        SOON | {"code": "PASS-3", "price": 60_000, "all_access_days": 3},
        SOON
        | {
            "code": "LESSONS-3",
            "price": 45_000,
            "schedule_later": HOURS,
            "allowances": [{"service_type": "PRIVATE", "credits": 3, "credit_unit_minutes": 60}],
        },
        {
            "code": "UNEVEN-5",
            "price": 10_001,
            "validity_days": 9,
            "allowances": [
                {"service_type": "PRIVATE", "credits": 2, "credit_unit_minutes": 60, "weight": 3},
                {"service_type": "GROUP", "credits": 3, "credit_unit_minutes": 60, "weight": 1},
            ],
        },
    ],
}
COUPONS = {
    "LESS": Coupon("lumen", "DISCOUNT", percent=33, applies_to=("TRIAL-3", "ALL-ACCESS-30"), most=2),
    "MORE": Coupon("lumen", "CREDIT_BONUS", bonus=2, most=3, most_each=2),
    "GIFT": Coupon("lumen", "PACKAGE", product="EXPLORER-5", price=0, credits=2, most=2, days=10),
    "CHEAP": Coupon("thrive", "DISCOUNT", amount=45_000, applies_to=("LESSONS-3",), most=2),
    "EXTRA": Coupon("thrive", "CREDIT_BONUS", bonus=1, applies_to=("LESSONS-3", "WELLNESS-3"), most_each=2),
    "FOUR": Coupon("thrive", "PACKAGE", product="LESSONS-3", credits=4, days=10),
}
# Of each studio, in the order in which they are asked: tier, and their local hours of every day.
TEACHERS = [
    ("thrive", 0, time(6), time(22)),
    ("thrive", 20, time(0), time(23)),
    ("thrive", 0, time(0, 30), time(14)),
    ("lumen", 0, time(6), time(22)),
]
# A session with its class and its teacher, in one statement: hundreds are made.
OFFER = """
WITH org AS (SELECT id FROM organizations WHERE slug = %(org)s),
     teacher AS (INSERT INTO teachers (organization_id, code, name, tier, created_at)
                 SELECT id, %(code)s, 'Teacher', %(tier)s::smallint, %(at)s FROM org
                  WHERE %(tier)s::smallint IS NOT NULL RETURNING id),
     class AS (INSERT INTO group_classes (organization_id, code, name, service_type, capacity, minutes, created_at)
               SELECT id, %(code)s, %(code)s, %(service)s, %(capacity)s, %(minutes)s, %(at)s FROM org RETURNING id),
     seat AS (INSERT INTO seats (organization_id, group_class_id, position, label, credit_cost)
              SELECT org.id, class.id, n - 1, n, cost
                FROM org, class, unnest(%(seats)s::int[]) WITH ORDINALITY AS each (cost, n) RETURNING id, position),
     session AS (INSERT INTO class_sessions (organization_id, group_class_id, teacher_id, service_type, start_at,
                                             end_at, capacity, created_at)
                 SELECT org.id, class.id, (SELECT id FROM teacher), %(service)s, %(start)s, %(end)s, %(capacity)s,
                        %(at)s FROM org, class RETURNING id)
SELECT id, array(SELECT id FROM seat ORDER BY position) AS seats FROM session
"""


def open_shop(studio: Studio) -> None:
    """Sell everything that histories are about."""
    document = yaml.safe_load(DEMO.read_text())
    for organization in document["organizations"]:
        slug = organization["slug"]
        organization["products"] += [{"name": each["code"].title()} | each for each in MORE[slug]]
        if slug == school.ORG:
            organization["classes"] += school.CLASSES
            organization["courses"] = school.entries()
        organization["coupons"] = [_entry(code, each) for code, each in COUPONS.items() if each.org == slug]
    studio.apply(document)


def _entry(code: str, coupon: Coupon) -> dict[str, Any]:
    entry: dict[str, Any] = {"code": code, "name": code.title(), "coupon_type": coupon.kind}
    entry |= {"max_redemptions": coupon.most, "max_redemptions_per_member": coupon.most_each}
    if coupon.kind == "DISCOUNT":
        kind = "PERCENTAGE" if coupon.percent else "FIXED_AMOUNT"
        entry |= {"discount_type": kind, "discount_value": coupon.percent or coupon.amount}
    more = {
        "package": coupon.product,
        "custom_price": coupon.price,
        "custom_credits": coupon.credits or None,
        "bonus_credits": coupon.bonus or None,
        "applicable_packages": list(coupon.applies_to) or None,
    }
    return entry | {name: value for name, value in more.items() if value is not None}
