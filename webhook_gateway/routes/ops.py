"""What operators and monitors ask."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag
from prometheus_client import CONTENT_TYPE_LATEST

from webhook_gateway.gateway import here
from webhook_gateway.readiness import broker_state, schema_revision
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import open_group
from webhook_gateway.schema.health import Health, Readiness
from webhook_gateway.schema.problem import problems

OPERATIONS = Tag(name="Operations", description="For the machines that watch this one.")

ops = open_group("ops", OPERATIONS)


@ops.get("/healthz", responses={200: Health})
def show_health() -> Response:
    """Say that the process is alive."""
    return respond(Health())


@ops.get("/readyz", responses=problems(503) | {200: Readiness})
def show_readiness() -> Response:
    """Say whether requests may be sent here: the database answers and its schema fits."""
    revision = schema_revision(here().engine)
    return respond(Readiness(database_schema=revision, broker=broker_state(here().settings.broker_url)))


@ops.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
def show_metrics() -> Response:
    """Show counters and backlog in Prometheus's text format."""
    return Response(here().metrics.render(), content_type=CONTENT_TYPE_LATEST)
