"""Form-encoded bodies with brackets, as Stripe's libraries send them, and what is asked of each parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fake_stripe.error import Refused, unknown_parameter

Json = dict[str, Any]

MAX_DEPTH = 8
MAX_KEYS, MAX_KEY, MAX_VALUE = 50, 40, 500
MAX_TEXT = 5_000
MAX_DIGITS = 15


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """Return what `a[b][0][c]=v` means: objects in objects, and lists where the names are numbers or empty."""
    root: Json = {}
    for name, value in pairs:
        first, _, rest = name.partition("[")
        parts = [first, *(re.findall(r"([^\[\]]*)\]", rest) if rest else [])]
        if len(parts) > MAX_DEPTH:
            raise unknown_parameter(name)
        level = root
        for part in parts[:-1]:
            deeper = level.setdefault(part or str(len(level)), {})
            if not isinstance(deeper, dict):
                raise Refused(f"Invalid object: {name}", param=first)
            level = deeper
        level[parts[-1] or str(len(level))] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdecimal() for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(each) for name, each in value.items()}


class Params:
    """Parameters of a request; each one that is read is known, and `unread` names the others."""

    def __init__(self, said: Json, path: str = "") -> None:
        self.said, self.path = said, path
        self._read: set[str] = set()
        self._within: list[Params] = []

    def __contains__(self, name: str) -> bool:
        """Say whether a parameter was sent, even empty."""
        return name in self.said

    def name(self, name: str) -> str:
        """Return what a parameter is called in an error."""
        return f"{self.path}[{name}]" if self.path else name

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text; an empty one is none."""
        self._read.add(name)
        value = self.said.get(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise Refused(f"Invalid string: {self.name(name)}", param=self.name(name))
        return value

    def required(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.text(name)
        if value is None:
            said = f"Missing required param: {self.name(name)}."
            raise Refused(said, code="parameter_missing", param=self.name(name))
        return value

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str | None:
        """Return one of several words."""
        value = self.text(name, default)
        if value is not None and value not in choices:
            raise Refused(f"Invalid {self.name(name)}: must be one of {', '.join(choices)}", param=self.name(name))
        return value

    def integer(self, name: str, *, least: int = 0, most: int = 999_999_999_999) -> int | None:
        """Return a whole number, or None."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(rf"-?\d{{1,{MAX_DIGITS}}}", value):
            said = f"Invalid integer: {value[:40]}"
            raise Refused(said, code="parameter_invalid_integer", param=self.name(name))
        if not least <= int(value) <= most:
            bound = f"greater than or equal to {least}" if int(value) < least else f"less than or equal to {most}"
            raise Refused(f"This value must be {bound}.", code="parameter_invalid_integer", param=self.name(name))
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Return true, false, or None where nothing was said."""
        value = self.text(name)
        if value not in {None, "true", "false"}:
            raise Refused(f"Invalid boolean: {str(value)[:40]}", param=self.name(name))
        return None if value is None else value == "true"

    def member(self, name: str) -> Params | None:
        """Return the parameters within one, or None."""
        self._read.add(name)
        value = self.said.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise Refused("Invalid object", param=self.name(name))
        self._within.append(Params(value, self.name(name)))
        return self._within[-1]

    def each(self, name: str) -> list[Params]:
        """Return the objects of a list."""
        self._read.add(name)
        values = self.said.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise Refused("Invalid array", param=self.name(name))
        found = [Params(value, f"{self.name(name)}[{at}]") for at, value in enumerate(values)]
        self._within.extend(found)
        return found

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts, or None where nothing was said."""
        self._read.add(name)
        values = self.said.get(name)
        if values is None or values == "":
            return None
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Refused("Invalid array", param=self.name(name))
        return list(values)

    def metadata(self, onto: Json | None = None, name: str = "metadata") -> Json:
        """Return the metadata that come of this request: an empty value takes one away, an empty whole all."""
        self._read.add(name)
        said = self.said.get(name)
        if said == "":
            return {}
        if said is not None and not isinstance(said, dict):
            raise Refused("Invalid object", param=self.name(name))
        merged = {**(onto or {}), **(said or {})}
        kept = {key: value for key, value in merged.items() if value != ""}
        self._check_metadata(kept, name)
        return kept

    def _check_metadata(self, kept: Json, name: str) -> None:
        for key, value in kept.items():
            param = f"{self.name(name)}[{key}]"
            if not isinstance(value, str) or len(value) > MAX_VALUE:
                raise Refused(f"Metadata values can have up to {MAX_VALUE} characters.", param=param)
            if len(key) > MAX_KEY:
                raise Refused(f"Metadata keys can have up to {MAX_KEY} characters.", param=param)
        if len(kept) > MAX_KEYS:
            raise Refused(f"Metadata can have up to {MAX_KEYS} keys.", param=self.name(name))

    def unread(self) -> Iterator[str]:
        """Yield the names of parameters that nobody asked for."""
        yield from (self.name(name) for name in self.said if name not in self._read)
        for each in self._within:
            yield from each.unread()
