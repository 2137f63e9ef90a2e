"""What other systems are told of an order's money: an event of its student, whose number is the next of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from db.transaction import fetch

REQUESTED, NEEDS_REVIEW = "order.refund_requested", "order.needs_review"

# Numbered by the database, where nobody else can have the number: the student is held.
TELL = """
WITH told AS (
    SELECT o.id AS order_id, o.student_id, o.organization_id, s.external_id, said.data, said.n,
           row_number() OVER (PARTITION BY o.student_id ORDER BY said.n) AS place
      FROM jsonb_array_elements(%(said)s::jsonb) WITH ORDINALITY AS x (said, number)
     CROSS JOIN LATERAL (SELECT (x.said ->> 0)::bigint AS order_id, x.said -> 1 AS data, x.number AS n) said
      JOIN orders o ON o.id = said.order_id JOIN students s ON s.id = o.student_id
), counted AS (
    UPDATE students s SET event_sequence = s.event_sequence + x.told
      FROM (SELECT student_id, count(*) AS told FROM told GROUP BY 1) x WHERE s.id = x.student_id
    RETURNING s.id, s.event_sequence - x.told AS before
)
INSERT INTO domain_events (organization_id, student_id, type, subject, sequence, data, message_id, due_at, created_at)
SELECT t.organization_id, t.student_id, %(type)s, 'order/' || t.order_id, c.before + t.place,
       jsonb_build_object('orderId', t.order_id, 'studentId', t.external_id) || t.data, gen_random_uuid(),
       %(at)s, %(at)s
  FROM told t JOIN counted c ON c.id = t.student_id ORDER BY t.n
"""


def tell(session: Session, kind: str, told: Sequence[tuple[int, Mapping[str, Any]]], *, at: datetime) -> None:
    """Publish an event of each order that is named, with what is said of it; the caller holds their students.

    Nobody who knows the number of a student's last event may write it after this.
    """
    if told:
        fetch(session, TELL, type=kind, said=orjson.dumps(told).decode(), at=at)
