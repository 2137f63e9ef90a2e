"""The fields of commands about steps: each has its bounds, and what is refused is not stored."""

from __future__ import annotations

from typing import Any

import pytest

from db.models import StudentCourseEnrollment
from tests.webhook_gateway import test_course_steps
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import pointers
from tests.webhook_gateway.test_course_steps import CHOICE, OPTION, Ask, ask
from tests.webhook_gateway.test_problem import problem
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.course_step import MAX_SELECTIONS

bought = test_course_steps.bought
command = test_course_steps.command
nothing_stored = test_course_steps.nothing_stored
pytestmark = pytest.mark.usefixtures("nothing_stored")

# What an id cannot be.
NO_IDS: list[Any] = [None, 0, -1, MAX_ID + 1, "3", 3.0, True, [3]]
NO_FLAGS: list[Any] = [1, "true", []]
NO_REASONS: list[Any] = ["", "  ", "x" * 501, "a\u0007", 1]
BAD: list[tuple[str, Any, str]] = [
    *((name, {"courseStepOptionId": value}, "#/courseStepOptionId") for name in ("book", "change") for value in NO_IDS),
    *((name, OPTION | {"sessionId": value}, "#/sessionId") for name in ("book", "change") for value in NO_IDS[1:]),
    ("book", {}, "#/courseStepOptionId"),
    ("book", OPTION | {"courseStepId": 5}, "#/courseStepId"),
    ("book", OPTION | {"course_step_option_id": 3}, "#/course_step_option_id"),
    ("change", OPTION | {"acceptForfeit": True}, "#/acceptForfeit"),
    *(("cancel", {"reason": value}, "#/reason") for value in NO_REASONS),
    *(("cancel", {"acceptForfeit": value}, "#/acceptForfeit") for value in NO_FLAGS),
    ("cancel", {"override": True}, "#/override"),
    ("bulk", {}, "#/selections"),
    ("bulk", {"selections": None}, "#/selections"),
    ("bulk", {"selections": CHOICE}, "#/selections"),
    ("bulk", {"selections": [CHOICE] * (MAX_SELECTIONS + 1)}, "#/selections"),
    ("bulk", {"selections": [CHOICE, 3]}, "#/selections/1"),
    ("bulk", {"selections": [CHOICE, OPTION]}, "#/selections/1/courseStepId"),
    ("bulk", {"selections": [CHOICE, CHOICE | {"packageId": 1}]}, "#/selections/1/packageId"),
    *(("bulk", {"selections": [CHOICE | {"courseStepId": each}]}, "#/selections/0/courseStepId") for each in NO_IDS),
    *(("bulk", {"selections": [CHOICE | {"sessionId": each}]}, "#/selections/0/sessionId") for each in NO_IDS[1:]),
    ("assign", {}, "#/cohortId"),
    ("assign", {"cohortId": 7, "override": True}, "#/override"),
    *(("assign", {"cohortId": value}, "#/cohortId") for value in NO_IDS[1:]),
    *(("assign", {"cohortId": 7, "reason": value}, "#/reason") for value in NO_REASONS),
    ("reopen", {}, "#/reason"),
    ("reopen", {"reason": None}, "#/reason"),
    ("reopen", {"reason": "ill", "courseStepId": 5}, "#/courseStepId"),
    *(("reopen", {"reason": value}, "#/reason") for value in NO_REASONS),
]


@pytest.mark.parametrize(("name", "body", "field"), BAD, ids=lambda value: repr(value)[:60])
def test_every_field_has_its_bounds(
    browser: Browser, bought: StudentCourseEnrollment, name: str, body: Any, field: str
) -> None:
    answer = ask(name, bought.student_package_id, bought.id).send(browser, body=body)

    assert problem(answer) == (422, "validation_failed")
    assert field in pointers(answer)


@pytest.mark.parametrize("command", ["book", "change", "bulk", "assign", "reopen"], indirect=True)
@pytest.mark.parametrize("body", [None, [], "", 3, "{}"], ids=repr)
def test_a_body_is_an_object(browser: Browser, command: Ask, body: Any) -> None:
    answer = command.send(browser, body=body)

    assert problem(answer) == (422, "validation_failed")
    assert pointers(answer)
