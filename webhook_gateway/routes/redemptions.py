"""Redeeming at the desk, a command; and the packages that were handed over or bought."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag
from sqlalchemy.orm import Session

from db.transaction import reading
from domain import student
from domain.desk import redemption_view
from domain.desk.day_use import day_uses
from domain.desk.redeem_command import REDEEM
from domain.desk.redemption_view import RedemptionFilter, RedemptionView
from webhook_gateway import caller, paging
from webhook_gateway.command import Command, perform
from webhook_gateway.gateway import here
from webhook_gateway.job_store import Subject
from webhook_gateway.problem import FieldError, Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import command_group, group_for
from webhook_gateway.schema.base import Input, PageQuery
from webhook_gateway.schema.booking import Accepted
from webhook_gateway.schema.command import document
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.redemption import (
    DayUsePage,
    MemberPath,
    OwnRedeemRequest,
    Redeemed,
    RedeemRequest,
    Redemption,
    RedemptionPage,
    RedemptionPath,
    RedemptionQuery,
)
from webhook_gateway.token import Role
from worker import clock

DESK = Tag(name="Desk", description="What a studio hands over without Stripe. A redemption is a package held.")

redeeming = command_group("redeeming", DESK, "/api/packages", Role.STAFF)
own_redeeming = command_group("own_redeeming", DESK, "/api/students/me")
redemptions = group_for(Role.STAFF, "redemptions", DESK, "/api/redemptions")
member_redemptions = group_for(Role.STAFF, "member_redemptions", DESK, "/api/members")


@redeeming.post("/redeem", responses={201: Redeemed, 202: Accepted})
def redeem(body: RedeemRequest) -> Response:
    """Hand a package over to a member, with a coupon if there is one; it counts as paid at the desk."""
    if body.package_id is None and body.coupon_code is None:
        advice = "Name a package, or a coupon that is for one"
        raise Problem("validation_failed", f"{advice}.", errors=[FieldError("#/packageId", advice)])
    if _is_known(body.member_id):
        return perform(Command(REDEEM, _said(body), body.member_id))
    if body.email is None:
        raise Problem("not_found", "There is no member of this id: send `email` to have one made.")
    # Nobody's turn yet: the member is made with the redemption, or not at all.
    return perform(Command(REDEEM, _said(body), None, (Subject.ORGANIZATION, _organization())))


@own_redeeming.post("/redeem", responses={201: Redeemed, 202: Accepted})
def redeem_own(body: OwnRedeemRequest) -> Response:
    """Redeem a coupon that costs nothing."""
    if caller.claims().role is not Role.STUDENT:
        raise Problem("forbidden", "Use a student's token: this one stands for no student.")
    return perform(Command(REDEEM, _said(body), caller.claims().sub))


@redemptions.get("", responses={200: RedemptionPage})
def list_redemptions(query: RedemptionQuery) -> Response:
    """List the redemptions, newest first."""
    wanted = RedemptionFilter(query.member_id, query.coupon_code, query.package_id, query.redemption_type)
    with reading(here().engine) as session:
        return _page(session, wanted, query)


@redemptions.get("/<id:redemption_id>", responses=problems(404) | {200: Redemption})
def show_redemption(path: RedemptionPath) -> Response:
    """Show a redemption."""
    with reading(here().engine) as session:
        return respond(Redemption.model_validate(_found(session, path.redemption_id)))


@redemptions.get("/<id:redemption_id>/all-access-usage", responses=problems(404) | {200: DayUsePage})
def list_all_access_usage(path: RedemptionPath, query: PageQuery) -> Response:
    """List the local days of the pass that were used, the last noted first."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        _found(session, path.redemption_id)
        rows = day_uses(session, organization_id, path.redemption_id, paging.part(query))
    return respond(DayUsePage.model_validate(paging.page(rows, query)))


@member_redemptions.get("/<path:member_id>/redemptions", responses=problems(404) | {200: RedemptionPage})
def list_redemptions_of_member(path: MemberPath, query: PageQuery) -> Response:
    """List the redemptions of a member, newest first."""
    with reading(here().engine) as session:
        if student.find(session, caller.current().organization(), path.member_id) is None:
            raise Problem("not_found", "There is no member of this id.")
        return _page(session, RedemptionFilter(member_id=path.member_id), query)


def _page(session: Session, wanted: RedemptionFilter, query: PageQuery) -> Response:
    organization_id, part = caller.current().organization(), paging.part(query)
    rows = redemption_view.redemptions(session, organization_id, wanted, part, at=clock.now())
    return respond(RedemptionPage.model_validate(paging.page(rows, query)))


def _found(session: Session, redemption_id: int) -> RedemptionView:
    found = redemption_view.find(session, caller.current().organization(), redemption_id, at=clock.now())
    if found is None:
        raise Problem("not_found", "There is no redemption of this id.")
    return found


def _organization() -> int:
    slug = caller.claims().org
    return caller.known(here().jobs.organization(slug), slug)


def _is_known(member_id: str) -> bool:
    with reading(here().engine) as session:
        return student.find(session, _organization(), member_id) is not None


def _said(body: Input) -> dict[str, Any]:
    return body.model_dump(mode="json", by_alias=True, exclude_none=True)


document(redeeming)
document(own_redeeming)
