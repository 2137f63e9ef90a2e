from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

import config
from db.models import ServiceType
from tests.studio import open_studio
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, pointers, said
from tests.webhook_gateway.world import World
from worker import clock, runtime

REDEEM = "/api/packages/redeem"
OWN = "/api/students/me/redeem"
LIST = "/api/redemptions"
EMAIL = {"email": "new@example.com"}
LOOKALIKES = (" ", " f3 ", "f3 ", "f\u00a03", "\u200b", "f\u200d3", "\u202egrace", "gr\u00adace", "\u3164", "f3\ufe0f")


@pytest.fixture
def timetable(
    engine: Engine, tmp_path: Path, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Timetable]:
    """Give the demo studios, with a worker in this process."""
    monkeypatch.setattr(config, "load", lambda: settings)
    runtime.settings.cache_clear()
    yield Timetable(open_studio(engine, tmp_path))
    runtime.settings.cache_clear()


def redeem(browser: Browser, timetable: Timetable, body: dict[str, Any], path: str = REDEEM, **claims: Any) -> Any:
    """Send a redemption, have it done, and return what the same request is answered then."""
    headers = {"Idempotency-Key": f'"{hash(str(body))}"'}
    taken = browser.command(path, body, headers=headers, **claims)
    if taken.status_code != 202:
        return taken
    timetable.work()
    return browser.command(path, body, headers=headers, **claims)


def handed(browser: Browser, timetable: Timetable, product: str, member: str = "ada", **more: Any) -> dict[str, Any]:
    timetable.student(member)
    body = {"memberId": member, "packageId": timetable.product(product)} | more
    answer = redeem(browser, timetable, body, **STAFF)
    assert answer.status_code == 201, answer.text
    return dict(said(answer)["redemption"])


def test_staff_hand_a_package_over(browser: Browser, timetable: Timetable) -> None:
    done = handed(browser, timetable, "CORE-10", couponCode="welcome10", notes="in cash")

    assert (done["memberId"], done["packageCode"], done["redemptionType"]) == ("ada", "CORE-10", "COUPON_DISCOUNT")
    assert (done["listPrice"], done["paid"], done["currency"]) == (800_000, 720_000, "TRY")
    assert (done["couponCode"], done["credits"], done["status"]) == ("WELCOME10", 10, "ACTIVE")
    assert "notes" not in done
    shown = said(browser.get(f"{LIST}/{done['id']}", **STAFF))
    assert shown == done | {"notes": "in cash", "redeemedBy": "STAFF desk"}


def test_the_answer_has_the_documented_shape(browser: Browser, timetable: Timetable) -> None:
    done = handed(browser, timetable, "ALL-ACCESS-30")
    friend = handed(browser, timetable, "ELITE-30")

    (first, second) = said(browser.get(LIST, **STAFF))["items"]
    assert {name: value for name, value in second.items() if name != "redeemedBy"} == done
    assert {name: value for name, value in first.items() if name != "redeemedBy"} == friend
    assert done["allAccess"].keys() == {"startsAt", "expiresAt", "usedToday"}
    assert friend["friendPass"]["status"] == "AVAILABLE"


def test_a_member_whom_nobody_knows_needs_an_address(browser: Browser, timetable: Timetable) -> None:
    body = {"memberId": "new", "packageId": timetable.product("CORE-10")}

    unknown = redeem(browser, timetable, body, **STAFF)
    made = redeem(browser, timetable, body | EMAIL | {"name": "New"}, **STAFF)
    known = redeem(browser, timetable, body, **STAFF)

    assert (unknown.status_code, said(unknown)["code"]) == (404, "not_found")
    assert (made.status_code, said(made)["redemption"]["memberId"]) == (201, "new")
    assert known.status_code == 201
    assert made.headers["Idempotent-Replayed"] == "true"
    assert timetable.studio.packages() == [("CORE-10", "new")] * 2


