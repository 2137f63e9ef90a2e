"""What operators ask."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from webhook_gateway.schema.base import Output


class Health(Output):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(Output):
    """The process may be sent requests."""

    status: Literal["ready"] = "ready"
    database_schema: str = Field(description="The revision that was applied last")
    broker: Literal["reachable", "unreachable"] = Field(description="Only told: work is found without it, later")
