"""The inbox of Stripe's events: read each, find whose it is, and let the rules act on the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.models import EventStatus, StripeEvent
from db.transaction import Rows
from domain.catalog.drift import Heard, keep
from domain.inbox.retention import conclude_unread
from domain.inbox.verdict import Asking, Done, Forgotten, Ignored, Later, Parked, Quarantined, Unmatched, Verdict
from domain.purchase.fulfillment import fulfil
from domain.purchase.routing import Unrouted, route
from domain.purchase.told import Told
from worker.inbox import Inbox, Outcomes
from worker.runtime import settings
from worker.stripe_event import Statement, Unsupported, read
from worker.stripe_field import Unreadable

# Stripe answers what a Checkout sold; events wait under this name until it was asked.
LINE_ITEMS = "stripe:line_items"
# While Stripe is asked: until then one process alone asks.
ASKING = "stripe:asking"
COLUMNS = "id, organization_id, account, livemode, payment_key, payload, line_items, attempts, due_at, received_at"

# What waits is looked at again after half of the time it has waited by now, within these bounds.
SHORTEST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
# An event that names only objects nobody knows is kept for the time that Stripe delivers.
GIVE_UP_AFTER = timedelta(days=3)
# Stripe tells of a refund and of its charge within moments, and tries again for a while where we were not there.
MATCHED_WITHIN = timedelta(hours=1)

Reading = Statement | Verdict
Outcome = tuple[int | None, Verdict]


def handle(session: Session, rows: Rows, at: datetime) -> Outcomes:
    """Act on a batch of events; return of each its organization and what became of it."""
    readings = {row["id"]: _read(row) for row in rows}
    heard = {row["id"]: about for row in rows if (about := _about(row, readings[row["id"]]))}
    organizations = _organizations(session, rows, heard)
    told = [
        Told(
            row["id"],
            organization,
            heard[row["id"]].facts,
            row["payment_key"],
            heard[row["id"]].standing,
            heard[row["id"]].total,
        )
        for row in rows
        if isinstance(organization := organizations.get(row["id"]), int) and row["id"] in heard
    ]
    acted = fulfil(session, told, at=at)
    conclude_unread(session, [event for event, verdict in acted.items() if isinstance(verdict, Forgotten)], at=at)
    shelved = _keep(session, rows, readings, at)
    rest = (row["id"] for row in rows if row["id"] not in shelved)
    return {row: _outcome(row, readings, organizations, acted) for row in rest} | shelved


def _read(row: Mapping[str, Any]) -> Reading:
    """Return what an event says, or why it may not or cannot say it."""
    if settings().livemode is not None and row["livemode"] is not settings().livemode:
        return Quarantined("wrong_mode", f"livemode is {row['livemode']}, and this installation takes the other")
    try:
        statement = read(row["payload"], row["line_items"])
    except Unsupported as reason:
        return Parked("unsupported_event", str(reason))
    except (Unreadable, ValueError, RecursionError) as reason:
        detail = str(reason) if isinstance(reason, Unreadable) else "the body is not JSON that we can read"
        return Parked("unreadable_event", detail)
    return statement if statement.handled else Ignored()


def _about(row: Mapping[str, Any], reading: Reading) -> Statement | None:
    """Return what an event says; of one that says nothing to us only whose payment it is about, who may be erased."""
    if isinstance(reading, Ignored) and row["payment_key"]:
        return Statement(payments=(row["payment_key"],))
    return reading if isinstance(reading, Statement) and not reading.catalog else None


def _keep(session: Session, rows: Rows, readings: Mapping[int, Reading], at: datetime) -> dict[int, Outcome]:
    """Keep what events say of products and prices; of what no catalog knows they say nothing to us."""
    heard = [
        Heard(row["id"], row["organization_id"], row["account"], reading.organization, fact)
        for row in rows
        if isinstance(reading := readings[row["id"]], Statement)
        for fact in reading.catalog
    ]
    owners = keep(session, heard, at=at)
    return {each.event_id: _kept(owners.get(each.event_id, []), each.organization_id) for each in heard}


def _kept(owners: Sequence[int], organization: int | None) -> Outcome:
    """Return whose an event of the catalog is: nobody's alone where several sell by one product of Stripe's."""
    return owners[0] if len(owners) == 1 else organization, Done() if owners else Ignored()


def _organizations(session: Session, rows: Rows, heard: Mapping[int, Statement]) -> dict[int, int | Verdict]:
    """Return whose each event is: as the secret or the path said, else as its content says."""
    known: dict[int, int | Verdict] = {row["id"]: row["organization_id"] for row in rows if row["organization_id"]}
    unrouted = [
        Unrouted(
            event_id=row["id"],
            account=row["account"],
            slug=statement.organization,
            payments=statement.payments,
            customer=statement.customer,
            subscription=statement.subscription,
        )
        for row in rows
        if row["id"] not in known and (statement := heard.get(row["id"]))
    ]
    settled = {
        payment: organization
        for row, organization in known.items()
        if (statement := heard.get(row)) and isinstance(organization, int)
        for payment in statement.payments
    }
    return known | (route(session, unrouted, settled) if unrouted else {})


def _outcome(
    row: int, readings: Mapping[int, Reading], organizations: Mapping[int, int | Verdict], acted: Mapping[int, Verdict]
) -> tuple[int | None, Verdict]:
    reading, organization = readings[row], organizations.get(row)
    if not isinstance(reading, Statement):
        return (organization if isinstance(organization, int) else None), reading
    if not isinstance(organization, int):
        # What is only recorded may be nobody's: a card that was declined, of a payment that never came.
        recorded = not (reading.facts or reading.standing or reading.total) and isinstance(organization, Later)
        return None, Done() if recorded or organization is None else organization
    return organization, _line_items(acted[row])


def _line_items(verdict: Verdict) -> Verdict:
    """Let an event wait for Stripe's line items, where Stripe can be asked."""
    if not isinstance(verdict, Later) or verdict.code != "needs_line_items":
        return verdict
    if settings().stripe_api_key is None:
        advice = f"{verdict.reason}; set STRIPE_API_KEY and replay, or refund it in Stripe"
        return Parked("unrecognised_purchase", advice, verdict.waits_for)
    return Asking(verdict.code, verdict.reason, LINE_ITEMS)


def mark(row: Mapping[str, Any], organization: int | None, verdict: Verdict, at: datetime) -> dict[str, Any]:
    """Return the columns that say what became of an event."""
    age = at - row["received_at"]
    if type(verdict) is Later and age > GIVE_UP_AFTER:
        verdict = Quarantined(verdict.code, f"{verdict.reason}, for {GIVE_UP_AFTER.days} days")
    elif isinstance(verdict, Unmatched) and age > MATCHED_WITHIN:
        # What it waits for still takes it up.
        verdict = Parked(verdict.code, verdict.reason, verdict.waits_for)
    later = isinstance(verdict, Later)
    return {
        "id": row["id"],
        "organization_id": organization or row["organization_id"],
        "status": verdict.status,
        "error_code": verdict.code,
        "last_error": verdict.reason,
        "waits_for": verdict.waits_for,
        "due_at": at + min(max(age / 2, SHORTEST_WAIT), LONGEST_WAIT) if later else row["due_at"],
        "sweeps": 0,
        "finished_at": None if later else at,
    }


# Mostly a purchase's two events each: larger batches gain little more and make others wait.
STRIPE_EVENTS = Inbox(
    StripeEvent, EventStatus.RECEIVED.value, COLUMNS, kin="payment_key", batch=100, handle=handle, mark=mark
)
