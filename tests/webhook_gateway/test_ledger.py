"""The ledger over HTTP: who reads whose, who corrects it, and two records of one person made one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select

from db.models import Job, ServiceType, StudentPackage
from db.transaction import reading
from tests.domain.booking.test_book import soon
from tests.timetable import Timetable
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.test_booked import fits, performed
from tests.webhook_gateway.world import World
from webhook_gateway.schema.ledger import Adjusted

pytestmark = pytest.mark.usefixtures("of_a_worker")

MINE = "/api/students/me/ledger"
ADMIN: dict[str, Any] = {"role": "admin", "sub": "desk"}
STAFF: dict[str, Any] = {"role": "staff", "sub": "desk"}
BODY: dict[str, Any] = {"allowanceId": 1, "credits": 2, "reason": "a gift"}


@pytest.fixture
def package(world: World) -> StudentPackage:
    """Give a package of ada's at lumen; another organization stands beside it."""
    lumen = world.organization("lumen")
    world.organization("thrive")
    order = world.order(world.student(lumen, "ada"), world.product(lumen, "P"), world.payment(lumen))
    return world.package(order, (ServiceType.GROUP, 5, 60))


def theirs(package: StudentPackage) -> str:
    return f"/api/admin/packages/{package.id}/adjust"


def stored(engine: Engine) -> list[Job]:
    with reading(engine) as session:
        jobs = list(session.scalars(select(Job)))
        session.expunge_all()
    return jobs


# Reading.


def test_a_student_reads_their_ledger_page_by_page(browser: Browser, world: World, package: StudentPackage) -> None:
    for kind, amount in (("SPEND", 2), ("RETURN", -1), ("BONUS", -3)):
        world.use(package.allowances[0], kind, amount)

    first = browser.get(f"{MINE}?limit=2").get_json()
    second = browser.get(f"{MINE}?limit=2&cursor={first['nextCursor']}").get_json()

    (allowance,) = package.allowances
    about = {"allowanceId": allowance.id, "serviceType": "GROUP", "createdAt": "2026-03-01T12:00:00Z"}
    about |= {"studentPackageId": package.id, "packageName": "Core", "productCode": "CORE-10"}
    ids = [each["id"] for each in (*first["items"], *second["items"])]
    assert (*first["items"], *second["items"]) == (
        {"id": ids[0], "kind": "BONUS", "credits": 3, "balanceBefore": 4, "balanceAfter": 7}
        | about
        | {"description": "Given as a bonus"},
        {"id": ids[1], "kind": "RETURN", "credits": 1, "balanceBefore": 3, "balanceAfter": 4}
        | about
        | {"description": "Cancelled a group session"},
        {"id": ids[2], "kind": "SPEND", "credits": -2, "balanceBefore": 5, "balanceAfter": 3}
        | about
        | {"description": "Booked a group session"},
    )
    assert second["nextCursor"] is None


def test_one_package_is_read_alone(browser: Browser, world: World, package: StudentPackage) -> None:
    world.use(package.allowances[0], "SPEND", 1)

    assert len(browser.get(f"{MINE}?packageId={package.id}").get_json()["items"]) == 1
    assert browser.get(f"{MINE}?packageId={package.id + 1}").get_json()["items"] == []


def test_nobody_reads_anybody_elses(browser: Browser, world: World, package: StudentPackage) -> None:
    world.use(package.allowances[0], "SPEND", 1)

    other = browser.get(f"{MINE}?packageId={package.id}", sub="grace")
    namesake = browser.get(MINE, org="thrive")
    by_name = browser.get("/api/members/ada/ledger")

    assert other.get_json()["items"] == namesake.get_json()["items"] == []
    assert (by_name.status_code, by_name.get_json(force=True)["code"]) == (403, "forbidden")


