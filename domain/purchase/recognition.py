"""What was bought: by metadata first, by Stripe's line items where that does not name it (PRODUCT.md §2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from db.models import RedemptionType
from domain.errors import CurrencyMismatch, NeedsLineItems, PurchaseTooLarge, UnknownProduct, Unrecognised
from domain.purchase.payment import Purchase
from domain.purchase.products import Catalog, CatalogProduct

# More than any cart of a studio; some seconds of writing at the most.
MAX_UNITS = 1_000
MAX_DRAFTS = 5_000


@dataclass(frozen=True, slots=True)
class CouponDeal:
    """What a coupon made of a sale: by which use of which coupon, credits on top, and what it took off the price."""

    use_id: int
    coupon_id: int
    redemption_type: RedemptionType
    bonus: int
    discount: int


@dataclass(frozen=True, slots=True)
class SaleLine:
    """A product and how many units of it were sold; with a coupon, the product as that makes it."""

    product: CatalogProduct
    quantity: int
    deal: CouponDeal | None = None

    @property
    def sessions(self) -> int:
        """How many credits it holds, those on top included."""
        return self.product.sessions * self.quantity + (self.deal.bonus if self.deal else 0)


def recognise(purchase: Purchase, catalog: Catalog) -> list[SaleLine]:
    """Return what a purchase bought; empty for a PaymentIntent that names nothing, whose Checkout or invoice will.

    Raises:
        Unrecognised: it is an invoice that names nothing, or pays for no period.
        UnknownProduct: it names something that the catalog does not have.
        NeedsLineItems: only Stripe knows.
        CurrencyMismatch: paid in another currency than the product's.
        PurchaseTooLarge: a cart of thousands.

    """
    if purchase.from_invoice and purchase.period is None:
        raise Unrecognised("the invoice pays for no period of its own, but for a change: see in Stripe what it is for")
    lines = _named(purchase, catalog) or _itemised(purchase, catalog)
    _check_size(lines)
    for line in lines:
        if line.product.currency != purchase.currency:
            message = f"paid in {purchase.currency}, but {line.product.code} is sold in {line.product.currency}"
            raise CurrencyMismatch(f"{message}: refund it in Stripe, or mend the product's currency and replay")
    return lines


def _check_size(lines: list[SaleLine]) -> None:
    units = sum(line.quantity for line in lines)
    drafts = sum(line.quantity * line.product.sessions for line in lines if line.product.draft_service_type)
    if units > MAX_UNITS or drafts > MAX_DRAFTS:
        raise PurchaseTooLarge(f"{units} packages with {drafts} sessions to schedule: refund it, or grant it in parts")


def _named(purchase: Purchase, catalog: Catalog) -> list[SaleLine]:
    """Look at metadata: our code, then the names that the older systems wrote."""
    organization = purchase.organization_id
    names = (
        ("product_code", purchase.product_code, catalog.by_code),
        ("price_id", purchase.price_id, catalog.by_price),
        ("product_id", purchase.product_id, catalog.by_stripe_product),
    )
    for field, name, products in names:
        if name:
            return [SaleLine(_known(products.get((organization, name)), f"{field} {name}", name), 1)]
    if purchase.course:
        found = _course(organization, purchase.course, catalog)
        return [SaleLine(_known(found, f"course program {purchase.course}", purchase.course), 1)]
    return []


def _course(organization: int, name: str, catalog: Catalog) -> CatalogProduct | None:
    """Return a course by its code, else by its id."""
    by_code = catalog.by_code.get((organization, name))
    return by_code if by_code and by_code.program_id else catalog.by_course.get((organization, name))


def _itemised(purchase: Purchase, catalog: Catalog) -> list[SaleLine]:
    """Look at the lines of the Checkout or the invoice; one unknown line parks the whole."""
    if not purchase.lines and purchase.from_invoice:
        raise Unrecognised("the invoice names no price of a period: see in Stripe what it is for")
    if not purchase.lines and purchase.from_checkout:
        raise NeedsLineItems("the Checkout's metadata names no product: its line items are asked for")
    prices = catalog.by_price
    return [
        SaleLine(
            _known(prices.get((purchase.organization_id, line.price_id)), f"price {line.price_id}", line.price_id),
            line.quantity,
        )
        for line in purchase.lines
    ]


def _known(product: CatalogProduct | None, what: str, name: str) -> CatalogProduct:
    if product is None:
        raise UnknownProduct(
            name, f"the catalog has no {what}: add it with `punchcard catalog apply`, and this is taken up"
        )
    return product