def test_the_same_key_is_one_redemption_also_when_the_member_came_by_it(browser: Browser, timetable: Timetable) -> None:
    body = {"memberId": "new", "couponCode": "FREERIDE"} | EMAIL
    headers = {"Idempotency-Key": '"once"'}

    first = browser.command(REDEEM, body, headers=headers, **STAFF)
    second = browser.command(REDEEM, body, headers=headers, **STAFF)
    timetable.work()
    third = browser.command(REDEEM, body, headers=headers, **STAFF)

    assert first.headers["Location"] == second.headers["Location"] == third.headers["Location"]
    assert timetable.studio.count("student_packages") == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/memberId"),
        ({"memberId": ""}, "#/memberId"),
        ({"memberId": 7}, "#/memberId"),
        ({"memberId": "x" * 256}, "#/memberId"),
        *(({"memberId": odd, "packageId": 1} | EMAIL, "#/memberId") for odd in LOOKALIKES),
        ({"memberId": "ada"}, "#/packageId"),
        ({"memberId": "ada", "packageId": 0}, "#/packageId"),
        ({"memberId": "ada", "packageId": 1, "email": "nobody"}, "#/email"),
        ({"memberId": "ada", "packageId": 1, "name": "x" * 201}, "#/name"),
        ({"memberId": "ada", "couponCode": ""}, "#/couponCode"),
        ({"memberId": "ada", "couponCode": "x" * 65}, "#/couponCode"),
        ({"memberId": "ada", "packageId": 1, "notes": "x" * 501}, "#/notes"),
        ({"memberId": "ada", "packageId": 1, "price": 1}, "#/price"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, timetable: Timetable, body: dict[str, Any], pointer: str) -> None:
    timetable.student("ada")

    answer = browser.command(REDEEM, body, **STAFF)

    assert (answer.status_code, said(answer)["code"], pointers(answer)) == (422, "validation_failed", [pointer])
    assert timetable.studio.count("jobs") == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"couponCode": "NONE"}, 422, "coupon_invalid"),
        ({"couponCode": "FREERIDE", "packageId": 2}, 422, "coupon_invalid"),
        ({"couponCode": "WELCOME10"}, 422, "validation_failed"),
        ({"packageId": 999_999}, 404, "not_found"),
    ],
)
def test_a_refusal_has_its_status(
    browser: Browser, timetable: Timetable, body: dict[str, Any], status: int, code: str
) -> None:
    timetable.student("ada")

    answer = redeem(browser, timetable, {"memberId": "ada"} | body, **STAFF)

    assert (answer.status_code, said(answer)["code"]) == (status, code)


def test_a_coupon_that_is_used_up_is_a_conflict_and_says_so_beforehand(browser: Browser, timetable: Timetable) -> None:
    handed(browser, timetable, "SINGLE-RIDE", couponCode="FREERIDE")
    answer = redeem(browser, timetable, {"memberId": "ada", "couponCode": "freeride"}, **STAFF)

    shown = said(browser.get("/api/coupons/code/FREERIDE", sub="ada"))
    others = said(browser.get("/api/coupons/code/FREERIDE", sub="eve"))

    assert (answer.status_code, said(answer)["code"]) == (409, "coupon_exhausted")
    assert shown["unusable"]["code"] == "coupon_exhausted"
    assert "unusable" not in others


# A student's own.


def test_a_student_redeems_a_coupon_that_costs_nothing(browser: Browser, timetable: Timetable) -> None:
    answer = redeem(browser, timetable, {"couponCode": "FREERIDE"}, OWN, sub="new")

    assert answer.status_code == 201
    assert said(answer)["redemption"]["memberId"] == "new"
    assert [item["productCode"] for item in said(browser.get("/api/students/me/packages", sub="new"))["items"]] == [
        "SINGLE-RIDE"
    ]


def test_a_student_is_told_where_to_pay(browser: Browser, timetable: Timetable) -> None:
    answer = redeem(browser, timetable, {"couponCode": "PLUS2"}, OWN)

    assert (answer.status_code, said(answer)["code"]) == (422, "coupon_invalid")
    assert said(answer)["detail"].startswith("Pay at the desk")


def test_a_student_names_a_coupon_and_nothing_else(browser: Browser, timetable: Timetable) -> None:
    assert timetable
    for more in ("packageId", "memberId", "notes"):
        answer = browser.command(OWN, {"couponCode": "FREERIDE", more: 1})
        assert pointers(answer) == [f"#/{more}"]
    assert browser.command(OWN, {"couponCode": "FREERIDE"}, **STAFF).status_code == 403
    assert browser.command(REDEEM, {"memberId": "ada", "couponCode": "FREERIDE"}).status_code == 403
    assert browser.command(REDEEM, {"memberId": "ada", "couponCode": "FREERIDE"}, **PLATFORM).status_code == 403


def test_a_student_never_reads_what_the_desk_noted(browser: Browser, timetable: Timetable) -> None:
    handed(browser, timetable, "CORE-10", notes="never on time")
    (job,) = timetable.studio.rows("SELECT id FROM jobs")

    seen = [
        browser.get(address, sub="ada")
        for address in (f"/api/jobs/{job['id']}", "/api/students/me/packages", "/api/students/me/orders")
    ]

    assert [answer.status_code for answer in seen] == [200, 200, 200]
    assert not [answer for answer in seen if "never on time" in answer.text or "STAFF desk" in answer.text]


# Lists.


def test_a_redemption_is_what_is_held_also_if_stripe_was_paid(browser: Browser, timetable: Timetable) -> None:
    bought = timetable.buy("ada", "CORE-10")

    shown = said(browser.get(f"{LIST}/{bought}", **STAFF))

    assert (shown["redemptionType"], shown["paid"], shown["credits"]) == ("PACKAGE_DIRECT", 800_000, 10)
    assert shown["id"] == shown["studentPackageId"] == bought
    assert not {"redeemedBy", "couponCode", "notes"} & shown.keys()


