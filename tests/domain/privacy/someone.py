"""Somebody who did all that can be done, under names that nobody else has; and a search for those names everywhere."""

from __future__ import annotations

import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from sqlalchemy import Column, LargeBinary

from db.models import Base
from db.transaction import transaction
from domain.privacy.erase import Erased, erase
from tests.domain.booking.world import soon
from tests.domain.desk.merging import joined
from tests.refunding import Till
from tests.stripe_objects import Event, checkout, dispute, event, intent, refund
from tests.timetable import Timetable
from worker import clock

WHO, OLD = "canary-7731", "canary-0042"
EMAIL, NAME, CUSTOMER = "Canary.Of@mail.example.com", "Çanary Adason", "cus_canary1"
GUEST = {"name": "Canary Guestson", "email": "canary.guest@mail.example.com"}
NOTE = "canary says so"
CANARIES = (WHO, OLD, EMAIL, NAME, CUSTOMER, *GUEST.values(), NOTE)
PAID = 1_800_000


def purchase(payment: str | None = "pi_canary", **more: Any) -> Event:
    """A Checkout of theirs, an ELITE-30 unless it is said."""
    usual: dict[str, Any] = {"product": "ELITE-30", "amount": PAID, "student": WHO}
    told = usual | {"email": EMAIL, "customer": CUSTOMER} | more
    return checkout(payment=payment, customer_details={"email": told["email"], "name": NAME}, **told)


def charged() -> Event:
    """The PaymentIntent of that Checkout."""
    return intent("pi_canary", amount=PAID, customer=CUSTOMER, email=EMAIL)


