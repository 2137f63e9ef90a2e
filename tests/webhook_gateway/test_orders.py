"""Orders over HTTP: what staff see of them, what goes back of one, and what of them waits for somebody."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select

from db.models import Job, Order, OrderReview, OrderStatus, Refund, RefundStatus, ReviewKind, ServiceType
from db.transaction import reading, transaction
from tests.refunding import Till
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, STAFF, pointers, said
from tests.webhook_gateway.world import AT, World
from webhook_gateway.schema.staff_order import OrderRefunded, StaffOrderDetail

pytestmark = pytest.mark.usefixtures("of_a_worker")

BODY: dict[str, Any] = {"reason": "not happy"}


@pytest.fixture
def order(world: World) -> Order:
    """Give an order of ada's at lumen, with its package; another organization stands beside it."""
    lumen = world.organization("lumen")
    world.organization("thrive")
    paid = {"refund:re_1": {"source": "refund:re_1", "key": "pi_1", "status": "succeeded", "amount": 7, "ours": None}}
    paid |= {"checkout:SUCCEEDED": {"teller": "checkout", "key": "pi_1", "status": "SUCCEEDED", "amount": 500_000}}
    paid["checkout:SUCCEEDED"]["currency"] = "TRY"
    payment = world.payment(lumen, facts=paid, amount_refunded=7)
    ordered = world.order(world.student(lumen, "ada"), world.product(lumen, "P"), payment)
    world.package(ordered, (ServiceType.GROUP, 5, 60))
    return ordered


def add(engine: Engine, row: Refund | OrderReview) -> int:
    with transaction(engine) as session:
        session.add(row)
    return row.id


def review(order: Order, **fields: Any) -> OrderReview:
    values: dict[str, Any] = {"kind": ReviewKind.PARTIAL_REFUND, "about": "re_1"}
    return OrderReview(organization_id=order.organization_id, order_id=order.id, created_at=AT, **values | fields)


def refund_of(order: Order) -> Refund:
    return Refund(
        organization_id=order.organization_id,
        order_id=order.id,
        amount=5,
        currency="TRY",
        is_whole=True,
        reason="late",
        actor="ADMIN boss",
        status=RefundStatus.FAILED,
        last_error="no",
        created_at=AT,
        finished_at=AT,
    )


def stored(engine: Engine) -> list[Job]:
    with reading(engine) as session:
        jobs = list(session.scalars(select(Job)))
        session.expunge_all()
    return jobs


# Reading.


def test_staff_see_orders_with_what_became_of_their_money(browser: Browser, order: Order, engine: Engine) -> None:
    add(engine, review(order))

    (row,) = said(browser.get("/api/admin/orders", **STAFF))["items"]

    assert row == {
        "id": order.id,
        "studentId": "ada",
        "studentName": None,
        "orderType": "PACKAGE",
        "status": "PAID",
        "productCode": "P",
        "listPrice": 500_000,
        "discount": 0,
        "paid": 500_000,
        "refunded": 7,
        "currency": "TRY",
        "priceMismatch": False,
        "disputeStatus": None,
        "openReviews": 1,
        "createdAt": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=PAID", 1),
        ("status=REFUNDED", 1),
        ("status=FAILED", 0),
        ("studentId=ada", 1),
        ("studentId=grace", 1),
        ("studentId=nobody", 0),
        ("needsReview=true", 1),
        ("needsReview=false", 1),
        ("priceMismatch=true", 1),
        ("priceMismatch=false", 1),
        ("needsReview=true&studentId=grace", 0),
    ],
)
def test_a_list_shows_what_is_asked_for(
    browser: Browser, world: World, order: Order, engine: Engine, query: str, found: int
) -> None:
    add(engine, review(order))
    other = world.student(world.organization("aside"), "grace")
    with transaction(engine) as session:
        session.add(other)
        other.organization_id = order.organization_id
    more = world.product(world.organization("beside"), "Q")
    with transaction(engine) as session:
        session.add(more)
        more.organization_id = order.organization_id
    world.order(other, more, status=OrderStatus.REFUNDED, price_mismatch=True)

    assert len(said(browser.get(f"/api/admin/orders?{query}", **STAFF))["items"]) == found


