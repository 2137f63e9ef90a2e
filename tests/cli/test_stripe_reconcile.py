"""`punchcard stripe reconcile`: finds what never arrived, and heals it."""

from __future__ import annotations

import json
import os
import random
import subprocess
from datetime import timedelta
from typing import Any

import pytest

from cli.stripe_apply import Intake
from db.models import Base
from tests.cli.conftest import Punchcard, one_line
from tests.fakestripe import FakeStripe, fake
from tests.stack import PUNCHCARD
from tests.stripe_objects import checkout, refund
from tests.studio import Studio
from tests.till import Till, at_work
from worker import clock

__all__ = ["fake"]
Json = dict[str, Any]
# What is not of purchases.
KEPT = {
    *("organizations", "products", "package_allowances", "stripe_prices", "group_classes", "class_sessions", "seats"),
    *("teachers", "teacher_availability", "course_programs", "course_steps", "course_step_options", "course_cohorts"),
    *("course_cohort_sessions", "course_bundle_components", "coupons"),
}


@pytest.fixture
def till(fake: FakeStripe, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Till:
    """Give a till at a Stripe that the command asks."""
    monkeypatch.setenv("STRIPE_API_KEY", fake.key)
    monkeypatch.setenv("STRIPE_API_BASE", fake.base)
    return Till(fake, studio)


def reconciled(punchcard: Punchcard, *options: str) -> tuple[int, Json]:
    said = punchcard("stripe", "reconcile", "--json", *options)
    assert said.out, said.err
    return said.code, json.loads(said.out)


def found(said: Json, kind: str, what: str) -> list[str]:
    return sorted(each["id"] for each in said["findings"] if (each["kind"], each["what"]) == (kind, what))


def test_all_agrees_where_everything_arrived(punchcard: Punchcard, till: Till) -> None:
    paid = [till.buy(student=f"s{n}") for n in range(3)]
    till.fake.refund(paid[0], 100_000)
    till.buy(amount=0, student="free")
    till.deliver()

    code, said = reconciled(punchcard)

    assert (code, said["agrees"], said["findings"], said["notOurs"]) == (0, True, [], 0)


def sell_sixty(till: Till, seed: int) -> None:
    """Have sixty purchases, some of them refunded, in part or whole, or disputed."""
    some = random.Random(seed)
    for n in range(60):
        code = some.choice(["SINGLE-RIDE", "EXPLORER-5", "CORE-10"])
        payment = till.buy(code, f"student-{n % 20}", amount=0 if n % 15 == 14 else None)
        chance = some.random()
        if payment.startswith("cs_"):
            continue
        if chance < 0.15:
            till.fake.refund(payment)
        elif chance < 0.3:
            till.fake.refund(payment, 50_000)
        elif chance < 0.35:
            dispute = till.fake.dispute(payment)
            till.fake.lose(dispute["id"])
    for n in range(5):
        subscription = till.subscribe(student=f"subscriber-{n}")
        for _ in range(n % 3):
            till.fake.renew(subscription)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_of_the_webhooks_that_never_came_is_found_exactly_and_healed(
    punchcard: Punchcard, till: Till, seed: int
) -> None:
    sell_sixty(till, seed)
    lost = till.lose(1 / 3, seed)

    code, said = reconciled(punchcard)
    assert code == 1
    assert found(said, "MISSING", "event") == lost
    assert till.studio.rows("SELECT 1 AS n FROM stripe_events WHERE event_id = ANY(%(ids)s)", ids=lost) == []

    with at_work(till.studio):
        healed_code, healed = reconciled(punchcard, "--apply")
    assert (healed_code, healed["agrees"], healed["findings"]) == (0, True, [])
    assert sorted(each["id"] for each in healed["healed"] if each["what"] == "event") == lost
    assert healed["takenIn"] == len(lost)

    again_code, again = reconciled(punchcard, "--apply")
    assert (again_code, again["agrees"], again["healed"], again["takenIn"]) == (0, True, [], 0)
    assert till.studio.audit() == []
    # Five beginnings, and their renewals.
    assert len(till.studio.packages()) == 60 + 5 + 4


def test_what_was_healed_is_what_would_have_come_by_webhook(punchcard: Punchcard, till: Till) -> None:
    for n in range(4):
        till.fake.refund(till.buy(student=f"s{n}"), 100_000 * n + 100_000)
    till.deliver()
    whole = money(till.studio)
    till.studio.rows("DELETE FROM package_uses")
    forget(till.studio)

    with at_work(till.studio):
        code, _ = reconciled(punchcard, "--apply")

    assert (code, money(till.studio)) == (0, whole)


def money(studio: Studio) -> list[dict[str, Any]]:
    return studio.rows(
        "SELECT p.stripe_key, p.status, p.amount_received, p.amount_refunded, o.status AS order_status, o.paid"
        "  FROM payments p JOIN orders o ON o.payment_id = p.id ORDER BY p.stripe_key"
    )


def forget(studio: Studio) -> None:
    """Forget everything that was ever told of payments."""
    for table in reversed(Base.metadata.sorted_tables):
        if table.name not in KEPT:
            studio.rows(f"DELETE FROM {table.name}")


def test_nothing_is_taken_in_without_being_asked_for(punchcard: Punchcard, till: Till) -> None:
    paid = till.buy()

    code, said = reconciled(punchcard)

    assert (code, said["takenIn"], till.studio.count("stripe_events")) == (1, 0, 0)
    assert found(said, "MISSING", "payment") == [paid]
    assert found(said, "MISSING", "event") == sorted(each["id"] for each in till.untold())


def test_a_person_reads_a_table_with_what_to_do(punchcard: Punchcard, till: Till) -> None:
    paid = till.buy()

    said = punchcard("stripe", "reconcile")
    with at_work(till.studio):
        healed = punchcard("stripe", "reconcile", "--apply")
    fine = punchcard("stripe", "reconcile")

    assert said.code == 1
    assert paid in said.out
    assert "run this with --apply" in said.out
    assert "MISSING: 3; DIFFERENT: 0; ONLY HERE: 0; STUCK: 0; not ours: 1" in said.out
    assert (healed.code, fine.code) == (0, 0)
    assert "healed (3):" in healed.out
    assert fine.out.startswith("all agrees\n")


def test_two_at_once_take_each_event_in_once(punchcard: Punchcard, till: Till, studio: Studio) -> None:
    for n in range(5):
        till.buy(student=f"s{n}")
    lost = [each["id"] for each in till.untold()]

    def run() -> subprocess.Popen[str]:
        words = [str(PUNCHCARD), "stripe", "reconcile", "--apply", "--json"]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ))

    with at_work(studio):
        both = [run(), run()]
        said = [json.loads(each.communicate(timeout=60)[0]) for each in both]

    assert [each.returncode for each in both] == [0, 0]
    assert sum(each["takenIn"] for each in said) == len(lost)
    assert studio.count("stripe_events") == len(lost)
    assert len(studio.packages()) == 5


