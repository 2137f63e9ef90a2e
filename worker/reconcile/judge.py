"""Is it ours: what our recognition would say of what Stripe knows and we do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy.orm import Session

from domain.catalog import drift
from domain.errors import DomainError, NeedsLineItems, NotReady, UnknownProduct, Unrecognised
from domain.inbox import known
from domain.purchase.fact import PurchaseFact, merge
from domain.purchase.payment import Purchase
from domain.purchase.products import Catalog, read_catalog
from domain.purchase.recognition import recognise
from domain.purchase.routing import Unrouted, route
from worker.stripe_event import Statement, read
from worker.stripe_field import Json


@dataclass(frozen=True, slots=True)
class Said:
    """What an object of Stripe's says, and at which account."""

    statement: Statement
    account: str | None

    @property
    def purchase(self) -> PurchaseFact | None:
        """What it says of a purchase."""
        return next((fact for fact in self.statement.facts if isinstance(fact, PurchaseFact)), None)


@dataclass
class Missing:
    """Payments and subscriptions that are ours, and that we never heard of, with the slug of whose they are."""

    payments: dict[str, str] = field(default_factory=dict)
    subscriptions: dict[str, str] = field(default_factory=dict)


def statement_of(kind: str, obj: Json, line_items: Json | None = None) -> Statement:
    """Return what an object says, as an event of a type would tell it.

    Raises:
        Unreadable: it does not say what the type promises.

    """
    event = {"type": kind, "created": obj.get("created"), "data": {"object": obj}}
    return read(orjson.dumps(event), line_items)


@dataclass(frozen=True, slots=True)
class Sold:
    """By their numbers: what organizations sold, and of what only Stripe knows what was sold."""

    owners: Mapping[int, int]
    unclear: Sequence[int]


def sold_here(session: Session, said: Sequence[Said]) -> Sold:
    """Return which purchases organizations of ours sold: what we would have taken in, if only to park it."""
    owners = _routed(session, said)
    purchases = {n: purchase for n, each in enumerate(said) if (purchase := _purchase(each, owners.get(n)))}
    catalog = read_catalog(session, list(purchases.values()))
    judged = {n: _is_ours(said[n], purchase, catalog) for n, purchase in purchases.items()}
    return Sold({n: owners[n] for n, ours in judged.items() if ours}, [n for n, ours in judged.items() if ours is None])


def _routed(session: Session, said: Sequence[Said]) -> dict[int, int]:
    unrouted = [
        Unrouted(
            event_id=n,
            account=each.account,
            slug=each.statement.organization,
            payments=each.statement.payments,
            customer=each.statement.customer,
            subscription=each.statement.subscription,
        )
        for n, each in enumerate(said)
    ]
    found = route(session, unrouted, {}) if unrouted else {}
    return {n: owner for n, owner in found.items() if isinstance(owner, int)}


def _purchase(said: Said, owner: int | None) -> Purchase | None:
    fact = said.purchase
    return Purchase(owner, fact.key, merge({}, [fact])) if owner and fact else None


def _is_ours(said: Said, purchase: Purchase, catalog: Catalog) -> bool | None:
    """Say whether it was sold here; None where its lines would tell."""
    fact = said.purchase
    try:
        return bool(recognise(purchase, catalog))
    except NeedsLineItems:
        return None
    except UnknownProduct:
        # It names something, as nobody does but us and who was before us; lines alone may be another shop's.
        return fact is not None and fact.names_something
    except (Unrecognised, NotReady):
        return False
    except DomainError:
        return True


def concern_us(session: Session, said: Sequence[Said], missing: Missing) -> dict[int, str | None]:
    """Return of the events that are about something of ours whose that is, by their numbers.

    It is known here, missing here, or was sold here. Lines are not asked for: a Checkout that is ours by these alone is
    among the missing payments by now.
    """
    slugs = known.slugs(session)
    owners = {n: slugs.get(owner) for n, owner in sold_here(session, said).owners.items()}
    heard = [each for n, one in enumerate(said) for each in _heard(n, one)]
    owners |= {n: slugs.get(found[0]) for n, found in drift.find(session, heard).items()}
    payments = known.payments(session, {key for each in said for key in each.statement.payments})
    names = {key: str(row["slug"]) for key, row in payments.items()} | missing.payments
    names |= known.subscriptions(session, {name for each in said if (name := each.statement.subscription)})
    names |= missing.subscriptions | {slug: slug for slug in slugs.values()}
    for n, each in enumerate(said):
        if n not in owners and (found := next((names[name] for name in _names(each) if name in names), None)):
            owners[n] = found
    return owners


def _names(said: Said) -> Iterator[str]:
    """Yield by what an event may be found to be ours, but for what the catalog alone knows."""
    told = said.statement
    yield from told.payments
    if told.subscription:
        yield told.subscription
    if told.organization and not told.catalog:
        yield told.organization


def _heard(number: int, said: Said) -> list[drift.Heard]:
    told = said.statement
    return [drift.Heard(number, None, said.account, told.organization, fact) for fact in told.catalog]
