"""Reports of courses as pages and as tables."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from db.models import StepStatus
from tests.enrolled import AT, DAY, HOUR, Academy, spring
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import ADMIN, PLATFORM, STAFF, pointers
from tests.webhook_gateway.world import World
from webhook_gateway import reporting

__all__ = ["spring"]
pytestmark = pytest.mark.usefixtures("spring")

REPORTS = "/api/admin/reports"
NAMES = ("enrollments", "completion", "skipped-steps", "low-seats", "revenue")
COLUMNS = {
    "enrollments": "courseCode,courseTitle,cohortId,cohortCode,cohortName,enrolled,active,completed,needsReview,"
    "revoked,capacity,placesAvailable",
    "completion": "courseCode,courseTitle,enrollments,completed,completionRate,stepId,stepLabel,stepTitle,stepOrder,"
    "stepIsRequired,stepUnbooked,stepBooked,stepCompleted,stepMissed,stepCancelled",
    "skipped-steps": "courseCode,courseTitle,stepId,stepLabel,stepTitle,stepOrder,skipped",
    "low-seats": "courseCode,courseTitle,stepId,stepLabel,stepOrder,sessionId,groupClassName,startAt,spotsAvailable,"
    "capacityMax,studentsToBook",
    "revenue": "courseCode,courseTitle,currency,orders,list,paid,refunded,net",
}


@pytest.fixture
def academy(world: World) -> Academy:
    return Academy(world)


def items(browser: Browser, name: str, query: str = "") -> list[dict[str, Any]]:
    return list(browser.get(f"{REPORTS}/{name}?{query}", **STAFF).get_json()["items"])


def table(answer: TestResponse) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def told(value: Any) -> str:
    """Return a value of JSON as it stands in a table."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def a_year(academy: Academy) -> None:
    """Fill an academy with something for every report, in two lines each."""
    for code, components in (("ABC", 1), ("SFZ", 2)):
        program = academy.course(code, f"{code}-1", f"{code}-2")
        first, _ = academy.steps(program)
        option = academy.option(first, academy.world.group_class(academy.of, capacity=components, name=f"Talk {code}"))
        academy.date(option, AT + components * DAY)
        cohort = academy.cohort(program)
        bought = academy.enroll("ada", program, cohort)
        academy.stand(bought, first, StepStatus.UNBOOKED, skipped=True)


# What each says.


