"""Courses through the whole stack: planned, bought by a signed event, taken step by step, marked, and finished."""

from __future__ import annotations

import shlex
import sys
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from tests.learner import Learner, asks, planned
from tests.pasted import needs_a_shell, paste
from tests.patron import Patron, Row
from tests.stack import ROOT, Reply, Stack

GUIDE = (ROOT / "docs" / "courses.md").read_text()
# The sessions in which a student has a place, from now on and over at once, one after the other.
BEGIN = """
WITH mine AS (SELECT b.session_id AS id, row_number() OVER (ORDER BY b.start_at) * interval '0.1 seconds' AS after
                FROM bookings b JOIN students s ON s.id = b.student_id JOIN organizations o ON o.id = b.organization_id
               WHERE s.external_id = %s AND o.slug = 'thrive' AND b.status = 'CONFIRMED'),
begun AS (UPDATE class_sessions c SET start_at = now() + mine.after, end_at = now() + mine.after + interval '0.1 second'
            FROM mine WHERE c.id = mine.id RETURNING c.id, c.start_at, c.end_at)
UPDATE bookings b SET start_at = begun.start_at, end_at = begun.end_at FROM begun WHERE b.session_id = begun.id
"""
# Instead of waiting for minutes.
HURRY = "import sys, psycopg; psycopg.connect(sys.argv[1], autocommit=True).execute(sys.argv[2], sys.argv[3:])"
EVENTS = """
SELECT e.type FROM domain_events e JOIN students s ON s.id = e.student_id
 WHERE s.external_id = %s AND e.subject LIKE 'enrollment/%%' ORDER BY e.sequence
"""
pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def staff(stack: Stack) -> Patron:
    return Patron(stack, "desk", "thrive", "staff")


@pytest.fixture
def admin(stack: Stack) -> Patron:
    return Patron(stack, "boss", "thrive", "admin")


def begin(who: Learner) -> None:
    """Let the sessions in which somebody has a place be over."""
    with psycopg.connect(who.stack.database_url, autocommit=True) as connection:
        connection.execute(BEGIN, [who.name])
    time.sleep(0.7)


def events(who: Learner) -> list[str]:
    with psycopg.connect(who.stack.database_url) as connection:
        return [str(row[0]) for row in connection.execute(EVENTS, [who.name])]


def marks(staff: Patron, booking: Row, status: str) -> Reply:
    said = {"marks": [{"bookingId": booking["bookingId"], "status": status}]}
    return asks(staff, "POST", f"/api/admin/sessions/{booking['session']['sessionId']}/attendance", said)


def line(staff: Patron, report: str, **wanted: object) -> Row:
    """Return the line of a report that says that."""
    items = staff.sees(f"/api/admin/reports/{report}")["items"]
    return dict(next(each for each in items if wanted.items() <= each.items()))