def live(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    """Have them buy, book, come, wait, redeem, be merged and written to, give back; in the end nothing is ahead."""
    _pay(timetable)
    _book(timetable, now)
    _deal(timetable)
    _pay_back(Till(timetable))
    joined(timetable, OLD, WHO, reason=NOTE)
    timetable.studio.relay()
    _write_rows(timetable)
    timetable.studio.deliver(refund("pi_canary", amount=200_000, refund_id="re_part"))


def _pay(timetable: Timetable) -> None:
    customer = {"id": CUSTOMER, "object": "customer", "email": EMAIL, "name": NAME}
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_canary", "billing_details": {"name": NAME}}
    timetable.studio.deliver(
        purchase(),
        charged(),
        dispute("pi_canary"),
        dispute("pi_canary", status="won", kind="charge.dispute.closed"),
        purchase("pi_old", product="EXPLORER-5", amount=500_000, student=OLD),
        purchase(None, paid="unpaid", kind="checkout.session.expired"),
        purchase("pi_free", product="SINGLE-RIDE", amount=0, payment_intent=None, paid="no_payment_required"),
        event("customer.updated", customer),
        event("charge.updated", charge),
    )


def _book(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.studio.rows("UPDATE students SET email = NULL WHERE external_id = %(who)s", who=OLD)
    came, left = timetable.session(soon(3)), timetable.session(soon(4))
    package = timetable.studio.one("SELECT id FROM student_packages WHERE product_code = 'ELITE-30'")["id"]
    booked = timetable.book(WHO, came, packageId=package, friend=GUEST)
    assert booked.result
    given_up = timetable.book(WHO, left)
    timetable.cancel(WHO, given_up.id, reason=NOTE)
    timetable.book(OLD, timetable.session(soon(5)))
    full = timetable.session(soon(6), capacity=1)
    timetable.buy("grace")
    timetable.book("grace", full)
    timetable.join(WHO, full)
    timetable.leave(WHO, full)
    timetable.book(WHO, full)
    now.move_to(soon(7))
    timetable.attend(came, (booked.id, "ATTENDED"), (booked.result["guestBooking"]["id"], "NO_SHOW"))


def _deal(timetable: Timetable) -> None:
    timetable.coupon("GIFT", "CREDIT_BONUS", bonus_credits=1)
    timetable.redeem(WHO, "EXPLORER-5", couponCode="GIFT", notes=NOTE, known=False)
    timetable.coupon("FREE", "PACKAGE", package="SINGLE-RIDE", custom_price=0)
    timetable.redeem_own(WHO, "FREE")
    package = timetable.studio.one("SELECT max(id) AS id FROM student_packages WHERE product_code = 'EXPLORER-5'")
    timetable.adjust(WHO, timetable.lines(package["id"])[0], -1, reason=NOTE)
    timetable.redeem("canary-unknown", "EXPLORER-5", known=False, notes="of nobody")


def _pay_back(till: Till) -> None:
    package = till.timetable.studio.one("SELECT min(id) AS id FROM student_packages WHERE product_code = 'EXPLORER-5'")
    till.answer(till.refund(package["id"], sessions=1, reason=NOTE).job)
    till.timetable.studio.rows(
        "UPDATE order_reviews SET resolved_at = created_at, resolved_by = %(who)s, note = %(note)s",
        who=f"STAFF {WHO}",
        note=NOTE,
    )


def _write_rows(timetable: Timetable) -> None:
    """Write what takes a frontend, an older system, a fault of ours or an unknown address to come about."""
    values = {"who": timetable.student(WHO), "org": timetable.organization("lumen"), "at": clock.now(), "name": WHO}
    statements = (
        "INSERT INTO calendar_links VALUES (%(who)s, %(org)s, 'hash', %(at)s)",
        """INSERT INTO legacy_records (organization_id, kind, legacy_id, row_id, imported_at)
           VALUES (%(org)s, 'student', %(name)s, %(who)s, %(at)s)""",
        """INSERT INTO jobs (organization_id, student_id, caller, kind, request, idempotency_key, fingerprint, status,
                             problem, error_code, last_error, due_at, received_at, finished_at)
           VALUES (%(org)s, %(who)s, 'STUDENT ' || %(name)s, 'booking.book', jsonb_build_object('x', %(name)s::text),
                   %(name)s, 'f', 'FAILED', jsonb_build_object('code', 'failed', 'detail', %(name)s::text), 'failed',
                   %(name)s, %(at)s, %(at)s, %(at)s)""",
        """INSERT INTO jobs (organization_id, caller, kind, request, idempotency_key, fingerprint, status, result,
                             due_at, received_at, finished_at)
           VALUES (%(org)s, 'STAFF ' || %(name)s, 'session.cancel', '{"sessionId": 1}', 'k', 'f', 'SUCCEEDED',
                   '{"said": 1}', %(at)s, %(at)s, %(at)s)""",
        """UPDATE notifications SET status = 'PARKED', last_error = %(name)s
            WHERE student_id = %(who)s AND kind = 'purchase.receipt'""",
    )
    for statement in statements:
        timetable.studio.rows(statement, **values)


def erased(timetable: Timetable, name: str = WHO, org: str = "lumen") -> Erased:
    with transaction(timetable.engine) as session:
        return erase(session, timetable.organization(org), name, at=clock.now())


def found(timetable: Timetable, *canaries: str) -> list[str]:
    """Return the columns of the database, whatever they are, in which one of some texts stands."""
    columns = [column for table in Base.metadata.sorted_tables for column in table.c]
    hits = {f"{each.table.name}.{each.name}": _within(timetable, each, canaries) for each in columns}
    return [f"{name}: {canary}" for name, within in hits.items() for canary in within]


def _within(timetable: Timetable, column: Column[Any], canaries: tuple[str, ...]) -> list[str]:
    raw = isinstance(column.type, LargeBinary)
    values = timetable.studio.rows(
        f"SELECT DISTINCT {column.name}{'' if raw else '::text'} AS said FROM {column.table.name}"
        f" WHERE {column.name} IS NOT NULL"
    )
    said = "\n".join(bytes(row["said"]).decode(errors="replace") if raw else row["said"] for row in values).lower()
    # As it is, and as JSON escapes it.
    return [each for each in canaries if each.lower() in said or json.dumps(each)[1:-1].lower() in said]
