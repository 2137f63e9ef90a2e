"""Take a command: store it as a job, hint at the queue, wait a little, answer. No rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request

from db.models import JobStatus
from webhook_gateway import caller, idempotency, job_answer, preference
from webhook_gateway.gateway import Gateway, here, hint
from webhook_gateway.job_link import Busy
from webhook_gateway.job_store import NewJob, Outcome, Subject
from webhook_gateway.problem import Problem
from webhook_gateway.token import Role
from webhook_gateway.waiting import AWAY, CannotWait, outcome_within
from worker import clock

QUEUE = "bookings"
QUEUED = Outcome(JobStatus.QUEUED)
# A student may appear between two of them, and a job under the same key; neither goes away again.
ATTEMPTS = 3
LATER = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class Command:
    """What a caller wants done: for a student, or with something of that student's, or of anybody's if None."""

    kind: str
    request: Mapping[str, Any]
    student: str | None
    about: tuple[Subject, int] | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that stands for a command, and where it stood when it was found."""

    job_id: int
    found: Outcome = QUEUED


def perform(command: Command) -> Response:
    """Take a command of the current request, and answer with its outcome, or with where to ask for it."""
    wanted = preference.read(request.headers.get("Prefer", ""))
    accepted = _stored(command)
    outcome, has_waited = accepted.found, True
    if not outcome.is_finished:
        # Found or new: whoever stored it may have gone without a hint.
        hint(QUEUE)
        try:
            waited = outcome_within(here(), accepted.job_id, wanted.seconds)
            outcome = waited or _by_now(accepted.job_id, wanted.seconds, outcome)
        except CannotWait:
            has_waited = False
    response = _response(accepted, command.kind, outcome)
    if applied := wanted.applied(is_finished=outcome.is_finished, has_waited=has_waited):
        response.headers["Preference-Applied"] = applied
    return response


def _by_now(job_id: int, seconds: float, outcome: Outcome) -> Outcome:
    """Return where a job stands after its caller waited; as it was found where nobody can say, or nobody waited."""
    try:
        return here().jobs.outcome(job_id) if seconds > 0 else outcome
    except AWAY:
        return outcome


def _stored(command: Command) -> Accepted:
    try:
        return _accept(here(), _new_job(here(), command))
    except Busy as error:
        detail = "Send the command again in a few seconds, with the same Idempotency-Key."
        raise Problem("overloaded", detail, headers={"Retry-After": "5"}) from error


def _new_job(gateway: Gateway, command: Command) -> NewJob:
    claims = caller.claims()
    key = idempotency.key(request)
    return NewJob(
        organization_id=caller.known(gateway.jobs.organization(claims.org), claims.org),
        student=command.student,
        caller=caller.actor(),
        kind=command.kind,
        request=command.request,
        about=command.about,
        key=key,
        fingerprint=idempotency.fingerprint(request) if key else None,
    )


def _accept(gateway: Gateway, job: NewJob) -> Accepted:
    """Store a job, or find the one that stands under its key."""
    for _ in range(ATTEMPTS):
        if job_id := gateway.jobs.add(job, at=clock.now()):
            return Accepted(job_id)
        if known := gateway.jobs.known(job):
            return Accepted(known.id, _same(job, known.fingerprint, known.outcome))
        _introduce(job)
    raise AssertionError("a student who was created is not there")


def _same(job: NewJob, fingerprint: str, outcome: Outcome) -> Outcome:
    if fingerprint != job.fingerprint:
        detail = "Take a new Idempotency-Key for a new command, or send exactly what was sent with this one."
        raise Problem("idempotency_key_reused", detail)
    return outcome


def _introduce(job: NewJob) -> None:
    """Have the caller's own student created on first use; nobody else and nothing else appears by being named."""
    claims = caller.claims()
    if job.about is not None:
        raise Problem("not_found", f"There is no {job.about[0].name.lower()} of this id that you may see.")
    if job.student != claims.sub or claims.role is not Role.STUDENT:
        raise Problem("not_found", "There is no student of this id in your organization.")
    caller.welcome(job.organization_id, claims)


def _response(accepted: Accepted, kind: str, outcome: Outcome) -> Response:
    if outcome.is_finished:
        response = job_answer.response(accepted.job_id, kind, outcome)
    else:
        response = jsonify({"id": accepted.job_id, "status": outcome.status})
        response.status_code = 202
        response.headers.update(LATER)
    if accepted.found.is_finished:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/api/jobs/{accepted.job_id}"
    response.headers["Vary"] = "Prefer"
    return response