def test_an_order_is_shown_with_all_that_hangs_on_it(browser: Browser, order: Order, engine: Engine) -> None:
    refund, note = add(engine, refund_of(order)), add(engine, review(order))

    shown = said(browser.get(f"/api/admin/orders/{order.id}", **STAFF))

    StaffOrderDetail.model_validate(shown, by_alias=True)
    assert shown["order"]["id"] == order.id
    assert shown["payment"]["refunds"] == [{"id": "re_1", "status": "succeeded", "amount": 7}]
    assert (shown["payment"]["received"], shown["payment"]["disputes"]) == (500_000, [])
    assert [(each["id"], each["status"], each["actor"], each["takenBack"]) for each in shown["refunds"]] == [
        (refund, "FAILED", "ADMIN boss", [])
    ]
    assert [each["balances"][0]["remaining"] for each in shown["packages"]] == [5]
    assert [each["id"] for each in shown["reviews"]] == [note]


def test_students_see_what_went_back(browser: Browser, order: Order) -> None:
    (row,) = said(browser.get("/api/students/me/orders"))["items"]

    assert (row["id"], row["refunded"], row["status"]) == (order.id, 7, "PAID")


def test_nobody_else_sees_an_order(browser: Browser, order: Order) -> None:
    path = f"/api/admin/orders/{order.id}"

    assert browser.get(path).status_code == 403
    assert browser.get(path, org="thrive", **STAFF).status_code == 404
    assert browser.get("/api/admin/orders/999", **STAFF).status_code == 404
    assert said(browser.get("/api/admin/orders", org="thrive", **STAFF))["items"] == []


# What waits for staff.


def test_what_waits_is_listed_and_settled_once(browser: Browser, order: Order, engine: Engine) -> None:
    number = add(engine, review(order))
    path = f"/api/admin/reviews/{number}/resolve"

    waiting = said(browser.get("/api/admin/reviews?open=true&kind=PARTIAL_REFUND", **STAFF))["items"]
    settled = said(browser.command(path, {"note": "credits taken"}, **STAFF))
    again = said(browser.command(path, {}, role="staff", sub="other"))

    assert [each["id"] for each in waiting] == [number]
    assert (settled["resolvedBy"], settled["note"]) == ("STAFF desk", "credits taken")
    assert again == settled
    assert said(browser.get("/api/admin/reviews?open=true", **STAFF))["items"] == []
    assert len(said(browser.get("/api/admin/reviews?open=false", **STAFF))["items"]) == 1
    assert said(browser.get("/api/admin/reviews?kind=DISPUTED", **STAFF))["items"] == []


def test_only_its_own_staff_settle_it(browser: Browser, order: Order, engine: Engine) -> None:
    path = f"/api/admin/reviews/{add(engine, review(order))}/resolve"

    assert browser.command(path, {}).status_code == 403
    assert browser.command(path, {}, org="thrive", **STAFF).status_code == 404
    assert said(browser.get("/api/admin/reviews", org="thrive", **STAFF))["items"] == []


# Paying back.


def test_a_refund_is_a_command_of_its_student_by_whom_it_names(browser: Browser, order: Order, engine: Engine) -> None:
    answer = browser.command(f"/api/admin/orders/{order.id}/refund", BODY | {"sessions": 2}, **ADMIN)

    (job,) = stored(engine)
    assert answer.status_code == 202
    assert (job.kind, job.caller, job.student_id) == ("order.refund", "ADMIN boss", order.student_id)
    assert job.request == {"orderId": order.id, "sessions": 2} | BODY


