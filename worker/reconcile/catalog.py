"""Stripe's products and prices as they are now, held against the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from db.transaction import reading
from domain.catalog.drift import CatalogFact, differences
from domain.catalog.drift_view import Shelved, shelf
from worker.reconcile.compare import Finding, Kind
from worker.reconcile.look import Look
from worker.reconcile.stripe import Account, Page
from worker.stripe_catalog import read_price, read_product
from worker.stripe_field import Said, Unreadable

MEND = "change it back in Stripe, or have ours sent there: POST /api/admin/drift/{id}/push"

Reader = Callable[[Said], tuple[CatalogFact, ...]]
Stated = Mapping[str, Any]


def compare_catalog(look: Look, account: Account) -> None:
    """Compare what is sold at an account with its products and prices there."""
    with reading(look.engine) as session:
        sold = [each for each in shelf(session, None) if _is_sold_at(look, account, each)]
    if not sold:
        return
    products = {each.product.stripe_product_id for each in sold} - {None}
    prices = {price.id for each in sold for price in each.product.prices}
    said = {
        fact.id: fact.said
        for what, pages, reader in (
            ("products", account.products(), read_product),
            ("prices", account.prices(), read_price),
        )
        for fact in _told(look, account, what, pages, reader)
        # Of what others sell there nothing is kept.
        if fact.product in products or fact.id in prices
    }
    for each in sold:
        _compare(look, each, said)


def _is_sold_at(look: Look, account: Account, each: Shelved) -> bool:
    return each.account == account.id and look.wanted.concerns(each.organization)


def _told(look: Look, account: Account, what: str, pages: Iterable[Page], reader: Reader) -> Iterator[CatalogFact]:
    for page in pages:
        look.told(what, account, page)
        for obj in page:
            try:
                yield from reader(Said("", obj, obj.get("created")))
            except Unreadable:
                continue


def _compare(look: Look, each: Shelved, said: Mapping[str, Stated]) -> None:
    """Compare one product; what Stripe does not list any more was deleted."""
    product = each.product
    own = {name: _gone("product") for name in [product.stripe_product_id] if name} | {
        price.id: _gone("price") for price in product.prices
    }
    own |= {
        name: told
        for name, told in said.items()
        if name in own or told.get("product") == (product.stripe_product_id or "")
    }
    for found in differences(product, own):
        what = f"{own[found.stripe_id]['object']} {product.code}: {found.field}"
        ours, theirs = str(found.ours), str(found.theirs)
        advice = MEND.format(id=product.id)
        at = look.wanted.at
        look.found(Finding(Kind.DIFFERENT, what, found.stripe_id, each.organization, at, ours, theirs, advice))


def _gone(noun: str) -> Stated:
    return {"object": noun, "deleted": True, "active": False}
