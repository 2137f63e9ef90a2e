"""What the buttons of the dashboard do; each says in a sentence what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fake_stripe import control
from fake_stripe.acts import checking_out, disputing, refunding
from fake_stripe.api import prices, products
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.pages.words import day, minor, money

Form = Mapping[str, str]
Deed = Callable[..., str]


def refund(fake: Fake, form: Form, charge: str) -> str:
    """Refund a charge, in part or what is left."""
    found = fake.store.get("charge", charge)
    status = form.get("status", "succeeded")
    if status not in refunding.STATUSES:
        raise Refused("A refund succeeds, stays pending, or fails.")
    made = refunding.refund(fake, found, minor(form.get("amount", ""), found["currency"]), status=status)
    return f"Refund of {money(made['amount'], made['currency'])}: {made['status']}."


def refund_turns(fake: Fake, form: Form, refund: str, turn: str) -> str:
    """Let a refund arrive or fail."""
    made = control.refund_turns(fake, Params({}), refund, turn)
    return f"Refund of {money(made['amount'], made['currency'])}: {made['status']}."


def dispute(fake: Fake, form: Form, charge: str) -> str:
    """Dispute a charge."""
    inquiry = form.get("inquiry") == "true"
    made = disputing.dispute(fake, charge, inquiry=inquiry)
    what = "The bank asks about" if inquiry else "The bank took back"
    return f"{what} {money(made['amount'], made['currency'])}."


def dispute_turns(fake: Fake, form: Form, dispute: str, turn: str) -> str:
    """Close a dispute, or make one of an inquiry."""
    made = control.dispute_turns(fake, Params({}), dispute, turn)
    return f"Dispute of {money(made['amount'], made['currency'])}: {made['status'].replace('_', ' ')}."


def settle(fake: Fake, form: Form, checkout: str) -> str:
    """Let a bank debit arrive, or not."""
    paid = form.get("paid") == "true"
    made = checking_out.settle(fake, checkout, paid=paid)
    sum_ = money(made["amount_total"], made["currency"])
    return f"The bank has paid {sum_}." if paid else f"The bank has refused {sum_}."


def expire(fake: Fake, form: Form, checkout: str) -> str:
    """Let a Checkout expire."""
    made = checking_out.expire(fake, checkout)
    return f"The Checkout of {money(made['amount_total'], made['currency'])} has expired."


def subscription_turns(fake: Fake, form: Form, subscription: str, turn: str) -> str:
    """Renew a subscription, or let it fail or end."""
    made = control.subscription_turns(fake, Params({}), subscription, turn)
    end = day(made["items"]["data"][0]["current_period_end"])
    if made["cancel_at_period_end"] and made["status"] != "canceled":
        return f"The subscription ends on {end}."
    told = {"active": f"paid until {end}", "past_due": "past due", "canceled": "canceled"}
    return f"The subscription is {told.get(made['status'], made['status'])}."


def rename(fake: Fake, form: Form, product: str) -> str:
    """Rename a product."""
    made = products.update(fake, Params({"name": form.get("name", "").strip()}), product)
    return f"The product is called {made['name']}."


def switch_product(fake: Fake, form: Form, product: str) -> str:
    """Archive a product, or take it back."""
    made = products.update(fake, Params({"active": form.get("active", "false")}), product)
    return f"{made['name']} is {'active' if made['active'] else 'archived'}."


def switch_price(fake: Fake, form: Form, price: str) -> str:
    """Archive a price, or take it back."""
    made = prices.update(fake, Params({"active": form.get("active", "false")}), price)
    sum_ = money(made["unit_amount"], made["currency"])
    return f"The price of {sum_} is {'active' if made['active'] else 'archived'}."


def resend(fake: Fake, form: Form, event: str) -> str:
    """Send an event again."""
    made = control.resend(fake, Params({}), event)
    return f"{made['type']} is sent again."


def set_manner(fake: Fake, form: Form) -> str:
    """Say how webhooks are sent."""
    control.set_manner(fake, Params(dict(form)))
    return "Webhooks are sent so from now on."


# Back to which page, what the button is called, and what it does.
DEEDS: tuple[tuple[str, str, Deed], ...] = (
    ("payments", "charges/<charge>/refund", refund),
    ("payments", "charges/<charge>/dispute", dispute),
    ("payments", "refunds/<refund>/<turn>", refund_turns),
    ("payments", "disputes/<dispute>/<turn>", dispute_turns),
    ("payments", "checkouts/<checkout>/settle", settle),
    ("payments", "checkouts/<checkout>/expire", expire),
    ("subscriptions", "subscriptions/<subscription>/<turn>", subscription_turns),
    ("products", "products/<product>/rename", rename),
    ("products", "products/<product>/switch", switch_product),
    ("products", "prices/<price>/switch", switch_price),
    ("events", "events/<event>/resend", resend),
    ("webhooks", "webhooks", set_manner),
)