def test_a_course_is_looked_at_bought_and_taken_step_by_step(stack: Stack, admin: Patron) -> None:
    rosa, run = Learner(stack, "rosa"), planned(admin, "MAY", 40)
    shown = [stack.get(f"/api/courses{path}?org=thrive") for path in ("", "/SFZ", "/SFZ/cohorts")]
    by_day, evening = rosa.calendar(run.first, "COURSE")
    refused = rosa.books(by_day)
    later = rosa.sees(f"/api/jobs/{refused.job}")
    asked = rosa.sees(f"/api/packages/compatible-for-session/{by_day['sessionId']}")

    bought = rosa.enrolls(run)
    receipt = rosa.gets_mail(": Spanish from Zero")
    offered = rosa.open_options()
    rosa.gets_mail("you are booked for SFZ-4")
    skipping = rosa.takes(run, "SFZ-2-EVE")
    booked = rosa.takes(run, "SFZ-1-DAY", sessionId=by_day["sessionId"])
    confirmed = rosa.gets_mail("you are booked for SFZ-1, Spanish from Zero 1, by day")
    changed = rosa.takes(run, "SFZ-1-EVE", "change-session")
    rosa.gets_mail("your booking is now SFZ-1, Spanish from Zero 1, evening")
    left = rosa.left("SFZ")
    cancelled = rosa.gives_up("SFZ-1", reason="away")
    rosa.gets_mail("cancelled, SFZ-1, Spanish from Zero 1, evening")
    given_back = rosa.left("SFZ")
    again, many = rosa.takes(run, "SFZ-1-DAY"), rosa.takes_all(run, ["SFZ-3-DAY"])

    assert [status for status, _ in shown] == [200, 200, 200]
    assert (shown[0][1]["items"][0]["code"], len(shown[1][1]["steps"])) == ("SFZ", 4)
    assert {each["code"]: each["placesAvailable"] for each in shown[2][1]["items"]}[run.code] == 10
    assert [each["courseSteps"][0]["stepLabel"] for each in (by_day, evening)] == ["SFZ-1", "SFZ-1"]
    assert (refused.code, refused.said["courses"], later["problem"]["courses"]) == (
        "enrollment_required",
        ["SFZ"],
        ["SFZ"],
    )
    assert (asked["requiresCourseEnrollment"], asked["isEnrolledInCourse"]) == (True, False)
    assert (bought["status"], bought["cohort"]["code"]) == ("ACTIVE", run.code)
    assert "You are enrolled, in May." in receipt
    assert offered == {
        f"SFZ-{step}": [run.sessions[f"SFZ-{step}-{each}"] for each in ("DAY", "EVE")] for step in (1, 2, 3)
    }
    assert [len(each.said.get("skippedSteps", [])) for each in (skipping, booked)] == [1, 0]
    assert booked.said["booking"]["metadata"]["stepLabel"] == "SFZ-1"
    assert "It is step SFZ-1, Hello, of your course Spanish from Zero." in " ".join(confirmed.split())
    assert [each.status for each in (booked, changed, cancelled, again, many)] == [201, 200, 200, 201, 201]
    assert changed.said["booking"]["metadata"]["changedFrom"] == booked.said["booking"]["id"]
    assert (left, given_back, rosa.left("SFZ")) == ([1, 2], [2, 2], [0, 2])
    assert set(rosa.progress.values()) == {"BOOKED"}
    # A change is both.
    told = Counter(events(rosa))
    assert told == {"enrollment.created": 1, "course.step.booked": 6, "course.step.cancelled": 2}


def test_of_a_full_session_of_a_course_the_first_in_line_gets_the_place_and_the_step(
    stack: Stack, staff: Patron, admin: Patron
) -> None:
    run = planned(admin, "JUNE", 60)
    tess, uma, eve = Learner(stack, "tess"), Learner(stack, "uma"), Learner(stack, "eve")
    full = run.sessions["SFZ-1-EVE"]
    path = f"/api/sessions/{full}/waitlist"
    tess.enrolls(run), uma.enrolls(run)
    early = asks(uma, "POST", path)
    capacity = asks(admin, "PATCH", f"/api/admin/sessions/{full}", {"capacity": 1})
    taken = tess.takes(run, "SFZ-1-EVE")
    refused = [uma.takes(run, "SFZ-1-EVE"), asks(eve, "POST", path), asks(tess, "POST", path)]
    few = line(staff, "low-seats", sessionId=full)
    joined = asks(uma, "POST", path)

    moved = tess.takes(run, "SFZ-1-DAY", "change-session")
    promoted = uma.gets_mail("a place came free, you are booked for SFZ-1")

    assert (early.code, capacity.status, taken.status) == ("session_not_full", 200, 201)
    assert [each.code for each in refused] == ["session_full", "enrollment_required", "already_booked"]
    assert (few["spotsAvailable"], few["studentsToBook"] > 0) == (0, True)
    assert (joined.said["waitlistEntry"]["position"], moved.status) == (1, 200)
    assert "It is step SFZ-1" in promoted
    assert uma.step("SFZ-1")["session"]["sessionId"] == full
    assert uma.left("SFZ") == [2, 2]


