"""The inboxes: what came in, what failed and why; run it again."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.orm import Session

import config
from cli import output
from cli.database import database
from db.models import EventStatus, JobStatus
from db.transaction import reading, transaction
from domain.errors import PayloadDeleted
from domain.inbox import event_view, job_view
from domain.inbox.event_replay import deleted, replay, replay_all
from domain.inbox.event_view import EventBody, EventFilter, EventView
from domain.inbox.job_retry import retry, retry_all
from domain.inbox.job_view import JobFilter, JobView
from domain.inbox.retention import KEPT_FOR
from domain.listing import Part
from worker import clock

events = typer.Typer()
jobs = typer.Typer()

# What PostgreSQL's bigint holds.
MAX_ID = 2**63 - 1

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at the most.")]
After = Annotated[
    int | None, typer.Option(min=1, max=MAX_ID, help="Only those before this id: the last one of the page before.")
]
Id = Annotated[int, typer.Argument(min=1, max=MAX_ID)]
Ids = Annotated[list[int], typer.Argument(min=1, max=MAX_ID, show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many.")]

Status = Annotated[EventStatus | None, typer.Option(case_sensitive=False)]
Type = Annotated[str | None, typer.Option("--type", help="Such as checkout.session.completed.")]
Code = Annotated[str | None, typer.Option(help="Why it is not done, such as unknown_product.")]


@events.command("list")
def events_list(  # noqa: PLR0913, PLR0917 - one parameter per option
    status: Status = None,
    kind: Type = None,
    code: Code = None,
    limit: Limit = 50,
    after: After = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List events, newest first."""
    wanted = EventFilter(status=status, type=kind, code=code)
    with database() as engine, reading(engine) as session:
        found = event_view.events(session, None, wanted, Part(limit, after))
    output.show([_event_row(event) for event in found], as_json=as_json, empty="no events")


def _event_row(event: EventView) -> dict[str, object]:
    return {
        "id": event.id,
        "received": event.received_at,
        "organization": event.organization,
        "type": event.type,
        "status": event.status.value,
        "attempts": event.attempts,
        "next attempt": event.next_attempt_at,
        "why": f"{event.error_code}: {event.last_error}" if event.last_error else None,
    }