@pytest.mark.parametrize("role", ["student", "staff"])
def test_only_admins_pay_back(browser: Browser, order: Order, engine: Engine, role: str) -> None:
    assert browser.command(f"/api/admin/orders/{order.id}/refund", BODY, role=role).status_code == 403
    assert stored(engine) == []


def test_another_organizations_order_is_not_there(browser: Browser, order: Order, engine: Engine) -> None:
    elsewhere = browser.command(f"/api/admin/orders/{order.id}/refund", BODY, org="thrive", **ADMIN)
    unknown = browser.command("/api/admin/orders/999/refund", BODY, **ADMIN)

    assert [elsewhere.status_code, unknown.status_code] == [404, 404]
    assert stored(engine) == []


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"reason": " "}, "#/reason"),
        ({"reason": "x" * 501}, "#/reason"),
        ({"sessions": 0}, "#/sessions"),
        ({"sessions": "1"}, "#/sessions"),
        ({"lines": []}, "#/lines"),
        ({"lines": [{"allowanceId": 1, "credits": 0}]}, "#/lines/0/credits"),
        ({"lines": [{"allowanceId": 1, "credits": 1_001}]}, "#/lines/0/credits"),
        ({"lines": [{"allowanceId": 1, "credits": 1}], "sessions": 1}, "#"),
        ({"amount": 5}, "#/amount"),
    ],
    ids=str,
)
def test_every_field_has_its_bounds(
    browser: Browser, order: Order, engine: Engine, wrong: dict[str, Any], pointer: str
) -> None:
    answer = browser.command(f"/api/admin/orders/{order.id}/refund", BODY | wrong, **ADMIN)

    assert (answer.status_code, pointers(answer)) == (422, [pointer])
    assert stored(engine) == []


def test_what_stripe_answered_is_what_the_caller_gets(timetable: Timetable, browser: Browser) -> None:
    till = Till(timetable)
    package = timetable.buy("ada")
    (line,) = timetable.lines(package)
    wanted = BODY | {"lines": [{"allowanceId": line, "credits": 2}]}
    path, key = f"/api/admin/orders/{till.order(package)}/refund", {"Idempotency-Key": "k"}
    first = browser.command(path, wanted, headers=key, **ADMIN)
    timetable.work()
    during = browser.get(f"/api/jobs/{said(first)['id']}", **STAFF).get_json()["status"]
    till.answer(said(first)["id"])

    again = browser.command(path, wanted, headers=key, **ADMIN)
    other = browser.command(path, BODY, headers=key, **ADMIN)

    assert (first.status_code, during, again.status_code) == (202, "RUNNING", 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    OrderRefunded.model_validate(said(again), by_alias=True)
    assert said(again)["refund"]["takenBack"] == [{"allowanceId": line, "credits": 2}]
    assert (other.status_code, said(other)["code"]) == (422, "idempotency_key_reused")


def test_what_stripe_refused_is_told_in_its_words(timetable: Timetable, browser: Browser) -> None:
    till = Till(timetable)
    package = timetable.buy("ada")
    job = till.refund(package).job
    till.refuse(job, reason="Charge has expired.")

    shown = said(browser.get(f"/api/jobs/{job}", **STAFF))

    assert shown["problem"]["code"] == "stripe_refused"
    assert shown["problem"]["detail"].startswith("Charge has expired. ")


def test_the_ledger_names_the_refund_of_a_line(timetable: Timetable, browser: Browser) -> None:
    till = Till(timetable)
    package = timetable.buy("ada")
    job = till.refund(package, sessions=2).job
    till.refuse(job)
    number = till.call(job)["refund_id"]

    lines = said(browser.get("/api/members/ada/ledger", **STAFF))["items"]

    assert [(each["kind"], each["credits"], each["refundId"], each["description"]) for each in lines] == [
        ("TAKEN_BACK", 2, number, "Given back: the refund failed"),
        ("TAKEN_BACK", -2, number, "Taken back with a refund"),
    ]
