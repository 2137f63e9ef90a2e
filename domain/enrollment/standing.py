"""How an enrollment stands, as a condition of a statement: what went back counts as revoked, whatever is stored."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, literal, or_

from db.models import EnrollmentStatus, GrantStatus, Payment, StudentCourseEnrollment


def stands_as(status: EnrollmentStatus) -> ColumnElement[bool]:
    """Return whether an enrollment is shown with this status; of a statement that has its payment, if there is one."""
    stored = StudentCourseEnrollment.status == status
    if status is EnrollmentStatus.REVOKED:
        return or_(stored, _went_back().is_(True))
    return and_(stored, _went_back().is_not(True))


def standing() -> ColumnElement[str]:
    """Return the status that an enrollment is shown with; of a statement that has its payment, if there is one."""
    revoked = literal(EnrollmentStatus.REVOKED.value)
    return case((_went_back().is_(True), revoked), else_=StudentCourseEnrollment.status)


def _went_back() -> ColumnElement[bool]:
    """Return whether a payment revokes what it paid for; null without one."""
    return Payment.grant_status == GrantStatus.REVOKED