def test_a_list_is_narrowed(browser: Browser, timetable: Timetable) -> None:
    direct = handed(browser, timetable, "CORE-10")["id"]
    less = handed(browser, timetable, "CORE-10", couponCode="WELCOME10")["id"]
    free = handed(browser, timetable, "SINGLE-RIDE", "eve", couponCode="FREERIDE")["id"]
    core = timetable.product("CORE-10")

    def found(query: str) -> list[int]:
        return [item["id"] for item in said(browser.get(f"{LIST}?{query}", **STAFF))["items"]]

    assert found("") == [free, less, direct]
    assert found("memberId=ada") == [less, direct]
    assert found("memberId=nobody") == []
    assert found("couponCode=welcome10") == [less]
    assert found("couponCode=NONE") == []
    assert found(f"packageId={core}") == [less, direct]
    assert found("redemptionType=COUPON_PACKAGE") == [free]
    assert found(f"memberId=ada&packageId={core}&redemptionType=PACKAGE_DIRECT") == [direct]
    assert found("limit=1") == [free]
    assert browser.get(f"{LIST}?redemptionType=GIFT", **STAFF).status_code == 422


def test_a_list_comes_in_pages(browser: Browser, timetable: Timetable) -> None:
    ids = [handed(browser, timetable, "CORE-10", notes=str(number))["id"] for number in range(3)]

    first = said(browser.get(f"{LIST}?limit=2", **STAFF))
    rest = said(browser.get(f"{LIST}?limit=2&cursor={first['nextCursor']}", **STAFF))

    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]


def test_the_redemptions_of_a_member(browser: Browser, timetable: Timetable) -> None:
    own = handed(browser, timetable, "CORE-10", notes="in cash")["id"]
    handed(browser, timetable, "CORE-10", "eve")

    shown = said(browser.get("/api/members/ada/redemptions", **STAFF))

    assert [(item["id"], item["notes"]) for item in shown["items"]] == [(own, "in cash")]
    assert browser.get("/api/members/nobody/redemptions", **STAFF).status_code == 404


def test_a_member_may_have_any_name_that_can_be_seen(browser: Browser, timetable: Timetable) -> None:
    names = ["https://id.example.com/users/7", "a//b/", "Şükrü  Ünal 😀", "f3/redemptions"]

    for name in names:
        own = handed(browser, timetable, "CORE-10", name)["id"]
        shown = said(browser.get(f"/api/members/{quote(name, safe='')}/redemptions", **STAFF))
        assert [item["id"] for item in shown["items"]] == [own]
        assert browser.get(f"/api/members/{quote(name)}/ledger", **STAFF).status_code == 200


def test_the_days_of_a_pass(browser: Browser, timetable: Timetable) -> None:
    held = handed(browser, timetable, "ALL-ACCESS-30")["id"]
    start = (clock.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    first, second, third = (timetable.session(start + timedelta(days=day)) for day in range(3))
    cancelled = timetable.book("ada", first).id
    timetable.cancel("ada", cancelled)
    missed, stands = timetable.book("ada", second).id, timetable.book("ada", third).id
    timetable.studio.rows("UPDATE bookings SET status = 'NO_SHOW' WHERE id = %(id)s", id=missed)

    shown = said(browser.get(f"{LIST}/{held}/all-access-usage", **STAFF))["items"]

    assert [(each["bookingId"], each["wasNoShow"], each["freed"]) for each in shown] == [
        (stands, False, False),
        (missed, True, False),
        (cancelled, False, True),
    ]
    assert shown[0]["usageDate"] == (start + timedelta(days=2)).date().isoformat()
    assert shown[0]["session"]["sessionId"] == third
    assert shown[0]["session"].keys() == {"sessionId", "groupClassName", "startAt"}


def test_only_staff_of_the_organization_look(browser: Browser, world: World) -> None:
    lumen, _ = world.organization("lumen"), world.organization("thrive")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "CORE-10"), world.payment(lumen))
    held = world.package(order, (ServiceType.GROUP, 10, 60))
    own = (LIST, f"{LIST}/{held.id}", f"{LIST}/{held.id}/all-access-usage", "/api/members/ada/redemptions")

    for address in own:
        assert browser.get(address, **STAFF).status_code == 200
        assert browser.get(address, **ADMIN).status_code == 200
        assert browser.get(address).status_code == 403
        assert browser.get(address, **PLATFORM).status_code == 403
    assert said(browser.get(LIST, org="thrive", **STAFF))["items"] == []
    for address in own[1:]:
        assert browser.get(address, org="thrive", **STAFF).status_code == 404
