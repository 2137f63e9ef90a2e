"""The end of a command that waited for Stripe."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from db.models import JobStatus
from db.transaction import fetch
from domain.errors import Refusal, StripeRefused, StripeUnavailable
from domain.redaction import redact

# Whoever waits for a job listens here; a message names jobs that are finished, and says nothing else.
CHANNEL = "jobs"
NOTIFY = "SELECT pg_notify(%(channel)s, %(ids)s)"

# A job that ended answers the same for ever, also where trying again may help.
ANOTHER_KEY = "To try again, send it with another Idempotency-Key."

# What ended otherwise meanwhile stays as it is.
FINISH = """
UPDATE jobs SET status = %(status)s, result = %(result)s, problem = %(problem)s, error_code = %(code)s,
       last_error = NULL, sweeps = 0, finished_at = %(at)s
 WHERE id = %(id)s AND status = 'RUNNING' RETURNING id
"""


def finish(session: Session, job_id: int, outcome: dict[str, Any] | Refusal, *, at: datetime) -> bool:
    """End a command that waits for Stripe with its result, or with why it was refused; wake who waits for it.

    Returns whether it waited still.
    """
    refused = isinstance(outcome, Refusal)
    values = {
        "status": (JobStatus.FAILED if refused else JobStatus.SUCCEEDED).value,
        "result": None if refused else Jsonb(outcome),
        "problem": Jsonb(_problem(outcome)) if isinstance(outcome, Refusal) else None,
        "code": outcome.code if isinstance(outcome, Refusal) else None,
    }
    if not fetch(session, FINISH, id=job_id, at=at, **values):
        return False
    fetch(session, NOTIFY, channel=CHANNEL, ids=str(job_id))
    return True


def _problem(refusal: Refusal) -> dict[str, Any]:
    """Return what the caller is told, as of a command that was refused at once."""
    about = {"field": refusal.field, "more": refusal.more}
    detail = str(refusal)
    if isinstance(refusal, StripeRefused | StripeUnavailable):
        detail = f"{detail.rstrip('.')}. {ANOTHER_KEY}"
    said = {"code": refusal.code, "detail": redact(detail)}
    return said | {name: value for name, value in about.items() if value}
