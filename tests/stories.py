"""Stories of Stripe's events, told in every order at once: each telling has ids and students of its own."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from db.transaction import fetch, transaction
from tests.stripe_objects import Event
from tests.studio import Studio
from worker import clock
from worker.inbox import _claim, _handle
from worker.stripe_inbox import STRIPE_EVENTS

# What a telling gives a name of its own: Stripe's ids, students and their addresses.
OWN = re.compile(r"(?:evt|pi|re|dp|ch|in|inpay|sub|cus|cs|il)_\w+|ada|grace")
MARK = re.compile(r"-t\d+")

# Of a telling all that must not depend on the order.
FINAL = """
SELECT p.stripe_key, p.status, p.amount_received, p.amount_refunded, p.dispute_status, p.facts::text,
       p.subscription_key,
       (SELECT whole.stripe_key FROM payments whole WHERE whole.id = p.part_of) AS part_of,
       o.status AS order_status, o.paid, o.list_price, o.discount, o.price_mismatch, o.package_metadata::text,
       o.order_type, s.external_id,
       (SELECT jsonb_agg(jsonb_build_array(k.product_code, k.line, k.unit, k.redemption_type, k.starts_at, k.expires_at,
                  k.all_access_starts_at, k.all_access_expires_at,
                  (SELECT jsonb_agg(jsonb_build_array(a.service_type, a.credits,
                            (SELECT coalesce(sum(u.credits), 0) FROM package_uses u WHERE u.allowance_id = a.id))
                            ORDER BY a.position)
                     FROM student_package_allowances a WHERE a.student_package_id = k.id),
                  (SELECT jsonb_agg(jsonb_build_array(e.status, e.review_reason, c.code, e.place IS NULL,
                            (SELECT jsonb_agg(g.status ORDER BY g.course_step_id) FROM student_course_step_progress g
                              WHERE g.enrollment_id = e.id)))
                     FROM student_course_enrollments e LEFT JOIN course_cohorts c ON c.id = e.cohort_id
                    WHERE e.student_package_id = k.id),
                  (SELECT count(*) FROM bookings b WHERE b.student_package_id = k.id AND b.status = 'DRAFT'))
                ORDER BY k.line, k.unit)
          FROM student_packages k WHERE k.order_id = o.id)::text AS packages,
       (SELECT jsonb_agg(jsonb_build_array(r.kind, r.about, r.resolved_at IS NULL) ORDER BY r.kind, r.about)
          FROM order_reviews r WHERE r.order_id = o.id)::text AS reviews
  FROM payments p LEFT JOIN orders o ON o.payment_id = p.id LEFT JOIN students s ON s.id = o.student_id
 ORDER BY p.stripe_key
"""
SUBSCRIPTIONS = "SELECT stripe_key, facts::text, status, cancels_at, ended_at FROM subscriptions ORDER BY stripe_key"


def telling(order: Sequence[Event], number: int) -> list[Event]:
    """Return the events of a story in an order, with names of their own."""
    return [_own(copy.deepcopy(event), f"-t{number:03}") for event in order]


def _own(value: Any, mark: str) -> Any:
    if isinstance(value, dict):
        return {key: _own(each, mark) for key, each in value.items()}
    if isinstance(value, list):
        return [_own(each, mark) for each in value]
    if isinstance(value, str) and "@" in value:
        return value.replace("@", f"{mark}@", 1)
    return value + mark if isinstance(value, str) and OWN.fullmatch(value) else value


def tell(studio: Studio, tellings: Sequence[Sequence[Event]], *, at_once: bool = False) -> None:
    """Deliver tellings side by side, event by event, or all of each at once; what waits is looked at again."""
    if at_once:
        studio.receive(*(event for each in tellings for event in each))
        studio.drain()
    else:
        for events in zip(*tellings, strict=True):
            studio.receive(*events)
            crash(studio)
            studio.drain()
    for _ in range(3):
        studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
        studio.drain()


class Crash(Exception):
    """What a worker that dies before it commits leaves behind: nothing."""


def crash(studio: Studio) -> None:
    """Have a worker act on what is due and die before it commits."""
    with pytest.raises(Crash):
        _act_and_die(studio, at=clock.now())


def _act_and_die(studio: Studio, *, at: datetime) -> None:
    with transaction(studio.engine) as session:
        _handle(session, STRIPE_EVENTS, _claim(session, STRIPE_EVENTS, at), at)
        raise Crash


def finals(studio: Studio) -> dict[str, str]:
    """Return what each telling ended in, by its mark."""
    outcomes: dict[str, list[str]] = {}
    with transaction(studio.engine) as session:
        rows = [*fetch(session, FINAL), *fetch(session, SUBSCRIPTIONS)]
    for row in rows:
        text = json.dumps(row, default=str, sort_keys=True)
        mark = MARK.search(text)
        outcomes.setdefault(mark.group() if mark else "", []).append(MARK.sub("", text))
    return {mark: "\n".join(lines) for mark, lines in outcomes.items()}


def orders(events: Iterable[Event], *, twice: int) -> list[list[Event]]:
    """Return every order of events, each with one of them, another one in each, delivered a second time."""
    told = []
    for number, order in enumerate(permutations(events)):
        repeated = order[number % len(order)]
        again = repeated | {"id": f"{repeated['id']}x"} if number % twice else repeated
        told.append([*order, again])
    return told