def test_staff_read_anybodys_of_their_own_organization(browser: Browser, world: World, package: StudentPackage) -> None:
    world.use(package.allowances[0], "SPEND", 1)

    own = browser.get("/api/members/ada/ledger", **STAFF)
    unknown = browser.get("/api/members/nobody/ledger", **STAFF)
    elsewhere = browser.get("/api/members/ada/ledger", org="thrive", **STAFF)

    assert [line["credits"] for line in own.get_json()["items"]] == [-1]
    assert [unknown.status_code, elsewhere.status_code] == [404, 404]


# Correcting.


def test_a_correction_is_a_command_of_the_student_by_whom_it_names(
    browser: Browser, package: StudentPackage, engine: Engine
) -> None:
    answer = browser.command(theirs(package), BODY, **ADMIN)

    (job,) = stored(engine)
    assert answer.status_code == 202
    assert (job.kind, job.caller, job.student_id) == ("package.adjust", "ADMIN desk", package.student_id)
    assert job.request == {"packageId": package.id} | BODY


@pytest.mark.parametrize("role", ["student", "staff"])
def test_only_admins_correct(browser: Browser, package: StudentPackage, engine: Engine, role: str) -> None:
    answer = browser.command(theirs(package), BODY, role=role)

    assert answer.status_code == 403
    assert stored(engine) == []


def test_another_organizations_package_is_not_there(browser: Browser, package: StudentPackage, engine: Engine) -> None:
    elsewhere = browser.command(theirs(package), BODY, org="thrive", **ADMIN)
    unknown = browser.command("/api/admin/packages/999/adjust", BODY, **ADMIN)

    assert [elsewhere.status_code, unknown.status_code] == [404, 404]
    assert stored(engine) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"credits": 0},
        {"credits": 1_001},
        {"credits": -1_001},
        {"credits": "2"},
        {"credits": 1.5},
        {"reason": " "},
        {"reason": "x" * 501},
        {"allowanceId": 0},
        {"more": 1},
    ],
    ids=str,
)
def test_every_field_has_its_bounds(
    browser: Browser, package: StudentPackage, engine: Engine, wrong: dict[str, Any]
) -> None:
    answer = browser.command(theirs(package), BODY | wrong, **ADMIN)

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "validation_failed")
    assert stored(engine) == []


def test_a_correction_on_its_whole_way(browser: Browser, timetable: Timetable) -> None:
    package = timetable.buy("ada")
    (allowance,) = timetable.lines(package)
    path, said = f"/api/admin/packages/{package}/adjust", {"allowanceId": allowance, "reason": "counted wrong"}

    given = performed(browser, timetable, path, said | {"credits": 2}, **ADMIN)
    refused = performed(browser, timetable, path, said | {"credits": -8}, **ADMIN)

    assert given.status_code == 201
    assert given.get_json()["adjustment"] == said | {
        "packageId": package,
        "credits": 2,
        "balanceBefore": 5,
        "balanceAfter": 7,
    }
    assert fits(Adjusted, given.get_json())
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (409, "insufficient_credits")
    strange = performed(browser, timetable, path, said | {"credits": 1, "allowanceId": 999_999}, **ADMIN)
    (error,) = strange.get_json(force=True)["errors"]
    assert error["pointer"] == "#/allowanceId"
    assert error["detail"].endswith(f": its allowanceId is {allowance}.")
    (mine,) = browser.get(MINE).get_json()["items"]
    (shown,) = browser.get("/api/members/ada/ledger", **STAFF).get_json()["items"]
    assert (mine["credits"], mine["reason"], "actor" in mine) == (2, "counted wrong", False)
    assert shown == mine | {"actor": "ADMIN desk"}


# Merging.


