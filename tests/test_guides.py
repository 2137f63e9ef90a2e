"""What the guides ask for exists: addresses, fields, codes, tasks, commands, and what they link to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from typer.main import get_command

from cli.commands import app as punchcard
from db.models import CouponType, RedemptionType, ReviewReason, UseKind, WaitlistStatus
from domain.audit.audit import rules
from domain.catalog.entries import CatalogFile, OrganizationEntry
from domain.desk.coupon_file import CouponEntry
from domain.enrollment.progress import ASSIGNED, CREATED, DONE, EVENTS, GOES_ON
from domain.enrollment.start import TOLD
from tests.test_house import ROOT
from tests.webhook_gateway.conftest import app as app  # noqa: PLC0414 - fixtures
from tests.webhook_gateway.conftest import client as client  # noqa: PLC0414
from tests.webhook_gateway.conftest import settings as settings  # noqa: PLC0414
from tests.webhook_gateway.conftest import shared_app as shared_app  # noqa: PLC0414
from webhook_gateway.problem import CATALOGUE
from webhook_gateway.schema.base import Input
from worker.schedule import SCHEDULE

DOCS = ROOT / "docs"
DESK = (DOCS / "admin.md").read_text()
COURSES = (DOCS / "courses.md").read_text()
STUDENTS = (DOCS / "students.md").read_text()

# A request: who asks, how and where; behind it, up to the next one, what is sent, in single or double quotes.
REQUEST = re.compile(r'\b(?:curl -i?s|admin|staff|student) (?:-X (\w+) )?(?:"\$API([^"]*)"|\$API([^\s|)]*))')
BODY = re.compile(r"-d (?:'(\{[^']*)'|\"(\{(?:\\.|[^\"\\])*)\")", re.DOTALL)
# What the shell puts in: the end of a reply, a time, or the number of something.
SHELL = ((r"\\(.)", r"\1"), (r"\$START|\$\(date [^)]*\)", "2030-12-01T10:00:00Z"), (r"\$\([^)]*\)|\$\w+", "1"))
PERIODS = {"5 seconds": 5, "minute": 60, "5 minutes": 300, "15 minutes": 900, "hour": 3600}
# Fields of an organization that are policies too.
POLICIES = {"unbooked_step_reminders", "low_seats_threshold", "staff_email", "language"}
# What an answer has besides.
WHATEVER = "…"


class Request(NamedTuple):
    """A request of a guide: its address with its query as it stands there, and its body if it has one."""

    method: str
    path: str
    query: str
    said: Any


def requests(guide: str) -> Iterator[Request]:
    """Yield what a guide asks for, in its order."""
    found = list(REQUEST.finditer(guide))
    for each, following in zip(found, [*found[1:], None], strict=True):
        rest = guide[each.end() : following.start() if following else None].partition("\n\n")[0]
        body = BODY.search(rest)
        said = None if body is None else json.loads(filled(body[1] if body[1] is not None else body[2]))
        path, _, query = filled(each[2] or each[3]).partition("?")
        yield Request(each[1] or ("GET" if body is None else "POST"), f"/api{path}", query, said)


def filled(text: str) -> str:
    for pattern, value in SHELL:
        text = re.sub(pattern, value, text)
    return text


def inputs(kind: type[Input] = Input) -> Iterator[tuple[str, type[Input]]]:
    for each in kind.__subclasses__():
        yield each.__name__, each
        yield from inputs(each)


def table(guide: str, first: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is that."""
    _, _, rows = guide.partition(f"| {first} |")
    lines = rows.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/openapi.json").get_json())


