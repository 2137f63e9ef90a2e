"""Coupons: admins keep them, whoever has a code may ask what it is good for."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading, transaction
from domain.desk import coupon, coupon_book
from domain.desk.coupon_terms import Terms
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.coupon import (
    Coupon,
    CouponChange,
    CouponCodePath,
    CouponPage,
    CouponPath,
    CouponRequest,
    CouponUnusable,
    KnownCoupon,
)
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

COUPONS = Tag(name="Coupons", description="Codes that make a package cheaper, another, or larger.")

# What a coupon gives, and for what.
TERMS = (
    "discount_type",
    "discount_value",
    "package_id",
    "custom_price",
    "custom_credits",
    "bonus_credits",
    "applicable_package_ids",
)

coupons = group_for(Role.ADMIN, "coupons", COUPONS, "/api/coupons")
coupon_codes = group_for(Role.STUDENT, "coupon_codes", COUPONS, "/api/coupons/code")


@coupons.get("", responses={200: CouponPage})
def list_coupons(query: PageQuery) -> Response:
    """List the coupons with how often each was redeemed, as they were made."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        rows = coupon_book.coupons(session, organization_id, paging.part(query))
    return respond(CouponPage.model_validate(paging.page(rows, query)))


@coupons.get("/<id:coupon_id>", responses=problems(404) | {200: Coupon})
def show_coupon(path: CouponPath) -> Response:
    """Show a coupon."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        found = coupon_book.one(session, organization_id, path.coupon_id)
        return respond(Coupon.model_validate(coupon_book.views(session, [found])[0]))


@coupons.post("", responses=problems(415) | {201: Coupon})
def create_coupon(body: CouponRequest) -> Response:
    """Make a coupon."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        made = coupon_book.create(session, organization_id, body.code, Terms(**body.terms()), at=clock.now())
        return respond(Coupon.model_validate(coupon_book.views(session, [made])[0]), status=201)


@coupons.patch("/<id:coupon_id>", responses=problems(404, 415) | {200: Coupon})
def change_coupon(path: CouponPath, body: CouponChange) -> Response:
    """Change a coupon; what was sold with it stays as it is."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        changed = coupon_book.change(session, organization_id, path.coupon_id, body.terms(), at=clock.now())
        return respond(Coupon.model_validate(coupon_book.views(session, [changed])[0]))


@coupons.delete("/<id:coupon_id>", responses=problems(404) | {200: Coupon})
def delete_coupon(path: CouponPath) -> Response:
    """Take a coupon away: its code means nothing any more, and what was sold with it stays."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        gone = coupon_book.remove(session, organization_id, path.coupon_id, at=clock.now())
        return respond(Coupon.model_validate(coupon_book.views(session, [gone])[0]))


@coupon_codes.get("/<string:code>", responses=problems(404) | {200: KnownCoupon})
def show_coupon_of_code(path: CouponCodePath) -> Response:
    """Show what a code is good for, and why it cannot be used now if it cannot."""
    organization_id, student_id = caller.current().organization(), caller.current().scope()[1]
    with reading(here().engine) as session:
        found = coupon.find(session, organization_id, path.code)
        if found is None:
            raise Problem("not_found", "There is no coupon of this code.")
        refusal = coupon.unusable(session, found, student_id, at=clock.now())
        (view,) = coupon_book.views(session, [found])
    told = {"unusable": CouponUnusable(code=refusal.code, detail=str(refusal))} if refusal else {}
    hidden = {} if student_id is None else {"max_redemptions": None, "redemptions": None}
    if refusal and hidden:
        # What it was good for is nobody's to know who cannot use it.
        hidden |= dict.fromkeys(TERMS)
    return respond(KnownCoupon.model_validate(view).model_copy(update=told | hidden))