def test_who_came_to_every_step_has_completed_the_course_also_one_that_was_missed_first(
    stack: Stack, staff: Patron, admin: Patron
) -> None:
    vera, run = Learner(stack, "vera"), planned(admin, "JULY", 80)
    path = f"/api/admin/enrollments/{vera.enrolls(run)['enrollmentId']}"
    many = vera.takes_all(run, ["SFZ-1-DAY", "SFZ-2-DAY", "SFZ-3-EVE"])
    first, *others = vera.course["steps"]
    reopening = f"{path}/steps/{first['courseStepId']}/reopen"
    early = [marks(staff, first, "ATTENDED"), asks(staff, "POST", reopening, {"reason": "ill"})]

    begin(vera)
    marked = [marks(staff, first, "NO_SHOW"), *(marks(staff, each, "ATTENDED") for each in others)]
    missed = vera.progress
    again = vera.takes(run, "SFZ-1-EVE")
    reopened = asks(staff, "POST", reopening, {"reason": "The train was late"})
    taken = vera.takes(run, "SFZ-1-EVE")
    begin(vera)
    last = marks(staff, vera.step("SFZ-1"), "ATTENDED")

    assert (many.status, len(many.said["manualSelections"])) == (201, 3)
    assert [each.code for each in early] == ["session_not_started", "step_not_booked"]
    assert {each.status for each in (*marked, reopened, last)} == {200}
    assert missed == {"SFZ-1": "MISSED", "SFZ-2": "COMPLETED", "SFZ-3": "COMPLETED", "SFZ-4": "COMPLETED"}
    assert (again.code, taken.status) == ("step_already_booked", 201)
    course = vera.course
    assert (course["status"], course["progress"]["percent"]) == ("COMPLETED", 100)
    assert [each["remaining"] for each in course["extras"]] == [2]
    assert events(vera) == [
        "enrollment.created",
        *["course.step.booked"] * 4,
        "course.step.missed",
        *["course.step.completed"] * 3,
        "course.step.reopened",
        "course.step.booked",
        "course.step.completed",
        "enrollment.completed",
    ]
    assert line(staff, "enrollments", cohortCode=run.code)["completed"] == 1
    assert line(staff, "completion", courseCode="SFZ")["completed"] >= 1
    assert line(staff, "revenue", courseCode="SFZ")["net"] >= 49_900
    assert stack.run("audit").returncode == 0


def test_a_purchase_for_a_full_cohort_waits_until_staff_assign_another_one(
    stack: Stack, staff: Patron, admin: Patron
) -> None:
    full, other = planned(admin, "TINY", 100, capacity=1), planned(admin, "ROOMY", 120)
    ida, joe = Learner(stack, "ida"), Learner(stack, "joe")
    ida.enrolls(full)

    waiting = joe.enrolls(full)
    receipt = joe.gets_mail(": Spanish from Zero")
    seen = staff.sees("/api/admin/enrollments", status="NEEDS_REVIEW")["items"]
    nothing = [joe.takes(full, "SFZ-1-DAY"), joe.books({"sessionId": full.sessions["SFZ-1-DAY"]})]
    offered = joe.open_options()
    path = f"/api/admin/enrollments/{waiting['enrollmentId']}/assign-cohort"
    lumen = Patron(stack, "desk", "lumen", "staff")
    refused = [
        asks(who, "POST", path, {"cohortId": each.id}) for who, each in ((staff, full), (joe, other), (lumen, other))
    ]
    assigned = asks(staff, "POST", path, {"cohortId": other.id, "reason": "the other one is full"})
    joe.gets_mail("you are booked for SFZ-4")
    stranger = asks(ida, "DELETE", f"{joe.of('SFZ-4')}/booking")

    assert (waiting["status"], waiting["reviewReason"]) == ("NEEDS_REVIEW", "COHORT_FULL")
    assert "The studio looks at your enrollment first" in receipt
    assert [(each["studentId"], each["requestedCohort"]) for each in seen] == [("joe", full.code)]
    assert [each.code for each in nothing] == ["enrollment_required"] * 2
    assert set(map(len, offered.values())) == {0}
    assert [(each.status, each.code) for each in refused] == [
        (409, "cohort_full"),
        (403, "forbidden"),
        (404, "not_found"),
    ]
    assert (assigned.said["enrollment"]["status"], assigned.said["notBooked"]) == ("ACTIVE", [])
    assert stranger.code == "not_found"
    assert joe.takes(other, "SFZ-1-DAY").status == 201
    assert joe.course["cohort"]["code"] == other.code


@needs_a_shell
def test_the_requests_of_the_guide_do_what_it_says_in_their_order(stack: Stack, tmp_path: Path) -> None:
    begin = shlex.join([sys.executable, "-c", HURRY, stack.database_url, BEGIN, "demo-student"])
    student = Learner(stack, "demo-student")

    paste(stack, GUIDE, tmp_path, first=f"sleep() {{ [ $1 -lt 60 ] || {begin}; command sleep 1; }}\n")

    assert (student.course["status"], student.course["progress"]["percent"]) == ("COMPLETED", 100)
    assert "You are enrolled" in student.gets_mail(": Spanish from Zero")
