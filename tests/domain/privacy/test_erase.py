"""The person goes, the money stays: nothing says who they were, nothing that Stripe says later brings them back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from psycopg.types.json import Jsonb

from db.transaction import fetch, reading, transaction
from domain import student
from domain.errors import EraseRefused, NotFound
from domain.inbox.job_retry import retry
from domain.privacy.erase import erase
from domain.student import Identity
from tests.domain.booking.world import GRACE, nothing_written, soon
from tests.domain.clock.hours import run
from tests.domain.desk.merging import coupon, guest, joined, use_coupon, wait
from tests.domain.legacy.old import ADA, became, package, take
from tests.domain.privacy.someone import (
    CANARIES,
    CUSTOMER,
    EMAIL,
    NAME,
    OLD,
    PAID,
    WHO,
    charged,
    erased,
    found,
    live,
    purchase,
)
from tests.school import School
from tests.stripe_objects import Event, charge, dispute, event, refund
from tests.timetable import Timetable
from webhook_gateway.job_store import JobStore, NewJob, Subject
from worker import clock
from worker.upkeep import give_up_orders

Now = FrozenDateTimeFactory

# What must be the same before and after, of whoever it is.
MONEY = """
SELECT (SELECT jsonb_agg(jsonb_build_object('p', p.stripe_key, 's', p.status, 'r', p.amount_received,
                         'b', p.amount_refunded, 'd', p.dispute_status) ORDER BY p.id) FROM payments p) AS payments,
       (SELECT jsonb_agg(to_jsonb(o) ORDER BY o.id) FROM orders o) AS orders,
       (SELECT jsonb_agg(to_jsonb(k) - ARRAY['notes', 'redeemed_by'] ORDER BY k.id) FROM student_packages k)
         AS packages,
       (SELECT jsonb_agg(to_jsonb(u) - ARRAY['reason', 'actor'] ORDER BY u.id) FROM package_uses u) AS uses,
       (SELECT jsonb_agg(to_jsonb(b) - ARRAY['guest_name', 'guest_email', 'metadata'] ORDER BY b.id) FROM bookings b)
         AS bookings,
       (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM coupon_uses c) AS coupons,
       (SELECT count(*) FROM domain_events) AS events, (SELECT count(*) FROM notifications) AS mails
