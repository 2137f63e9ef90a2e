"""Steps of a course over HTTP: what is stored of each command, whose it may be, and how it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from db.models import Job, JobStatus, Student, StudentCourseEnrollment
from db.transaction import reading, transaction
from tests.enrolled import Academy
from tests.stack import wait_for
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF
from tests.webhook_gateway.finisher import DONE, finish
from tests.webhook_gateway.test_problem import problem
from tests.webhook_gateway.world import World
from webhook_gateway.path import MAX_ID

OPTION: dict[str, Any] = {"courseStepOptionId": 3}
CHOICE = OPTION | {"courseStepId": 5}
STUDENTS = ("book", "change", "cancel", "bulk")
STAFFS = ("assign", "reopen")


@dataclass(frozen=True)
class Ask:
    """A command about a step: how it is sent, and what is stored of it."""

    method: str
    path: str
    body: Any
    kind: str
    request: dict[str, Any]
    claims: dict[str, Any]

    def send(self, browser: Browser, **more: Any) -> TestResponse:
        claims = self.claims | more
        body = claims.pop("body", self.body)
        return browser.command(self.path, body, method=self.method, **claims)


@pytest.fixture
def bought(world: World) -> StudentCourseEnrollment:
    """Give the course of lumen that ada bought, and bob did not."""
    academy = Academy(world)
    academy.student("bob")
    return academy.enroll("ada", academy.course())


def ask(name: str, package: int, enrollment: int) -> Ask:
    """Return a command, about ada's course or another one."""
    mine = f"/api/students/me/course-packages/{package}"
    theirs = f"/api/admin/enrollments/{enrollment}"
    of_step = {"packageId": package, "courseStepId": 5}
    dated, why = OPTION | {"sessionId": 9}, {"reason": "was ill"}
    give_up = {"acceptForfeit": True} | why
    commands: dict[str, tuple[str, str, Any, str, dict[str, Any]]] = {
        "book": ("POST", f"{mine}/steps/5/book-session", dated, "course.book-step", of_step | dated),
        "change": ("POST", f"{mine}/steps/5/change-session", OPTION, "course.change-step", of_step | OPTION),
        "cancel": ("DELETE", f"{mine}/steps/5/booking", give_up, "course.cancel-step", of_step | give_up),
        "bulk": (
            "POST",
            f"{mine}/book-sessions",
            {"selections": [CHOICE, CHOICE | {"sessionId": None}]},
            "course.book-steps",
            {"packageId": package, "selections": [CHOICE, CHOICE]},
        ),
        "assign": (
            "POST",
            f"{theirs}/assign-cohort",
            {"cohortId": 7} | why,
            "enrollment.assign-cohort",
            {"enrollmentId": enrollment, "cohortId": 7} | why,
        ),
        "reopen": (
            "POST",
            f"{theirs}/steps/5/reopen",
            why,
            "enrollment.reopen-step",
            {"enrollmentId": enrollment, "courseStepId": 5} | why,
        ),
    }
    return Ask(*commands[name], dict(STAFF) if name in STAFFS else {})


@pytest.fixture
def command(request: pytest.FixtureRequest, bought: StudentCourseEnrollment) -> Ask:
    """Give the command that a test is about."""
    return ask(request.param, bought.student_package_id, bought.id)


each_command = pytest.mark.parametrize("command", STUDENTS + STAFFS, indirect=True)
each_of_students = pytest.mark.parametrize("command", STUDENTS, indirect=True)
each_of_staff = pytest.mark.parametrize("command", STAFFS, indirect=True)


def stored(engine: Engine) -> list[Job]:
    with transaction(engine) as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


@pytest.fixture
def nothing_stored(engine: Engine) -> Iterator[None]:
    """See that a test made no job, and nobody known."""
    yield
    assert stored(engine) == []
    with reading(engine) as session:
        assert set(session.scalars(select(Student.external_id))) <= {"ada", "bob"}


@each_command
def test_a_command_is_stored_whole_for_whose_course_it_is(
    browser: Browser, engine: Engine, bought: StudentCourseEnrollment, command: Ask
) -> None:
    answer = command.send(browser)

    (job,) = stored(engine)
    assert (job.kind, job.request, job.status) == (command.kind, command.request, JobStatus.QUEUED)
    assert (job.organization_id, job.student_id) == (bought.organization_id, bought.student_id)
    assert job.caller == ("STAFF desk" if command.claims else "STUDENT ada")
    assert (answer.status_code, answer.get_json()) == (202, {"id": job.id, "status": "QUEUED"})
    assert answer.headers["Location"] == f"/api/jobs/{job.id}"
    assert (answer.headers["Preference-Applied"], answer.headers["Retry-After"]) == ("respond-async", "1")


