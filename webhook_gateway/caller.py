"""Who calls: a token's holder, with the organization and the student that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import g, request
from sqlalchemy.orm import Session

from db.transaction import reading, transaction
from domain import organization, student
from webhook_gateway.gateway import here
from webhook_gateway.problem import FieldError, Problem
from webhook_gateway.token import Claims, InvalidToken, Role
from worker import clock

PLATFORM = "*"
CHALLENGE = 'Bearer realm="punchcard"'


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid token; an admin of the platform has no organization, staff are no students."""

    role: Role
    organization_id: int | None
    student_id: int | None

    def student(self) -> tuple[int, int]:
        """Return the ids of the organization and of the student that the caller is.

        Raises:
            Problem: the token stands for no student.

        """
        if self.organization_id is None or self.student_id is None:
            raise Problem("forbidden", "Use a student's token: this one stands for no student.")
        return self.organization_id, self.student_id

    def organization(self) -> int:
        """Return the id of the organization that the caller works for.

        Raises:
            Problem: the token is of the platform, not of an organization.

        """
        return known(self.organization_id, PLATFORM)

    def scope(self) -> tuple[int | None, int | None]:
        """Return the organization and the student whose objects the caller may see; None is any."""
        return self.organization_id, self.student_id if self.role is Role.STUDENT else None


def require(role: Role) -> Callable[[], None]:
    """Return the check that only callers of that role, or one above it, pass."""

    def check() -> None:
        g.claims = _allowed(role)
        g.caller = _caller(g.claims)

    return check


def verify(role: Role) -> Callable[[], None]:
    """Return the same check without a look into the database: who the caller is there shows when they are stored."""

    def check() -> None:
        g.claims = _allowed(role)

    return check


def claims() -> Claims:
    """Return what the token of the current request says, on a route that verifies it."""
    return cast("Claims", g.claims)


def actor() -> str:
    """Return who makes the current request, as it is kept with what they did."""
    return f"{claims().role.upper()} {claims().sub}"


def current() -> Caller:
    """Return who makes the current request, on a route that requires a role."""
    return cast("Caller", g.caller)


def public_organization(slug: str | None) -> int:
    """Return the organization of a public route: the token's if there is one, else that of `?org=slug`."""
    claims = _claims() if "Authorization" in request.headers else None
    if claims and claims.org != PLATFORM:
        if slug not in {None, claims.org}:
            raise Problem("forbidden", "Leave `org` out, or name the token's own organization.")
        slug = claims.org
    if slug is None:
        errors = [FieldError("#/org", "Field required without a token")]
        raise Problem("validation_failed", "Name the organization with `?org=slug`.", errors=errors)
    with reading(here().engine) as session:
        return _organization(session, slug)


def is_admin() -> bool:
    """Say whether the token of a public route, if there is one, is an admin's."""
    return "Authorization" in request.headers and _claims().role is Role.ADMIN


def _allowed(role: Role) -> Claims:
    claims = _claims()
    if not claims.role.includes(role):
        raise Problem("forbidden", f"Use a token with the role {role} or above.")
    return claims


def _claims() -> Claims:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        detail = "Send `Authorization: Bearer TOKEN` with a token of your organization."
        raise Problem("unauthenticated", detail, headers={"WWW-Authenticate": CHALLENGE})
    try:
        return here().tokens.read(token.strip())
    except InvalidToken as error:
        headers = {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
        raise Problem("unauthenticated", f"Get a new token: {error}.", headers=headers) from error


def _caller(claims: Claims) -> Caller:
    if claims.org == PLATFORM and claims.role is Role.ADMIN:
        return Caller(claims.role, None, None)
    with reading(here().engine) as session:
        organization_id = _organization(session, claims.org)
        student_id = student.find(session, organization_id, claims.sub)
    if student_id is None and claims.role is Role.STUDENT:
        student_id = welcome(organization_id, claims)
    return Caller(claims.role, organization_id, student_id)


def _organization(session: Session, slug: str) -> int:
    return known(organization.find(session, slug), slug)


def known(organization_id: int | None, slug: str) -> int:
    """Return the id of an organization that was looked for.

    Raises:
        Problem: it is not there, or the platform was named.

    """
    if organization_id is not None:
        return organization_id
    if slug == PLATFORM:
        raise Problem("forbidden", "Use a token of the organization: an admin of the platform works for none.")
    raise Problem("forbidden", "Name an organization that exists here.")


def welcome(organization_id: int, claims: Claims) -> int:
    """Return the student that a token names, who may be new."""
    identity = student.Identity(claims.sub, claims.email, claims.email_verified, claims.name)
    with transaction(here().engine) as session:
        return student.welcome(session, organization_id, identity, at=clock.now())