"""


def money(timetable: Timetable) -> dict[str, Any]:
    return dict(timetable.studio.one(MONEY))


def refused(timetable: Timetable, name: str = "ada") -> str:
    with nothing_written(timetable), pytest.raises(EraseRefused) as refusal:
        erased(timetable, name)
    return str(refusal.value)


def the_erased(timetable: Timetable) -> list[dict[str, Any]]:
    return timetable.studio.rows("SELECT * FROM students WHERE erased_at IS NOT NULL ORDER BY id")


# What goes.


def test_nothing_in_any_table_says_who_it_was(timetable: Timetable, now: Now) -> None:
    live(timetable, now)
    assert {each.rpartition(": ")[2] for each in found(timetable, *CANARIES)} == {*CANARIES}
    before = money(timetable)

    done = erased(timetable)

    assert found(timetable, *CANARIES) == []
    assert money(timetable) == before
    assert [name for name, number in done.rows.items() if not number] == ["waits"]
    assert [(row["external_id"], row["email"], row["name"]) for row in the_erased(timetable)] == [
        (None, None, None)
    ] * 2


def test_others_keep_what_is_theirs(timetable: Timetable, now: Now) -> None:
    live(timetable, now)
    billed = {"id": "ch_2", "object": "charge", "payment_intent": "pi_child", "billing_details": {"email": EMAIL}}
    charge = event("charge.updated", billed)
    ride = purchase("pi_child", product="SINGLE-RIDE", amount=150_000, student="child", customer=None)
    timetable.studio.deliver(ride, charge)

    erased(timetable)

    assert timetable.studio.event(charge)["payload"]
    child = timetable.studio.one("SELECT facts FROM payments WHERE stripe_key = 'pi_child'")
    assert child["facts"]["checkout:SUCCEEDED"]["email"] == EMAIL
    assert {each.partition(":")[0] for each in found(timetable, "grace", "canary-unknown")} >= {
        "students.external_id",
        "jobs.request",
        "domain_events.data",
    }


def test_a_course_and_its_steps_stay_and_say_nothing(school: School, now: Now) -> None:
    package = school.enroll(WHO, school.cohort(), email=EMAIL)
    school.book(WHO, package, "SFZ-1-DAY")
    now.move_to(soon(40))
    timetable = school.timetable
    timetable.studio.rows("UPDATE bookings SET status = 'COMPLETED' WHERE status = 'CONFIRMED'")
    timetable.studio.rows("UPDATE student_course_step_progress SET status = 'COMPLETED' WHERE status = 'BOOKED'")
    before = timetable.studio.rows("SELECT * FROM student_course_step_progress ORDER BY id")

    erased(timetable, WHO, "thrive")

    assert found(timetable, WHO, EMAIL) == []
    assert timetable.studio.rows("SELECT * FROM student_course_step_progress ORDER BY id") == before


def test_mails_that_did_not_leave_never_do(timetable: Timetable, now: Now) -> None:
    live(timetable, now)
    erased(timetable)
    timetable.studio.deliver(refund("pi_canary", amount=PAID - 200_000, refund_id="re_rest"))

    timetable.studio.relay()

    rows = timetable.studio.rows(
        "SELECT n.status FROM notifications n JOIN students s ON s.id = n.student_id WHERE s.erased_at IS NOT NULL"
    )
    assert {row["status"] for row in rows} == {"SENT", "VOID"}


def test_a_command_that_failed_by_a_fault_of_ours_is_not_tried_again(timetable: Timetable, now: Now) -> None:
    live(timetable, now)
    erased(timetable)
    job = timetable.studio.one("SELECT id FROM jobs WHERE status = 'FAILED' AND error_code = 'erased'")["id"]

    with transaction(timetable.engine) as session:
        assert "erased" in retry(session, [job], None, at=clock.now())[job]


# Who it was.


def test_the_old_names_mean_nobody(timetable: Timetable, now: Now) -> None:
    live(timetable, now)
    erased(timetable)

    for name in (WHO, OLD, EMAIL):
        with nothing_written(timetable), pytest.raises(NotFound, match="1 student of the organization was erased"):
            erased(timetable, name)
        with reading(timetable.engine) as session:
            assert student.find(session, timetable.organization("lumen"), name) is None


def test_who_was_merged_is_erased_by_either_name(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase(), purchase("pi_old", student=OLD))
    joined(timetable, OLD, WHO)

    erased(timetable, OLD)

    assert found(timetable, WHO, OLD) == []


def test_a_guest_is_erased_by_their_address(timetable: Timetable, now: Now) -> None:
    guest(timetable, EMAIL)

    erased(timetable, EMAIL.upper())

    assert found(timetable, EMAIL) == []


def test_another_organizations_student_of_the_same_name_is_somebody_else(timetable: Timetable, now: Now) -> None:
    timetable.buy("ada", "PREMIUM-3")
    timetable.buy("ada", "EXPLORER-5")

    erased(timetable, "ada")

    assert timetable.studio.packages() == [("EXPLORER-5", None), ("PREMIUM-3", "ada")]


# Whoever comes later.


@pytest.mark.parametrize("named", [{}, {"student": None}, {"student": None, "customer": None}], ids=str)
def test_a_later_purchase_is_a_new_students(timetable: Timetable, now: Now, named: dict[str, Any]) -> None:
    timetable.studio.deliver(purchase(), charged())
    erased(timetable)

    timetable.studio.deliver(purchase("pi_new") if not named else event_of(purchase("pi_new"), named))

    owners = timetable.studio.rows(
        "SELECT s.email, s.erased_at FROM orders o JOIN students s ON s.id = o.student_id ORDER BY o.id"
    )
    assert [row["email"] for row in owners] == [None, EMAIL]
    assert owners[1]["erased_at"] is None


def event_of(bought: Event, named: dict[str, Any]) -> Event:
    obj = bought["data"]["object"]
    obj["client_reference_id"] = named["student"]
    obj["customer"] = named.get("customer", obj["customer"])
    return bought


def test_whoever_signs_in_under_the_old_name_is_new(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase())
    erased(timetable)

    with transaction(timetable.engine) as session:
        who = Identity(WHO, EMAIL, email_verified=True, name=NAME)
        welcomed = student.welcome(session, timetable.organization("lumen"), who, at=clock.now())

    assert welcomed not in {row["id"] for row in the_erased(timetable)}


LATE = {
    "said again": lambda: [purchase(), charged()],
    "the PaymentIntent at last": lambda: [charged()],
    "refunded": lambda: [refund("pi_canary", amount=PAID)],
    "disputed and lost": lambda: [
        dispute("pi_canary"),
        dispute("pi_canary", status="lost", kind="charge.dispute.closed"),
    ],
    "all of it": lambda: [purchase(), charged(), refund("pi_canary", amount=PAID), dispute("pi_canary")],
}
CHARGE = charge("pi_canary", refunded=PAID)["data"]["object"] | {
    "customer": CUSTOMER,
    "billing_details": {"name": NAME, "email": EMAIL},
}


@pytest.mark.parametrize("story", LATE)
def test_what_stripe_says_late_does_its_work_and_brings_nobody_back(timetable: Timetable, now: Now, story: str) -> None:
    timetable.studio.deliver(purchase())
    erased(timetable)
    students = timetable.studio.count("students")

    timetable.studio.deliver(*LATE[story]())

    assert found(timetable, *CANARIES) == []
    assert timetable.studio.count("students") == students
    assert {row["status"] for row in timetable.studio.rows("SELECT status FROM stripe_events")} == {"PROCESSED"}
    owner = timetable.studio.one("SELECT s.erased_at FROM orders o JOIN students s ON s.id = o.student_id")
    assert owner["erased_at"]
    assert timetable.studio.audit() == []


@pytest.mark.parametrize("kind", ["charge.refunded", "charge.succeeded", "charge.updated", "payment_intent.canceled"])
@pytest.mark.parametrize("signer", [None, "lumen"], ids=["the platform's", "by a secret of their studio"])
def test_of_what_says_nothing_about_their_payment_only_the_hash_is_kept(
    timetable: Timetable, now: Now, kind: str, signer: str | None
) -> None:
    timetable.studio.deliver(purchase())
    erased(timetable)
    late = event(kind, CHARGE)

    timetable.studio.receive(late, organization=timetable.organization(signer) if signer else None)
    timetable.studio.drain()

    row = timetable.studio.event(late)
    assert row["status"] == ("PROCESSED" if kind == "charge.refunded" else "IGNORED")
    assert (row["payload"], row["payload_hash"] is None) == (None, False)
    assert found(timetable, *CANARIES) == []


def test_an_order_that_nobody_pays_is_given_up_though_its_student_is_erased(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase(paid="unpaid"))
    erased(timetable)
    now.tick(timedelta(days=31))

    assert run(give_up_orders, timetable) == 1

    timetable.studio.relay()
    assert timetable.studio.one("SELECT status FROM orders") == {"status": "EXPIRED"}
    assert timetable.studio.one("SELECT facts -> 'clock:EXPIRED' ->> 'email' AS email FROM payments")["email"] is None
    assert {row["status"] for row in timetable.studio.rows("SELECT status FROM notifications")} == {"VOID"}
    assert timetable.studio.count("students") == 1
    assert timetable.studio.audit() == []
    assert found(timetable, *CANARIES) == []


FATE = """
SELECT p.status, p.facts - 'erased' AS facts, p.amount_received, p.amount_refunded, p.dispute_status, o.status AS order,
       o.paid FROM payments p JOIN orders o ON o.payment_id = p.id
