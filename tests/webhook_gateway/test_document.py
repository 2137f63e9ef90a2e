"""The OpenAPI document: every route is in it, and what it says is so."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/openapi.json").get_json())


@pytest.fixture
def operations(spec: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method.upper(), path): each for path, item in spec["paths"].items() for method, each in item.items()}


def served(app: OpenAPI) -> set[tuple[str, str]]:
    """Return every method and address that the application answers, as the document writes them."""
    return {
        (method, re.sub(r"<(?:[^<:]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in METHODS & (rule.methods or set())
    }


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_the_document_names_every_address_and_no_other(
    app: OpenAPI, operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    # The webhook is served before the application.
    webhook = {("POST", "/webhooks/stripe"), ("POST", "/webhooks/stripe/{org}")}
    assert set(operations) == served(app) | webhook


def test_the_document_is_whole(spec: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", spec["openapi"])
    assert all(
        reference.removeprefix("#/components/schemas/") in spec["components"]["schemas"]
        for reference in references(spec)
    )
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_every_operation_says_what_it_takes_and_answers(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (_, path), operation in operations.items():
        parameters = operation.get("parameters", [])
        in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        answers = operation["responses"]

        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert operation["summary"]
        assert any(
            (status.startswith("2") and answer.get("content")) or status == "204" for status, answer in answers.items()
        )
        problems = {status: answer for status, answer in answers.items() if not status.startswith(("2", "304"))}
        assert all(set(answer["content"]) == {"application/problem+json"} for answer in problems.values())
        assert "default" in problems


@pytest.mark.parametrize("name", ["Package", "PackagePage"])
def test_what_admins_get_of_the_catalog_is_documented_too(
    spec: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    path = "/api/packages" if name.endswith("Page") else "/api/packages/{package_id}"
    (answer,) = operations["GET", path]["responses"]["200"]["content"].values()

    shapes = spec["components"]["schemas"]

    assert answer["schema"]["$ref"].rpartition("/")[2] == f"Shown{name}"
    assert references(shapes[f"Shown{name}"]) == {f"#/components/schemas/{each}{name}" for each in ("", "Admin")}
    assert {"validityStarts", "allAccessServices", "stripePriceIds"} <= set(shapes["AdminPackage"]["required"])
    assert "scheduleLater" in shapes["AdminPackage"]["properties"]


def test_security_is_documented_where_it_is_enforced(
    client: FlaskClient, spec: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    assert spec["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"

    for (method, path), operation in operations.items():
        answer = client.open(re.sub(r"{\w+}", "1", path), method=method)
        needed = operation.get("security", [{}])
        assert (answer.status_code == 401) == ({} not in needed), path


@pytest.mark.parametrize("path", ["/docs", "/docs/problems"])
def test_the_pages_load_nothing_and_run_nothing(client: FlaskClient, path: str) -> None:
    page = client.get(path)

    assert page.status_code == 200
    assert not re.search(r"<script|<link|<img|@import|url\(|(src|href)=\"(?!#|/)", page.text)


def test_the_page_describes_every_operation_and_shape(
    client: FlaskClient, spec: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    page = client.get("/docs").text

    assert all(f"{method} {path}" in page for method, path in operations)
    assert all(f'id="{name}"' in page for name in spec["components"]["schemas"])
