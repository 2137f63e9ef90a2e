"""Old packages of one service: each becomes a bundle of one allowance, and what was used of it a line of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import BookingStatus, BookingType, PaymentType
from domain.booking.facts import reserve
from domain.booking.outgoing import Row
from domain.legacy.catalog import Catalog, why_no_package
from domain.legacy.kinds import PACKAGE, STUDENT
from domain.legacy.purchase import Purchase
from domain.legacy.reading import Record
from domain.legacy.shape import PackageRow
from domain.legacy.tally import Books
from domain.purchase.products import Allowance, CatalogProduct


def plan(
    books: Books, records: Sequence[Record[PackageRow]], catalog: Catalog, *, courses: Collection[str]
) -> list[tuple[Record[PackageRow], Purchase]]:
    """Return what old packages become; those whose ids are among `courses` come with their enrollment."""
    wanted = [each for each in records if each.said.legacy_id not in courses]
    planned = ((each, _purchase(books, each, catalog)) for each in wanted if not books.was_known(each, PACKAGE))
    return [(each, purchase) for each, purchase in planned if purchase]


def _purchase(books: Books, record: Record[PackageRow], catalog: Catalog) -> Purchase | None:
    """Return what a package becomes; None, with a fault, where that is not clear."""
    said, product = record.said, catalog.get(record.said.product_code)
    student = student_of(books, record, said.student_id)
    check_dates(books, record)
    if why := why_no_package(product):
        books.refuse(record, "product_code", why)
    if product is None or student is None or why:
        return None
    line = _line(books, record, product)
    if line is None:
        return None
    sold = replace(product, name=said.name or product.name, allowances=(line,), bundle_description=None)
    return Purchase(
        source=f"packages/{said.legacy_id}",
        student_id=student,
        product=sold,
        bought_at=said.purchased_at,
        expires_at=said.expires_at,
        paid=said.price_paid or 0,
        currency=said.currency or product.currency,
        used=said.total_sessions - said.remaining_sessions,
    )


def student_of(books: Books, record: Record[PackageRow], legacy_id: str) -> int | None:
    """Return the student whom a record names; None, with a fault, where there is none."""
    found = books.find(STUDENT, legacy_id)
    if found is None:
        books.refuse(record, "student_id", f"there is no student {legacy_id} in the file of students")
    return found


def check_dates(books: Books, record: Record[PackageRow]) -> None:
    """Note what is impossible about the dates and the credits of a package."""
    said = record.said
    if said.remaining_sessions > said.total_sessions:
        books.refuse(record, "remaining_sessions", f"it is more than the {said.total_sessions} that were sold")
    if said.purchased_at > books.at:
        books.refuse(record, "purchased_at", "it is still ahead")
    if said.expires_at and said.expires_at <= said.purchased_at:
        books.refuse(record, "expires_at", "it is before the package was bought")


def _line(books: Books, record: Record[PackageRow], product: CatalogProduct) -> Allowance | None:
    """Return the line as it was sold: what the record says, and else the product's line of that service."""
    said = record.said
    fitting = [each for each in product.allowances if said.service_type in {None, each.service_type}]
    if len(fitting) > 1:
        books.refuse(record, "service_type", f"{product.code} has several kinds of credits: name the one that it was")
        return None
    if not fitting:
        kinds = " or ".join(sorted({each.service_type.value for each in product.allowances}))
        books.refuse(record, "service_type", f"{product.code} is for {kinds}: name a product of this service")
        return None
    (line,) = fitting
    return Allowance(
        position=0,
        service_type=line.service_type,
        teacher_tier=line.teacher_tier if said.teacher_tier is None else said.teacher_tier,
        credits=said.total_sessions,
        credit_unit_minutes=said.credit_unit_minutes or line.credit_unit_minutes,
        weight=None,
    )


def draft_of(purchase: Purchase) -> Row:
    """Return the row of an open draft: a session that was paid for, as its product or its line says."""
    product, (line, *_) = purchase.product, purchase.product.allowances
    is_scheduled_later = product.draft_service_type is line.service_type
    return purchase.owner | {
        "order_id": purchase.order_id,
        "student_package_id": purchase.package_id,
        "allowance_id": purchase.allowance_id,
        "status": BookingStatus.DRAFT.value,
        "booking_type": BookingType.PACKAGE_SESSION.value,
        "payment_type": PaymentType.CREDIT.value,
        "service_type": line.service_type.value,
        "minutes": product.draft_minutes if is_scheduled_later else line.credit_unit_minutes,
        "teacher_tier": product.draft_teacher_tier if is_scheduled_later else None,
    }


def drafts(session: Session, purchases: Sequence[Purchase], *, at: datetime) -> list[Row]:
    """Return a draft for each credit that is left of packages whose sessions are scheduled later."""
    later = [each for each in purchases if each.product.draft_service_type is each.product.allowances[0].service_type]
    each_of = [each for each in later for _ in range(each.product.sessions - each.used)]
    ids = reserve(session, "bookings", len(each_of))
    return [draft_of(each) | {"id": number, "created_at": at} for number, each in zip(ids, each_of, strict=True)]