"""


def test_whenever_it_happens_the_payment_ends_the_same(timetable: Timetable, now: Now) -> None:
    story = [purchase(), charged(), refund("pi_canary", amount=1), dispute("pi_canary")]
    ends = []

    for when in range(1, len(story) + 1):
        for order in permutations(story[1:]):
            told = [story[0], *order]
            timetable.studio.deliver(*told[:when])
            erased(timetable)
            timetable.studio.deliver(*told[when:], *told)
            ends.append(timetable.studio.one(FATE))
            timetable.studio.rows("TRUNCATE stripe_events, payments, students, notifications, domain_events CASCADE")

    assert all(end == ends[0] for end in ends)
    said = {str(value) for fact in ends[0]["facts"].values() for value in fact.values()}
    assert not said & {WHO, EMAIL, NAME, CUSTOMER}
    fate = (ends[0]["amount_refunded"], ends[0]["dispute_status"], ends[0]["order"])
    assert fate == (1, "OPEN", "PARTIALLY_REFUNDED")


def test_a_refund_after_it_takes_back_what_was_bought(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase())
    erased(timetable)

    timetable.studio.deliver(refund("pi_canary", amount=PAID))

    assert timetable.studio.one("SELECT status, paid FROM orders") == {"status": "REFUNDED", "paid": PAID}
    assert not timetable.studio.one("SELECT is_elite_member FROM students")["is_elite_member"]


# Who shares an address, or an id.


def family(timetable: Timetable) -> Event:
    """Have two buy under one address, each with a customer; return what Stripe says of the second's."""
    timetable.studio.deliver(
        purchase(),
        purchase("pi_child", product="SINGLE-RIDE", amount=150_000, student="child", customer="cus_child"),
        # One that became no order: nothing says what it is for, and only its customer whose.
        purchase("pi_unknown", product="NONE-1", student=None, customer="cus_child"),
    )
    customer = {"id": "cus_child", "object": "customer", "email": EMAIL, "name": "The Child"}
    told = event("customer.updated", customer)
    timetable.studio.deliver(told)
    return told


