"""Whose event it is, where no secret and no path has said so."""

from __future__ import annotations

from datetime import timedelta

import yaml
from freezegun import freeze_time

from cli.demo import DEMO
from tests.stripe_objects import checkout, dispute, event, intent, refund
from tests.studio import Studio


def test_the_connected_account_comes_before_metadata(studio: Studio) -> None:
    studio.rows("UPDATE organizations SET stripe_account_id = 'acct_lumen' WHERE slug = 'lumen'")

    studio.deliver(checkout(org="thrive") | {"account": "acct_lumen"})

    assert studio.one("SELECT slug FROM organizations o JOIN orders r ON r.organization_id = o.id")["slug"] == "lumen"


def test_an_unknown_account_is_quarantined(studio: Studio) -> None:
    foreign = checkout() | {"account": "acct_nobody"}

    studio.deliver(foreign)

    assert (studio.event(foreign)["status"], studio.event(foreign)["error_code"]) == ("QUARANTINED", "unknown_account")
    assert studio.count("payments") == 0


def test_an_organization_that_does_not_exist_is_quarantined(studio: Studio) -> None:
    lost = checkout(org="nowhere")

    studio.deliver(lost)

    assert studio.event(lost)["error_code"] == "unknown_organization"
    assert studio.event(lost)["status"] == "QUARANTINED"


def test_what_names_a_known_payment_belongs_to_its_organization(studio: Studio) -> None:
    studio.deliver(checkout())

    later = intent("pi_1")
    studio.deliver(later)

    assert studio.event(later)["status"] == "PROCESSED"
    assert (
        studio.event(later)["organization_id"] == studio.one("SELECT organization_id FROM payments")["organization_id"]
    )


def test_what_nobody_knows_waits_three_days_and_is_quarantined(studio: Studio) -> None:
    orphan = refund("pi_of_nobody")
    with freeze_time("2026-11-01T12:00Z"):
        studio.deliver(orphan)
        waiting = studio.event(orphan)["status"]

    with freeze_time("2026-11-04T13:00Z"):
        studio.drain()

    assert waiting == "RECEIVED"
    assert studio.event(orphan)["status"] == "QUARANTINED"


def test_the_only_organization_there_is_takes_what_names_none(studio: Studio) -> None:
    demo = yaml.safe_load(DEMO.read_text())
    studio.rows("TRUNCATE organizations CASCADE")
    studio.apply({"organizations": [each for each in demo["organizations"] if each["slug"] == "lumen"]})

    studio.deliver(checkout(org=None))

    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_type_that_says_nothing_to_us_is_stored_and_ignored(studio: Studio) -> None:
    other = event("radar.early_fraud_warning.created", {"id": "issfr_1", "object": "radar.early_fraud_warning"})

    studio.deliver(other)

    assert studio.event(other)["status"] == "IGNORED"


def test_a_customer_of_two_organizations_does_not_lead_a_refund_astray(studio: Studio) -> None:
    studio.deliver(checkout("PREMIUM-3", payment="pi_0", org="thrive", amount=24_000, currency="usd", customer="cus_1"))

    studio.deliver(intent("pi_1", customer="cus_1"))
    studio.deliver(checkout(payment="pi_1", customer="cus_1"))
    studio.deliver(refund("pi_1"))

    orders = studio.rows(
        "SELECT slug, status FROM orders o JOIN organizations g ON g.id = o.organization_id ORDER BY 1"
    )
    assert [tuple(row.values()) for row in orders] == [("lumen", "REFUNDED"), ("thrive", "PAID")]
    assert studio.count("payments") == 2


def test_an_organization_cannot_draw_anothers_refund_to_itself(studio: Studio) -> None:
    thrive = studio.one("SELECT id FROM organizations WHERE slug = 'thrive'")["id"]
    studio.receive(intent("pi_1"), scope=thrive, organization=thrive)
    studio.deliver(checkout(payment="pi_1"))

    studio.deliver(refund("pi_1"))

    assert studio.one("SELECT status FROM orders")["status"] == "REFUNDED"


def test_what_only_names_a_known_payment_is_its_organizations_too(studio: Studio) -> None:
    studio.deliver(checkout())
    told = dispute(status="warning_needs_response")

    studio.deliver(told)

    assert studio.event(told)["status"] == "PROCESSED"
    assert studio.event(told)["organization_id"] is not None


def test_a_declined_card_of_nobody_we_know_is_only_recorded(studio: Studio) -> None:
    declined = intent("pi_9", kind="payment_intent.payment_failed")

    studio.deliver(declined)

    assert studio.event(declined)["status"] == "PROCESSED"


def test_money_that_names_nobody_for_three_days_stays_where_a_person_sees_it(studio: Studio) -> None:
    nameless, late = intent("pi_8"), intent("pi_9")
    with freeze_time("2026-11-21T09:00:00Z") as time:
        studio.deliver(nameless, late)
        waiting = studio.event(nameless)
        studio.deliver(checkout(payment="pi_9"))
        time.tick(timedelta(days=3, hours=2))
        studio.drain()

    kept = studio.event(nameless)
    assert (waiting["status"], waiting["error_code"]) == ("RECEIVED", "unknown_organization")
    assert (kept["status"], kept["error_code"]) == ("QUARANTINED", "unknown_organization")
    assert studio.event(late)["status"] == "PROCESSED"
    assert studio.packages() == [("EXPLORER-5", "ada")]