@events.command("show")
def events_show(event_id: Id, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Show one event with what was signed."""
    with database() as engine, reading(engine) as session:
        event = event_view.find(session, event_id, None)
        if event is None:
            raise output.fail(f"there is no event {event_id}")
        said = event_view.body(session, event_id)
    if as_json:
        output.show_one(asdict(event) | said.shown())
        return
    _lines(asdict(event))
    try:
        typer.echo(_bytes(said).decode())
    except UnicodeDecodeError:
        typer.echo(f"base64: {base64.b64encode(_bytes(said)).decode()}")


def _bytes(said: EventBody) -> bytes:
    """Return what was signed, or in its place that it was deleted and how to know it again."""
    if said.payload is not None:
        return said.payload
    digest = (said.payload_hash or b"").hex()
    return f"payload: deleted, at the latest {KEPT_FOR}; its SHA-256 is {digest}".encode()


def _lines(fields: dict[str, object]) -> None:
    for name, value in fields.items():
        typer.echo(f"{name}: {'' if value is None else value}")


@events.command("replay")
def events_replay(
    event_ids: Ids = (),  # type: ignore[assignment] # typer gives a list
    status: Status = None,
    kind: Type = None,
    code: Code = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
) -> None:
    """Make events due again, those named or those that a filter means; what was done is not done twice."""
    wanted = EventFilter(status=status, type=kind, code=code)
    if bool(event_ids) == (wanted != EventFilter()):
        raise output.fail("name events by their ids, or by --status, --type and --code", output.USAGE)
    with database() as engine, transaction(engine) as session:
        number = _replay_each(session, event_ids) if event_ids else _replay_all(session, wanted)
        if dry_run:
            session.rollback()
    if not dry_run:
        _hint("stripe")
    typer.echo(f"{number} event(s) {'would be due' if dry_run else 'due'}")


def _replay_each(session: Session, event_ids: list[int]) -> int:
    try:
        missing = [each for each in event_ids if replay(session, each, None, at=clock.now()) is None]
    except PayloadDeleted as refusal:
        raise output.fail(f"nothing was replayed: {refusal}") from refusal
    if missing:
        raise output.fail(f"nothing was replayed: there is no event {', '.join(map(str, missing))}")
    return len(event_ids)


def _replay_all(session: Session, wanted: EventFilter) -> int:
    number, gone = replay_all(session, wanted, None, at=clock.now()), deleted(session, wanted, None)
    if gone:
        left = f"{gone} event(s) were handled long ago, and what they said was deleted, at the latest {KEPT_FOR}"
        told = output.fail(f"{left}: resend them from Stripe, or reconcile with Stripe")
        if not number:
            raise told
    return number


def _hint(queue: str) -> None:
    """Wake a queue's worker."""
    from worker.hints import Hints

    Hints(config.load().broker_url).send(queue)


Kind = Annotated[str | None, typer.Option(help="Such as booking.book.")]


@jobs.command("list")
def jobs_list(  # noqa: PLR0913, PLR0917 - one parameter per option
    status: Annotated[JobStatus | None, typer.Option(case_sensitive=False)] = None,
    kind: Kind = None,
    code: Code = None,
    limit: Limit = 50,
    after: After = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List commands, newest first."""
    wanted = JobFilter(status, kind, code)
    with database() as engine, reading(engine) as session:
        found = job_view.jobs(session, None, wanted, Part(limit, after))
    output.show([_job_row(job) for job in found], as_json=as_json, empty="no jobs")


def _job_row(job: JobView) -> dict[str, object]:
    return {
        "id": job.id,
        "accepted": job.accepted_at,
        "organization": job.organization,
        "kind": job.kind,
        "status": job.status.value,
        "attempts": job.attempts,
        "next attempt": job.next_attempt_at,
        "why": f"{job.error_code}: {job.last_error}" if job.last_error else job.error_code,
    }


@jobs.command("show")
def jobs_show(job_id: Id, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Show one command and its outcome."""
    with database() as engine, reading(engine) as session:
        job = job_view.find(session, job_id, organization_id=None, student_id=None)
    if job is None:
        raise output.fail(f"there is no job {job_id}")
    if as_json:
        output.show_one(asdict(job))
    else:
        _lines(asdict(job))


@jobs.command("retry")
def jobs_retry(
    job_ids: Ids = (),  # type: ignore[assignment] # typer gives a list
    kind: Kind = None,
    code: Code = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
) -> None:
    """Make commands due again that failed by a fault of ours; what the rules refused is final."""
    wanted = JobFilter(kind=kind, code=code)
    if bool(job_ids) == (wanted != JobFilter()):
        raise output.fail("name jobs by their ids, or by --kind and --code", output.USAGE)
    with database() as engine, transaction(engine) as session:
        number = _retry_each(session, job_ids) if job_ids else _retry_all(session, wanted)
        if dry_run:
            session.rollback()
    if not dry_run:
        _hint("bookings")
    typer.echo(f"{number} job(s) {'would be due' if dry_run else 'due'}")


def _retry_each(session: Session, job_ids: list[int]) -> int:
    if refused := retry(session, job_ids, None, at=clock.now()):
        reasons = "; ".join(f"job {each} {reason}" for each, reason in refused.items())
        raise output.fail(f"nothing is retried: {reasons}")
    return len(set(job_ids))


def _retry_all(session: Session, wanted: JobFilter) -> int:
    number, refused = retry_all(session, wanted, None, at=clock.now())
    if refused:
        counts = ", ".join(f"{count} ended in {code}" for code, count in refused.items())
        told = output.fail(f"the rules said no, which is final: {counts}")
        if not number:
            raise told
    return number
