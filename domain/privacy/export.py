"""All that is held about one person, as one document: a section per kind of row, each row with every column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import DeclarativeBase, Session

from db import models
from domain.booking.shape import written
from domain.privacy.person import Person, find_person
from domain.privacy.stored import parsed, stored_events

Json = dict[str, Any]
Tell = Callable[[str], None]

# The person's in every row, and what says how a row is sent and nothing of a person.
SELF_EVIDENT = {"organization_id", "lease_token", "lease_until", "sweeps", "crashes"}
# What lets in who has it.
SECRET = {"token_hash", "fingerprint"}


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of rows: which of a table are a person's, and what is told besides, as it is called there."""

    name: str
    model: type[DeclarativeBase]
    theirs: Callable[[Person], ColumnElement[bool]]
    besides: Mapping[str, Any] = field(default_factory=dict)


def _by_student(model: Any) -> Callable[[Person], ColumnElement[bool]]:  # noqa: ANN401 - any table with a student
    return lambda person: model.student_id.in_(person.ids)


def _packages(person: Person) -> Select[Any]:
    return select(models.StudentPackage.id).where(models.StudentPackage.student_id.in_(person.ids))


def _allowances(person: Person) -> Select[Any]:
    line = models.StudentPackageAllowance
    return select(line.id).where(line.student_package_id.in_(_packages(person)))


def _orders(person: Person) -> Select[Any]:
    return select(models.Order.id).where(models.Order.student_id.in_(person.ids))


def _calls(person: Person) -> ColumnElement[bool]:
    """Return what Stripe was asked for by their commands, or to pay back to them."""
    call, job, refund = models.StripeCall, models.Job, models.Refund
    refunds = select(refund.id).where(refund.order_id.in_(_orders(person)))
    return or_(call.job_id.in_(select(job.id).where(_jobs(person))), call.refund_id.in_(refunds))


def _enrollments(person: Person) -> Select[Any]:
    enrollment = models.StudentCourseEnrollment
    return select(enrollment.id).where(enrollment.student_id.in_(person.ids))


def _jobs(person: Person) -> ColumnElement[bool]:
    """Return which commands are theirs: also those by which the desk named somebody whom it did not know."""
    job = models.Job
    named = job.student_id.is_(None) & job.request["memberId"].astext.in_(person.names)
    return (job.organization_id == person.organization_id) & or_(job.student_id.in_(person.ids), named)


def _old_records(person: Person) -> ColumnElement[bool]:
    record = models.LegacyRecord
    of_theirs = (record.kind == "student") & record.row_id.in_(person.ids)
    return (record.organization_id == person.organization_id) & of_theirs


def _class_name(session_id: Any) -> Any:  # noqa: ANN401 - a column of any table
    names = select(models.GroupClass.name).join(
        models.ClassSession, models.ClassSession.group_class_id == models.GroupClass.id
    )
    return names.where(models.ClassSession.id == session_id).scalar_subquery()


_COUPON = select(models.Coupon.code).where(models.Coupon.id == models.CouponUse.coupon_id).scalar_subquery()
_COURSE = (
    select(models.Product.name)
    .join(models.CourseProgram, models.CourseProgram.product_id == models.Product.id)
    .where(models.CourseProgram.id == models.StudentCourseEnrollment.course_program_id)
    .scalar_subquery()
)
_STEP = (
    select(models.CourseStep.label)
    .where(models.CourseStep.id == models.StudentCourseStepProgress.course_step_id)
    .scalar_subquery()
)

# In the order of the document.
SECTIONS = (
    Section("students", models.Student, lambda person: models.Student.id.in_(person.ids)),
    Section("stripe_customers", models.StripeCustomer, _by_student(models.StripeCustomer)),
    Section("calendar_links", models.CalendarLink, _by_student(models.CalendarLink)),
    Section("orders", models.Order, _by_student(models.Order)),
    Section("payments", models.Payment, lambda person: models.Payment.id.in_(person.payments.values())),
    Section("refunds", models.Refund, lambda person: models.Refund.order_id.in_(_orders(person))),
    Section("order_reviews", models.OrderReview, lambda person: models.OrderReview.order_id.in_(_orders(person))),
    Section("packages", models.StudentPackage, _by_student(models.StudentPackage)),
    Section(
        "allowances",
        models.StudentPackageAllowance,
        lambda person: models.StudentPackageAllowance.student_package_id.in_(_packages(person)),
    ),
    Section("ledger", models.PackageUse, lambda person: models.PackageUse.allowance_id.in_(_allowances(person))),
    Section(
        "bookings",
        models.Booking,
        _by_student(models.Booking),
        {"class_name": _class_name(models.Booking.session_id)},
    ),
    Section("all_access_days", models.AllAccessDailyUsage, _by_student(models.AllAccessDailyUsage)),
    Section(
        "waitlist_entries",
        models.WaitlistEntry,
        _by_student(models.WaitlistEntry),
        {"class_name": _class_name(models.WaitlistEntry.session_id)},
    ),
    Section(
        "enrollments",
        models.StudentCourseEnrollment,
        _by_student(models.StudentCourseEnrollment),
        {"course_name": _COURSE},
    ),
    Section(
        "course_steps",
        models.StudentCourseStepProgress,
        lambda person: models.StudentCourseStepProgress.enrollment_id.in_(_enrollments(person)),
        {"step_label": _STEP},
    ),
    Section("coupon_uses", models.CouponUse, _by_student(models.CouponUse), {"coupon_code": _COUPON}),
    Section("jobs", models.Job, _jobs),
    Section("stripe_calls", models.StripeCall, _calls),
    Section("notifications", models.Notification, _by_student(models.Notification)),
    Section("domain_events", models.DomainEvent, _by_student(models.DomainEvent)),
    Section("legacy_records", models.LegacyRecord, _old_records),
)


def export(session: Session, organization_id: int, name: str, *, tell: Tell, at: datetime) -> Json:
    """Return all that is held about a person; the person first, Stripe's events last.

    Args:
        session: Reads; of one moment, if its transaction is.
        organization_id: Theirs.
        name: The frontend's id, or a guest's e-mail address; who was merged is whom they were merged into.
        tell: Told what is read next.
        at: When.

    Raises:
        NotFound: nobody is called so.

    """
    person = find_person(session, organization_id, name)
    document: Json = {"exported_at": written(at), "student_id": person.id, "external_ids": person.names}
    for section in SECTIONS:
        tell(section.name.replace("_", " "))
        document[section.name] = _rows(session, section, person)
    tell("Stripe's events")
    document["stripe_events"] = [_event(row) for row in stored_events(session, person)]
    return document


def _rows(session: Session, section: Section, person: Person) -> list[Json]:
    columns = [column for column in section.model.__table__.columns if column.name not in SELF_EVIDENT | SECRET]
    besides = [value.label(name) for name, value in section.besides.items()]
    order = section.model.__table__.primary_key
    statement = select(*columns, *besides).where(section.theirs(person)).order_by(*order)
    return [{name: _plain(value) for name, value in row.items()} for row in session.execute(statement).mappings()]


def _event(row: Mapping[str, Any]) -> Json:
    """Return an event of Stripe's: with what it said, as long as that is kept."""
    kept = {"payload": parsed(row["payload"])} if row["payload"] else {"payload_sha256": row["payload_hash"].hex()}
    names = ("id", "event_id", "type", "status", "received_at", "finished_at")
    return {name: _plain(row[name]) for name in names} | kept


def _plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    if isinstance(value, datetime):
        return written(value)
    return value.isoformat() if isinstance(value, date) else value
