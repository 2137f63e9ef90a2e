"""Whether something can be bought as a student wants it: by the rules of the desk, and of enrollments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import Coupon, CouponType, ReviewReason
from db.transaction import fetch
from domain.desk import coupon as coupons
from domain.desk.pricing import Deal, price
from domain.enrollment.enroll import CLAIMS, Bought, Claim, read_plan, settle
from domain.errors import AlreadyEnrolled, CohortClosed, CohortFull, CouponInvalid, InvalidField, NotFound, Refusal
from domain.outward.checkout_command import Checkout
from domain.purchase.products import CatalogProduct

# What a purchase would be put before staff for is refused before it is paid.
REFUSALS: Mapping[ReviewReason, Refusal] = {
    ReviewReason.COHORT_UNKNOWN: NotFound("The course has no cohort of this id: GET /api/courses/{code}/cohorts."),
    ReviewReason.COHORT_CLOSED: CohortClosed("Choose another cohort: the deadline of this one is over."),
    ReviewReason.COHORT_FULL: CohortFull("Choose another cohort: every place of this one is taken."),
    ReviewReason.SECOND_PURCHASE: AlreadyEnrolled("The student is enrolled in this course already."),
    ReviewReason.STEP_RETIRED: NotFound("The course cannot be taken at the moment: nothing serves one of its steps."),
}


def bought_with(
    session: Session, command: Checkout, product: CatalogProduct, *, is_subscription: bool, at: datetime
) -> tuple[Coupon | None, Deal]:
    """Return the coupon of a Checkout, locked, and what the product costs and holds with it.

    Raises:
        CouponInvalid: it is not valid now, or not for this.

    """
    if command.coupon_code is None:
        return None, price(product, None)
    coupon = coupons.held(session, command.organization_id, command.coupon_code, at=at)
    if coupon.product and coupon.product_id != product.id:
        raise CouponInvalid(f"{coupon.code} is for {coupon.product.code}: buy that, or choose another coupon.")
    coupons.package_of(session, coupon, product.id)
    if coupon.coupon_type is not CouponType.DISCOUNT and (is_subscription or product.program_id):
        raise CouponInvalid(f"Choose another coupon: {coupon.code} is for packages that are paid once.")
    return coupon, price(product, coupon)


def check_cohort(session: Session, command: Checkout, product: CatalogProduct, *, at: datetime) -> None:
    """Refuse a course that the student could not take, or not in this cohort; locks the cohort.

    Raises:
        InvalidField: a cohort of something that is no course.
        NotFound: the course has no such cohort, or cannot be taken.
        CohortClosed, CohortFull, AlreadyEnrolled: as they say.

    """
    if product.program_id is None:
        if command.cohort_id is not None:
            raise InvalidField("cohort_id", "Leave it out: only a course has cohorts.")
        return
    cohort = str(command.cohort_id) if command.cohort_id else None
    plan = read_plan(session, {product.program_id: {cohort} if cohort else set()}, at=at)
    owner = (command.organization_id, command.student_id)
    bought = Bought(*owner, 0, product.program_id, cohort, is_revoked=False, paid_at=at)
    rows = fetch(session, CLAIMS, students=[command.student_id], without=[])
    reason = settle(bought, plan, [Claim(**row) for row in rows]).reason
    if reason:
        raise REFUSALS[reason]
