"""What a student is told of a refund that came to nothing, though they were written to that it was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.mail.money_mail import REFUNDED, UNDONE

# Nobody is told that it failed who was not told that it was done.
MAIL = """
INSERT INTO notifications (organization_id, student_id, kind, dedupe_key, order_id, message_id, due_at, created_at)
SELECT o.organization_id, o.student_id, %(undone)s, d.dedupe_key, o.id, gen_random_uuid(), %(at)s, %(at)s
  FROM jsonb_array_elements(%(said)s::jsonb) AS x (said)
  JOIN orders o ON o.id = (x.said ->> 0)::bigint
  JOIN notifications d ON d.organization_id = o.organization_id AND d.kind = %(done)s
                      AND d.dedupe_key = 'refund:' || (x.said ->> 1)
 ORDER BY o.id, d.dedupe_key
ON CONFLICT (organization_id, kind, dedupe_key) DO NOTHING
"""


def tell_undone(session: Session, undone: Sequence[tuple[int, str]], *, at: datetime) -> None:
    """Tell the students of orders, each with the Stripe id of a refund, that it failed after all; they are held."""
    if undone:
        fetch(session, MAIL, undone=UNDONE, done=REFUNDED, said=orjson.dumps(undone).decode(), at=at)
