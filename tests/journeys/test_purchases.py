"""A visitor buys by the links that the API returns, and the money goes back: by the API, and in Stripe's dashboard."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.fakestripe import FakeStripe
from tests.patron import Patron, Row
from tests.stack import Reply, Stack, send, wait_for
from worker.stripe_event import HANDLED

SECONDS = 30
MONTHLY: Row = {
    "code": "PASS-MONTHLY",
    "name": "Monthly pass",
    "price": 1_800_000,
    "validityDays": 31,
    "allAccessDays": 31,
    "billingInterval": "MONTH",
    "allowances": [],
}
pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def stripe(stack: Stack) -> FakeStripe:
    """The Stripe that the demo stack started."""
    lines = dict(line.split("=", 1) for line in (stack.home / "env").read_text().splitlines())
    return FakeStripe(lines["STRIPE_API_BASE"], lines["STRIPE_API_KEY"])


@pytest.fixture
def admin(stack: Stack) -> Patron:
    return Patron(stack, "owner", role="admin")


def does(who: Patron, method: str, path: str, said: Row | None = None) -> Reply:
    return send(who.stack.port, method, f"/api{path}", said, who.token, Prefer="wait=30")


def link(buyer: Patron, stripe: FakeStripe, code: str, **more: Any) -> Row:
    """Ask for the page on which something is paid; it leads on to a page that says thanks."""
    addresses = {"successUrl": f"{stripe.base}/done", "cancelUrl": f"{stripe.base}/done"}
    reply = does(buyer, "POST", "/checkout-sessions", addresses | {"productCode": code} | more)
    assert reply.status == 201, reply.said
    return dict(reply.said)


def submits(stripe: FakeStripe, page: str, action: str, **form: str) -> str:
    """Open a page, fill in the form that leads to an address, and send it, as a browser does."""
    with urllib.request.urlopen(page, timeout=10) as answer:
        assert f'action="{action}"' in answer.read().decode()
    said = urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(f"{stripe.base}{action}", said, {"Origin": stripe.base})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.url)


def pays(buyer: Patron, stripe: FakeStripe, code: str, **more: Any) -> Row:
    """Buy by a link; return what is held then."""
    page = link(buyer, stripe, code, **more)
    landed = submits(stripe, page["url"], f"/c/pay/{page['id']}", email=buyer.email, name=buyer.name, method="card")
    assert landed == f"{stripe.base}/done"
    return wait_for(lambda: buyer.holds(code) or {}, seconds=SECONDS, what=f"{code} of {buyer.name}")


def charge_of(stripe: FakeStripe) -> str:
    """Return the last charge, as the dashboard shows it first."""
    return str(stripe.listed("/v1/charges")[0]["id"])


def order_of(admin: Patron, buyer: Patron, product: str) -> Row:
    orders = admin.sees("/api/admin/orders", studentId=buyer.name)["items"]
    return next(dict(each) for each in orders if each["productCode"] == product)


def status_of(buyer: Patron, package: Row) -> str:
    found = buyer.sees("/api/students/me/packages", limit=200)["items"]
    return next(str(each["status"]) for each in found if each["id"] == package["id"])


def booking_of(buyer: Patron, made: Reply) -> str:
    found = buyer.sees("/api/students/me/bookings", limit=200)["items"]
    return next(str(each["status"]) for each in found if each["id"] == made.said["booking"]["id"])


def test_a_package_bought_by_a_link_is_refunded_in_part_by_the_studio_and_whole_in_the_dashboard(
    stack: Stack, stripe: FakeStripe, admin: Patron
) -> None:
    vera = Patron(stack, "vera")
    package = pays(vera, stripe, "EXPLORER-5")
    vera.gets_mail("Explorer 5")
    ride = vera.books(vera.calendar(11)[0])
    order = order_of(admin, vera, "EXPLORER-5")

    part = does(admin, "POST", f"/admin/orders/{order['id']}/refund", {"sessions": 2, "reason": "moves away"})
    after_part = wait_for(
        lambda: [each for each in [vera.holds("EXPLORER-5")] if each and each["balances"][0]["remaining"] == 2],
        what="two credits taken back",
    )
    action = f"/dashboard/charges/{charge_of(stripe)}/refund"
    submits(stripe, f"{stripe.base}/dashboard", action, amount="3000.00", status="succeeded")
    revoked = wait_for(lambda: status_of(vera, package) == "REVOKED", seconds=SECONDS, what="the package is revoked")

    assert (part.status, part.said["refund"]["amount"], part.said["refund"]["status"]) == (201, 200_000, "SUCCEEDED")
    assert after_part
    assert revoked
    assert booking_of(vera, ride) == "CANCELLED"
    assert order_of(admin, vera, "EXPLORER-5")["status"] == "REFUNDED"
    wait_for(lambda: sum("went back to you" in mail["Subject"] for mail in vera.mails()) == 2, what="both mails")


def test_a_course_bought_by_a_link_is_refunded_in_the_dashboard_and_comes_back_when_that_fails(
    stack: Stack, stripe: FakeStripe
) -> None:
    wim = Patron(stack, "wim", org="thrive")
    cohort = wim.sees("/api/courses/SFZ/cohorts")["items"][0]["id"]
    package = pays(wim, stripe, "SFZ", cohortId=cohort)
    enrolled = wait_for(lambda: wim.sees("/api/students/me/course-packages")["items"], what="the enrollment")
    booked = [each["status"] for each in wim.sees("/api/students/me/bookings")["items"]]

    action = f"/dashboard/charges/{charge_of(stripe)}/refund"
    submits(stripe, f"{stripe.base}/dashboard", action, amount="", status="succeeded")
    wait_for(lambda: status_of(wim, package) == "REVOKED", seconds=SECONDS, what="the course is revoked")
    gone = [each["status"] for each in wim.sees("/api/students/me/bookings")["items"]]
    stripe.fail_refund(stripe.listed("/v1/refunds")[0]["id"])
    wait_for(lambda: status_of(wim, package) == "ACTIVE", seconds=SECONDS, what="the course stands again")

    assert len(enrolled) == 1
    assert (booked, gone) == (["CONFIRMED"], ["CANCELLED"])
    assert [each["status"] for each in wim.sees("/api/students/me/bookings")["items"]] == ["CANCELLED"]
    wim.gets_mail("is valid again")


def test_a_subscription_bought_by_a_link_is_renewed_refunded_and_cancelled(
    stack: Stack, stripe: FakeStripe, admin: Patron
) -> None:
    xena = Patron(stack, "xena")
    made = does(admin, "POST", "/packages", MONTHLY)
    assert made.status in {201, 409, 422}, made.said
    first = pays(xena, stripe, "PASS-MONTHLY")
    ride = xena.books(xena.calendar(9)[0])
    subscription = stripe.listed("/v1/subscriptions")[0]["id"]

    stripe.renew(subscription)
    second = wait_for(
        lambda: [each for each in xena.sees("/api/students/me/packages")["items"] if each["id"] != first["id"]],
        seconds=SECONDS,
        what="the second period",
    )[0]
    order = admin.sees("/api/admin/orders", studentId="xena")["items"][0]
    # By which payment an invoice was paid, an event of its own says.
    wait_for(
        lambda: does(admin, "POST", f"/admin/orders/{order['id']}/refund", {"reason": "asked for it"}).status == 201,
        seconds=SECONDS,
        what="the refund of the second period",
    )
    wait_for(lambda: status_of(xena, second) == "REVOKED", seconds=SECONDS, what="the second period is revoked")
    stripe.cancel(subscription)
    wait_for(
        lambda: booking_of(xena, ride) == "CANCELLED",
        seconds=SECONDS,
        what="the ride beyond the end is cancelled",
    )

    assert ride.said["booking"]["paymentType"] == "ALL_ACCESS"
    assert [each["amount"] for each in admin.sees(f"/api/admin/orders/{order['id']}")["refunds"]] == [1_800_000]
    # What was bought lasts a second at least.
    wait_for(lambda: status_of(xena, first) == "EXPIRED", what="the end of the pass")


def missing(said: Row, key: str = "findings") -> set[str]:
    """Return the events that a comparison found missing."""
    return {each["id"] for each in said[key] if each["kind"] == "MISSING" and each["id"].startswith("evt_")}


def test_what_webhooks_lost_is_found_exactly_and_healed(stack: Stack, stripe: FakeStripe) -> None:
    stripe.flush()
    before = json.loads(stack.run("stripe", "reconcile", "--json").stdout)
    stripe.webhooks(drop=0.34, seed=7)
    buyers = [Patron(stack, f"lost-{number}") for number in range(12)]
    for buyer in buyers:
        stripe.pay(link(buyer, stripe, "SINGLE-RIDE")["id"], email=buyer.email)
    stripe.flush()
    told = {each["id"]: each["type"] for each in stripe.events()}
    dropped = {each for each in stripe.dropped() if told[each] in HANDLED}
    stripe.webhooks(drop=0)
    without = sum(buyer.holds("SINGLE-RIDE") is None for buyer in buyers)

    found = json.loads(stack.run("stripe", "reconcile", "--json").stdout)
    healed = json.loads(stack.run("stripe", "reconcile", "--apply", "--json").stdout)
    after = json.loads(stack.run("stripe", "reconcile", "--json").stdout)

    assert dropped
    assert without
    assert (missing(before), missing(found), missing(after)) == (set(), dropped, set())
    assert missing(healed, "healed") == dropped
    assert all(buyer.holds("SINGLE-RIDE") for buyer in buyers)
