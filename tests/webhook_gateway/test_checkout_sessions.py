"""Buying over HTTP: who may, what is asked for, and what a Stripe that says no or nothing is answered as."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

import config
from tests.fakestripe import FakeStripe
from tests.outward import PAGE, Outward
from tests.outward import fake as fake  # noqa: PLC0414 - the fixture
from tests.stack import wait_for
from tests.studio import open_studio
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, pointers, said
from worker import runtime, stripe_api

PATH = "/api/checkout-sessions"
CALLS = "/api/admin/stripe-calls"
BODY: dict[str, Any] = {"productCode": "EXPLORER-5"} | PAGE


@pytest.fixture
def outward(
    engine: Engine, tmp_path: Path, settings: config.Settings, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Outward]:
    """Give the demo studios, with a worker in this process that may ask a Stripe."""
    with_key = replace(settings, stripe_api_key=fake.key, stripe_api_base=fake.base)
    monkeypatch.setattr(config, "load", lambda: with_key)
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()
    asking = Outward(fake, Timetable(open_studio(engine, tmp_path)))
    asking.quiet()
    yield asking
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()


def buy(browser: Browser, outward: Outward, body: dict[str, Any] = BODY, **claims: Any) -> TestResponse:
    """Ask for a Checkout, have it made, and return what the same request is answered then."""
    headers = {"Idempotency-Key": f'"{hash(str(body))}"'}
    taken = browser.command(PATH, body, headers=headers, **claims)
    if taken.status_code != 202:
        return taken
    outward.timetable.work()
    outward.call()
    return browser.command(PATH, body, headers=headers, **claims)


def test_a_student_gets_the_page_to_pay_on(browser: Browser, outward: Outward) -> None:
    answer = buy(browser, outward)

    told = said(answer)
    assert (answer.status_code, set(told)) == (201, {"url", "id", "expiresAt", "amountTotal", "currency"})
    assert (told["amountTotal"], told["currency"]) == (500_000, "TRY")
    assert outward.fake.found(f"checkout/sessions/{told['id']}")["url"] == told["url"]
    assert answer.headers["Idempotent-Replayed"] == "true"


def test_until_stripe_answers_the_command_is_under_way(browser: Browser, outward: Outward) -> None:
    taken = browser.command(PATH, BODY)
    outward.timetable.work()

    job = said(browser.get(taken.headers["Location"]))

    assert (job["status"], job["result"], job["problem"]) == ("RUNNING", None, None)


def test_a_command_that_stripe_is_asked_for_is_told_as_under_way(browser: Browser, outward: Outward) -> None:
    headers = {"Idempotency-Key": '"mine"'}
    taken = browser.command(PATH, BODY, headers=headers | {"Prefer": "respond-async"})
    outward.timetable.work()

    again = browser.command(PATH, BODY, headers=headers | {"Prefer": "respond-async"})
    waited = browser.command(PATH, BODY, headers=headers | {"Prefer": "wait=1"})

    assert [said(each)["status"] for each in (taken, again, waited)] == ["QUEUED", "RUNNING", "RUNNING"]


def test_who_waits_for_a_command_is_told_where_it_stands_by_then(browser: Browser, outward: Outward) -> None:
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(wait_for, lambda: _is_running(outward), what="the command")
        answer = browser.command(PATH, BODY, headers={"Prefer": "wait=2"})
        begun.result()

    assert (answer.status_code, said(answer)["status"]) == (202, "RUNNING")


def _is_running(outward: Outward) -> bool:
    outward.timetable.work()
    return bool(outward.studio.rows("SELECT 1 FROM jobs WHERE status = 'RUNNING'"))


def test_a_scheme_in_capitals_is_told_to_stripe_as_it_knows_it(browser: Browser, outward: Outward) -> None:
    answer = buy(browser, outward, BODY | {"successUrl": "HTTPS://Lumen.example/Thanks"})

    page = outward.fake.found(f"checkout/sessions/{said(answer)['id']}")
    assert page["success_url"] == "https://Lumen.example/Thanks"


def test_staff_buy_for_somebody_and_students_for_themselves(browser: Browser, outward: Outward) -> None:
    outward.timetable.student("grace")

    for_grace = buy(browser, outward, BODY | {"studentId": "grace"}, **STAFF)
    of_another = browser.command(PATH, BODY | {"studentId": "grace"})
    of_nobody = browser.command(PATH, BODY, **STAFF)
    unknown = browser.command(PATH, BODY | {"studentId": "nobody"}, **STAFF)

    page = outward.fake.found(f"checkout/sessions/{said(for_grace)['id']}")
    assert page["client_reference_id"] == "grace"
    assert (of_another.status_code, said(of_another)["code"]) == (403, "forbidden")
    assert (of_nobody.status_code, pointers(of_nobody)) == (422, ["#/studentId"])
    assert (unknown.status_code, said(unknown)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:3000/thanks",
        "http://localhost/thanks",
        "http://[::1]:3000/",
        "https://lumen.example/thanks?session={CHECKOUT_SESSION_ID}&x=%20",
        "https://lumen.example/" + "x" * 1_970,
    ],
)
def test_an_address_may_be_that_of_this_machine_or_have_the_checkout_in_it(
    browser: Browser, outward: Outward, address: str
) -> None:
    assert buy(browser, outward, BODY | {"successUrl": address}).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"productCode": "no code"}, "#/productCode"),
        ({"couponCode": ""}, "#/couponCode"),
        ({"cohortId": 0}, "#/cohortId"),
        ({"quantity": 2}, "#/quantity"),
        *(
            ({"successUrl": address}, "#/successUrl")
            for address in (
                "",
                "/thanks",
                "lumen.example/thanks",
                "http://lumen.example/",
                "javascript:alert(1)",
                "https://",
                "https://ada:secret@lumen.example/",
                "https://lumen.example/{SESSION}",
                "https://lumen.example/a b",
                "https://lumen.example:0/",
                "https://{CHECKOUT_SESSION_ID}.evil/",
                "https://lumen.example/#{CHECKOUT_SESSION_ID}",
                "https://lumen.example/" + "x" * 2_000,
                7,
            )
        ),
        ({"cancelUrl": "ftp://lumen.example/"}, "#/cancelUrl"),
    ],
)
def test_a_field_at_fault_is_named(browser: Browser, outward: Outward, body: dict[str, Any], pointer: str) -> None:
    answer = browser.command(PATH, BODY | body)

    assert (answer.status_code, said(answer)["code"], pointers(answer)) == (422, "validation_failed", [pointer])
    assert outward.studio.count("jobs") == 0


def test_a_refusal_of_stripes_is_502_and_a_stripe_that_is_away_503(browser: Browser, outward: Outward) -> None:
    outward.refuse()
    refused = buy(browser, outward)
    outward.fake.faults("503", "/v1/", times=100)

    away = browser.command(PATH, BODY | {"productCode": "CORE-10"}, headers={"Idempotency-Key": '"away"'})
    outward.timetable.work()
    outward.call()
    outward.studio.rows("UPDATE stripe_calls SET give_up_at = created_at")
    outward.call()
    away = browser.command(PATH, BODY | {"productCode": "CORE-10"}, headers={"Idempotency-Key": '"away"'})

    assert (refused.status_code, said(refused)["code"]) == (502, "stripe_refused")
    assert (away.status_code, said(away)["code"]) == (503, "stripe_unavailable")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"productCode": "NOTHING"}, 404, "not_found"),
        ({"couponCode": "NOTHING"}, 422, "coupon_invalid"),
        ({"cohortId": 1}, 422, "validation_failed"),
    ],
)
def test_what_the_rules_refuse_is_told(
    browser: Browser, outward: Outward, body: dict[str, Any], status: int, code: str
) -> None:
    answer = buy(browser, outward, BODY | body)

    assert (answer.status_code, said(answer)["code"]) == (status, code)


def test_staff_see_what_stripe_was_asked_and_nothing_of_who(browser: Browser, outward: Outward) -> None:
    student = outward.timetable.student("ada")
    outward.studio.rows("UPDATE students SET email = 'ada@example.com' WHERE id = %(id)s", id=student)
    buy(browser, outward)
    outward.refuse_product("EXPLORER-5")

    everything = browser.get(CALLS, **STAFF)
    parked = said(browser.get(f"{CALLS}?status=PARKED", **STAFF))["items"]
    checkouts = said(browser.get(f"{CALLS}?kind=CHECKOUT_CREATE", **STAFF))["items"]

    assert [each["kind"] for each in said(everything)["items"]] == ["PRODUCT_UPDATE", "CHECKOUT_CREATE"]
    assert "ada" not in everything.text
    assert [(each["productCode"], each["errorCode"]) for each in parked] == [("EXPLORER-5", "stripe_refused")]
    assert checkouts[0]["jobId"]
    assert checkouts[0]["sentAt"]
    assert said(browser.get(CALLS, **PLATFORM))["items"] == said(everything)["items"]
    assert said(browser.get(CALLS, **STAFF | {"org": "thrive"}))["items"] == []
    assert browser.get(CALLS).status_code == 403


def test_what_stripe_refused_is_told_again_when_staff_say_so(browser: Browser, outward: Outward) -> None:
    outward.refuse_product("EXPLORER-5")
    (call,) = said(browser.get(CALLS, **STAFF))["items"]
    outward.studio.rows("UPDATE products SET stripe_product_id = NULL")
    outward.sync()
    still = outward.fake.listed("/v1/products")

    elsewhere = browser.post(f"{CALLS}/{call['id']}/retry", **STAFF | {"org": "thrive"})
    again = browser.post(f"{CALLS}/{call['id']}/retry", **STAFF)
    outward.sync()
    twice = browser.post(f"{CALLS}/{call['id']}/retry", **STAFF)

    assert (still, elsewhere.status_code) == ([], 404)
    assert (again.status_code, said(again)["status"]) == (202, "VOID")
    assert len(outward.fake.listed("/v1/products")) == 1
    assert (twice.status_code, said(twice)["code"]) == (409, "call_final")


def test_a_command_that_ended_is_not_made_again(browser: Browser, outward: Outward) -> None:
    outward.refuse()
    buy(browser, outward)
    (call,) = said(browser.get(CALLS, **STAFF))["items"]

    answer = browser.post(f"{CALLS}/{call['id']}/retry", **STAFF)

    assert (answer.status_code, said(answer)["code"]) == (409, "call_final")
    assert outward.calls()[0]["status"] == "PARKED"


def test_admins_see_what_stripe_has_of_a_package(browser: Browser, outward: Outward) -> None:
    path = f"/api/packages/{outward.timetable.product('EXPLORER-5')}"
    changed = said(browser.command(path, {"price": 510_000}, method="PATCH", **ADMIN))["stripe"]
    outward.sync()

    shown = said(browser.get(path, **ADMIN))["stripe"]

    assert (changed["productId"], changed["priceId"], changed["syncDueAt"] is None) == (None, None, False)
    assert shown == {
        "productId": outward.product("EXPLORER-5")["stripe_product_id"],
        "priceId": outward.prices("EXPLORER-5")[0]["stripe_price_id"],
        "syncDueAt": None,
    }
    assert "stripe" not in said(browser.client.get(f"{path}?org=lumen"))
