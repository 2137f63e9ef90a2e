"""Commands that are decided together: which kinds they are, and the function that acts on a batch of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

from domain.errors import Refusal, TooLate

# A row of the jobs: id, organization_id, student_id, caller, kind, request, due_at, received_at.
Job = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A command whose outcome Stripe will say: it wrote a call that names it (`domain.outward.call.want`)."""


Answer = Result | Refusal | Asked

# PRODUCT.md §4.2: whoever asked has given up by then.
BEGUN_WITHIN = timedelta(minutes=15)


def check_begun(due_at: datetime, *, at: datetime) -> None:
    """Refuse a command that was not begun in time since it was due.

    Raises:
        TooLate: it was not.

    """
    if at - due_at > BEGUN_WITHIN:
        raise TooLate(f"It was not begun within {BEGUN_WITHIN // timedelta(minutes=1)} minutes: send it again.")


class Act(Protocol):
    """What does a batch of commands at an instant, each whole or not at all."""

    def __call__(self, session: Session, jobs: Sequence[Job], *, at: datetime) -> Mapping[int, Answer]:
        """Return of each job, by its id, its result, why it was refused, or that it waits for Stripe."""


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds of commands that lock and read alike; those that go `alone` have a transaction each."""

    kinds: tuple[str, ...]
    act: Act
    alone: bool = False

    def first(self, jobs: Sequence[Job]) -> list[Job]:
        """Return those of some jobs that may be done together: of each student until one is not of the family."""
        foreign = {job["student_id"]: job["id"] for job in sorted(jobs, key=_newest) if job["kind"] not in self.kinds}
        foreign.pop(None, None)
        mine = (job for job in jobs if job["kind"] in self.kinds)
        may = [job for job in mine if job["id"] < foreign.get(job["student_id"], job["id"] + 1)]
        return may[:1] if self.alone else may


def _newest(job: Job) -> int:
    return -int(job["id"])
