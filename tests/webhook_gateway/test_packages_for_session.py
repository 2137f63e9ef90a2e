from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from db.models import Organization, PackageAllowance, Product, ServiceType, SessionStatus
from db.transaction import transaction
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import AT, World

GROUP = ServiceType.GROUP
PRIVATE = ServiceType.PRIVATE
COURSE = ServiceType.COURSE


def fitting(client: FlaskClient, session_id: int, query: str = "") -> dict[str, str]:
    answer: Any = client.get(f"/api/packages?org=lumen&forSession={session_id}{query}").get_json()
    return {item["code"]: item["fit"] for item in answer["items"]}


@pytest.fixture
def lumen(world: World) -> Organization:
    """Make an organization with a product of each kind."""
    lumen = world.organization("lumen")
    world.product(lumen, "GROUP-1", (GROUP, 1, 60))
    world.product(lumen, "GROUP-2", (GROUP, 2, 30))
    world.product(lumen, "PRIVATE-3", (PRIVATE, 3, 30))
    world.product(lumen, "BOTH", (PRIVATE, 3, 30), (GROUP, 3, 60))
    world.product(lumen, "COURSE-9", (COURSE, 9, 60))
    world.product(lumen, "PASS", all_access_days=30)
    world.product(lumen, "PASS-ALL", all_access_days=30, all_access_services=["GROUP", "PRIVATE"])
    tiered(world, lumen, "PREMIUM", PRIVATE, 20)
    return lumen


def tiered(world: World, of: Organization, code: str, service: ServiceType, tier: int) -> Product:
    product = world.product(of, code)
    line = PackageAllowance(
        product_id=product.id, position=0, service_type=service, teacher_tier=tier, credits=9, credit_unit_minutes=30
    )
    with transaction(world.engine) as session:
        session.add(line)
    return product


def test_what_would_pay_for_a_group_session(client: FlaskClient, world: World, lumen: Organization) -> None:
    session = world.session_of(world.group_class(lumen))

    assert fitting(client, session.id) == {
        "GROUP-1": "EXACT",
        "GROUP-2": "EXACT",
        "PRIVATE-3": "HIGHER_TIER",
        "BOTH": "EXACT",
        "PASS": "EXACT",
        "PASS-ALL": "EXACT",
        "PREMIUM": "HIGHER_TIER",
    }


def test_what_would_pay_for_a_private_session_of_a_tier(client: FlaskClient, world: World, lumen: Organization) -> None:
    lesson = world.group_class(lumen, service_type=PRIVATE, minutes=30)
    tiers = {tier: world.teacher(lumen, f"T{tier}", tier=tier).id for tier in (0, 20, 30)}
    sessions = {
        tier: world.session_of(lesson, AT + timedelta(hours=tier), teacher_id=teacher)
        for tier, teacher in tiers.items()
    }
    any_teacher = {"PRIVATE-3": "EXACT", "BOTH": "EXACT", "PASS-ALL": "EXACT"}

    assert fitting(client, sessions[0].id) == any_teacher | {"PREMIUM": "HIGHER_TIER"}
    assert fitting(client, sessions[20].id) == any_teacher | {"PREMIUM": "EXACT"}
    assert fitting(client, sessions[30].id) == any_teacher


def test_a_line_needs_the_credits_of_the_whole_session(client: FlaskClient, world: World, lumen: Organization) -> None:
    session = world.session_of(world.group_class(lumen, minutes=75))

    fits = fitting(client, session.id)

    assert "GROUP-1" not in fits
    assert "GROUP-2" not in fits
    assert (fits["PRIVATE-3"], fits["BOTH"]) == ("HIGHER_TIER", "EXACT")


def test_a_seated_session_costs_its_cheapest_free_seat(client: FlaskClient, world: World, lumen: Organization) -> None:
    group_class = world.group_class(lumen, 1, 2)
    session = world.session_of(group_class)
    before = fitting(client, session.id)
    world.place(session, world.student(lumen, "ada"), seat_id=group_class.seats[0].id)

    after = fitting(client, session.id)
    world.place(session, world.student(lumen, "bob"), 2, seat_id=group_class.seats[1].id)

    assert "GROUP-1" in before
    assert "GROUP-1" not in after
    assert "GROUP-2" in after
    assert fitting(client, session.id) == before


def test_nothing_on_sale_pays_for_a_session_of_a_course(client: FlaskClient, world: World, lumen: Organization) -> None:
    session = world.session_of(world.group_class(lumen, service_type=COURSE))

    assert fitting(client, session.id) == {}


def test_what_fits_is_paged_too(client: FlaskClient, world: World, lumen: Organization) -> None:
    session = world.session_of(world.group_class(lumen, service_type=PRIVATE, minutes=30))
    first: Any = client.get(f"/api/packages?org=lumen&forSession={session.id}&limit=3").get_json()

    rest = fitting(client, session.id, f"&cursor={first['nextCursor']}")

    assert [item["code"] for item in first["items"]] == ["PRIVATE-3", "BOTH", "PASS-ALL"]
    assert rest == {"PREMIUM": "HIGHER_TIER"}


def test_only_a_session_of_the_organization_that_takes_place(browser: Browser, world: World) -> None:
    lumen, thrive = world.organization("lumen"), world.organization("thrive")
    theirs = world.session_of(world.group_class(thrive))
    called_off = world.session_of(world.group_class(lumen), status=SessionStatus.CANCELLED)

    for session_id in (theirs.id, called_off.id, 9_223_372_036_854_775_807):
        assert browser.get(f"/api/packages?forSession={session_id}").status_code == 404
    assert browser.get("/api/packages?forSession=0").status_code == 422


def test_the_fit_is_told_only_where_it_is_asked_for(client: FlaskClient, lumen: Organization) -> None:
    assert lumen

    assert all("fit" not in item for item in client.get("/api/packages?org=lumen").get_json()["items"])
