"""Old purchases as orders with a package each: granted as what is sold today, on the day on which they were bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import Order, OrderStatus, StudentPackage, StudentPackageAllowance, ValidityStart
from domain.booking.facts import reserve
from domain.booking.outgoing import Outgoing, Row
from domain.booking.state import Student
from domain.legacy.kinds import ACTOR, ORDER, USED_BEFORE
from domain.legacy.tally import Books
from domain.purchase.grant import grant, order_of, paid_for
from domain.purchase.grant_rows import FULFILLED
from domain.purchase.holder import Holder
from domain.purchase.products import CatalogProduct
from domain.purchase.recognition import SaleLine
from domain.validity import end_of_days


@dataclass(slots=True)
class Purchase:
    """A package that was bought in the old world; `product` has the lines as they were sold, `paid` is minor units.

    `source` names the old record. `used` are credits of its first line that were used there; `first_use` is when the
    first of its sessions of ours began. The ids are those of its rows.
    """

    source: str
    student_id: int
    product: CatalogProduct
    bought_at: datetime
    expires_at: datetime | None
    paid: int
    currency: str
    used: int = 0
    first_use: datetime | None = None
    order_id: int = 0
    package_id: int = 0
    allowance_ids: list[int] = field(default_factory=list)

    @property
    def allowance_id(self) -> int:
        """Its first line, of which old sessions are."""
        return self.allowance_ids[0]

    @property
    def owner(self) -> Row:
        """The columns that say whose a row is."""
        return {"organization_id": self.product.organization_id, "student_id": self.student_id}

    def package(self) -> Row:
        """Return the row of its package: what the catalog says, from the day on which it was bought.

        One whose end is known had begun when it was bought, whatever the catalog says by now.
        """
        holder = Holder(self.student_id, None, has_email=False, event_sequence=0, all_access_until=None)
        row = grant(self.product, holder, at=self.bought_at).package | {"order_id": self.order_id}
        if self.expires_at is not None:
            started = {"validity_starts": ValidityStart.PURCHASE.value, "starts_at": self.bought_at}
            row |= started | {"expires_at": self.expires_at}
        elif row["starts_at"] is None and self.first_use is not None:
            end = end_of_days(self.first_use, self.product.validity_days, self.product.timezone)
            row |= {"starts_at": self.first_use, "expires_at": end}
        return row | {"id": self.package_id, "redeemed_by": ACTOR}

    def order(self) -> Row:
        """Return the row of its order. What it cost on sale is not known: its price is what was paid."""
        priced = replace(self.product, price=self.paid)
        names = {"id": self.order_id, "payment_id": None, "currency": self.currency, "created_at": self.bought_at}
        paid = paid_for(OrderStatus.PAID, self.paid, self.product.sessions)
        return names | self.owner | order_of([SaleLine(priced, 1)]) | paid

    def lines(self) -> list[Row]:
        """Return the rows of its allowances."""
        return [
            {
                "id": number,
                "organization_id": self.product.organization_id,
                "student_package_id": self.package_id,
                "position": line.position,
                "service_type": line.service_type.value,
                "teacher_tier": line.teacher_tier,
                "credits": line.credits,
                "credit_unit_minutes": line.credit_unit_minutes,
                "weight": line.weight,
            }
            for number, line in zip(self.allowance_ids, self.product.allowances, strict=True)
        ]


def place(session: Session, books: Books, purchases: Sequence[Purchase]) -> None:
    """Write orders, packages and allowances, the oldest purchase first, a statement per table."""
    ordered = sorted(purchases, key=lambda each: each.bought_at)
    orders = reserve(session, "orders", len(ordered))
    packages = reserve(session, "student_packages", len(ordered))
    lines = reserve(session, "student_package_allowances", sum(len(each.product.allowances) for each in ordered))
    for each, order, package in zip(ordered, orders, packages, strict=True):
        count = len(each.product.allowances)
        each.order_id, each.package_id = order, package
        each.allowance_ids, lines = lines[:count], lines[count:]
        books.keep(ORDER, each.source, order)
    insert(session, Order, [each.order() for each in ordered])
    insert(session, StudentPackage, [each.package() for each in ordered])
    insert(session, StudentPackageAllowance, [line for each in ordered for line in each.lines()])


def tell(books: Books, purchases: Sequence[Purchase], students: Mapping[int, Student], outgoing: Outgoing) -> None:
    """Add what other systems are told of packages, and the lines of what was used of them before."""
    for each in sorted(purchases, key=lambda each: each.package_id):
        student = students[each.student_id]
        data = {
            "packageId": each.package_id,
            "orderId": each.order_id,
            "productCode": each.product.code,
            "studentId": student.external_id,
        }
        outgoing.publish(student, FULFILLED, f"package/{each.package_id}", data, at=books.at)
        if each.used:
            outgoing.adjust(student, each.allowance_id, each.used, (USED_BEFORE, ACTOR), at=books.at)
