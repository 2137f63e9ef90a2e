"""Which of Stripe's events are a person's: most name a payment of theirs, some only a customer or an address."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.privacy.person import Person

Json = dict[str, Any]

# Looked for as bytes first: few of all that is kept have any of it.
CANDIDATES = """
SELECT e.id, e.event_id, e.organization_id, e.type, e.status, e.error_code, e.received_at, e.finished_at, e.payload,
       e.payload_hash, e.line_items, coalesce(e.payment_key = ANY(%(keys)s), FALSE) AS paid,
       EXISTS (SELECT FROM payments p WHERE p.stripe_key = e.payment_key) AS standing
  FROM stripe_events e
 WHERE (e.organization_id = %(organization)s OR e.organization_id IS NULL)
   AND (e.payment_key = ANY(%(keys)s)
        OR e.payload IS NOT NULL
           AND EXISTS (SELECT FROM unnest(%(marks)s::bytea[]) mark WHERE position(mark IN e.payload) > 0))
 ORDER BY e.id
"""
OTHERS = """
SELECT stripe_customer_id FROM stripe_customers
 WHERE stripe_customer_id = ANY(%(customers)s) AND student_id <> ALL(%(ids)s)
"""


def stored_events(session: Session, person: Person) -> Rows:
    """Return the rows of the events that are a person's, oldest first."""
    values = {"organization": person.organization_id, "keys": list(person.payments), "marks": _marks(person)}
    rows = fetch(session, CANDIDATES, **values)
    # A payment that stands and is not theirs is somebody else's, and with it what is said of it.
    said = {row["id"]: parsed(row["payload"]) for row in rows if not (row["paid"] or row["standing"])}
    others = _customers_of_others(session, person, said.values())
    return [row for row in rows if row["paid"] or _is_theirs(row, said.get(row["id"]), person, others)]


def _customers_of_others(session: Session, person: Person, said: Iterable[object]) -> set[str]:
    """Return which of the customers that events name are somebody else's."""
    named = {each for every in said for each in _ids(_told(every), "id", "customer")} - {*person.customers}
    rows = fetch(session, OTHERS, ids=person.ids, customers=list(named)) if named else []
    return {row["stripe_customer_id"] for row in rows}


def _marks(person: Person) -> list[bytes]:
    """Return what an event of theirs has in it, as JSON may write it."""
    texts = [*person.names, *person.emails, *person.customers, *map(_object_id, person.payments)]
    return list({json.dumps(text, ensure_ascii=ascii_only).encode() for text in texts for ascii_only in (True, False)})


def _object_id(key: str) -> str:
    """Return the id of Stripe's object that a payment is known by."""
    return key.removeprefix("charge:")


def _is_theirs(row: Mapping[str, Any], said: object, person: Person, others: set[str]) -> bool:
    """Say whether an event is about a person; whom a name or an address means, only its organization says.

    What nobody will act on any more may be anybody's. An address says whose an event is where no customer does:
    families share one.
    """
    told = _told(said)
    if _ids(told, "id", "payment_intent", "charge") & {*map(_object_id, person.payments)}:
        return True
    is_ours = row["organization_id"] is not None or row["status"] in {"PROCESSED", "IGNORED"}
    metadata = told.get("metadata")
    named = told.get("client_reference_id") or (metadata.get("student_id") if isinstance(metadata, dict) else None)
    if named:
        return is_ours and named in person.names
    customers = _ids(told, "id", "customer")
    if customers & ({*person.customers} | others):
        return not customers.isdisjoint(person.customers)
    addresses = {email.lower() for email in person.emails}
    return is_ours and any(text.lower() in addresses for text in _texts(said))


def parsed(payload: bytes | None) -> object:
    """Return what an event says; None where that is no JSON, or kept no longer."""
    try:
        return json.loads(payload or b"")
    except (ValueError, RecursionError):
        return None


def _told(said: object) -> Json:
    data = said.get("data") if isinstance(said, dict) else None
    told = data.get("object") if isinstance(data, dict) else None
    return told if isinstance(told, dict) else {}


def _ids(told: Json, *fields: str) -> set[str]:
    """Return the ids of objects that some fields name; Stripe may send them expanded."""
    values = (told.get(field) for field in fields)
    found = (value.get("id") if isinstance(value, dict) else value for value in values)
    return {value for value in found if isinstance(value, str)}


def _texts(said: object) -> Iterator[str]:
    """Yield every text in a JSON value, however deep it is."""
    waiting = [said]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