def test_what_is_of_anothers_customer_stays_whoever_has_the_address(timetable: Timetable, now: Now) -> None:
    told = family(timetable)
    before = timetable.studio.rows("SELECT facts FROM payments WHERE stripe_key <> 'pi_canary' ORDER BY id")

    erased(timetable)

    assert timetable.studio.event(told)["payload"]
    assert timetable.studio.rows("SELECT facts FROM payments WHERE stripe_key <> 'pi_canary' ORDER BY id") == before
    assert len(before) == 2


def test_what_nobodys_customer_paid_is_the_addresses(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase())
    timetable.studio.deliver(purchase("pi_gone", student=None, customer="cus_new", kind="checkout.session.expired"))

    erased(timetable)

    assert found(timetable, *CANARIES, "cus_new") == []


def as_staff(timetable: Timetable, status: str = "SUCCEEDED", *, caller: str = "STAFF ada") -> int:
    """Have somebody called as a student is ask for something as staff; return its job."""
    row = timetable.studio.one(
        """INSERT INTO jobs (organization_id, caller, kind, request, idempotency_key, fingerprint, status, result,
                             due_at, received_at)
           VALUES (%(org)s, %(caller)s, 'session.cancel', '{"sessionId": 1}', 'k', 'f', %(status)s, %(result)s,
                   %(at)s, %(at)s)
           RETURNING id""",
        org=timetable.organization("lumen"),
        caller=caller,
        status=status,
        result=Jsonb({"said": 1}) if status == "SUCCEEDED" else None,
        at=clock.now(),
    )
    return int(row["id"])


def test_what_they_ask_for_as_staff_is_in_the_way(timetable: Timetable, now: Now) -> None:
    timetable.student("ada")
    job = as_staff(timetable, "QUEUED")

    assert refused(timetable) == f"commands are under way ({job}): wait until they are done"


def test_what_they_did_as_staff_stays_and_is_known_when_it_is_sent_again(
    timetable: Timetable, now: Now, database_url: str
) -> None:
    timetable.student("ada")
    timetable.student("old")
    joined(timetable, "old", "ada")
    jobs = [as_staff(timetable, caller=f"STAFF {name}") for name in ("ada", "old")]

    erased(timetable, "ada")

    rows = timetable.studio.rows("SELECT caller, request, result, idempotency_key AS key FROM jobs ORDER BY id")
    assert [(row["request"], row["result"], row["key"]) for row in rows] == [({"sessionId": 1}, {"said": 1}, "k")] * 2
    assert not [row["caller"] for row in rows if not row["caller"].startswith("STAFF sha256:")]
    lumen = timetable.organization("lumen")
    store = JobStore(database_url)
    for job, name in zip(jobs, ("ada", "old"), strict=True):
        again = NewJob(lumen, None, f"STAFF {name}", "session.cancel", {}, (Subject.ORGANIZATION, lumen), "k", "f")
        known = store.known(again)
        assert store.add(again, at=clock.now()) is None
        assert known
        assert known.id == job
        assert store.add(replace(again, key="another"), at=clock.now())
    store.close()


