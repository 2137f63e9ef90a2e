"""Who a person is, by every name under which something of theirs is stored."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.transaction import Rows, fetch
from domain.errors import NotFound

# A guest is known by their address; a name goes first, in case it is one. Whoever was merged is the other.
NAMED = """
SELECT coalesce(merged_into, id) AS id FROM students
 WHERE organization_id = %(organization)s
   AND (external_id = %(name)s OR external_id IS NULL AND lower(email) = lower(%(name)s))
 ORDER BY external_id NULLS LAST LIMIT 1
"""
RECORDS = """
SELECT id, external_id, email, name FROM students
 WHERE id = %(id)s OR merged_into = %(id)s ORDER BY id <> %(id)s, id
"""
CUSTOMERS = """
SELECT stripe_customer_id FROM stripe_customers WHERE student_id = ANY(%(ids)s) ORDER BY stripe_customer_id
"""
# A payment that became no order is whose it names; else it is the customer's, or that of the address where nobody
# has the customer.
PAYMENTS = """
SELECT p.id, p.stripe_key, p.facts FROM payments p JOIN orders o ON o.payment_id = p.id
 WHERE o.student_id = ANY(%(ids)s)
UNION ALL
SELECT p.id, p.stripe_key, p.facts
  FROM payments p
  LEFT JOIN stripe_customers c USING (stripe_customer_id, organization_id)
 CROSS JOIN LATERAL (
       SELECT array_agg(named) FILTER (WHERE named IS NOT NULL) AS names, array_agg(lower(fact ->> 'email')) AS emails
         FROM jsonb_each(p.facts) AS stated (source, fact),
              coalesce(fact ->> 'client_reference_id', fact ->> 'student_id') AS named) said
 WHERE p.organization_id = %(organization)s AND NOT EXISTS (SELECT FROM orders o WHERE o.payment_id = p.id)
   AND CASE WHEN said.names IS NOT NULL THEN said.names && %(names)s
            WHEN c.student_id IS NOT NULL THEN c.student_id = ANY(%(ids)s)
            ELSE said.emails && %(emails)s END
 ORDER BY stripe_key
"""
# As in a job's caller.
ROLES = ("STUDENT", "STAFF", "ADMIN")


ERASED = """
SELECT count(*) AS n FROM students
 WHERE organization_id = %(organization)s AND erased_at IS NOT NULL AND merged_into IS NULL
"""
# Whoever was erased is not known by any name, that they were is.
ADVICE = {0: "", 1: "; 1 student of the organization was erased, and nothing says any more who that was"}
ADVICES = "; {} students of the organization were erased, and nothing says any more who they were"


@dataclass(frozen=True, slots=True)
class Person:
    """A student with all who were merged into them.

    `names` are the frontend's ids; `emails` are written as they were told, also those that only Stripe was told;
    `payments` are the ids of payments by their Stripe keys.
    """

    organization_id: int
    id: int
    ids: list[int]
    names: list[str]
    emails: list[str]
    customers: list[str]
    payments: dict[str, int]

    @property
    def actors(self) -> list[str]:
        """Return what they are called as who did something; the same id may be a student's and staff's."""
        return [f"{role} {name}" for role in ROLES for name in self.names]


def find_person(session: Session, organization_id: int, name: str) -> Person:
    """Return whom a name means: the frontend's id, or the e-mail address of a guest.

    Raises:
        NotFound: nobody; or nobody any more.

    """
    found = fetch(session, NAMED, organization=organization_id, name=name)
    if not found:
        erased = fetch(session, ERASED, organization=organization_id)[0]["n"]
        raise NotFound(f"There is no student {name} in the organization{ADVICE.get(erased, ADVICES).format(erased)}.")
    records = fetch(session, RECORDS, id=found[0]["id"])
    ids = [row["id"] for row in records]
    customers = [row["stripe_customer_id"] for row in fetch(session, CUSTOMERS, ids=ids)]
    names = [row["external_id"] for row in records if row["external_id"]]
    emails = {row["email"] for row in records if row["email"]}
    about = {"organization": organization_id, "ids": ids, "names": names}
    payments = fetch(session, PAYMENTS, **about, emails=[email.lower() for email in emails])
    told = sorted(emails | _addresses(payments))
    keys = {row["stripe_key"]: row["id"] for row in payments}
    return Person(organization_id, found[0]["id"], ids, names, told, customers, keys)


def _addresses(payments: Rows) -> set[str]:
    """Return the addresses that Stripe was told when they paid."""
    said = (fact.get("email") for row in payments for fact in row["facts"].values())
    return {email for email in said if email}
