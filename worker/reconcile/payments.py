"""Stripe's payments, refunds and disputes held against ours, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.transaction import reading
from domain.inbox import known
from domain.purchase.fact import Fact, PurchaseFact
from domain.purchase.payment import Purchase
from worker.reconcile.compare import Claim, Finding, Kind, Known, Seen, compare
from worker.reconcile.judge import Said, sold_here, statement_of
from worker.reconcile.look import Look
from worker.reconcile.stripe import Account, Page, made_at
from worker.stripe_field import Json, Unreadable, id_of

UNHEARD = "run this with --apply"
TOO_OLD = "its events are older than Stripe keeps them: redeem it at the desk for its student, or refund it in Stripe"
PAID = frozenset({"paid", "no_payment_required"})


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of Stripe's: its object, and what it says."""

    obj: Json
    said: Said
    fact: PurchaseFact

    @property
    def claim(self) -> Claim:
        """What it says of the payment."""
        return Claim(self.fact.key, self.fact, made_at(self.obj))


def compare_payments(look: Look, account: Account) -> None:
    """Compare what was paid at an account: Checkouts first, which know what PaymentIntents do not say."""
    parts, named = Seen(), dict[str, str]()
    for page in account.checkouts(look.wanted.since):
        look.told("checkouts", account, page)
        _checkouts(look, account, page, named)
    for page in account.invoices(look.wanted.since):
        look.told("invoices", account, page)
        _invoices(look, account, page, parts)
    for page in account.intents(look.wanted.since):
        look.told("payments", account, page)
        _intents(look, account, page, named, parts)
    for what, kind, pages in (
        ("refunds", "refund.created", account.refunds(look.wanted.since)),
        ("disputes", "charge.dispute.created", account.disputes(look.wanted.since)),
    ):
        for page in pages:
            look.told(what, account, page)
            _back(look, kind, page)


def _checkouts(look: Look, account: Account, page: Page, named: dict[str, str]) -> None:
    """Compare free Checkouts, and note whose the PaymentIntents of the others are that we do not know."""
    done = [each for each in page if each.get("mode") == "payment" and each.get("payment_status") in PAID]
    paid = list(_paid("checkout.session.completed", done, account))
    ours, sold = _judged(look, paid, account)
    for each in paid:
        owner = sold.get(each.fact.key)
        if id_of(each.obj, "payment_intent"):
            named |= {each.fact.key: owner} if owner else {}
        elif made_at(each.obj) >= look.wanted.since:
            _note(look, each, owner, ours)


def _invoices(look: Look, account: Account, page: Page, parts: Seen) -> None:
    """Compare invoices, and note the PaymentIntents that paid them: these say nothing of what they paid."""
    paid = list(_paid("invoice.paid", page, account))
    ours, sold = _judged(look, paid, account)
    for each in paid:
        key, subscription, intent = each.fact.key, each.fact.subscription, each.fact.intent
        owner = ours[key].organization if key in ours else sold.get(key)
        if owner and subscription and key not in ours:
            look.missing.subscriptions[subscription] = owner
        if owner and intent and intent not in ours:
            look.missing.payments[intent] = owner
        if intent:
            parts.add(intent)
        _note(look, each, sold.get(key), ours)


def _intents(look: Look, account: Account, page: Page, named: Mapping[str, str], parts: Seen) -> None:
    done = [each for each in page if each.get("status") == "succeeded"]
    paid = list(_paid("payment_intent.succeeded", done, account))
    ours, sold = _judged(look, paid, account)
    for each in paid:
        key = each.fact.key
        if key in ours or key not in parts:
            _note(look, each, sold.get(key) or named.get(key), ours)
        else:
            look.seen.add(key)


def _note(look: Look, paid: Paid, owner: str | None, ours: Mapping[str, Known]) -> None:
    """Note that a payment went by, and what is to be said about it."""
    key, at = paid.fact.key, made_at(paid.obj)
    look.seen.add(key)
    if key in ours:
        for finding in compare([paid.claim], ours):
            look.found(finding)
    elif owner is None:
        look.report.not_ours += 1
    else:
        look.missing.payments[key] = owner
        theirs = f"{paid.fact.status} {paid.fact.amount} {paid.fact.currency}"
        advice = UNHEARD if at >= look.wanted.events_since else TOO_OLD
        look.found(Finding(Kind.MISSING, "payment", key, owner, at, None, theirs, advice))


def _paid(kind: str, objects: Iterable[Json], account: Account) -> Iterator[Paid]:
    for obj in objects:
        try:
            statement = statement_of(kind, obj)
        except Unreadable:
            continue
        for fact in statement.facts:
            if isinstance(fact, PurchaseFact):
                yield Paid(obj, Said(statement, account.id), fact)


def _judged(look: Look, paid: Sequence[Paid], account: Account) -> tuple[dict[str, Known], dict[str, str]]:
    """Return what we know of payments, and of those that we do not know who of ours sold them; both by their keys."""
    with reading(look.engine) as session:
        names = {name for each in paid for name in (each.fact.key, each.fact.intent) if name}
        ours = read_known(known.payments(session, names))
        unknown = [each for each in paid if each.fact.key not in ours]
        sold, slugs = sold_here(session, [each.said for each in unknown]), known.slugs(session)
    owners = {unknown[n].fact.key: slugs[owner] for n, owner in sold.owners.items()}
    asked = [unknown[n] for n in sold.unclear]
    return ours, owners | (_by_lines(look, asked, account) if asked else {})


def _by_lines(look: Look, unclear: Sequence[Paid], account: Account) -> dict[str, str]:
    """Ask what Checkouts sold that do not say it, and return who of ours did."""
    said = [
        Said(statement_of("checkout.session.completed", each.obj, account.line_items(each.obj["id"])), account.id)
        for each in unclear
    ]
    with reading(look.engine) as session:
        sold, slugs = sold_here(session, said), known.slugs(session)
    return {unclear[n].fact.key: slugs[owner] for n, owner in sold.owners.items()}


def _back(look: Look, kind: str, page: Page) -> None:
    """Compare refunds or disputes; one of a payment that we do not know is that payment's affair."""
    claims = [Claim(obj["id"], fact, made_at(obj)) for obj in page for fact in _facts(kind, obj)]
    with reading(look.engine) as session:
        ours = read_known(known.payments(session, {claim.fact.key for claim in claims}))
    look.report.not_ours += sum(
        claim.fact.key not in ours and claim.fact.key not in look.missing.payments for claim in claims
    )
    for finding in compare(claims, ours):
        look.found(finding)


def _facts(kind: str, obj: Json) -> Sequence[Fact]:
    try:
        return statement_of(kind, obj).facts
    except Unreadable:
        return ()


def read_known(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Known]:
    """Return rows of payments as what they say."""
    return {key: _known(key, row) for key, row in rows.items()}


def _known(key: str, row: Mapping[str, Any]) -> Known:
    purchase = Purchase(0, key, row["facts"])
    disputes = {
        source.removeprefix("dispute:"): str(said["status"])
        for source, said in purchase.facts.items()
        if source.startswith("dispute:")
    }
    return Known(
        organization=row["slug"],
        status=row["status"],
        received=row["amount_received"],
        currency=row["currency"],
        refunds={refund.id: f"{refund.status} {refund.charged}" for refund in purchase.refunds},
        disputes=disputes,
        is_part=row["is_part"],
    )
