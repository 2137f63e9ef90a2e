"""Events that race each other on real connections."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from threading import Barrier, Event

import pytest
import yaml
from psycopg.errors import UniqueViolation
from sqlalchemy.orm import Session

from cli.demo import DEMO
from db.transaction import Rows
from tests.stripe_objects import Event as StripeEvent
from tests.stripe_objects import checkout, intent, refund
from tests.studio import Studio
from worker.inbox import Outcomes, drain_batch, drain_row
from worker.stripe_inbox import STRIPE_EVENTS, handle

ROUNDS = 20


def together(*work: Callable[[], object]) -> None:
    """Do several things at the same moment, each in a thread of its own."""
    barrier = Barrier(len(work))

    def at_once(each: Callable[[], object]) -> None:
        barrier.wait()
        each()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(at_once, work))


def handle_alone(studio: Studio, event: StripeEvent) -> Callable[[], object]:
    row = studio.event(event)["id"]
    return lambda: drain_row(STRIPE_EVENTS, studio.engine, row)


def test_both_events_of_a_purchase_at_the_same_moment_make_one_package(studio: Studio) -> None:
    for number in range(ROUNDS):
        payment = f"pi_{number}"
        events = [checkout(payment=payment), intent(payment, product_code="EXPLORER-5", org="lumen", student_id="ada")]
        studio.receive(*events)

        together(*(handle_alone(studio, event) for event in events))

    assert studio.packages() == [("EXPLORER-5", "ada")] * ROUNDS
    assert studio.count("orders") == ROUNDS
    assert {row["status"] for row in studio.rows("SELECT status FROM stripe_events")} == {"PROCESSED"}
    assert studio.audit() == []


def test_ten_twins_of_a_purchase_at_the_same_moment_make_one_package(studio: Studio) -> None:
    twins = [checkout(student=None) for _ in range(10)]
    studio.receive(*twins)

    together(*(handle_alone(studio, twin) for twin in twins))

    assert studio.packages() == [("EXPLORER-5", None)]
    assert studio.count("students") == 1
    assert studio.audit() == []


def test_a_hundred_deliveries_at_the_same_moment_are_one_row(studio: Studio) -> None:
    event = checkout()

    with ThreadPoolExecutor(16) as pool:
        stored = list(pool.map(lambda _: studio.receive(event)[0], range(100)))

    assert stored.count(True) == 1
    assert studio.count("stripe_events") == 1


def test_eight_workers_on_a_shuffled_backlog_fulfil_each_purchase_once(studio: Studio) -> None:
    purchases = 250
    events = [
        event
        for number in range(purchases)
        for event in (
            checkout(payment=f"pi_{number}", student=f"student-{number % 40}", customer=f"cus_{number % 40}"),
            intent(f"pi_{number}", customer=f"cus_{number % 40}"),
        )
    ]
    events += random.Random(7).choices(events, k=200)
    random.Random(8).shuffle(events)
    studio.receive(*events)

    def work() -> None:
        while drain_batch(STRIPE_EVENTS, studio.engine):
            pass

    together(*[work] * 8)
    studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
    studio.drain()

    assert len(studio.packages()) == purchases
    assert studio.count("orders") == purchases
    assert {row["status"] for row in studio.rows("SELECT DISTINCT status FROM stripe_events")} == {"PROCESSED"}
    assert studio.audit() == []


def test_a_refund_racing_with_its_purchase_is_never_lost(studio: Studio) -> None:
    for number in range(ROUNDS):
        payment = f"pi_{number}"
        events = [checkout(payment=payment), refund(payment, refund_id=f"re_{number}")]
        studio.receive(*events)
        together(*(handle_alone(studio, event) for event in events))

    studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
    studio.drain()

    assert {row["status"] for row in studio.rows("SELECT status FROM orders")} == {"REFUNDED"}
    assert studio.audit() == []


def test_two_refunds_of_a_payment_at_the_same_moment_both_count(studio: Studio) -> None:
    for number in range(ROUNDS):
        payment = f"pi_{number}"
        studio.deliver(checkout(payment=payment))
        refunds = [refund(payment, amount=100_000, refund_id=f"re_{number}_{each}") for each in range(2)]
        studio.receive(*refunds)

        together(*(handle_alone(studio, each) for each in refunds))

    assert {row["amount_refunded"] for row in studio.rows("SELECT amount_refunded FROM payments")} == {200_000}
    assert studio.audit() == []


def test_purchases_of_one_student_at_the_same_moment_stack_their_passes(studio: Studio) -> None:
    events = [checkout("ALL-ACCESS-30", payment=f"pi_{number}", amount=2_100_000) for number in range(6)]
    studio.receive(*events)

    together(*(handle_alone(studio, event) for event in events))

    windows = studio.rows(
        "SELECT all_access_starts_at AS a, all_access_expires_at AS b FROM student_packages ORDER BY 1"
    )
    assert all(before["b"] == after["a"] for before, after in pairwise(windows))
    assert [row["sequence"] for row in studio.rows("SELECT sequence FROM domain_events ORDER BY 1")] == list(
        range(1, 7)
    )
    assert studio.audit() == []


def test_a_product_added_while_its_purchase_is_being_parked_is_noticed(studio: Studio) -> None:
    catalog = yaml.safe_load(DEMO.read_text())
    catalog["organizations"][0]["products"][0]["code"] = "NEW"
    studio.receive(checkout("NEW", amount=150_000))
    parked, applied = Event(), Event()

    def hold(session: Session, rows: Rows, at: datetime) -> Outcomes:
        outcomes = handle(session, rows, at)
        parked.set()
        # The catalog is applied meanwhile: it has to wait for us, or we would miss each other.
        assert not applied.wait(0.3)
        return outcomes

    def apply() -> None:
        parked.wait()
        studio.apply(catalog)
        applied.set()

    together(lambda: drain_batch(replace(STRIPE_EVENTS, handle=hold), studio.engine), apply)
    studio.drain()

    assert studio.packages() == [("NEW", "ada")]


def test_a_customers_purchases_end_with_the_student_that_one_names_also_when_they_race(studio: Studio) -> None:
    for number in range(ROUNDS):
        customer, student = f"cus_{number}", f"student-{number}"
        guest = checkout(payment=f"pi_{number}_0", student=None, email=f"{student}@example.com", customer=customer)
        studio.deliver(guest)
        events = [
            checkout(payment=f"pi_{number}_1", student=student, customer=customer, email=None),
            checkout(payment=f"pi_{number}_2", student=None, customer=customer, email=None),
        ]
        studio.receive(*events)

        together(*(handle_alone(studio, each) for each in events))

    assert None not in {student for _, student in studio.packages()}
    assert studio.rows("SELECT id FROM stripe_events WHERE error_code IS NOT NULL") == []
    assert studio.audit() == []


@pytest.mark.parametrize(
    ("table", "copied"),
    [
        ("payments", "organization_id, stripe_key, status, facts, amount_received, currency, received_at"),
        (
            "student_packages",
            """organization_id, student_id, order_id, product_id, line, unit, product_code, name, bundle_description,
            validity_days, validity_starts, purchased_at""",
        ),
        (
            "orders",
            """organization_id, student_id, payment_id, order_type, status, list_price, paid, currency,
            package_metadata, created_at""",
        ),
        ("students", "organization_id, external_id, created_at"),
        ("notifications", "organization_id, student_id, kind, dedupe_key, message_id, due_at, created_at"),
    ],
)
def test_the_database_itself_refuses_a_second_one(studio: Studio, table: str, copied: str) -> None:
    studio.deliver(checkout())

    with pytest.raises(UniqueViolation):
        studio.rows(f"INSERT INTO {table} ({copied}) SELECT {copied} FROM {table}")

    assert studio.count(table) == 1