@each_command
def test_it_is_answered_with_what_it_ended_in(
    browser: Browser, engine: Engine, database_url: str, command: Ask
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(command.send, browser, headers={"Prefer": "wait=20"})
        (job,) = wait_for(lambda: stored(engine), what="the job")
        finish(database_url, job.id)
        answer = waiting.result()

    makes_something = command.kind in {"course.book-step", "course.book-steps"}
    assert (answer.status_code, answer.get_json()) == (201 if makes_something else 200, DONE)
    assert (answer.headers["Location"], answer.headers["Preference-Applied"]) == (f"/api/jobs/{job.id}", "wait=20")


@each_command
def test_the_same_again_with_its_key_is_the_same_job(
    browser: Browser, engine: Engine, database_url: str, command: Ask
) -> None:
    key = {"headers": {"Idempotency-Key": "k"}}

    first, second = command.send(browser, **key), command.send(browser, **key)
    finish(database_url, first.get_json()["id"])
    ended = command.send(browser, **key)
    elsewhere = replace(command, path=command.path.replace("/5/", "/6/")).send(browser, **key)

    assert first.get_json() == second.get_json()
    assert (ended.headers["Idempotent-Replayed"], ended.get_json()) == ("true", DONE)
    assert len(stored(engine)) == 1
    if "/5/" in command.path:
        assert problem(elsewhere) == (422, "idempotency_key_reused")


@pytest.mark.usefixtures("nothing_stored")
@each_of_students
def test_somebody_elses_course_is_not_there(browser: Browser, world: World, command: Ask) -> None:
    Academy(world, "thrive").student("ada")

    for claims in ({"sub": "bob"}, {"sub": "new"}, {"org": "thrive"}):
        assert problem(command.send(browser, **claims)) == (404, "not_found")


@pytest.mark.usefixtures("nothing_stored")
@each_of_staff
def test_another_studios_enrollment_is_not_there(browser: Browser, world: World, command: Ask) -> None:
    Academy(world, "thrive")

    assert problem(command.send(browser, org="thrive")) == (404, "not_found")


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("name", STUDENTS + STAFFS)
@pytest.mark.parametrize("number", [999_999, MAX_ID, 0, MAX_ID + 1])
def test_what_nobody_bought_is_not_there(browser: Browser, world: World, name: str, number: int) -> None:
    world.student(world.organization("lumen"), "ada")

    assert problem(ask(name, number, number).send(browser)) == (404, "not_found")


def test_a_package_that_is_no_course_is_for_the_rules_to_refuse(browser: Browser, world: World) -> None:
    academy = Academy(world)
    order = world.order(academy.student("ada"), world.product(academy.of, "CORE"))

    assert ask("book", world.package(order).id, 1).send(browser).status_code == 202


@pytest.mark.usefixtures("nothing_stored")
@each_of_staff
def test_students_do_nothing_of_the_staffs(browser: Browser, command: Ask) -> None:
    assert problem(command.send(browser, role="student", sub="ada")) == (403, "forbidden")
    assert problem(command.send(browser, **PLATFORM)) == (403, "forbidden")


@each_of_staff
def test_admins_do_what_staff_do(browser: Browser, command: Ask) -> None:
    assert command.send(browser, **ADMIN).status_code == 202


@pytest.mark.usefixtures("nothing_stored")
@each_of_students
def test_staff_take_no_step_themselves(browser: Browser, command: Ask) -> None:
    for claims in (STAFF, ADMIN, STAFF | {"sub": "ada"}):
        assert problem(command.send(browser, **claims)) == (403, "forbidden")


@pytest.mark.usefixtures("nothing_stored")
@each_command
def test_without_a_token_there_is_nothing(browser: Browser, command: Ask) -> None:
    answer = browser.client.open(command.path, method=command.method, json=command.body)

    assert problem(answer) == (401, "unauthenticated")


@pytest.mark.parametrize("body", [None, {}, {"acceptForfeit": None, "reason": None}], ids=repr)
def test_a_cancellation_need_say_nothing(
    browser: Browser, engine: Engine, bought: StudentCourseEnrollment, body: Any
) -> None:
    answer = ask("cancel", bought.student_package_id, bought.id).send(browser, body=body)

    (job,) = stored(engine)
    assert answer.status_code == 202
    assert job.request == {"packageId": bought.student_package_id, "courseStepId": 5}


@pytest.mark.parametrize(
    ("name", "body", "kept"),
    [
        ("book", OPTION | {"sessionId": None}, OPTION),
        ("bulk", {"selections": []}, {"selections": []}),
        ("assign", {"cohortId": None}, {}),
    ],
)
def test_what_is_nothing_is_not_stored(
    browser: Browser, engine: Engine, bought: StudentCourseEnrollment, name: str, body: Any, kept: dict[str, Any]
) -> None:
    command = ask(name, bought.student_package_id, bought.id)

    assert command.send(browser, body=body).status_code == 202

    (job,) = stored(engine)
    named = {"packageId", "courseStepId", "enrollmentId"}
    assert job.request == {name: value for name, value in command.request.items() if name in named} | kept
