"""Domain events leave as CloudEvents 1.0 on the topic exchange `punchcard.events`, at least once."""

from __future__ import annotations

from functools import cache
from typing import Any

from kombu import Connection, Exchange
from kombu.exceptions import OperationalError
from sqlalchemy import Engine

from db.models import DomainEvent
from db.transaction import fetch, transaction
from worker.log import describe
from worker.outbox import Away, Outbox
from worker.runtime import publisher, settings

CONFIRM_SECONDS = 3
EXCHANGE = Exchange("punchcard.events", type="topic", durable=True)

ONE = """
SELECT e.message_id, e.type, e.subject, e.student_id, e.sequence, e.data, e.created_at, o.slug
  FROM domain_events e JOIN organizations o ON o.id = e.organization_id WHERE e.id = %(id)s
"""


@cache
def broker_errors(broker_url: str) -> tuple[type[BaseException], ...]:
    """Return what the transport of a broker raises where the broker is away, hangs, or takes nothing."""
    connection = Connection(broker_url)
    known = connection.connection_errors + connection.channel_errors + connection.recoverable_connection_errors
    return (OperationalError, OSError, *known)


def cloud_event(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a CloudEvent.

    `sequence` numbers the events of one `partitionkey`, a student, so that consumers can order them; an event about no
    student has neither.
    """
    event = {
        "specversion": "1.0",
        "id": str(row["message_id"]),
        "source": f"/organizations/{row['slug']}",
        "type": row["type"],
        "subject": row["subject"],
        "time": row["created_at"].isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": row["data"],
    }
    if row["student_id"] is None:
        return event
    return event | {"partitionkey": f"student/{row['student_id']}", "sequence": str(row["sequence"])}


def publish(engine: Engine, row_id: int) -> None:
    """Publish one row of the outbox.

    Raises:
        Away: the broker is.

    """
    with transaction(engine) as session:
        event = cloud_event(fetch(session, ONE, id=row_id)[0])
    try:
        _publish(event)
    except broker_errors(settings().broker_url) as error:
        raise Away(f"the broker is away: {describe(error)}") from error


def _publish(event: dict[str, Any]) -> None:
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
            # Until a broker of AMQP has it; what is not confirmed is sent again.
            confirm_timeout=CONFIRM_SECONDS,
        )


DOMAIN_EVENTS = Outbox(DomainEvent, batch=100, send=publish)
