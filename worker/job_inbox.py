"""The inbox of commands: those of a student in the order of their acceptance, each answered as it takes effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import Job, JobStatus
from db.transaction import Rows, fetch
from domain.booking.act import BOOKING
from domain.desk.redemption import REDEMPTION
from domain.errors import Refusal
from domain.family import Answer, Asked, Family
from domain.inbox.verdict import Answered, Awaited, Parked, Refused, Verdict
from domain.outward.checkout import CHECKOUTS
from domain.outward.job import CHANNEL, NOTIFY
from domain.refund.refund import REFUNDS
from domain.student import settled
from domain.studio.act import STUDIO
from domain.waitlist.promotion import PROMOTION
from worker.hints import CALLS
from worker.inbox import Inbox, Outcomes
from worker.runtime import hints

COLUMNS = "id, organization_id, student_id, caller, kind, request, attempts, due_at, received_at"

FAMILIES: tuple[Family, ...] = (BOOKING, PROMOTION, STUDIO, REDEMPTION, REFUNDS, CHECKOUTS)
FAMILY_OF = {kind: family for family in FAMILIES for kind in family.kinds}

# What a student is told of a fault of ours; its cause stands in the row for who mends it.
FAULT = "It failed by a fault of ours each time it was tried. Tell us its id: the studio can have it run again."
PARKED = f"""
problem = CASE WHEN {{too_often}} THEN jsonb_build_object('code', 'failed', 'detail', '{FAULT}') END
"""
GO_ON = """
UPDATE jobs SET student_id = s.merged_into FROM students s WHERE jobs.id = ANY(%(ids)s) AND s.id = jobs.student_id
"""


def handle(session: Session, rows: Rows, at: datetime) -> Outcomes:
    """Act on those of a batch of commands that are of one family, and wake who waits for them once that is committed.

    The others have their turn with the next batch: families lock in orders of their own.
    """
    rows = _settled(session, rows)
    family = FAMILY_OF[min(rows, key=lambda row: int(row["id"]))["kind"]]
    taken = family.first(rows)
    answers = family.act(session, taken, at=at)
    ended = [str(row["id"]) for row in taken if not isinstance(answers[row["id"]], Asked)]
    fetch(session, NOTIFY, channel=CHANNEL, ids=",".join(ended))
    return {row["id"]: (row["organization_id"], _verdict(answers[row["id"]])) for row in taken}


def _settled(session: Session, rows: Rows) -> Rows:
    """Return commands as of who their students are by now; one that came in while they were merged goes on to whom."""
    students = {row["student_id"] for row in rows} - {None}
    now = settled(session, students) if students else {}
    moved = [row["id"] for row in rows if row["student_id"] and now[row["student_id"]] != row["student_id"]]
    if moved:
        fetch(session, GO_ON, ids=moved)
    return [row | {"student_id": now.get(row["student_id"])} for row in rows]


def _verdict(answer: Answer) -> Verdict:
    if isinstance(answer, Asked):
        return Awaited()
    if not isinstance(answer, Refusal):
        return Answered(result=answer)
    return Refused(answer.code, str(answer), field=answer.field, more=answer.more)


def _problem(verdict: Verdict) -> dict[str, Any]:
    """Return what a command ended in, as its caller is told."""
    detail = FAULT if isinstance(verdict, Parked) else verdict.reason
    said = {"code": verdict.code, "detail": detail}
    if not isinstance(verdict, Refused):
        return said
    about = {"field": verdict.field, "more": verdict.more}
    return said | {name: value for name, value in about.items() if value}


def mark(row: Mapping[str, Any], _organization: int | None, verdict: Verdict, at: datetime) -> dict[str, Any]:
    """Return the columns that say what became of a command: its result, or the problem it ended in."""
    done, fault = isinstance(verdict, Answered | Awaited), isinstance(verdict, Parked)
    return {
        "id": row["id"],
        "status": verdict.status,
        "result": verdict.result if isinstance(verdict, Answered) else None,
        "problem": None if done else _problem(verdict),
        "error_code": verdict.code,
        "last_error": verdict.reason if fault else None,
        "sweeps": 0,
        "finished_at": None if isinstance(verdict, Awaited) else at,
    }


def _told(verdicts: Iterable[Verdict]) -> None:
    """Have Stripe asked at once where somebody waits for its answer."""
    if any(isinstance(verdict, Awaited) for verdict in verdicts):
        hints().send(CALLS)


# Each student's commands follow each other, and a batch holds the sessions that it is about: larger ones
# gain little and make others wait.
JOBS = Inbox(
    Job,
    JobStatus.QUEUED.value,
    COLUMNS,
    kin="student_id",
    batch=20,
    handle=handle,
    mark=mark,
    # A kind that only a newer version knows waits for that version, and with it what its student sent after.
    known=f"kind IN {(*FAMILY_OF,)}",
    in_turn=True,
    parked=PARKED,
    told=_told,
)
