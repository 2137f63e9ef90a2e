"""Lists in pages, newest first, from one object's id to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from fake_stripe.error import Refused, missing
from fake_stripe.forms import Params
from fake_stripe.store import Json, Store, shown

USUAL, MOST = 10, 100
BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda at, bound: at > bound,
    "gte": lambda at, bound: at >= bound,
    "lt": lambda at, bound: at < bound,
    "lte": lambda at, bound: at <= bound,
}
Fits = Callable[[Json], bool]


def page(store: Store, kind: str, params: Params, url: str, *fits: Fits) -> Json:
    """Return one page of the objects that fit, as the parameters `limit`, `starting_after` and `ending_before` say."""
    limit = params.integer("limit", least=1, most=MOST) or USUAL
    after, before = _place(store, kind, params, "starting_after"), _place(store, kind, params, "ending_before")
    if after is not None and before is not None:
        raise Refused("You may only specify one of these parameters: ending_before, starting_after.")
    wanted = [*fits, *created(params)]
    found: Iterator[Json] = (
        each for each in store.walk(kind, after=after, before=before) if all(fit(each) for fit in wanted)
    )
    data = list(islice(found, limit + 1))
    shown = data[:limit]
    return listed(shown[::-1] if before is not None else shown, url, has_more=len(data) > limit)


def listed(data: list[Json], url: str, *, has_more: bool = False) -> Json:
    """Return objects as a list of Stripe's."""
    return {"object": "list", "data": [shown(each) for each in data], "has_more": has_more, "url": url}


def same(field: str, value: object) -> Fits:
    """Return what fits where a field has this value; everything where the value is None."""
    return lambda obj: value is None or obj.get(field) == value


def created(params: Params) -> list[Fits]:
    """Return what fits the parameter `created`: a second, or bounds."""
    if isinstance(params.said.get("created"), str):
        at = params.integer("created")
        return [lambda obj: obj["created"] == at]
    within = params.member("created")
    bounds = [(holds, within.integer(name)) for name, holds in BOUNDS.items()] if within else []
    return [_bounded(holds, bound) for holds, bound in bounds if bound is not None]


def _bounded(holds: Callable[[int, int], bool], bound: int) -> Fits:
    return lambda obj: holds(obj["created"], bound)


def _place(store: Store, kind: str, params: Params, name: str) -> int | None:
    key = params.text(name)
    if key is None:
        return None
    place = store.position(kind, key)
    if place is None:
        raise missing(kind, key, param=name)
    return place
