"""Groups of addresses: who may ask them, and what every one of them may answer."""

from __future__ import annotations

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from webhook_gateway import body, caller
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role

BEARER = {"bearer": list[str]()}


def open_group(name: str, tag: Tag) -> APIBlueprint:
    """Return a group that anybody may ask, without a token."""
    return _group(name, tag, "", [], ())


def public_group(name: str, tag: Tag, prefix: str) -> APIBlueprint:
    """Return a group that anybody may ask; a token is verified if there is one."""
    return _group(name, tag, prefix, [{}, BEARER], (401, 403, 422))


def group_for(role: Role, name: str, tag: Tag, prefix: str) -> APIBlueprint:
    """Return a group for tokens of a role, or one above it."""
    group = _group(name, tag, prefix, [BEARER], (401, 403, 422))
    group.before_request(caller.require(role))
    group.before_request(body.check)
    return group


def command_group(name: str, tag: Tag, prefix: str, role: Role = Role.STUDENT) -> APIBlueprint:
    """Return a group of commands for a role or one above it: nothing is read before a command is stored."""
    group = _group(name, tag, prefix, [BEARER], (400, 401, 403, 404, 409, 415, 422))
    group.before_request(caller.verify(role))
    group.before_request(body.check)
    return group


def _group(
    name: str, tag: Tag, prefix: str, security: list[dict[str, list[str]]], statuses: tuple[int, ...]
) -> APIBlueprint:
    return APIBlueprint(
        name,
        __name__,
        url_prefix=prefix or None,
        abp_tags=[tag],
        abp_security=security,
        abp_responses=problems(*statuses),
        operation_id_callback=_operation_id,
    )


def _operation_id(name: str, path: str, method: str) -> str:  # noqa: ARG001 - what the framework passes
    return name
