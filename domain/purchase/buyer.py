"""Whose purchase it is: by the frontend's id, by Stripe customer, by e-mail among guests, else a new student.

Who was merged into another student is that one, by whatever name a purchase knows them.

A student with an `external_id` is only found by it, or by a Stripe customer that a purchase linked to
it; e-mail finds guests alone, since a family may share an address (PRODUCT.md §2.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert
from db.models import StripeCustomer, Student
from db.transaction import fetch
from domain.purchase.payment import Purchase
from domain.student import settled

# (organization, name): an external id, a Stripe customer or a lower-case e-mail within one organization.
Key = tuple[int, str]
Buyers = dict[Key, int]


def find_buyers(session: Session, purchases: Sequence[Purchase], *, at: datetime) -> Buyers:
    """Return the student of each purchase, by (organization, payment key), creating who is not known.

    Purchases that name the student come first: they also tell whose a Stripe customer is, whatever
    order the purchases arrived in.
    """
    ordered = sorted(purchases, key=lambda purchase: (purchase.organization_id, purchase.key))
    # All of the batch's customers at once and in one order, before anything is written.
    _customers(session, {_customer(p) for p in ordered if p.customer})
    named = [purchase for purchase in ordered if purchase.external_id]
    unnamed = [purchase for purchase in ordered if not purchase.external_id]
    by_external_id = _students(session, named, at=at)
    buyers = {_key(p): by_external_id[p.organization_id, p.external_id or ""] for p in named}
    customers = _link(session, {_customer(p): buyers[_key(p)] for p in named if p.customer}, named=True)
    buyers |= _guests(session, unnamed, customers, at=at) if unnamed else {}
    return buyers


COMPLETE = """
UPDATE students SET email = new.email, name = coalesce(students.name, new.name)
  FROM unnest(%(ids)s::bigint[], %(emails)s::text[], %(names)s::text[]) AS new (id, email, name)
 WHERE students.id = new.id AND students.email IS NULL
"""


def complete_addresses(session: Session, purchases: Mapping[int, Purchase]) -> None:
    """Give locked students, by id, the address that their purchase knows and their token did not say."""
    if purchases:
        values = [(student, purchase.email, purchase.name) for student, purchase in purchases.items()]
        ids, emails, names = (list(column) for column in zip(*values, strict=True))
        fetch(session, COMPLETE, ids=ids, emails=emails, names=names)


def _key(purchase: Purchase) -> Key:
    return purchase.organization_id, purchase.key


def _customer(purchase: Purchase) -> Key:
    return purchase.organization_id, purchase.customer or ""


def _students(session: Session, named: Sequence[Purchase], *, at: datetime) -> Buyers:
    """Find or create the students that purchases name."""
    first = {(p.organization_id, p.external_id or ""): p for p in reversed(named)}
    rows = [
        {"organization_id": key[0], "external_id": key[1], "email": p.email, "name": p.name, "created_at": at}
        for key, p in sorted(first.items())
    ]
    conflict = "(organization_id, external_id) DO NOTHING"
    created = insert(session, Student, rows, conflict=conflict, returning="id, organization_id, external_id")
    found = {(row["organization_id"], row["external_id"]): row["id"] for row in created}
    missing = first.keys() - found.keys()
    # Held while they have the name: who is erased at this moment has none.
    known = _select(
        session,
        "SELECT id, organization_id, external_id AS name FROM students"
        " WHERE organization_id = ANY(%(organizations)s) AND external_id = ANY(%(names)s) ORDER BY id FOR KEY SHARE",
        missing,
    )
    gone = [first[key] for key in missing if key not in known]
    return found | _settled(session, known) | (_students(session, gone, at=at) if gone else {})


def _settled(session: Session, buyers: Buyers) -> Buyers:
    """Return buyers as who they are by now: nobody merges them before the transaction ends."""
    now = settled(session, set(buyers.values())) if buyers else {}
    return {key: now[student] for key, student in buyers.items()}


def _select(session: Session, statement: str, keys: Iterable[Key]) -> Buyers:
    """Run a statement that returns id, organization_id and name, for the keys alone."""
    wanted = set(keys)
    if not wanted:
        return {}
    organizations, names = (list(set(column)) for column in zip(*wanted, strict=True))
    rows = fetch(session, statement, organizations=organizations, names=names)
    return {key: row["id"] for row in rows if (key := (row["organization_id"], row["name"])) in wanted}


def _link(session: Session, links: Buyers, *, named: bool) -> Buyers:
    """Write whose a Stripe customer is, and return what stands: a named student takes a guest's place."""
    rows = [
        {"organization_id": key[0], "stripe_customer_id": key[1], "student_id": student}
        for key, student in sorted(links.items())
    ]
    take_over = (
        "(organization_id, stripe_customer_id) DO UPDATE SET student_id = excluded.student_id WHERE EXISTS"
        " (SELECT 1 FROM students s WHERE s.id = stripe_customers.student_id AND s.external_id IS NULL)"
    )
    insert(session, StripeCustomer, rows, conflict=take_over if named else "DO NOTHING")
    return _customers(session, links)


