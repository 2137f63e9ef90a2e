from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from db.models import BookingStatus, DisputeStatus, ServiceType
from db.transaction import transaction
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, SOON, World

GROUP = ServiceType.GROUP
PRIVATE = ServiceType.PRIVATE
HELD = "/api/students/me/packages"
ORDERS = "/api/students/me/orders"
BOOKINGS = "/api/students/me/bookings"


def test_a_holding_says_what_is_left_of_each_line(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "P"), world.payment(lumen))
    package = world.package(order, (PRIVATE, 5, 30), (GROUP, 3, 60), friend_pass_expires_at=AT)
    private, group = package.allowances
    for kind, amount in (("SPEND", 2), ("SPEND", 2), ("RETURN", -1), ("BONUS", -1)):
        world.use(private, kind, amount)

    (held,) = browser.get(HELD).get_json()["items"]

    assert held == {
        "id": package.id,
        "orderId": order.id,
        "productCode": "CORE-10",
        "packageName": "Core",
        "bundleDescription": "10 Group (60 min)",
        "status": "ACTIVE",
        "purchasedAt": "2026-03-01T12:00:00Z",
        "startsAt": "2026-03-01T12:00:00Z",
        "expiresAt": SOON.isoformat().replace("+00:00", "Z"),
        "balances": [
            {
                "allowanceId": private.id,
                "serviceType": "PRIVATE",
                "teacherTier": 0,
                "creditUnitMinutes": 30,
                "total": 6,
                "used": 3,
                "remaining": 3,
            },
            {
                "allowanceId": group.id,
                "serviceType": "GROUP",
                "teacherTier": 0,
                "creditUnitMinutes": 60,
                "total": 3,
                "used": 0,
                "remaining": 3,
            },
        ],
        "friendPass": {"status": "EXPIRED", "expiresAt": "2026-03-01T12:00:00Z"},
        "eliteBadge": False,
    }


def test_a_pass_shows_its_window(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "P"))
    world.package(order, all_access_starts_at=AT, all_access_expires_at=AT + timedelta(days=30))

    (held,) = browser.get(HELD).get_json()["items"]

    assert held["allAccess"] == {
        "startsAt": "2026-03-01T12:00:00Z",
        "expiresAt": "2026-03-31T12:00:00Z",
        "usedToday": False,
    }


@pytest.mark.parametrize(
    ("payment", "package", "status"),
    [
        ({}, {}, "ACTIVE"),
        ({}, {"expires_at": None}, "ACTIVE"),
        ({}, {"starts_at": AT - timedelta(days=9), "expires_at": AT}, "EXPIRED"),
        ({"dispute_status": DisputeStatus.OPEN}, {}, "SUSPENDED"),
        ({"dispute_status": DisputeStatus.LOST}, {}, "REVOKED"),
        ({"dispute_status": DisputeStatus.WON}, {}, "ACTIVE"),
        ({"amount_refunded": 500_000}, {}, "REVOKED"),
        ({"amount_refunded": 499_999}, {}, "ACTIVE"),
        ({"amount_received": 0}, {}, "ACTIVE"),
    ],
)
def test_the_status_is_derived(
    browser: Browser, world: World, payment: dict[str, Any], package: dict[str, Any], status: str
) -> None:
    lumen = world.organization("lumen")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "P"), world.payment(lumen, **payment))
    world.package(order, (GROUP, 1, 60), **package)

    (held,) = browser.get(HELD).get_json()["items"]

    assert held["status"] == status


def test_an_order_counts_its_sessions(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "WELLNESS-3"), price_mismatch=True)
    for status in (BookingStatus.DRAFT, BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.CANCELLED):
        world.booking(order, status)

    (shown,) = browser.get(ORDERS).get_json()["items"]

    assert shown == {
        "id": order.id,
        "orderType": "PACKAGE",
        "status": "PAID",
        "productCode": "WELLNESS-3",
        "listPrice": 500_000,
        "paid": 500_000,
        "refunded": 0,
        "currency": "TRY",
        "priceMismatch": True,
        "packageMetadata": {"total_sessions": 3},
        "totalSessions": 3,
        "scheduledSessions": 1,
        "completedSessions": 1,
        "unscheduledSessions": 1,
        "createdAt": "2026-03-01T12:00:00Z",
    }


def test_bookings_are_shown_by_status(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "P"))
    draft, _ = world.booking(order, BookingStatus.DRAFT), world.booking(order, BookingStatus.CONFIRMED)

    (shown,) = browser.get(f"{BOOKINGS}?status=DRAFT").get_json()["items"]

    assert shown == {
        "id": draft.id,
        "sessionId": None,
        "status": "DRAFT",
        "bookingType": "PACKAGE_SESSION",
        "paymentType": "CREDIT",
        "creditsUsed": 0,
        "startAt": None,
        "endAt": None,
        "orderId": order.id,
        "metadata": {},
        "createdAt": "2026-03-01T12:00:00Z",
    }
    assert len(browser.get(BOOKINGS).get_json()["items"]) == 2
    assert browser.get(f"{BOOKINGS}?status=draft").status_code == 422


def test_a_guest_is_a_booking_of_its_own_without_their_address(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "P"))
    host = world.booking(order, BookingStatus.CONFIRMED)
    with transaction(world.engine) as session:
        guest = session.merge(world.booking(order, BookingStatus.CONFIRMED))
        guest.guest_of, guest.guest_name, guest.guest_email = host.id, "Grace", "grace@example.com"

    shown, own = browser.get(BOOKINGS).get_json()["items"]

    assert (shown["guestOf"], shown["guestName"], shown["sessionId"]) == (host.id, "Grace", guest.session_id)
    assert own["id"] == host.id
    assert "guestOf" not in own
    assert "grace@example.com" not in str(shown)


@pytest.mark.parametrize("path", [HELD, ORDERS, BOOKINGS])
def test_nobody_sees_what_another_has(browser: Browser, world: World, path: str) -> None:
    lumen, thrive = world.organization("lumen"), world.organization("thrive")
    for owner, of in (("bob", lumen), ("ada", thrive)):
        order = world.order(world.student(of, owner), world.product(of, "P"))
        world.package(order, (GROUP, 1, 60))
        world.booking(order, BookingStatus.DRAFT)

    assert browser.get(path, sub="ada", org="lumen").get_json()["items"] == []
    assert len(browser.get(path, sub="bob", org="lumen").get_json()["items"]) == 1


@pytest.mark.parametrize("path", [HELD, ORDERS])
def test_a_long_list_costs_no_more_statements_than_a_short_one(browser: Browser, world: World, path: str) -> None:
    lumen = world.organization("lumen")
    student, product = world.student(lumen, "ada"), world.product(lumen, "P")
    counts = []

    for _ in range(2):
        for _ in range(5):
            order = world.order(student, product)
            world.package(order, (GROUP, 1, 60), (PRIVATE, 1, 60))
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any, seen: list[str] = statements) -> None:
            seen.append(statement)

        event.listen(world.engine, "before_cursor_execute", note)
        browser.get(path)
        event.remove(world.engine, "before_cursor_execute", note)
        counts.append(len(statements))

    assert counts[0] == counts[1]
