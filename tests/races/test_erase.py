"""Somebody is erased while Stripe tells of them: whoever comes second waits, and finds nobody of the old names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from db.transaction import transaction
from domain.privacy.erase import erase
from tests.domain.privacy.someone import CANARIES, EMAIL, NAME, PAID, WHO, charged, found, purchase
from tests.stack import wait_for
from tests.stripe_objects import Event, event, refund
from tests.timetable import Timetable
from webhook_gateway.job_store import JobStore, NewJob, Subject
from worker import clock

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
LATE = ["again", "refund", "nothing about it"]
CHARGE = event("charge.updated", {"object": "charge", "payment_intent": "pi_canary", "billing_details": {"name": NAME}})
GUEST: dict[str, Any] = {"student": None, "customer": None}


def erased_meanwhile(timetable: Timetable, name: str, *events: Event) -> None:
    """Erase somebody, and have events come that are acted on before that is committed."""
    with ThreadPoolExecutor(1) as pool:
        with transaction(timetable.engine) as session:
            erase(session, timetable.organization("lumen"), name, at=clock.now())
            timetable.studio.receive(*events)
            drained = pool.submit(timetable.studio.drain)
            wait_for(lambda: timetable.studio.rows(WAITING), what="the drain waits for the erasure")
        drained.result()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (WHO, {}, {"customer": None}),
        (WHO, {}, {"student": None}),
        (EMAIL, GUEST, GUEST),
    ],
    ids=["by name", "by customer", "by address"],
)
def test_a_purchase_of_that_moment_is_a_new_students(
    timetable: Timetable, name: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    timetable.studio.deliver(purchase(**before))

    erased_meanwhile(timetable, name, purchase("pi_new", **after))

    owners = timetable.studio.rows(
        "SELECT s.email, s.erased_at IS NOT NULL AS erased FROM orders o JOIN students s ON s.id = o.student_id"
        " ORDER BY o.id"
    )
    assert [(row["email"], row["erased"]) for row in owners] == [(None, True), (EMAIL, False)]
    assert timetable.studio.one("SELECT attempts FROM stripe_events WHERE payment_key = 'pi_new'")["attempts"] == 0


BOOKED: dict[str, Any] = {"kind": "booking.cancel", "request": {"reason": CANARIES[-1]}}


@pytest.mark.parametrize(
    ("student", "caller", "about"),
    [
        (WHO, f"STUDENT {WHO}", None),
        (WHO, f"STUDENT {WHO}", Subject.PACKAGE),
        (None, "STAFF desk", Subject.PACKAGE),
    ],
    ids=["their own", "of what is theirs", "the desk's"],
)
def test_a_command_of_that_moment_is_nobodys(
    timetable: Timetable, database_url: str, student: str | None, caller: str, about: Subject | None
) -> None:
    timetable.studio.deliver(purchase())
    package = timetable.studio.one("SELECT id FROM student_packages")["id"]
    subject = (about, package) if about else None
    job = NewJob(timetable.organization("lumen"), student, caller, about=subject, **BOOKED)
    store = JobStore(database_url)

    with ThreadPoolExecutor(1) as pool:
        with transaction(timetable.engine) as session:
            erase(session, job.organization_id, WHO, at=clock.now())
            stored = pool.submit(store.add, job, at=clock.now())
            wait_for(lambda: timetable.studio.rows(WAITING), what="the command waits for the erasure")
        taken = stored.result()
    store.close()

    assert taken is None
    assert found(timetable, *CANARIES) == []


@pytest.mark.parametrize("late", [[purchase(), charged()], [refund("pi_canary", amount=PAID)], [CHARGE]], ids=LATE)
def test_what_is_said_of_their_payment_at_that_moment_brings_nobody_back(
    timetable: Timetable, late: list[Event]
) -> None:
    timetable.studio.deliver(purchase())

    erased_meanwhile(timetable, WHO, *late)

    assert found(timetable, *CANARIES) == []
    assert timetable.studio.count("students") == 1
    assert timetable.studio.audit() == []
