"""The rules of PRODUCT.md once more: what becomes of a command.

Written against the page, not against the engine: nothing of the model imports anything of ours. Slow, and hard to
get wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.domain.history.books import Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.refunding import Refunding

BEGUN = timedelta(minutes=15)


class Model(Refunding):
    def do(self, command: Command, at: datetime) -> str:
        """Return `done`, or the code of the refusal."""
        try:
            refuse_if((at - command.asked_at > BEGUN, "too_late"))
            getattr(self, command.kind)(command, at)
        except Refused as refused:
            return str(refused)
        return "done"

    def uncalled(self, at: datetime) -> list[int]:
        """The sessions in which a place is free while somebody waits whose turn has not come."""
        return [
            session.id
            for session in self.sessions
            if self.room(session) > 0
            and any(wait.status == "WAITING" and at < self.closes(wait) for wait in self.line(session))
        ]
