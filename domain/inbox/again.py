"""What makes a row of an inbox run again, of whichever inbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def due_again(at: datetime) -> dict[str, Any]:
    """Return the columns of a row that is due at once and has all its attempts before it.

    The last error and its code stay, to be read until the row succeeds.
    """
    return {"due_at": at, "attempts": 0, "sweeps": 0, "finished_at": None}
