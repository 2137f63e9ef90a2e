"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where it is not fine."""

    what: str
    fine: bool
    found: str
    mend: str = ""

    def as_row(self) -> dict[str, object]:
        """Return it as a row of a table."""
        return {"check": self.what, "": "ok" if self.fine else "WRONG", "found": self.found, "mend": self.mend}
