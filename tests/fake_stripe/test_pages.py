"""The pages, as a browser sees and sends them."""

from __future__ import annotations

import re
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

import pytest

from tests.fake_stripe import shop
from tests.fakestripe import FakeStripe

PAGES = ("", "/subscriptions", "/products", "/events", "/webhooks")


class Browser:
    """Asks for pages, sends forms, keeps the cookie, and says where it came to."""

    def __init__(self, base: str) -> None:
        self._host, self._base = urlsplit(base).netloc, base
        self._cookie = ""

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        status, _, text = self._ask("GET", path, None, headers)
        return status, text

    def post(self, path: str, origin: str | None = "", **fields: str) -> tuple[int, str]:
        """Send a form; return the status and where it leads."""
        said = {} if origin is None else {"Origin": origin or self._base}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, location, _ = self._ask("POST", path, urlencode(fields), said | kind)
        return status, location

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str, str]:
        connection = HTTPConnection(self._host, timeout=10)
        try:
            connection.request(method, path, body, {"Cookie": self._cookie, **headers})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for name, value in SimpleCookie(response.headers["Set-Cookie"] or "").items():
            self._cookie = f"{name}={value.value}"
        return response.status, response.headers["Location"] or "", text


@pytest.fixture
def browser(fake: FakeStripe) -> Browser:
    return Browser(fake.base)


def test_empty_pages_say_so(browser: Browser) -> None:
    for page in PAGES:
        status, text = browser.get(f"/dashboard{page}")

        assert status == 200
        assert 'class="empty"' in text


def test_no_page_loads_anything_from_elsewhere_or_runs_anything(fake: FakeStripe, browser: Browser) -> None:
    key = shop.checkout(fake)
    fake.pay(key)

    for page in (*(f"/dashboard{each}" for each in PAGES), f"/c/pay/{key}", "/done"):
        text = browser.get(page)[1]
        assert re.findall(r'<(?:link|script|img)[^>]*(?:href|src)="([^"]*)"', text) == ["/fake.css", "data:,"]
        assert "<script" not in text
        assert not re.search(r"\son\w+=", text)


def test_a_visitor_pays_and_comes_to_the_shop(fake: FakeStripe, browser: Browser) -> None:
    fake.client().v1.coupons.create({"id": "WELCOME10", "percent_off": 10, "duration": "once"})
    key = shop.checkout(fake, discounts=[{"coupon": "WELCOME10"}], cancel_url="https://shop.example/back")

    text = browser.get(f"/c/pay/{key}")[1]
    declined = browser.get(browser.post(f"/c/pay/{key}", method="declined", email="ada@example.com")[1])[1]
    landed = browser.post(f"/c/pay/{key}", method="card", email="ada@example.com")

    for word in ("Explorer 5", "5,000.00 TRY", "WELCOME10", "4,500.00 TRY", "https://shop.example/back"):
        assert word in text
    assert "Your card was declined" in declined
    assert landed == (303, f"https://shop.example/done?id={key}")
    assert "This Checkout is complete" in browser.get(f"/c/pay/{key}")[1]
    assert shop.told(fake, "checkout.session.completed")["customer_details"]["email"] == "ada@example.com"


def test_an_expired_checkout_says_so(fake: FakeStripe, browser: Browser) -> None:
    key = shop.checkout(fake)
    fake.expire(key)

    text = browser.get(f"/c/pay/{key}")[1]
    status, back = browser.post(f"/c/pay/{key}", method="card")

    assert "can no longer be paid" in text
    assert (status, back.split("?")[0]) == (303, f"/c/pay/{key}")
    assert browser.get("/c/pay/cs_none")[0] == 404


def test_money_is_refunded_by_hand(fake: FakeStripe, browser: Browser) -> None:
    shop.paid(fake)
    charge = fake.listed("/v1/charges")[0]["id"]

    assert browser.post(f"/dashboard/charges/{charge}/refund", amount="1234.50", status="pending")[0] == 303
    said = browser.get("/dashboard")[1]
    browser.post(f"/dashboard/charges/{charge}/refund", amount="9999999")
    refused = browser.get("/dashboard")[1]
    browser.post(f"/dashboard/charges/{charge}/refund", amount="1,5")
    nonsense = browser.get("/dashboard")[1]

    assert "Refund of 1,234.50 TRY: pending." in said
    assert "greater than unrefunded amount" in refused
    assert "1,5 is no amount of TRY." in nonsense
    assert [each["amount"] for each in fake.listed("/v1/refunds")] == [123_450]


def test_everything_that_the_buttons_do(fake: FakeStripe, browser: Browser) -> None:
    payment, subscription = shop.paid(fake), shop.subscribed(fake)
    charge = fake.found(f"payment_intents/{payment}")["latest_charge"]
    bank = shop.checkout(fake)
    fake.pay(bank, "async")
    product = fake.listed("/v1/products")[0]["id"]

    browser.post(f"/dashboard/charges/{charge}/dispute")
    dispute = fake.listed("/v1/disputes")[0]["id"]
    browser.post(f"/dashboard/disputes/{dispute}/win")
    browser.post(f"/dashboard/subscriptions/{subscription}/renew")
    browser.post(f"/dashboard/subscriptions/{subscription}/cancel")
    browser.post(f"/dashboard/checkouts/{bank}/settle", paid="true")
    browser.post(f"/dashboard/products/{product}/rename", name="<b>Drift</b>")
    browser.post("/dashboard/webhooks", drop="0.5", shape="old", shuffle="true")

    assert fake.found(f"disputes/{dispute}")["status"] == "won"
    assert fake.found(f"subscriptions/{subscription}")["status"] == "canceled"
    assert fake.found(f"checkout/sessions/{bank}")["payment_status"] == "paid"
    assert shop.told(fake, "product.updated")["name"] == "<b>Drift</b>"
    products = browser.get("/dashboard/products")[1]
    assert "&lt;b&gt;Drift&lt;/b&gt;" in products
    assert "<b>" not in products
    assert 'value="0.5"' in browser.get("/dashboard/webhooks")[1]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_another_sites_page_cannot_press_buttons(fake: FakeStripe, browser: Browser, origin: str) -> None:
    shop.paid(fake)
    charge = fake.listed("/v1/charges")[0]["id"]

    status, _ = browser.post(f"/dashboard/charges/{charge}/refund", origin)
    door, _ = browser.post(f"/_fake/charges/{charge}/refund", origin)

    assert (status, door) == (403, 403)
    assert fake.listed("/v1/refunds") == []


def test_a_name_that_only_leads_here_is_refused(browser: Browser) -> None:
    assert browser.get("/dashboard", Host="evil.example")[0] == 403
