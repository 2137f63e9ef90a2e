from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from db.models import Student
from db.transaction import reading
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World

MINE = "/api/students/me/packages"
STUDENT_ROUTES = [MINE, "/api/students/me/orders", "/api/students/me/bookings", "/api/jobs/1"]
STAFF_ROUTES = ["/api/admin/events", "/api/admin/events/1", "/api/admin/jobs"]


def students(engine: Engine) -> list[tuple[str | None, str | None, str | None]]:
    with reading(engine) as session:
        rows = session.execute(select(Student.external_id, Student.email, Student.name).order_by(Student.id))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("path", STUDENT_ROUTES + STAFF_ROUTES)
@pytest.mark.parametrize("header", [None, "Basic YTpi", "Bearer", "Bearer not.a.token", "Bearer a, Bearer b"])
def test_no_valid_token_is_a_challenge(client: FlaskClient, path: str, header: str | None) -> None:
    answer = client.get(path, headers={"Authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.get_json(force=True)["code"] == "unauthenticated"


def test_the_scheme_is_read_in_any_case(client: FlaskClient, world: World) -> None:
    world.organization("lumen")
    token = Browser.headers()["Authorization"].removeprefix("Bearer ")

    assert client.get(MINE, headers={"Authorization": f"bEARER {token}"}).status_code == 200


@pytest.mark.parametrize("path", STAFF_ROUTES)
def test_a_student_is_refused_where_staff_work(browser: Browser, world: World, path: str) -> None:
    world.organization("lumen")

    answer = browser.get(path)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (403, "forbidden")


@pytest.mark.parametrize("role", ["staff", "admin"])
def test_an_admin_may_do_what_staff_may(browser: Browser, world: World, role: str) -> None:
    world.organization("lumen")

    assert browser.get("/api/admin/events", role=role).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [{"org": "nowhere"}, {"org": "*"}, {"org": "*", "role": "staff"}, {"org": "LUMEN"}, {"org": "' OR 1=1 --"}],
    ids=repr,
)
def test_an_unknown_organization_is_forbidden(browser: Browser, world: World, claims: dict[str, Any]) -> None:
    world.organization("lumen")

    answer = browser.get(MINE, **claims)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (403, "forbidden")


def test_a_student_is_created_on_first_use_once(browser: Browser, world: World) -> None:
    world.organization("lumen")

    browser.get(MINE, sub="ada", email="ada@example.org", name="Ada")
    browser.get(MINE, sub="ada", email="other@example.org")

    assert students(world.engine) == [("ada", "ada@example.org", "Ada")]


def test_the_same_name_in_two_organizations_is_two_students(browser: Browser, world: World) -> None:
    world.organization("lumen")
    world.organization("thrive")

    browser.get(MINE, sub="ada", org="lumen")
    browser.get(MINE, sub="ada", org="thrive")

    assert len(students(world.engine)) == 2


def test_staff_are_no_students(browser: Browser, world: World) -> None:
    world.organization("lumen")

    answers = [browser.get(MINE, role="staff"), browser.get(MINE, role="admin", org="*")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert students(world.engine) == []


def test_staff_who_also_train_see_what_they_hold(browser: Browser, world: World) -> None:
    world.student(world.organization("lumen"), "ada")

    assert browser.get(MINE, role="staff", sub="ada").status_code == 200


def test_many_first_requests_at_once_make_one_student(browser: Browser, world: World) -> None:
    lumen = world.organization("lumen")
    world.student(lumen, None, email="ada@example.org")

    with ThreadPoolExecutor(8) as pool:

        def ask(_: int) -> int:
            client = Browser(browser.client.application.test_client())
            return client.get(MINE, email="ada@example.org", email_verified=True).status_code

        statuses = list(pool.map(ask, range(24)))

    assert statuses == [200] * 24
    assert students(world.engine) == [("ada", "ada@example.org", None)]


def test_hostile_names_are_stored_as_they_are(browser: Browser, world: World) -> None:
    world.organization("lumen")
    hostile = "'; DROP TABLE students; -- \u202e😀"

    answer = browser.get(MINE, sub=hostile, email=hostile, name=hostile)

    assert answer.status_code == 200
    assert students(world.engine) == [(hostile, hostile, hostile)]
