"""Organizations, students and what belongs to them, written straight into the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, select

from db.models import (
    ACTIVE,
    Base,
    Booking,
    BookingStatus,
    BookingType,
    ClassSession,
    DisputeStatus,
    EventStatus,
    GrantStatus,
    GroupClass,
    Job,
    JobStatus,
    Order,
    OrderStatus,
    Organization,
    PackageAllowance,
    PackageUse,
    Payment,
    PaymentStatus,
    PaymentType,
    Product,
    ProductType,
    Seat,
    ServiceType,
    StripeEvent,
    Student,
    StudentPackage,
    StudentPackageAllowance,
    Teacher,
    ValidityStart,
)
from db.transaction import transaction

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = AT + timedelta(days=36_500)
Row = TypeVar("Row", bound=Base)


class World:
    """Writes rows and returns them; what a test does not name has a value that does not matter."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._count = 0

    def _add(self, row: Row) -> Row:
        with transaction(self.engine) as session:
            session.add(row)
        return row

    def _number(self) -> int:
        self._count += 1
        return self._count

    def organization(self, slug: str, *, credit_price: int = 150_000) -> Organization:
        return self._add(
            Organization(
                slug=slug,
                name=slug.title(),
                timezone="Europe/Istanbul",
                currency="TRY",
                credit_price=credit_price,
                created_at=AT,
            )
        )

    def student(self, of: Organization, external_id: str | None, *, email: str | None = None) -> Student:
        return self._add(Student(organization_id=of.id, external_id=external_id, email=email, created_at=AT))

    def product(self, of: Organization, code: str, *lines: tuple[ServiceType, int, int], **fields: Any) -> Product:
        values: dict[str, Any] = {"name": code.title(), "price": 500_000, "currency": "TRY", "validity_days": 90}
        product = Product(
            organization_id=of.id,
            code=code,
            product_type=fields.pop("product_type", ProductType.PACKAGE),
            validity_starts=ValidityStart.PURCHASE,
            created_at=AT,
            **values | fields,
        )
        product.allowances = [
            PackageAllowance(position=place, service_type=service, credits=count, credit_unit_minutes=minutes)
            for place, (service, count, minutes) in enumerate(lines)
        ]
        return self._add(product)

    def payment(self, of: Organization, **fields: Any) -> Payment:
        values: dict[str, Any] = {"amount_received": 500_000, "currency": "TRY", "facts": {}, "received_at": AT}
        names = {"organization_id": of.id, "stripe_key": f"pi_{self._number()}", "status": PaymentStatus.SUCCEEDED}
        said = values | fields
        went_back = 0 < said["amount_received"] <= said.get("amount_refunded", 0)
        dispute: Any = said.get("dispute_status")
        granted = {DisputeStatus.LOST: GrantStatus.REVOKED, DisputeStatus.OPEN: GrantStatus.SUSPENDED}
        status = GrantStatus.REVOKED if went_back else granted.get(dispute, GrantStatus.VALID)
        return self._add(Payment(**names, grant_status=status, **said))

    def order(self, student: Student, product: Product, payment: Payment | None = None, **fields: Any) -> Order:
        values: dict[str, Any] = {
            "status": OrderStatus.PAID,
            "list_price": product.price,
            "paid": product.price,
            "currency": product.currency,
            "package_metadata": {"total_sessions": 3},
        }
        return self._add(
            Order(
                organization_id=student.organization_id,
                student_id=student.id,
                product_id=product.id,
                payment_id=payment.id if payment else None,
                order_type=product.product_type,
                created_at=AT,
                **values | fields,
            )
        )

    def package(self, order: Order, *lines: tuple[ServiceType, int, int], **fields: Any) -> StudentPackage:
        values: dict[str, Any] = {"product_code": "CORE-10", "name": "Core", "expires_at": SOON, "starts_at": AT}
        package = StudentPackage(
            organization_id=order.organization_id,
            student_id=order.student_id,
            order_id=order.id,
            product_id=order.product_id,
            line=0,
            unit=self._number(),
            bundle_description="10 Group (60 min)",
            validity_days=90,
            validity_starts=ValidityStart.PURCHASE,
            purchased_at=AT,
            **values | fields,
        )
        package.allowances = [
            StudentPackageAllowance(
                organization_id=order.organization_id,
                position=place,
                service_type=service,
                teacher_tier=0,
                credits=count,
                credit_unit_minutes=minutes,
            )
            for place, (service, count, minutes) in enumerate(lines)
        ]
        return self._add(package)

    def use(self, allowance: StudentPackageAllowance, kind: str, credits: int) -> PackageUse:
        return self._add(
            PackageUse(
                organization_id=allowance.organization_id,
                allowance_id=allowance.id,
                kind=kind,
                credits=credits,
                created_at=AT,
            )
        )

    def session(self, organization_id: int, start_at: datetime = AT, **fields: Any) -> ClassSession:
        """Add a session of a class of its own."""
        code = f"CLASS-{self._number()}"
        values: dict[str, Any] = {"service_type": ServiceType.GROUP, "capacity": 8}
        kind = GroupClass(
            organization_id=organization_id, code=code, name=code.title(), minutes=60, created_at=AT, **values | fields
        )
        self._add(kind)
        end_at = start_at + timedelta(minutes=kind.minutes)
        return self._add(
            ClassSession(
                organization_id=organization_id,
                group_class_id=kind.id,
                start_at=start_at,
                end_at=end_at,
                created_at=AT,
                **values | fields,
            )
        )

    def booking(self, order: Order, status: BookingStatus) -> Booking:
        # A student is in one place at a time.
        start_at = AT + timedelta(hours=self._number())
        session = None if status is BookingStatus.DRAFT else self.session(order.organization_id, start_at)
        return self._add(
            Booking(
                organization_id=order.organization_id,
                student_id=order.student_id,
                order_id=order.id,
                session_id=session.id if session else None,
                session_capacity=session.capacity if session and status in ACTIVE else None,
                place=1 if status in ACTIVE else None,
                status=status,
                booking_type=BookingType.PACKAGE_SESSION,
                payment_type=PaymentType.CREDIT,
                service_type=ServiceType.PRIVATE,
                minutes=60,
                start_at=session.start_at if session else None,
                end_at=session.end_at if session else None,
                created_at=AT,
            )
        )

    def teacher(self, of: Organization, code: str = "DENIZ", **fields: Any) -> Teacher:
        values: dict[str, Any] = {"name": code.title(), "tier": 0}
        return self._add(Teacher(organization_id=of.id, code=code, created_at=AT, **values | fields))

    def group_class(self, of: Organization, *seat_costs: int, **fields: Any) -> GroupClass:
        """Add a class; its seats are labelled from 1 on."""
        code = f"CLASS-{self._number()}"
        values = {"code": code, "name": code, "service_type": ServiceType.GROUP, "capacity": 8, "minutes": 60} | fields
        group_class = GroupClass(organization_id=of.id, created_at=AT, **values)
        group_class.seats = [
            Seat(position=place, label=str(place + 1), credit_cost=cost, active=True)
            for place, cost in enumerate(seat_costs)
        ]
        return self._add(group_class)

    def broken(self, seat: Seat) -> None:
        """Put a seat out of order."""
        with transaction(self.engine) as session:
            session.add(seat)
            seat.active = False

    def session_of(self, group_class: GroupClass, start_at: datetime = AT, **fields: Any) -> ClassSession:
        values: dict[str, Any] = {
            "service_type": group_class.service_type,
            "capacity": group_class.capacity,
            "teacher_id": group_class.teacher_id,
            "end_at": start_at + timedelta(minutes=group_class.minutes),
        }
        return self._add(
            ClassSession(
                organization_id=group_class.organization_id,
                group_class_id=group_class.id,
                start_at=start_at,
                created_at=AT,
                **values | fields,
            )
        )

    def place(self, in_session: ClassSession, student: Student, number: int = 1, **fields: Any) -> Booking:
        """Give a student a place in a session, for free."""
        values: dict[str, Any] = {
            "status": BookingStatus.CONFIRMED,
            "booking_type": BookingType.DROP_IN,
            "payment_type": PaymentType.FREE,
            "place": number,
            "session_capacity": in_session.capacity,
        }
        return self._add(
            Booking(
                organization_id=in_session.organization_id,
                student_id=student.id,
                session_id=in_session.id,
                service_type=in_session.service_type,
                minutes=60,
                start_at=in_session.start_at,
                end_at=in_session.end_at,
                created_at=AT,
                **values | fields,
            )
        )

    def a_booking(self, of: Organization, external_id: str, status: BookingStatus = BookingStatus.CONFIRMED) -> Booking:
        """Add a booking of a student, who is added too if there is none of that name."""
        with transaction(self.engine) as session:
            named = select(Student).where(Student.organization_id == of.id, Student.external_id == external_id)
            student = session.scalar(named)
        student = student or self.student(of, external_id)
        product = self.product(of, f"P-{self._number()}")
        return self.booking(self.order(student, product, self.payment(of)), status)

    def job(self, of: Organization, student: Student | None = None, **fields: Any) -> Job:
        values: dict[str, Any] = {
            "kind": "booking.book",
            "caller": "student:ada",
            "request": {},
            "status": JobStatus.QUEUED,
        }
        student_id = student.id if student else None
        return self._add(
            Job(organization_id=of.id, student_id=student_id, due_at=AT, received_at=AT, **values | fields)
        )

    def event(self, of: Organization | None, **fields: Any) -> StripeEvent:
        status = fields.pop("status", EventStatus.PROCESSED)
        values: dict[str, Any] = {"type": "checkout.session.completed", "payload": b'{"id": "evt"}', "received_at": AT}
        if status is not EventStatus.RECEIVED:
            values |= {"finished_at": AT, "error_code": "unknown_product", "attempts": 3, "last_error": "no such code"}
        return self._add(
            StripeEvent(
                scope=0,
                event_id=f"evt_{self._number()}",
                organization_id=of.id if of else None,
                due_at=AT,
                status=status,
                **values | fields,
            )
        )