def test_an_event_that_comes_by_webhook_meanwhile_is_one_row(
    punchcard: Punchcard, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.buy()
    events, feed = till.untold(), Intake.feed

    def after_the_webhook(self: Intake, account: str | None, missing: list[Json]) -> None:
        till.studio.receive(*(each for each in events if each in missing))
        feed(self, account, missing)

    monkeypatch.setattr(Intake, "feed", after_the_webhook)
    with at_work(till.studio):
        code, said = reconciled(punchcard, "--apply")

    assert (code, said["agrees"], said["takenIn"]) == (0, True, 0)
    assert {row["event_id"] for row in till.studio.rows("SELECT event_id FROM stripe_events")} == {
        each["id"] for each in events
    }
    assert till.studio.count("stripe_events") == len(events)


def test_stripe_going_away_in_the_middle_is_one_line_and_the_rest_comes_later(punchcard: Punchcard, till: Till) -> None:
    for n in range(3):
        till.buy(student=f"s{n}")
    till.fake.faults("503", "/v1/refunds", times=9)

    away = punchcard("stripe", "reconcile", "--apply")
    till.fake.behave()
    with at_work(till.studio):
        code, said = reconciled(punchcard, "--apply")

    assert (away.code, away.out) == (1, "")
    assert one_line(away.err)
    assert "Stripe does not answer" in away.err
    assert (code, said["agrees"]) == (0, True)
    assert len(till.studio.packages()) == 3


def test_what_passes_within_moments_is_not_told(punchcard: Punchcard, till: Till) -> None:
    till.buy()
    till.deliver()
    till.fake.faults("503", "/v1/events", times=1)

    assert reconciled(punchcard)[0] == 0


def test_amounts_refunds_disputes_and_states_that_differ_are_named(punchcard: Punchcard, till: Till) -> None:
    paid = [till.buy(student=f"s{n}") for n in range(4)]
    back, dispute = till.fake.refund(paid[1], 100_000), till.fake.dispute(paid[2])
    till.deliver()
    till.studio.rows("UPDATE payments SET amount_received = 1 WHERE stripe_key = %(key)s", key=paid[0])
    till.studio.rows("UPDATE payments SET status = 'PENDING' WHERE stripe_key = %(key)s", key=paid[3])
    changed = "jsonb_set(facts, array[%(source)s, %(field)s], %(said)s)"
    told = f"UPDATE payments SET facts = {changed} WHERE stripe_key = %(key)s"
    till.studio.rows(told, source=f"refund:{back['id']}", field="amount", said="7", key=paid[1])
    till.studio.rows(told, source=f"dispute:{dispute['id']}", field="status", said='"LOST"', key=paid[2])

    code, said = reconciled(punchcard)

    assert code == 1
    assert {each["id"]: (each["kind"], each["ours"], each["theirs"]) for each in said["findings"]} == {
        paid[0]: ("DIFFERENT", "SUCCEEDED 1 TRY", "SUCCEEDED 500000 TRY"),
        paid[3]: ("DIFFERENT", "PENDING 500000 TRY", "SUCCEEDED 500000 TRY"),
        back["id"]: ("DIFFERENT", "succeeded 7", "succeeded 100000"),
        dispute["id"]: ("DIFFERENT", "LOST", "OPEN"),
    }
    assert {each["organization"] for each in said["findings"]} == {"lumen"}


def test_a_payment_that_stripe_does_not_know_is_only_here(punchcard: Punchcard, till: Till) -> None:
    till.buy()
    till.deliver()
    till.studio.deliver(checkout(payment="pi_of_nowhere"))

    code, said = reconciled(punchcard)

    assert (code, found(said, "ONLY HERE", "payment")) == (1, ["pi_of_nowhere"])
    assert len(said["findings"]) == 1


def test_of_many_payments_beyond_stripes_lists_only_some_are_asked_for(
    punchcard: Punchcard, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.reconcile.run.MOST_ASKED", 2)
    till.fake.at(clock.now() - timedelta(days=3))
    for n in range(5):
        till.buy(student=f"s{n}")
    till.deliver()

    code, said = reconciled(punchcard, "--since", "1h")
    told = punchcard("stripe", "reconcile", "--since", "1h")

    assert (code, said["findings"], said["notAsked"]) == (0, [], 3)
    assert "not asked: 3 more payment(s)" in told.out


def test_a_payment_that_stripe_made_before_the_time_asked_about_is_not_only_here(
    punchcard: Punchcard, till: Till
) -> None:
    till.fake.at(clock.now() - timedelta(days=3))
    till.buy()
    till.deliver()

    code, said = reconciled(punchcard, "--since", "1h")

    assert (code, said["findings"], said["compared"].get("payments")) == (0, [], None)


def test_what_is_stored_and_not_acted_on_is_stuck(punchcard: Punchcard, till: Till) -> None:
    parked, waiting, young = checkout("NOSUCH", payment="pi_1"), refund(payment="pi_nobody"), refund(payment="pi_young")
    till.studio.deliver(parked, waiting, young)
    quarantined = checkout(payment="pi_2", org="nobody")
    till.studio.deliver(quarantined)
    old = "UPDATE stripe_events SET received_at = received_at - interval '1 hour' WHERE event_id = %(id)s"
    till.studio.rows(old, id=waiting["id"])

    code, said = reconciled(punchcard)

    assert code == 1
    assert found(said, "STUCK", "event") == sorted([parked["id"], waiting["id"]])
    advice = {each["id"]: each["advice"] for each in said["findings"]}
    assert "`unknown_product`" in advice[parked["id"]]
    assert said["notOurs"] == 1


def test_what_was_paid_for_something_else_is_not_ours_and_not_missing(punchcard: Punchcard, till: Till) -> None:
    mug = till.buy(None, "guest", amount=1_200, metadata={})
    till.fake.refund(mug)
    till.buy("MUG", "guest", amount=1_200, metadata={"org": "pottery", "product_code": "MUG"})
    till.buy(None, "guest", amount=0, metadata={})

    code, said = reconciled(punchcard)

    assert (code, said["agrees"], said["findings"]) == (0, True, [])
    assert said["notOurs"] >= 4


def test_what_names_a_product_that_the_catalog_does_not_have_is_ours(punchcard: Punchcard, till: Till) -> None:
    paid = till.buy("FORGOTTEN", amount=1_000)

    code, said = reconciled(punchcard)

    assert (code, found(said, "MISSING", "payment")) == (1, [paid])


def test_a_checkout_that_names_only_a_price_of_ours_is_found_by_its_line_items(
    punchcard: Punchcard, till: Till, studio: Studio
) -> None:
    v1: Any = till.fake.client().v1
    sold = v1.products.create({"name": "Explorer"})
    price = v1.prices.create({"product": sold.id, "unit_amount": 500_000, "currency": "try"})
    studio.rows(
        "INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id)"
        " SELECT organization_id, %(id)s, id FROM products WHERE code = 'EXPLORER-5'",
        id=price.id,
    )
    studio.rows(
        "UPDATE products SET name = 'Explorer', stripe_product_id = %(id)s WHERE code = 'EXPLORER-5'", id=sold.id
    )
    till.deliver()
    paid = till.buy(price=price.id, metadata={"org": "lumen"})

    code, said = reconciled(punchcard)

    assert (code, found(said, "MISSING", "payment")) == (1, [paid])
    assert len(found(said, "MISSING", "event")) == 2


def test_one_organization_is_compared_alone(punchcard: Punchcard, till: Till) -> None:
    ours = till.buy()
    till.buy("PREMIUM-3", amount=24_000, metadata={"org": "thrive", "product_code": "PREMIUM-3"})

    _, said = reconciled(punchcard, "--org", "lumen")
    with at_work(till.studio):
        reconciled(punchcard, "--org", "lumen", "--apply")
    nobody = punchcard("stripe", "reconcile", "--org", "nobody")

    assert found(said, "MISSING", "payment") == [ours]
    assert till.studio.packages() == [("EXPLORER-5", "ada")]
    assert (nobody.code, one_line(nobody.err)) == (2, True)


def test_a_payment_older_than_stripes_events_is_named_with_what_to_do(punchcard: Punchcard, till: Till) -> None:
    till.fake.at(clock.now() - timedelta(days=40))
    paid = till.buy()
    till.fake.at(None)

    young = reconciled(punchcard)
    said = punchcard("stripe", "reconcile", "--json", "--since", "60d", "--apply")
    old = json.loads(said.out)

    assert young[0] == 0
    assert "keeps events for 30 days" in said.err
    assert (said.code, found(old, "MISSING", "payment"), found(old, "MISSING", "event")) == (1, [paid], [])
    assert "redeem it at the desk" in old["findings"][0]["advice"]


def test_who_waits_for_nobody_is_told_so(punchcard: Punchcard, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.stripe_apply.PATIENCE_SECONDS", 0.5)
    till.buy()

    said = punchcard("stripe", "reconcile", "--apply")

    assert said.code == 1
    assert "is a worker running?" in said.out
    assert till.studio.count("stripe_events") == 2


def test_products_and_prices_are_compared_as_they_are_now(punchcard: Punchcard, till: Till, studio: Studio) -> None:
    sold: Any = till.fake.client().v1.products.create({"name": "Explorer 5"})
    studio.rows(
        "UPDATE products SET name = 'Explorer 5', stripe_product_id = %(id)s WHERE code = 'EXPLORER-5'", id=sold.id
    )
    studio.rows("UPDATE products SET stripe_product_id = 'prod_gone' WHERE code = 'CORE-10'")
    till.deliver()
    till.fake.rename(sold.id, "Five rides")

    code, said = reconciled(punchcard)

    assert code == 1
    assert {(each["what"], each["id"], each["theirs"]) for each in said["findings"] if each["kind"] == "DIFFERENT"} == {
        ("product EXPLORER-5: name", sold.id, "Five rides"),
        ("product CORE-10: deleted", "prod_gone", "True"),
    }
    assert len(found(said, "MISSING", "event")) == 1


@pytest.mark.parametrize("since", ["30", "d", "0d", "-1d", "1w", "1.5h", "99999d", "٣d", " 1d"])
def test_a_time_that_is_none_is_wrong_use(punchcard: Punchcard, till: Till, since: str) -> None:
    assert till
    said = punchcard("stripe", "reconcile", "--since", since)

    assert (said.code, one_line(said.err)) == (2, True)
    assert "--since" in said.err


@pytest.mark.parametrize("words", [("reconcile",), ("setup", "--url", "https://lumen.example/webhooks/stripe")])
def test_without_a_key_or_with_a_wrong_one_nothing_is_asked(
    punchcard: Punchcard, till: Till, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_wrong_and_secret")
    wrong = punchcard("stripe", *words)
    monkeypatch.setenv("STRIPE_API_KEY", "")
    without = punchcard("stripe", *words)
    monkeypatch.setenv("STRIPE_API_KEY", till.fake.key)
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:1")
    away = punchcard("stripe", *words)

    assert [wrong.code, without.code, away.code] == [1, 2, 1]
    assert all(one_line(each.err) for each in (wrong, without, away))
    assert "sk_test" not in wrong.err
    assert "STRIPE_API_KEY is not set" in without.err
    assert "does not answer" in away.err