# What must be done first.


def test_bookings_ahead_are_named(timetable: Timetable, now: Now) -> None:
    package = timetable.buy("ada", "ELITE-30")
    booked = timetable.book("ada", timetable.session(soon(3)), packageId=package, friend=GRACE)
    assert booked.result
    ids = f"{booked.id}, {booked.result['guestBooking']['id']}"

    assert refused(timetable) == f"bookings are ahead ({ids}): cancel them, or wait until they are over"
    timetable.cancel("ada", booked.id)
    assert erased(timetable, "ada").rows["students"] == 1


def test_a_place_in_line_ahead_is_named_and_one_that_is_over_is_closed(timetable: Timetable, now: Now) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(3))
    wait(timetable, "ada", session)

    assert f"a place in line (session {session})" in refused(timetable)
    now.move_to(soon(4))
    assert erased(timetable, "ada").rows["waits"] == 1
    assert timetable.studio.one("SELECT status, reason FROM waitlist_entries") == {
        "status": "CLOSED",
        "reason": "erased",
    }


@pytest.mark.parametrize("how", [{}, {"known": False}], ids=str)
def test_commands_under_way_are_named(timetable: Timetable, now: Now, how: dict[str, Any]) -> None:
    timetable.student("ada")
    job = timetable.ask_to_redeem("ada", **how, packageId=timetable.product("EXPLORER-5"))

    assert refused(timetable) == f"commands are under way ({job}): wait until they are done"
    timetable.work()
    erased(timetable, "ada")


@pytest.mark.parametrize(
    ("late", "state"),
    [
        (purchase("pi_x", product="NONE-1", student="ada"), "FAILED unknown_product"),
        (refund("pi_of_ada"), "RECEIVED"),
    ],
    ids=["parked", "due"],
)
def test_events_that_are_not_done_with_are_named(timetable: Timetable, now: Now, late: Event, state: str) -> None:
    timetable.studio.deliver(purchase("pi_of_ada", student="ada", email=None))
    timetable.studio.receive(late, organization=timetable.organization("lumen"))
    if state != "RECEIVED":
        timetable.studio.drain()
    number = timetable.studio.event(late)["id"]

    assert f"events of Stripe's are not done with ({number} {state})" in refused(timetable)


def test_somebody_elses_trouble_is_in_nobodys_way(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase(), purchase("pi_x", product="NONE-1", student="grace", customer=None))
    timetable.studio.receive(event("customer.updated", {"id": "cus_2", "object": "customer", "email": "g@example.com"}))

    assert erased(timetable).rows["students"] == 1


def test_it_is_whole_or_not_at_all(timetable: Timetable, now: Now) -> None:
    live(timetable, now)

    with nothing_written(timetable), transaction(timetable.engine) as session:
        erase(session, timetable.organization("lumen"), WHO, at=clock.now())
        session.rollback()


def test_uses_of_coupons_still_count(timetable: Timetable, now: Now) -> None:
    use_coupon(timetable, coupon(timetable, 1), "ada", 1, 1)

    erased(timetable, "ada")

    assert timetable.studio.one("SELECT number FROM coupon_uses")["number"] == 1


def test_an_event_that_somebody_takes_up_at_this_moment_is_in_the_way(timetable: Timetable, now: Now) -> None:
    timetable.studio.deliver(purchase())

    with transaction(timetable.engine) as session:
        fetch(session, "SELECT FROM stripe_events FOR UPDATE")
        reason = refused(timetable, WHO)

    assert "try again" in reason


def test_old_records_that_are_imported_again_bring_nobody_back(timetable: Timetable, now: Now) -> None:
    files: dict[str, Any] = {"students": [ADA], "packages": [package()]}
    take(timetable, **files)
    erased(timetable, "ada", "thrive")

    again = take(timetable, **files)

    assert became(again, "students") == {"in_file": 1, "known": 1}
    assert timetable.studio.packages() == [("BUNDLE-5P-3G", None)]
    assert found(timetable, "ada@example.com") == []
