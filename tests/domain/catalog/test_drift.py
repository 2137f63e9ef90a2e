"""What somebody changes in Stripe by hand is kept in every order, and shown beside what the catalog says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from db.transaction import transaction
from domain.catalog.drift import CatalogFact, Difference, Heard, OurPrice, OurProduct, differences, keep
from domain.catalog.drift_view import drifted, push
from domain.errors import NotFound
from domain.listing import Part
from tests.stripe_objects import Event, event
from tests.studio import Studio
from worker import clock

PRODUCT, PRICE = "prod_1", "price_1"
CREATED = 1_790_000_000


@pytest.fixture
def selling(studio: Studio) -> Studio:
    """Give a studio whose EXPLORER-5 is known to Stripe, with a price that we made there."""
    studio.rows(
        "UPDATE products SET stripe_product_id = %(id)s WHERE code = 'EXPLORER-5'",
        id=PRODUCT,
    )
    studio.rows(
        "INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id, unit_amount, currency)"
        " SELECT organization_id, %(id)s, id, price, currency FROM products WHERE code = 'EXPLORER-5'",
        id=PRICE,
    )
    return studio


def product(kind: str = "updated", *, at: int = 0, name: str = "Explorer 5", **members: Any) -> Event:
    metadata = {"org": "lumen", "product_code": "EXPLORER-5"}
    obj = {"id": PRODUCT, "object": "product", "name": name, "active": True, "updated": CREATED + at}
    return event(f"product.{kind}", obj | {"metadata": metadata} | members, created=CREATED + at)


def price(kind: str = "updated", *, at: int = 0, **members: Any) -> Event:
    obj = {"id": PRICE, "object": "price", "product": PRODUCT, "active": True, "currency": "try", "recurring": None}
    obj |= {"unit_amount": 500_000, "metadata": {"org": "lumen", "product_code": "EXPLORER-5"}}
    return event(f"price.{kind}", obj | members, created=CREATED + at)


def kept(studio: Studio) -> list[dict[str, Any]]:
    return studio.rows("SELECT stripe_id, said, updated FROM stripe_objects ORDER BY stripe_id")


def shown(studio: Studio) -> list[tuple[str, str, object, object]]:
    with transaction(studio.engine) as session:
        found = drifted(session, None, Part(50))
    return [(one.stripe_id, one.field, one.ours, one.theirs) for each in found for one in each.differences]


def name_of(studio: Studio) -> str:
    return str(studio.one("SELECT name FROM products WHERE code = 'EXPLORER-5'")["name"])


def test_what_is_as_the_catalog_says_has_not_drifted(selling: Studio) -> None:
    selling.deliver(product(name=name_of(selling)), price())

    assert shown(selling) == []
    assert [row["stripe_id"] for row in kept(selling)] == [PRICE, PRODUCT]
    assert selling.rows("SELECT DISTINCT status FROM stripe_events") == [{"status": "PROCESSED"}]


def test_each_edit_is_shown_with_ours_beside_theirs(selling: Studio) -> None:
    metadata = {"org": "lumen", "product_code": "CORE-10"}

    selling.deliver(product(name="Five rides", active=False, metadata=metadata), price(unit_amount=1, currency="eur"))

    assert sorted(shown(selling)) == [
        (PRICE, "amount", 500_000, 1),
        (PRICE, "currency", "TRY", "EUR"),
        (PRODUCT, "active", True, False),
        (PRODUCT, "name", name_of(selling), "Five rides"),
        (PRODUCT, "product_code", "EXPLORER-5", "CORE-10"),
    ]


STORIES: dict[str, Sequence[Event]] = {
    "renamed twice": (product("created"), product(at=1, name="One"), product(at=2, name="Two")),
    "renamed twice in a second": (product("created"), product(at=1, name="One"), product(at=1, name="Two")),
    "deleted in the second of its change": (product(at=1, name="One"), product("deleted", at=1), product(at=2)),
    "a price that goes and comes": (
        price("created"),
        price(at=1, active=False),
        price(at=1, unit_amount=1),
        price(at=3),
    ),
    "both": (product(at=5, name="One"), price("deleted", at=2), product(at=1), price(at=9)),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_the_order_of_events_does_not_matter(selling: Studio, story: Sequence[Event], *, together: bool) -> None:
    ends = []
    for order in permutations(story):
        selling.rows("DELETE FROM stripe_objects")
        selling.rows("DELETE FROM stripe_events")
        for one in [order] if together else [(each,) for each in order]:
            selling.deliver(*one)
        ends.append((kept(selling), shown(selling)))

    assert all(end == ends[0] for end in ends)
    assert ends[0][0]


ANSWERS: dict[str, Sequence[tuple[int, int, dict[str, Any]]]] = {
    "a name": ((5, 1, {"name": "Zzz"}), (5, 2, {"name": "Alpha"}), (5, 0, {"name": "Zzz"}), (5, 0, {"name": "Alpha"})),
    "by hand, later": ((5, 2, {"name": "Zzz"}), (5, 0, {"name": "Alpha"}), (6, 0, {"name": "By hand"})),
    "events alone": ((5, 0, {"active": True}), (5, 0, {"active": False}), (4, 3, {"active": True})),
    "deleted": ((5, 2, {"name": "Alpha"}), (4, 0, {"deleted": True})),
}
LAST: dict[str, dict[str, Any]] = {
    "a name": {"name": "Alpha"},
    "by hand, later": {"name": "By hand"},
    "events alone": {"active": False},
    "deleted": {"deleted": True},
}


@pytest.mark.parametrize("story", ANSWERS)
@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_an_answer_to_our_last_call_outlives_what_else_was_said_in_its_second(
    selling: Studio, story: str, *, together: bool
) -> None:
    usual = {"object": "product", "deleted": False, "active": True, "name": "Explorer", "product_code": None}
    for order in permutations([*ANSWERS[story], ANSWERS[story][0]]):
        selling.rows("DELETE FROM stripe_objects")
        facts = [(CatalogFact(PRODUCT, at, usual | said, PRODUCT, None), ours) for at, ours, said in order]
        told = [Heard(n, None, None, "lumen", fact, ours) for n, (fact, ours) in enumerate(facts)]
        with transaction(selling.engine) as session:
            for some in [told] if together else [[each] for each in told]:
                keep(session, some, at=clock.now())
        (row,) = kept(selling)
        assert row["said"] == usual | LAST[story]


def test_what_was_deleted_stays_deleted_and_is_shown_while_it_is_on_sale(selling: Studio) -> None:
    selling.deliver(product("deleted"), price("deleted"), product(at=9))

    assert shown(selling) == [(PRODUCT, "deleted", False, True), (PRICE, "deleted", False, True)]

    selling.rows("UPDATE products SET active = FALSE WHERE code = 'EXPLORER-5'")
    assert shown(selling) == []


def test_what_no_catalog_knows_is_ignored(selling: Studio) -> None:
    other = event("product.updated", {"id": "prod_other", "object": "product", "name": "A mug", "metadata": {}})
    elsewhere = event("price.updated", {"id": "price_other", "object": "price", "product": "prod_other"})

    selling.deliver(other, elsewhere)

    assert kept(selling) == []
    assert selling.rows("SELECT DISTINCT status FROM stripe_events") == [{"status": "IGNORED"}]


def test_a_price_that_the_catalog_does_not_have_is_shown_while_it_can_be_bought(selling: Studio) -> None:
    selling.deliver(price("created", id="price_new", unit_amount=7, metadata={}), price("created"))
    assert shown(selling) == [("price_new", "price", None, 7)]

    selling.deliver(price(at=1, id="price_new", unit_amount=7, active=False, metadata={}))
    assert shown(selling) == []


def test_another_organizations_catalog_is_not_asked(selling: Studio) -> None:
    selling.deliver(product(name="Stolen", metadata={"org": "thrive", "product_code": "EXPLORER-5"}))
    selling.receive(
        product(name="Stolen"), organization=selling.one("SELECT id FROM organizations WHERE slug = 'thrive'")["id"]
    )
    selling.drain()

    assert kept(selling) == []


def test_two_that_sell_by_one_product_of_stripes_both_hear_of_it(selling: Studio) -> None:
    selling.rows("UPDATE products SET stripe_product_id = %(id)s WHERE code = 'PREMIUM-3'", id=PRODUCT)

    selling.deliver(product(name="Both", metadata={}))

    assert {one[1:] for one in shown(selling) if one[1] == "name"} == {
        ("name", name_of(selling), "Both"),
        ("name", selling.one("SELECT name FROM products WHERE code = 'PREMIUM-3'")["name"], "Both"),
    }


def test_an_answer_that_is_not_noted_yet_is_found_by_our_own_code(selling: Studio) -> None:
    selling.rows("UPDATE products SET stripe_product_id = NULL WHERE code = 'EXPLORER-5'")
    selling.rows("DELETE FROM stripe_prices")

    selling.deliver(product("created", name="Early"))
    selling.rows("UPDATE products SET stripe_product_id = %(id)s WHERE code = 'EXPLORER-5'", id=PRODUCT)

    assert shown(selling) == [(PRODUCT, "name", name_of(selling), "Early")]


@pytest.mark.parametrize("told", [{"name": 7}, {"metadata": {"product_code": "x\0"}}, {"id": None}])
def test_a_product_in_no_shape_of_stripes_is_parked(selling: Studio, told: dict[str, Any]) -> None:
    odd = product(**told) if "name" not in told else product() | {"data": {"object": {"id": PRODUCT, "name": 7}}}

    selling.deliver(odd)

    assert selling.event(odd)["error_code"] == "unreadable_event"


def test_a_push_makes_the_product_due_at_once_and_again(selling: Studio) -> None:
    selling.deliver(product(name="Five rides"))
    own = selling.one("SELECT id, organization_id FROM products WHERE code = 'EXPLORER-5'")
    for _ in range(2):
        at = clock.now()
        with transaction(selling.engine) as session:
            pushed = push(session, own["organization_id"], own["id"], at=at)
        assert pushed.sync_due_at == at
        assert due(selling) == at
    with transaction(selling.engine) as session, pytest.raises(NotFound):
        push(session, own["organization_id"] + 1, own["id"], at=clock.now())


def due(studio: Studio) -> datetime:
    found: datetime = studio.one("SELECT sync_due_at FROM products WHERE code = 'EXPLORER-5'")["sync_due_at"]
    return found


# What Stripe says, without a database.


def ours(*prices: OurPrice, **members: Any) -> OurProduct:
    usual: dict[str, Any] = {"id": 1, "code": "A", "name": "A", "on_sale": True, "price": 100, "currency": "TRY"}
    usual |= {"interval": None, "interval_count": 1}
    return OurProduct(**usual | {"stripe_product_id": PRODUCT, "prices": prices} | members)


def theirs(**members: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"object": "price", "deleted": False, "product": PRODUCT, "active": True, "amount": 100}
    return usual | {"currency": "TRY", "interval": None, "interval_count": 1} | members


def test_a_price_of_which_nobody_knows_what_it_costs_is_compared_with_the_products() -> None:
    named = OurPrice(PRICE, None, None, None, 1, active=True)

    assert differences(ours(named), {PRICE: theirs()}) == []
    assert differences(ours(named), {PRICE: theirs(amount=90)}) == [Difference(PRICE, "amount", 100, 90)]


def test_an_old_price_that_was_retired_has_not_drifted_but_the_only_one_has() -> None:
    named, other = (OurPrice(name, None, None, None, 1, active=True) for name in (PRICE, "price_2"))

    assert differences(ours(named, other), {PRICE: theirs(active=False)}) == []
    assert differences(ours(named), {PRICE: theirs(active=False)}) == [
        Difference(PRICE, "active", ours=True, theirs=False)
    ]


def test_a_price_that_we_retired_and_that_can_be_bought_has_drifted() -> None:
    retired = OurPrice(PRICE, 100, "TRY", None, 1, active=False)

    assert differences(ours(retired), {PRICE: theirs()}) == [Difference(PRICE, "active", ours=False, theirs=True)]
    assert differences(ours(retired), {PRICE: theirs(active=False)}) == []


def test_another_period_is_another_price() -> None:
    monthly = OurPrice(PRICE, 100, "TRY", "MONTH", 1, active=True)
    product_of_ours = ours(monthly, interval="MONTH")

    found = differences(product_of_ours, {PRICE: theirs(interval="MONTH", interval_count=3)})

    assert found == [Difference(PRICE, "interval_count", 1, 3)]
