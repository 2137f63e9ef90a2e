"""What can go wrong, sorted by what the caller should do about it.

DomainError              the rules say no; trying again cannot help
  Unrecognised           parked: nothing in the purchase says what was bought
  UnknownProduct         parked: a person mends the catalog, then it is replayed by itself
  CurrencyMismatch       parked: paid in another currency than the product's
  PurchaseTooLarge       parked: more units than any student could use, most likely a mistake
  InvalidCatalog         a catalog file says something impossible; nothing of it is applied
NotReady                 a fact we depend on has not arrived; wait for it
  NeedsLineItems         only Stripe knows what the Checkout sold: ask it
  UnknownPayment         a refund or dispute before its purchase
  UnknownOrganization    nothing says yet whose event it is
"""

from __future__ import annotations


class DomainError(Exception):
    """The rules say no. `code` is stable and machine-readable, the message says what to do."""

    code = "refused"


class Unrecognised(DomainError):
    """Nothing in the purchase says what was bought."""

    code = "unrecognised_purchase"


class UnknownProduct(DomainError):
    """The purchase names a product that the catalog does not have; `name` would bring it back."""

    code = "unknown_product"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class CurrencyMismatch(DomainError):
    """Stripe was paid in another currency than the product is sold in."""

    code = "currency_mismatch"


class PurchaseTooLarge(DomainError):
    """A cart with more units, or more sessions to schedule, than one transaction should write."""

    code = "purchase_too_large"


class InvalidCatalog(DomainError):
    """A catalog file says something impossible; the message points at the field."""

    code = "validation_failed"


class NotReady(Exception):
    """A fact has not arrived; `waits_for` names what would bring the row back."""

    code = "not_ready"

    def __init__(self, message: str, waits_for: str | None = None) -> None:
        super().__init__(message)
        self.waits_for = waits_for


class NeedsLineItems(NotReady):
    """The Checkout's metadata does not name the product; Stripe's line items will."""

    code = "needs_line_items"


class UnknownPayment(NotReady):
    """A refund or a dispute of a payment that was not seen yet."""

    code = "unknown_payment"


class UnknownOrganization(NotReady):
    """Nothing says yet whose event it is."""

    code = "unknown_organization"
