"""Act on a batch of commands: each whole or refused, the batch in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from domain.booking.command import KINDS, Command, read
from domain.booking.decide import decide
from domain.booking.facts import read_world
from domain.booking.rows import write
from domain.family import Answer, Family, Job


def act(session: Session, commands: Sequence[Command], *, at: datetime) -> dict[int, Answer]:
    """Do what commands ask for at an instant; return of each job its result, or why it was refused."""
    world = read_world(session, commands, at=at)
    answers, outgoing = decide(commands, world, at=at)
    write(session, outgoing, at=at)
    return answers


def _act(session: Session, jobs: Sequence[Job], *, at: datetime) -> dict[int, Answer]:
    return act(session, [read(job) for job in jobs], at=at)


BOOKING = Family(KINDS, _act)