def test_enrollments_are_a_line_for_each_cohort(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    cohort = academy.cohort(program)
    academy.enroll("ada", program, cohort)
    academy.enroll("bob", program)

    nowhere, in_cohort = items(browser, "enrollments")

    assert in_cohort == {
        "courseCode": "SFZ",
        "courseTitle": "The SFZ course",
        "cohortId": cohort.id,
        "cohortCode": "SPRING",
        "cohortName": "In spring",
        "enrolled": 1,
        "active": 1,
        "completed": 0,
        "needsReview": 0,
        "revoked": 0,
        "capacity": 10,
        "placesAvailable": 9,
    }
    empty = dict.fromkeys(("cohortId", "cohortCode", "cohortName", "capacity", "placesAvailable"))
    assert nowhere == in_cohort | empty


def test_completion_is_a_line_for_each_course_with_its_steps(browser: Browser, academy: Academy) -> None:
    program = academy.course("SFZ", "SFZ-1")
    (step,) = academy.steps(program)
    academy.stand(academy.enroll("ada", program), step, StepStatus.COMPLETED, completed_at=AT)

    assert items(browser, "completion") == [
        {
            "courseCode": "SFZ",
            "courseTitle": "The SFZ course",
            "enrollments": 1,
            "completed": 0,
            "completionRate": 0,
            "steps": [
                {
                    "stepId": step.id,
                    "stepLabel": "SFZ-1",
                    "stepTitle": "Step SFZ-1",
                    "stepOrder": 1,
                    "isRequired": True,
                    "unbooked": 0,
                    "booked": 0,
                    "completed": 1,
                    "missed": 0,
                    "cancelled": 0,
                }
            ],
        }
    ]


def test_skipped_steps_are_a_line_each(browser: Browser, academy: Academy) -> None:
    program = academy.course("SFZ", "SFZ-1")
    (step,) = academy.steps(program)
    academy.stand(academy.enroll("ada", program), step, StepStatus.UNBOOKED, skipped=True)

    assert items(browser, "skipped-steps") == [
        {
            "courseCode": "SFZ",
            "courseTitle": "The SFZ course",
            "stepId": step.id,
            "stepLabel": "SFZ-1",
            "stepTitle": "Step SFZ-1",
            "stepOrder": 1,
            "skipped": 1,
        }
    ]


def test_sessions_with_few_places_are_a_line_each_in_universal_time(browser: Browser, world: World) -> None:
    academy = Academy(world, timezone="America/New_York")
    program = academy.course("SFZ", "SFZ-1")
    (step,) = academy.steps(program)
    option = academy.option(step, world.group_class(academy.of, capacity=3, name="Talk"))
    # Six in the evening there, the day before clocks go forward and on that day.
    before, after = (academy.date(option, AT + days * DAY + hours * HOUR) for days, hours in ((6, 11), (7, 10)))
    academy.enroll("ada", program)

    lines = items(browser, "low-seats")

    assert lines[0] == {
        "courseCode": "SFZ",
        "courseTitle": "The SFZ course",
        "stepId": step.id,
        "stepLabel": "SFZ-1",
        "stepOrder": 1,
        "sessionId": before.id,
        "groupClassName": "Talk",
        "startAt": "2026-03-07T23:00:00Z",
        "spotsAvailable": 3,
        "capacityMax": 3,
        "studentsToBook": 1,
    }
    assert (lines[1]["sessionId"], lines[1]["startAt"]) == (after.id, "2026-03-08T22:00:00Z")
    assert items(browser, "low-seats", "threshold=2") == []


def test_revenue_is_a_line_for_each_course_and_currency(browser: Browser, academy: Academy) -> None:
    academy.enroll("ada", academy.course(), payment={"amount_refunded": 900})

    assert items(browser, "revenue") == [
        {
            "courseCode": "SFZ",
            "courseTitle": "The SFZ course",
            "currency": "TRY",
            "orders": 1,
            "list": 49_900,
            "paid": 49_900,
            "refunded": 900,
            "net": 49_000,
        }
    ]
    span = f"from={quote('2026-03-01T15:00:00+03:00')}&to={quote('2026-03-01T15:00:01+03:00')}"
    assert len(items(browser, "revenue", span)) == 1
    assert items(browser, "revenue", "to=2026-03-01T12:00:00Z") == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("revenue?from=2026-03-01", ["#/from"]),
        ("revenue?from=2026-03-01T12:00:00", ["#/from"]),
        ("revenue?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", ["#/to"]),
        ("low-seats?threshold=-1", ["#/threshold"]),
        ("low-seats?threshold=10001", ["#/threshold"]),
        ("completion?threshold=1", ["#/threshold"]),
        ("enrollments?format=xml", ["#/format"]),
        ("enrollments?limit=201", ["#/limit"]),
    ],
)
def test_a_question_that_means_nothing_is_refused(
    browser: Browser, academy: Academy, path: str, fields: list[str]
) -> None:
    answer = browser.get(f"{REPORTS}/{path}", **STAFF)

    assert (answer.status_code, pointers(answer)) == (422, fields)


# As a table.


