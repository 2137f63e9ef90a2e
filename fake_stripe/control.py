"""The doors for tests, below /_fake: what customers, banks and networks do, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fake_stripe.acts import checking_out, disputing, refunding, subscribing
from fake_stripe.api import products
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.manner import SHAPES, Manner
from fake_stripe.store import Json

Door = Callable[..., Json]
Turn = Callable[[Fake, str], Json]
LONGEST_FLUSH = 60


def pay(fake: Fake, said: Params, checkout: str) -> Json:
    """Pay a Checkout: `method` card, async or declined; `email`, `name`."""
    method = str(said.choice("method", checking_out.METHODS, "card"))
    return checking_out.pay(fake, checkout, method=method, email=said.text("email"), name=said.text("name"))


def settle(fake: Fake, said: Params, checkout: str) -> Json:
    """Let a bank debit arrive, or not: `paid`."""
    return checking_out.settle(fake, checkout, paid=said.flag("paid") is not False)


def expire(fake: Fake, said: Params, checkout: str) -> Json:
    """Let a Checkout expire before its time."""
    return checking_out.expire(fake, checkout)


def refund(fake: Fake, said: Params, charge: str) -> Json:
    """Refund a charge as in the dashboard: `amount`, `status` succeeded, pending, requires_action or failed."""
    status = str(said.choice("status", refunding.STATUSES, "succeeded"))
    found = fake.store.get("charge", charge)
    return refunding.refund(fake, found, said.integer("amount", least=1), status=status)


def refund_turns(fake: Fake, said: Params, refund: str, turn: str) -> Json:
    """Let a refund `succeed` or `fail`."""
    return _turn({"succeed": refunding.succeed, "fail": refunding.fail}, turn)(fake, refund)


def dispute(fake: Fake, said: Params, charge: str) -> Json:
    """Dispute a charge: `inquiry`, `amount`, `reason`."""
    reason = said.text("reason", "fraudulent") or ""
    amount = said.integer("amount", least=1)
    return disputing.dispute(fake, charge, inquiry=bool(said.flag("inquiry")), amount=amount, reason=reason)


def dispute_turns(fake: Fake, said: Params, dispute: str, turn: str) -> Json:
    """Let a dispute be won (`win`), lost (`lose`), or an inquiry become one (`escalate`)."""
    turns: dict[str, Turn] = {"win": disputing.win, "lose": disputing.lose, "escalate": disputing.escalate}
    return _turn(turns, turn)(fake, dispute)


def subscription_turns(fake: Fake, said: Params, subscription: str, turn: str) -> Json:
    """Do to a subscription what time, cards and people do to it."""
    return _turn(SUBSCRIPTION_TURNS, turn)(fake, subscription)


def rename(fake: Fake, said: Params, product: str) -> Json:
    """Rename a product, as somebody might in the dashboard: `name`."""
    return products.update(fake, said, product)


def become(fake: Fake, said: Params) -> Json:
    """Say what becomes of the refunds that the API makes from now on: `become`."""
    fake.refunds_become = str(said.choice("become", refunding.STATUSES, "succeeded"))
    return {"become": fake.refunds_become}


def fault(fake: Fake, said: Params) -> Json:
    """Misbehave: `kind`, `method`, `path`, `times`, `seconds`, `retry_after`."""
    fake.faults.add(said)
    return faults(fake, said)


def faults(fake: Fake, said: Params) -> Json:
    """Return the faults that are still to happen."""
    return {"faults": fake.faults.listed()}


def behave(fake: Fake, said: Params) -> Json:
    """Forget the faults that are still to happen."""
    fake.faults.clear()
    return faults(fake, said)


def calls(fake: Fake, said: Params) -> Json:
    """Return what was called."""
    return {"calls": fake.calls.listed()}


def forget_calls(fake: Fake, said: Params) -> Json:
    """Forget what was called."""
    fake.calls.clear()
    return calls(fake, said)


def set_manner(fake: Fake, said: Params) -> Json:
    """Say how webhooks are sent: `drop`, `duplicate` (ratios), `shuffle`, `delay`, `shape`, `seed`."""
    fake.webhooks.manner = Manner(
        drop=_number(said, "drop", most=1),
        duplicate=_number(said, "duplicate", most=1),
        shuffle=bool(said.flag("shuffle")),
        delay=_number(said, "delay", most=60),
        shape=str(said.choice("shape", SHAPES, "new")),
        seed=said.integer("seed") or 0,
    )
    return manner(fake, said)


def manner(fake: Fake, said: Params) -> Json:
    """Return how webhooks are sent, what was dropped, and how many wait."""
    return fake.webhooks.manner.told() | {"waiting": fake.webhooks.waiting()}


def resend(fake: Fake, said: Params, event: str) -> Json:
    """Send an event once more."""
    found = fake.store.get("event", event)
    fake.webhooks.resend(found)
    return found


def flush(fake: Fake, said: Params) -> Json:
    """Wait until everything was sent: `seconds` at most."""
    seconds = said.integer("seconds", most=LONGEST_FLUSH)
    return {"flushed": fake.webhooks.flush(10 if seconds is None else seconds), "waiting": fake.webhooks.waiting()}


def set_clock(fake: Fake, said: Params) -> Json:
    """Set the clock to the second `at`; without one it follows the machine's again."""
    fake.clock.fixed = said.integer("at")
    checking_out.expire_due(fake)
    return {"now": fake.now(), "fixed": fake.clock.fixed is not None}


def _turn(turns: Mapping[str, Turn], turn: str) -> Turn:
    if turn not in turns:
        raise Refused(f"Unknown turn {turn}: one of {', '.join(turns)}", status=404)
    return turns[turn]


def _number(said: Params, name: str, *, most: float) -> float:
    value = said.text(name, "0") or "0"
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise Refused(f"{name} must be a number from 0 to {most}", param=name)
    return number


def _cancel_at_end(fake: Fake, key: str) -> Json:
    return subscribing.cancel_at_end(fake, fake.store.get("subscription", key), wanted=True)


def _keep(fake: Fake, key: str) -> Json:
    return subscribing.cancel_at_end(fake, fake.store.get("subscription", key), wanted=False)


SUBSCRIPTION_TURNS: dict[str, Turn] = {
    "renew": subscribing.renew,
    "fail": subscribing.fail,
    "recover": subscribing.recover,
    "cancel_at_end": _cancel_at_end,
    "keep": _keep,
    "cancel": subscribing.cancel,
    "end": subscribing.end,
}
# Those that wait hold no lock meanwhile.
WAITING = {flush}
DOORS: tuple[tuple[str, str, Door], ...] = (
    ("GET", "calls", calls),
    ("DELETE", "calls", forget_calls),
    ("POST", "charges/<charge>/dispute", dispute),
    ("POST", "charges/<charge>/refund", refund),
    ("POST", "checkouts/<checkout>/expire", expire),
    ("POST", "checkouts/<checkout>/pay", pay),
    ("POST", "checkouts/<checkout>/settle", settle),
    ("POST", "clock", set_clock),
    ("POST", "disputes/<dispute>/<turn>", dispute_turns),
    ("POST", "events/<event>/resend", resend),
    ("GET", "faults", faults),
    ("POST", "faults", fault),
    ("DELETE", "faults", behave),
    ("POST", "flush", flush),
    ("POST", "products/<product>/rename", rename),
    ("POST", "refunds", become),
    ("POST", "refunds/<refund>/<turn>", refund_turns),
    ("POST", "subscriptions/<subscription>/<turn>", subscription_turns),
    ("GET", "webhooks", manner),
    ("POST", "webhooks", set_manner),
)