def test_two_records_are_made_one_and_both_tokens_are_the_same_student(browser: Browser, timetable: Timetable) -> None:
    timetable.buy("old")
    booked = timetable.book("old", timetable.session(soon()))
    timetable.student("ada")
    path = "/api/admin/members/old/merge"

    merged = browser.client.post(path, headers=browser.headers(**ADMIN), json={"intoMemberId": "ada", "reason": "one"})
    cancelled = performed(browser, timetable, f"/api/bookings/{booked.id}", method="DELETE", sub="old")
    again = performed(browser, timetable, body={"sessionId": timetable.session(soon(4))}, sub="old")

    assert merged.status_code == 200
    assert (merged.get_json()["mergedMemberId"], merged.get_json()["memberId"]) == ("old", "ada")
    assert merged.get_json()["moved"]["packages"] == 1
    assert (cancelled.status_code, again.status_code) == (200, 201)
    for sub in ("ada", "old"):
        assert [line["credits"] for line in browser.get(MINE, sub=sub).get_json()["items"]] == [-1, 1, -1]
        assert browser.get(cancelled.headers["Location"], sub=sub).status_code == 200
    assert (
        browser.get("/api/members/old/ledger", **STAFF).get_json()
        == browser.get("/api/members/ada/ledger", **STAFF).get_json()
    )


def test_a_student_whose_name_is_an_address_can_be_merged(browser: Browser, timetable: Timetable) -> None:
    for name in ("https://id.example.com/7", "ada"):
        timetable.student(name)

    path = "/api/admin/members/https%3A%2F%2Fid.example.com%2F7/merge"
    merged = browser.client.post(path, headers=browser.headers(**ADMIN), json={"intoMemberId": "ada"})

    assert (merged.status_code, merged.get_json()["mergedMemberId"]) == (200, "https://id.example.com/7")


def test_a_command_under_the_old_name_is_stored_as_the_others(browser: Browser, timetable: Timetable) -> None:
    for name in ("ada", "old"):
        timetable.student(name)
    browser.client.post("/api/admin/members/old/merge", headers=browser.headers(**ADMIN), json={"intoMemberId": "ada"})

    browser.command(body={"sessionId": 5}, sub="old")
    browser.command(body={"sessionId": 5, "studentId": "old"}, **STAFF)

    assert [job.student_id for job in stored(timetable.engine)] == [timetable.student("ada")] * 2


@pytest.mark.parametrize(
    ("path", "into", "claims", "status", "code"),
    [
        ("ada", "bob", {"role": "staff"}, 403, "forbidden"),
        ("ada", "bob", {"org": "thrive", "role": "admin"}, 404, "not_found"),
        ("ada", "nobody", {"role": "admin"}, 404, "not_found"),
        ("ada", "ada", {"role": "admin"}, 422, "validation_failed"),
        ("ada", "", {"role": "admin"}, 422, "validation_failed"),
        ("ada", "bob ", {"role": "admin"}, 422, "validation_failed"),
        ("ada", "\u202ebob", {"role": "admin"}, 422, "validation_failed"),
    ],
)
def test_what_cannot_be_merged_is_not(
    browser: Browser, timetable: Timetable, path: str, into: str, claims: dict[str, Any], status: int, code: str
) -> None:
    for name in ("ada", "bob"):
        timetable.student(name)

    headers = browser.headers(**{"sub": "desk"} | claims)
    answer = browser.client.post(f"/api/admin/members/{path}/merge", headers=headers, json={"intoMemberId": into})

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code)
    assert timetable.studio.rows("SELECT 1 FROM students WHERE merged_into IS NOT NULL") == []


def test_bookings_in_each_others_way_are_named(browser: Browser, timetable: Timetable) -> None:
    session, booked = timetable.session(soon()), dict[str, int]()
    for name in ("ada", "old"):
        timetable.buy(name)
        booked[name] = timetable.book(name, session).id

    headers = browser.headers(**ADMIN)
    answer = browser.client.post("/api/admin/members/old/merge", headers=headers, json={"intoMemberId": "ada"})

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (409, "time_conflict")
    assert f"{booked['old']} and {booked['ada']}" in answer.get_json(force=True)["detail"]
