"""Which sessions a batch may put somebody into who names none: looked at before they are locked, some to spare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from db.transaction import fetch
from domain.enrollment.enrollment import Option, Step
from domain.enrollment.step_command import Selection

# An option that may be taken, and the session that is named for it, if one is.
Want = tuple[Option, int | None]

# Others take places between the look and the lock: two more batches of as many.
SPARE = 40
# However large a session is: its student may be elsewhere then.
DATES = 5
# However small they are.
MOST = 60

AHEAD = """
SELECT kind.id AS class_id, c.id, c.free
  FROM unnest(%(classes)s::bigint[]) AS kind (id) CROSS JOIN LATERAL (
       SELECT s.id, s.start_at, s.capacity - taken.n AS free
         FROM class_sessions s
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM bookings b
                             WHERE b.session_id = s.id AND b.place IS NOT NULL) taken
        WHERE s.group_class_id = kind.id AND s.status = 'SCHEDULED' AND NOT s.arranged AND s.start_at > %(at)s
          AND (s.capacity > taken.n OR s.id IN (SELECT b.session_id FROM bookings b WHERE b.id = ANY(%(leaving)s)))
        ORDER BY s.start_at LIMIT %(most)s) c
 ORDER BY c.start_at, c.id
"""


def selected(steps: Mapping[int, Step], selections: Iterable[Selection]) -> Iterator[Want]:
    """Yield the options that are selected, as far as there are such."""
    for selection in selections:
        step = steps.get(selection.step_id)
        if option := step.choice(selection.option_id) if step else None:
            yield option, selection.session_id


def only_options(steps: Iterable[Step]) -> Iterator[Want]:
    """Yield the only options of steps that are open, or may be by then."""
    for step in steps:
        if option := step.only:
            yield option, None


def sessions_of(wants: Iterable[Want]) -> tuple[set[int], Counter[int]]:
    """Return the sessions that are wanted by name or cohort, and the classes of which any will do, with how often."""
    named, classes = set[int](), Counter[int]()
    for option, session_id in wants:
        if session := session_id or option.session_id:
            named.add(session)
        else:
            classes[option.class_id] += 1
    return named, classes


def within_reach(
    transaction: Transaction, wants: Mapping[int, Iterable[Want]], *, leaving: Collection[int] = (), at: datetime
) -> tuple[dict[int, set[int]], dict[int, list[int]]]:
    """Return the sessions into which each may be put who wants some options, and by class those that are ahead."""
    split = {key: sessions_of(options) for key, options in wants.items()}
    classes = sum((any_of for _, any_of in split.values()), Counter[int]())
    ahead = read_ahead(transaction, classes, leaving=leaving, at=at)
    reach = {key: named.union(*(ahead.get(kind, ()) for kind in any_of)) for key, (named, any_of) in split.items()}
    return reach, ahead


def read_ahead(
    transaction: Transaction, classes: Mapping[int, int], *, leaving: Collection[int] = (), at: datetime
) -> dict[int, list[int]]:
    """Return by class sessions ahead that have free places, in the order of their starts, for so many and some more.

    And those that are full as long as one of the bookings stands that may be `leaving` before their turn.
    """
    found: dict[int, list[int]] = {}
    places = Counter[int]()
    values = {"classes": list(classes), "leaving": list(leaving), "at": at, "most": MOST}
    for row in fetch(transaction, AHEAD, **values) if classes else ():
        kind, ahead = row["class_id"], found.setdefault(row["class_id"], [])
        if places[kind] < classes[kind] + SPARE or len(ahead) < DATES:
            places[kind] += row["free"]
            ahead.append(row["id"])
    return found
