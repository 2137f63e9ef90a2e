"""Domain events leave as CloudEvents 1.0 on the topic exchange `punchcard.events`, at least once."""

from __future__ import annotations

from typing import Any

from kombu import Exchange
from sqlalchemy import Engine

from db.models import DomainEvent
from db.transaction import fetch, transaction
from worker.outbox import Outbox
from worker.runtime import publisher

EXCHANGE = Exchange("punchcard.events", type="topic", durable=True)

ONE = """
SELECT e.message_id, e.type, e.subject, e.sequence, e.data, e.created_at, o.slug
  FROM domain_events e JOIN organizations o ON o.id = e.organization_id WHERE e.id = %(id)s
"""


def cloud_event(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a CloudEvent; `sequence` numbers the student's events, so that consumers can order them."""
    return {
        "specversion": "1.0",
        "id": str(row["message_id"]),
        "source": f"/organizations/{row['slug']}",
        "type": row["type"],
        "subject": row["subject"],
        "time": row["created_at"].isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": str(row["sequence"]),
        "data": row["data"],
    }


def publish(engine: Engine, row_id: int) -> None:
    """Publish one row of the outbox."""
    with transaction(engine) as session:
        event = cloud_event(fetch(session, ONE, id=row_id)[0])
    with publisher().producer_or_acquire() as producer:
        producer.publish(
            event,
            exchange=EXCHANGE,
            declare=[EXCHANGE],
            routing_key=event["type"],
            serializer="json",
            headers={"content-type": "application/cloudevents+json"},
            message_id=event["id"],
            retry=False,
        )


DOMAIN_EVENTS = Outbox(DomainEvent, batch=100, send=publish)
