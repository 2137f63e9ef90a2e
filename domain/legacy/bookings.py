"""Parent bookings, which disappear into orders, and their sessions, which become bookings of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.booking.state import Session
from domain.legacy.catalog import Catalog, why_no_package
from domain.legacy.kinds import BOOKING, CREDIT, ORDER, STUDENT
from domain.legacy.purchase import Purchase
from domain.legacy.reading import Record
from domain.legacy.shape import BOOKINGS, BookingRow, OldStatus
from domain.legacy.tally import Books
from domain.purchase.products import Allowance, CatalogProduct

Old = Record[BookingRow]


@dataclass(slots=True)
class Child:
    """A session of an old package. `session` is the one of ours that it goes into, `why` says why there is none.

    `place` and `seat_id` are those in a session that has begun; into one that is ahead the engine puts it. `chosen`
    is the session that starts when it did.
    """

    record: Old
    booking_id: int = 0
    chosen: int | None = None
    session: Session | None = None
    place: int | None = None
    seat_id: int | None = None
    why: str | None = None

    @property
    def had_time(self) -> bool:
        """Whether it was given a time in the old world."""
        return self.record.said.status is not OldStatus.DRAFT

    @property
    def is_ahead(self) -> bool:
        """Whether the engine puts it into its session."""
        return self.session is not None and self.place is None

    @property
    def is_used(self) -> bool:
        """Whether its credit was used in the old world, and nothing of ours says for what."""
        return self.record.said.status is OldStatus.COMPLETED and self.place is None


@dataclass(slots=True)
class Parent:
    """A parent booking as a purchase, with its sessions."""

    record: Old
    purchase: Purchase
    children: list[Child] = field(default_factory=list)


def source(legacy_id: str) -> str:
    """Return by which name the order of a parent booking is known."""
    return f"{BOOKINGS}/{legacy_id}"


def plan(books: Books, records: Sequence[Old], catalog: Catalog) -> list[Parent]:
    """Return what parent bookings become, with their sessions; what gives nothing is counted."""
    parents = {each.said.legacy_id: each for each in records if each.said.is_package_purchase}
    children: dict[str, list[Old]] = {}
    for each in records:
        _check(books, each, parents)
        if not each.said.is_package_purchase and not _is_done(books, each, parents):
            children.setdefault(each.said.parent_id or "", []).append(each)
    planned = [_parent(books, each, children.get(name, []), catalog) for name, each in parents.items()]
    return [parent for parent in planned if parent]


def _check(books: Books, record: Old, parents: Mapping[str, Old]) -> None:
    said = record.said
    if books.find(STUDENT, said.student_id) is None:
        books.refuse(record, "student_id", f"there is no student {said.student_id} in the file of students")
    if said.created_at > books.at:
        books.refuse(record, "created_at", "it is still ahead")
    if said.parent_id is None:
        return
    parent = parents.get(said.parent_id)
    if said.is_package_purchase:
        books.refuse(record, "parent_id", "a package purchase has no parent")
    elif parent is None and books.find(ORDER, source(said.parent_id)) is None:
        books.refuse(record, "parent_id", f"there is no package purchase {said.parent_id} in the file")
    elif parent and parent.said.student_id != said.student_id:
        books.refuse(record, "student_id", f"the package purchase is student {parent.said.student_id}'s")


def _is_done(books: Books, record: Old, parents: Mapping[str, Old]) -> bool:
    """Say whether a session needs no order any more: it was taken over, gives nothing, or has none."""
    said = record.said
    if books.was_known(record, BOOKING, CREDIT):
        return True
    if said.parent_id is None:
        books.cannot_map(record, "it is neither a package purchase nor a session of one")
    elif said.status is OldStatus.CANCELLED:
        books.leave_out(record)
    elif books.find(ORDER, source(said.parent_id)) is not None:
        books.cannot_map(record, "its package purchase was taken over before, without it")
    else:
        return said.parent_id not in parents
    return True


def _parent(books: Books, record: Old, children: Sequence[Old], catalog: Catalog) -> Parent | None:
    """Return what a parent becomes; None where it gives nothing, or is refused."""
    said = record.said
    if books.was_known(record, ORDER, name=source(said.legacy_id)):
        return None
    if said.status is OldStatus.CANCELLED:
        books.leave_out(record)
        _without_order(books, children, "its package purchase was cancelled")
        return None
    if said.status is OldStatus.DRAFT:
        books.cannot_map(record, "the purchase was never confirmed")
        _without_order(books, children, "its package purchase was never confirmed")
        return None
    if not children:
        books.cannot_map(record, "no session of it is left, and a package has one at least")
        return None
    purchase = _purchase(books, record, len(children), catalog)
    return Parent(record, purchase, [Child(each) for each in children]) if purchase else None


def _without_order(books: Books, children: Sequence[Old], why: str) -> None:
    for each in children:
        books.cannot_map(each, why)


def _purchase(books: Books, record: Old, credits: int, catalog: Catalog) -> Purchase | None:  # noqa: A002 - the field's word
    said, student = record.said, books.find(STUDENT, record.said.student_id)
    if said.product_code is None:
        books.refuse(record, "product_code", "name the product that the package was")
        return None
    product = catalog.get(said.product_code)
    if why := why_no_package(product):
        books.refuse(record, "product_code", why)
    if said.expires_at and said.expires_at <= said.created_at:
        books.refuse(record, "expires_at", "it is before the package was bought")
    line = _line(product) if product and not why else None
    if product and not why and line is None:
        books.refuse(record, "product_code", f"{product.code} has several kinds of credits: name a product with one")
    if product is None or line is None or student is None:
        return None
    return Purchase(
        source=source(said.legacy_id),
        student_id=student,
        product=replace(product, allowances=(replace(line, position=0, credits=credits),), bundle_description=None),
        bought_at=said.created_at,
        expires_at=said.expires_at,
        paid=said.price_cents or 0,
        currency=said.currency or product.currency,
    )


def _line(product: CatalogProduct) -> Allowance | None:
    """Return the line whose credits the sessions of an old package were: that of its drafts, or the only one."""
    later = [each for each in product.allowances if each.service_type is product.draft_service_type]
    lines = later or list(product.allowances)
    return lines[0] if len(lines) == 1 else None
