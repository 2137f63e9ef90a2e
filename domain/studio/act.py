"""What the studio does to a whole session: each command in a transaction of its own, whole or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from domain.errors import Refusal
from domain.family import Answer, Family, Job, Result, check_begun
from domain.studio.attendance import attend
from domain.studio.call_off import call_off
from domain.studio.command import KINDS, Attend, CallOff, Move, SessionCommand, read
from domain.studio.gathering import Overtaken
from domain.studio.move import move

DOINGS: Mapping[type[SessionCommand], Callable[..., Result]] = {Attend: attend, CallOff: call_off, Move: move}
# Each time all that were there are held, and whoever comes meanwhile must be held by others, too.
ROUNDS = 10


def act(session: Session, command: SessionCommand, *, at: datetime) -> Answer:
    """Do what a command asks for at an instant; return its result, or why it was refused.

    Raises:
        Overtaken: too many came in between; nothing was done, and it is to be tried again.

    """
    doing = DOINGS[type(command)]
    for _ in range(ROUNDS):
        try:
            check_begun(command.due_at, at=at)
            # Whatever was locked and written in it is given back with it.
            with session.begin_nested():
                return doing(session, command, at=at)
        except Refusal as refusal:
            return refusal
        except Overtaken:
            continue
    raise Overtaken


def _act(session: Session, jobs: Sequence[Job], *, at: datetime) -> dict[int, Answer]:
    return {job["id"]: act(session, read(job), at=at) for job in jobs}


STUDIO = Family(KINDS, _act, alone=True)
