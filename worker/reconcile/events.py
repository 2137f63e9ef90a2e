"""Stripe's events held against the inbox; and events of the inbox that nobody acted on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from db.models import EventStatus
from db.transaction import reading
from domain.inbox import known
from worker.reconcile.compare import Finding, Kind
from worker.reconcile.judge import Said, concern_us
from worker.reconcile.look import Feed, Look
from worker.reconcile.stripe import Account, Page, ids, made_at
from worker.stripe_event import Statement, Unsupported, read
from worker.stripe_field import Json, Unreadable

# What waits longer than this for a fact does not only wait for its turn.
LONG = timedelta(minutes=15)
FEED = "run this with --apply: it is taken in as if it had been sent"


def compare_events(look: Look, account: Account, feed: Feed | None) -> None:
    """Compare the events of an account with the inbox, and feed those that it does not have, if they are to be fed."""
    for page in account.events(look.wanted.events_since):
        look.told("events", account, page)
        with reading(look.engine) as session:
            there = known.stored(session, ids(page))
            missing = [each for each in page if each["id"] not in there]
            owners = _owners(session, look, account, missing)
        wanted = [missing[n] for n in owners if look.wanted.concerns(owners[n])]
        look.report.not_ours += len(missing) - len(owners)
        for n, owner in owners.items():
            look.found(_missing(missing[n], owner))
        if feed and wanted:
            feed(account.id, wanted)


def _missing(event: Json, owner: str | None) -> Finding:
    return Finding(Kind.MISSING, "event", event["id"], owner, made_at(event), None, str(event["type"]), FEED)


def _owners(session: Session, look: Look, account: Account, events: Page) -> dict[int, str | None]:
    """Return of the events that are ours whose they are; what we cannot read is for us to look at too."""
    readings = {n: _read(event) for n, event in enumerate(events)}
    readable = [(n, reading) for n, reading in readings.items() if reading is not None]
    said = [Said(statement, account.id) for _, statement in readable]
    concerned = concern_us(session, said, look.missing) if said else {}
    return {readable[n][0]: owner for n, owner in concerned.items()} | {
        n: None for n, statement in readings.items() if statement is None
    }


def _read(event: Json, line_items: Json | None = None) -> Statement | None:
    try:
        return read(orjson.dumps(event), line_items)
    except (Unreadable, Unsupported):
        return None


def find_stuck(look: Look) -> None:
    """Find events of ours that were stored and not acted on; what is in quarantine and nobody's is not counted."""
    after, wanted = 0, look.wanted
    while True:
        with reading(look.engine) as session:
            rows = known.stuck(session, wanted.slug, since=wanted.since, before=wanted.at - LONG, after=after)
            ours = _ours(session, look, [row for row in rows if row["status"] == EventStatus.QUARANTINED])
        if not rows:
            return
        after = rows[-1]["id"]
        for row in rows:
            if row["status"] == EventStatus.QUARANTINED and row["id"] not in ours:
                look.report.not_ours += 1
            else:
                look.found(_stuck(row))


def _ours(session: Session, look: Look, rows: list[Any]) -> set[int]:
    readings = [(row["id"], row["account"], _parsed(row)) for row in rows]
    said = [(number, Said(statement, account)) for number, account, statement in readings if statement is not None]
    unreadable = {number for number, _, statement in readings if statement is None}
    concerned = concern_us(session, [each for _, each in said], look.missing) if said else {}
    return {said[n][0] for n in concerned} | unreadable


def _parsed(row: Mapping[str, Any]) -> Statement | None:
    try:
        return read(row["payload"], row["line_items"])
    except (Unreadable, Unsupported, ValueError, RecursionError):
        return None


def _stuck(row: Mapping[str, Any]) -> Finding:
    code = row["error_code"] or "not acted on"
    mend = "nobody came for it: is a worker running?" if row["error_code"] is None else None
    advice = mend or f"docs/runbook.md, `{code}`; then `punchcard events replay {row['id']}`"
    ours = f"{row['status']} {code}"
    return Finding(Kind.STUCK, "event", row["event_id"], row["slug"], row["received_at"], ours, row["type"], advice)
