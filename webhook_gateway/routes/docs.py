"""The documentation: the OpenAPI document, and pages rendered from it that load nothing from elsewhere."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, current_app, jsonify, render_template
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI

from webhook_gateway.problem import CATALOGUE
from webhook_gateway.routes.group import open_group

DOCUMENTATION = Tag(name="Documentation", description="This page, and what it is made from.")
HTML: dict[str | int, Any] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}
# Markup and its own styles, nothing that runs.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

docs = open_group("docs", DOCUMENTATION)


@docs.get("/openapi.json", responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}})
def show_document() -> Response:
    """Show the OpenAPI 3.1 document."""
    return jsonify(_document())


@docs.get("/docs", responses=HTML)
def show_docs() -> Response:
    """Show the document for reading."""
    return _page("docs.html")


@docs.get("/docs/problems", responses=HTML)
def show_problems() -> Response:
    """Show every problem code."""
    return _page("problems.html")


def _document() -> dict[str, Any]:
    return cast("dict[str, Any]", cast("OpenAPI", current_app).api_doc)


def _page(template: str) -> Response:
    page = render_template(template, spec=_document(), catalogue=CATALOGUE)
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": PAGE_POLICY})
