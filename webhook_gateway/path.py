"""Ids in addresses: what cannot be an id is an address that does not exist."""

from __future__ import annotations

from werkzeug.routing import BaseConverter, ValidationError

MAX_ID = 2**63 - 1


class IdConverter(BaseConverter):
    """A positive bigint."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """Return the id, or let the address match nothing."""
        if int(value) > MAX_ID:
            raise ValidationError
        return int(value)