def _customers(session: Session, keys: Iterable[Key]) -> Buyers:
    """Return whose customers are, and hold that: who takes one over meanwhile waits, and finds our orders."""
    return _select(
        session,
        "SELECT student_id AS id, organization_id, stripe_customer_id AS name FROM stripe_customers"
        " WHERE organization_id = ANY(%(organizations)s) AND stripe_customer_id = ANY(%(names)s)"
        " ORDER BY stripe_customer_id, organization_id FOR NO KEY UPDATE",
        keys,
    )


def _guests(session: Session, unnamed: Sequence[Purchase], customers: Buyers, *, at: datetime) -> Buyers:
    """Find or create the students of purchases that do not name one."""
    customers = customers | _customers(session, {_customer(p) for p in unnamed if p.customer})
    strangers = [p for p in unnamed if _customer(p) not in customers]
    emails = _emails(session, strangers, at=at)
    found = {_key(p): emails[_email(p)] for p in strangers if p.email}
    found |= _anonymous(session, [p for p in strangers if not p.email], at=at)
    found = _settled(session, found)
    links = {_customer(p): found[_key(p)] for p in reversed(strangers) if p.customer}
    customers |= _link(session, links, named=False)
    return {_key(p): customers.get(_customer(p)) or found[_key(p)] for p in unnamed}


def _email(purchase: Purchase) -> Key:
    return purchase.organization_id, purchase.email or ""


def _emails(session: Session, strangers: Sequence[Purchase], *, at: datetime) -> Buyers:
    """Find or create guests by e-mail; the unique index keeps two purchases at once from making two.

    The database alone says which addresses are the same: Python folds some letters differently.
    """
    statement = (
        "SELECT s.id, s.organization_id, wanted.email AS name FROM unnest(%(names)s::text[]) AS wanted (email)"
        " JOIN students s ON lower(s.email) = lower(wanted.email) AND s.external_id IS NULL"
        " WHERE s.organization_id = ANY(%(organizations)s) ORDER BY s.id FOR KEY SHARE OF s"
    )
    wanted = {_email(p): p for p in reversed(strangers) if p.email}
    found = _select(session, statement, wanted)
    rows = [
        {"organization_id": key[0], "email": p.email, "name": p.name, "created_at": at}
        for key, p in sorted(wanted.items())
        if key not in found
    ]
    insert(session, Student, rows, conflict="DO NOTHING")
    return found | _select(session, statement, wanted.keys() - found.keys())


def _anonymous(session: Session, purchases: Sequence[Purchase], *, at: datetime) -> Buyers:
    """Create a student for each purchase that says nothing of who made it."""
    rows = [{"organization_id": p.organization_id, "name": p.name, "created_at": at} for p in purchases]
    created = insert(session, Student, rows, returning="id")
    return {_key(p): row["id"] for p, row in zip(purchases, created, strict=True)}
