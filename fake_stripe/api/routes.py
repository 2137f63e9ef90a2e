"""Which request means what."""

from __future__ import annotations

from fake_stripe.api import account, checkouts, coupons, customers, payments, prices, products, refunds, subscriptions
from fake_stripe.call import Handler
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.store import Json


def _one(kind: str) -> Handler:
    """Return what answers with the object that the path names."""

    def retrieve(fake: Fake, params: Params, **ids: str) -> Json:
        return fake.store.get(kind, *ids.values())

    return retrieve


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "account", account.account),
    ("GET", "balance", account.balance),
    ("GET", "charges", payments.charges),
    ("GET", "charges/<charge>", _one("charge")),
    ("GET", "charges/<charge>/refunds", payments.refunds),
    ("GET", "checkout/sessions", checkouts.listing),
    ("POST", "checkout/sessions", checkouts.create),
    ("GET", "checkout/sessions/<session>", _one("checkout.session")),
    ("GET", "checkout/sessions/<session>/line_items", checkouts.line_items),
    ("POST", "checkout/sessions/<session>/expire", checkouts.expire),
    ("GET", "coupons", coupons.listing),
    ("POST", "coupons", coupons.create),
    ("GET", "coupons/<coupon>", _one("coupon")),
    ("POST", "coupons/<coupon>", coupons.update),
    ("DELETE", "coupons/<coupon>", coupons.remove),
    ("GET", "customers", customers.listing),
    ("POST", "customers", customers.create),
    ("GET", "customers/<customer>", _one("customer")),
    ("POST", "customers/<customer>", customers.update),
    ("GET", "disputes", refunds.disputes),
    ("GET", "disputes/<dispute>", _one("dispute")),
    ("POST", "disputes/<dispute>/close", refunds.close),
    ("GET", "events", account.events),
    ("GET", "events/<event>", _one("event")),
    ("GET", "invoice_payments", subscriptions.invoice_payments),
    ("GET", "invoice_payments/<payment>", _one("invoice_payment")),
    ("GET", "invoices", subscriptions.invoices),
    ("GET", "invoices/<invoice>", _one("invoice")),
    ("GET", "payment_intents", payments.intents),
    ("GET", "payment_intents/<intent>", _one("payment_intent")),
    ("POST", "payment_intents/<intent>", payments.update_intent),
    ("GET", "prices", prices.listing),
    ("POST", "prices", prices.create),
    ("GET", "prices/<price>", _one("price")),
    ("POST", "prices/<price>", prices.update),
    ("GET", "products", products.listing),
    ("POST", "products", products.create),
    ("GET", "products/<product>", _one("product")),
    ("POST", "products/<product>", products.update),
    ("DELETE", "products/<product>", products.remove),
    ("GET", "refunds", refunds.listing),
    ("POST", "refunds", refunds.create),
    ("GET", "refunds/<refund>", _one("refund")),
    ("POST", "refunds/<refund>", refunds.update),
    ("POST", "refunds/<refund>/cancel", refunds.cancel),
    ("GET", "subscriptions", subscriptions.listing),
    ("GET", "subscriptions/<subscription>", _one("subscription")),
    ("POST", "subscriptions/<subscription>", subscriptions.update),
    ("DELETE", "subscriptions/<subscription>", subscriptions.cancel),
    ("GET", "webhook_endpoints", account.endpoints),
    ("POST", "webhook_endpoints", account.create_endpoint),
    ("GET", "webhook_endpoints/<endpoint>", _one("webhook_endpoint")),
    ("POST", "webhook_endpoints/<endpoint>", account.update_endpoint),
    ("DELETE", "webhook_endpoints/<endpoint>", account.remove_endpoint),
)