def operation(spec: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return what the document says of a request; an address without a name in it goes first."""
    fitting = [path for path in spec["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), request.path)]
    methods = [spec["paths"][path].get(request.method.lower()) for path in sorted(fitting, key=lambda p: p.count("{"))]
    return next((dict(each) for each in methods if each), {})


@pytest.mark.parametrize("guide", ["admin.md", "booking.md", "checkout.md", "commands.md", "courses.md", "refunds.md"])
def test_every_request_has_an_address_a_method_and_a_body_that_are_served(spec: dict[str, Any], guide: str) -> None:
    kinds, asked = dict(inputs()), list(requests((DOCS / guide).read_text()))

    for request in asked:
        served = operation(spec, request)
        assert served, request
        names = {each["name"] for each in served.get("parameters", []) if each["in"] == "query"}
        assert set(re.findall(r"(\w+)=", request.query)) <= names, request
        body = served.get("requestBody", {})
        assert request.said is not None or not body.get("required", False), request
        if request.said is not None:
            shape = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            kinds[shape].model_validate_json(json.dumps(request.said))

    assert len(asked) >= 7


def test_the_calendar_shows_how_a_student_subscribes(spec: dict[str, Any]) -> None:
    asked = list(requests((DOCS / "calendar.md").read_text()))

    shown = [operation(spec, each).get("operationId") for each in asked]

    assert shown == ["show_my_calendar", "create_calendar_link", "withdraw_calendar_link"]


def test_the_desk_shows_each_of_its_addresses(spec: dict[str, Any]) -> None:
    tags = {"Desk", "Coupons", "Ledger", "Waitlists"}
    shown = {(each.method, operation(spec, each)["operationId"]) for each in requests(DESK)}

    served = {
        (method.upper(), each["operationId"])
        for item in spec["paths"].values()
        for method, each in item.items()
        if tags & set(each["tags"])
    }

    # What is a word of its neighbour's: one of a list, taken away, left.
    told = {"show_redemption", "delete_coupon", "leave_waitlist"}
    assert {name for _, name in served - shown} <= told


def properties(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from properties(each)


def keys(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keys(each)


@pytest.mark.parametrize(("guide", "least"), [(DESK, 5), (COURSES, 3)], ids=["desk", "courses"])
def test_every_answer_has_fields_that_are_answered(spec: dict[str, Any], guide: str, least: int) -> None:
    known = {*properties(spec["components"]["schemas"])}

    answers = [json.loads(each) for each in re.findall(r"^```json\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)]

    assert len(answers) >= least
    assert {name for answer in answers for name in keys(answer)} - known == {WHATEVER}


def test_the_courses_show_each_command_about_a_step(spec: dict[str, Any]) -> None:
    shown = {operation(spec, each)["operationId"] for each in requests(COURSES)}

    served = [each for item in spec["paths"].values() for each in item.values() if "Course steps" in each["tags"]]

    assert {each["operationId"] for each in served} <= shown
    assert len(served) == 6


def test_the_courses_tell_why_an_enrollment_waits_and_what_others_are_told() -> None:
    named = set[str]()
    for cells in table(COURSES, "event"):
        first, *others = re.findall(r"`([\w.]+)`", cells[0])
        named |= {first, *(first.rpartition(".")[0] + each for each in others)}

    assert {cells[0].strip("`") for cells in table(COURSES, "`reviewReason`")} == {*ReviewReason}
    assert named == {*EVENTS.values(), *TOLD.values(), CREATED, ASSIGNED, DONE, GOES_ON}


def test_every_code_is_one_of_ours() -> None:
    _, _, after = DESK.partition("## Who may do what")
    fields = {*OrganizationEntry.model_fields, *CouponEntry.model_fields, *CatalogFile.model_fields}

    told = set(re.findall(r"`(?:\d{3} )?([a-z]+(?:_[a-z]+)+)`", after)) - fields
    expected = re.findall(r"# (\d{3}) (\w+)$", DESK + COURSES, re.MULTILINE)

    assert {"coupon_invalid", "coupon_exhausted", "session_not_started"} <= told
    assert told <= set(CATALOGUE)
    assert [(code, status) for status, code in expected if CATALOGUE[code].status != int(status)] == []


def test_every_kind_of_something_has_its_line() -> None:
    assert {cells[0].strip("`") for cells in table(DESK, "`couponType`")} == {*CouponType}
    assert {cells[-1].strip("` ") for cells in table(DESK, "`couponType`")} < {*RedemptionType}
    assert {cells[0].strip("`") for cells in table(DESK, "`kind`")} == {*UseKind}
    assert {each for each in WaitlistStatus if f"`{each}`" in DESK} >= {"PROMOTED", "SKIPPED", "CLOSED"}


def test_every_policy_is_what_a_file_takes_unless_it_is_named() -> None:
    told = {name.strip("`"): unless.partition(" (")[0] for name, unless, _ in table(DESK, "field")}

    policies = {
        name: "none" if each.default is None else json.dumps(each.default)
        for name, each in OrganizationEntry.model_fields.items()
        if name.endswith("_minutes") or name in POLICIES
    }
    assert {name: value.strip('"') for name, value in policies.items()} == told


def test_every_task_of_the_clock_is_in_the_schedule_and_no_other() -> None:
    told = {name.strip("`"): timedelta(seconds=PERIODS[every]) for name, every, _ in table(DESK, "task")}

    assert told == {each.name: each.period for each in SCHEDULE}
    assert set(re.findall(r"task run (\S+)", DESK)) <= {*told, "--all"}


def test_every_invariant_is_of_a_kind_that_is_told_and_every_kind_has_one() -> None:
    told = {name for cells in table(DESK, "rules") for name in re.findall(r"`(\w+)\.…`", cells[0])}

    assert told == {each.name.partition(".")[0] for each in rules()}


@pytest.mark.parametrize("said", sorted(set(re.findall(r"punchcard ([a-z].*?)(?=[`)\n]| {2}|$)", DESK))))
def test_every_command_is_there(said: str) -> None:
    command: Any = get_command(punchcard)
    words = said.split()

    while hasattr(command, "commands"):
        # A group takes its commands in once it is called.
        command.make_context("punchcard", [words[0]], resilient_parsing=True)
        assert words[0] in command.commands
        command, words = command.commands[words[0]], words[1:]

    options = {option for each in command.params for option in each.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: str(page.name))
def test_every_link_leads_somewhere(page: Any) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_students_read_no_code() -> None:
    assert not re.search(r"`|\$|https?:|\{", STUDENTS)
    assert "_" not in STUDENTS
