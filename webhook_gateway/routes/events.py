"""The inbox of Stripe's events: what failed and why, and running it again."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading, transaction
from domain.inbox import event_view
from domain.inbox.event_replay import replay
from domain.inbox.event_view import EventFilter, EventView
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here, hint
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.event import Event, EventDetail, EventPage, EventPath, EventQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

EVENTS = Tag(
    name="Events",
    description="Staff see their organization's events; platform admins see all, with those in quarantine.",
)
QUEUE = "stripe"

events = group_for(Role.STAFF, "events", EVENTS, "/api/admin/events")


@events.get("", responses={200: EventPage})
def list_events(query: EventQuery) -> Response:
    """List events, newest first."""
    wanted = EventFilter(query.status, query.type, since=query.from_, until=query.to)
    with reading(here().engine) as session:
        rows = event_view.events(session, caller.current().organization_id, wanted, paging.part(query))
    return respond(EventPage.model_validate(paging.page(rows, query)))


@events.get("/<id:event_id>", responses=problems(404) | {200: EventDetail})
def show_event(path: EventPath) -> Response:
    """Show an event with what was signed; 35 days after it was handled only the hash of that is left."""
    with reading(here().engine) as session:
        event = _seen(event_view.find(session, path.event_id, caller.current().organization_id))
        said = event_view.body(session, path.event_id)
    shown = Event.model_validate(event).model_dump(by_alias=False) | said.shown()
    return respond(EventDetail.model_validate(shown))


@events.post("/<id:event_id>/replay", responses=problems(404, 409, 415) | {202: Event})
def replay_event(path: EventPath) -> Response:
    """Run an event again. Effects happen once: replaying a processed event is harmless.

    What an event said is deleted 35 days after it was handled: then it is refused with `payload_deleted`.
    """
    with transaction(here().engine) as session:
        event = _seen(replay(session, path.event_id, caller.current().organization_id, at=clock.now()))
    hint(QUEUE)
    return respond(Event.model_validate(event), status=202)


def _seen(event: EventView | None) -> EventView:
    if event is None:
        raise Problem("not_found", "There is no event of this id that you may see.")
    return event