@pytest.mark.parametrize("name", NAMES)
def test_a_table_says_the_same_as_the_page(browser: Browser, academy: Academy, name: str) -> None:
    a_year(academy)

    answer = browser.get(f"{REPORTS}/{name}?format=csv&limit=1", **STAFF)

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    assert "Link" not in answer.headers
    lines = answer.text.split("\r\n")
    assert (lines[0], lines[-1]) == (COLUMNS[name], "")
    shown = items(browser, name)
    if name == "completion":
        steps = [(line, step) for line in shown for step in line["steps"]]
        assert [(row["courseCode"], row["stepId"], row["stepUnbooked"], row["completed"]) for row in table(answer)] == [
            (line["courseCode"], told(step["stepId"]), told(step["unbooked"]), told(line["completed"]))
            for line, step in steps
        ]
    else:
        assert table(answer) == [{key: told(value) for key, value in line.items()} for line in shown]
    assert len(shown) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_both_forms_are_documented(browser: Browser, name: str) -> None:
    document = browser.client.get("/openapi.json").get_json()

    answers = document["paths"][f"{REPORTS}/{name}"]["get"]["responses"]["200"]["content"]

    assert set(answers) == {"application/json", "text/csv"}
    assert answers["text/csv"]["schema"]["type"] == "string"


@pytest.mark.parametrize("name", NAMES)
def test_a_table_without_lines_has_its_header(browser: Browser, academy: Academy, name: str) -> None:
    answer = browser.get(f"{REPORTS}/{name}?format=csv", **STAFF)

    assert answer.text == f"{COLUMNS[name]}\r\n"
    assert items(browser, name) == []


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")'),
        ("+1", "'+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("1=1", "1=1"),
        ('Say "hi", then\r\ngo', 'Say "hi", then\r\ngo'),
        ("Şükrü 😀", "Şükrü 😀"),
    ],
)
def test_no_cell_is_a_formula_and_every_text_comes_back(
    browser: Browser, academy: Academy, title: str, cell: str
) -> None:
    academy.course(product={"name": title})

    answer = browser.get(f"{REPORTS}/enrollments?format=csv", **STAFF)

    assert [row["courseTitle"] for row in table(answer)] == [cell]
    assert [line["courseTitle"] for line in items(browser, "enrollments")] == [title]


def test_a_long_table_says_where_it_goes_on(
    browser: Browser, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "MAX_TABLE", 2)
    for number in range(3):
        academy.date(academy.option(academy.steps(academy.course(f"C-{number}"))[0]), AT + DAY, capacity=1)

    first = browser.get(f"{REPORTS}/low-seats?format=csv&threshold=5", **STAFF)
    behind = first.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    rest = browser.get(behind, **STAFF)

    assert "threshold=5" in behind
    assert [row["courseCode"] for row in table(first) + table(rest)] == ["C-0", "C-1", "C-2"]
    assert "Link" not in rest.headers


# Pages, and whose they are.


@pytest.mark.parametrize("name", NAMES)
def test_pages_show_each_line_once(browser: Browser, academy: Academy, name: str) -> None:
    a_year(academy)
    whole, found, cursor = items(browser, name), [], ""

    for _ in range(len(whole)):
        page = browser.get(f"{REPORTS}/{name}?limit=1{cursor}", **STAFF).get_json()
        found += page["items"]
        cursor = f"&cursor={page['nextCursor']}"

    assert found == whole
    assert page["nextCursor"] is None


@pytest.mark.parametrize("cursor", ["", "!", "MQ", "e30", "W10", "WzEsMiwzLDRd", "W251bGxd", "WyJhIl0", "W3RydWVd"])
def test_a_cursor_is_of_its_report_or_nothing(browser: Browser, academy: Academy, cursor: str) -> None:
    a_year(academy)

    for name in NAMES:
        assert browser.get(f"{REPORTS}/{name}?cursor={cursor}", **STAFF).status_code == 400, name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["json", "csv"])
def test_only_staff_of_the_organization_read_reports(browser: Browser, academy: Academy, name: str, form: str) -> None:
    a_year(academy)
    Academy(academy.world, "thrive")
    address = f"{REPORTS}/{name}?format={form}"

    own, theirs = browser.get(address, **STAFF), browser.get(address, org="thrive", **STAFF)

    assert "SFZ" in own.text
    assert "SFZ" not in theirs.text
    assert (own.status_code, theirs.status_code, browser.get(address, **ADMIN).status_code) == (200, 200, 200)
    assert browser.get(address).status_code == 403
    assert browser.get(address, **PLATFORM).status_code == 403
    assert browser.client.get(address).status_code == 401
