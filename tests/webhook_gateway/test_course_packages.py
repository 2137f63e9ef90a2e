"""What a student reads of the courses they bought, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from db.models import EnrollmentStatus, ReviewReason, ServiceType, StepStatus, StudentCourseEnrollment
from tests.enrolled import AT, DAY, SOON, Academy, counted, spring
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.desk import STAFF
from tests.webhook_gateway.world import World

__all__ = ["spring"]
pytestmark = pytest.mark.usefixtures("spring")

MINE = "/api/students/me/course-packages"
MEMBER = "/api/members/ada/course-packages"
LATER = SOON.isoformat().replace("+00:00", "Z")


@pytest.fixture
def academy(world: World) -> Academy:
    return Academy(world)


def detail(browser: Browser, bought: StudentCourseEnrollment, **claims: Any) -> dict[str, Any]:
    return dict(browser.get(f"{MINE}/{bought.student_package_id}", **claims).get_json())


def test_a_course_bought_says_how_far_it_is_and_what_is_left(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    first, second = academy.steps(program)
    cohort = academy.cohort(program)
    bought = academy.enroll("ada", program, cohort, extras=[(ServiceType.PRIVATE, 2, 30)])
    academy.stand(bought, first, StepStatus.COMPLETED, completed_at=AT)

    shown = browser.get(MINE).get_json()

    (item,) = shown["items"]
    (extra,) = item.pop("extras")
    assert (extra["serviceType"], extra["creditUnitMinutes"], extra["remaining"]) == ("PRIVATE", 30, 2)
    assert item == {
        "id": bought.student_package_id,
        "enrollmentId": bought.id,
        "courseCode": "SFZ",
        "courseTitle": "The SFZ course",
        "packageName": "The SFZ course",
        "status": "ACTIVE",
        "packageStatus": "ACTIVE",
        "enrolledAt": "2026-03-01T12:00:00Z",
        "expiresAt": LATER,
        "cohort": {"id": cohort.id, "code": "SPRING", "name": "In spring"},
        "progress": {
            "totalSteps": 2,
            "requiredSteps": 2,
            "completedSteps": 1,
            "completedRequiredSteps": 1,
            "bookedSteps": 0,
            "openSteps": 1,
            "missedSteps": 0,
            "percent": 50,
        },
        "nextRecommendedStep": {
            "stepId": second.id,
            "stepLabel": "SFZ-2",
            "stepTitle": "Step SFZ-2",
            "stepOrder": 2,
        },
    }
    assert shown["nextCursor"] is None


def test_a_course_says_where_each_step_is_booked(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    first, second = academy.steps(program)
    teacher = academy.world.teacher(academy.of, "LUCA")
    option = academy.option(first, academy.world.group_class(academy.of, name="Talk", teacher_id=teacher.id))
    noted = {"courseStepId": second.id, "stepLabel": "SFZ-2", "code": "session_full", "detail": "No place."}
    bought = academy.enroll("ada", program, details={"notBooked": [noted | {"internal": "secret"}]})
    date = academy.date(option, AT + DAY)
    booking = academy.stand(bought, first, StepStatus.BOOKED, option, date)
    academy.stand(bought, second, StepStatus.CANCELLED, skipped=True, cancelled_at=AT)
    assert booking is not None

    shown = detail(browser, bought)

    (listed,) = browser.get(MINE).get_json()["items"]
    steps, not_booked = shown.pop("steps"), shown.pop("notBooked")
    assert shown == listed
    assert not_booked == [noted]
    assert steps == [
        {
            "id": academy.progress(bought, first).id,
            "courseStepId": first.id,
            "stepLabel": "SFZ-1",
            "stepTitle": "Step SFZ-1",
            "stepOrder": 1,
            "isRequired": True,
            "status": "BOOKED",
            "skipped": False,
            "courseStepOptionId": option.id,
            "bookingId": booking.id,
            "bookedAt": "2026-03-01T12:00:00Z",
            "session": {
                "sessionId": date.id,
                "groupClassName": "Talk",
                "startAt": "2026-03-02T12:00:00Z",
                "endAt": "2026-03-02T13:00:00Z",
                "teacherName": "Luca",
            },
        },
        {
            "id": academy.progress(bought, second).id,
            "courseStepId": second.id,
            "stepLabel": "SFZ-2",
            "stepTitle": "Step SFZ-2",
            "stepOrder": 2,
            "isRequired": True,
            "status": "CANCELLED",
            "skipped": True,
            "cancelledAt": "2026-03-01T12:00:00Z",
        },
    ]


def test_what_has_nothing_to_say_is_left_out(browser: Browser, academy: Academy) -> None:
    reason = ReviewReason.COHORT_CLOSED
    bought = academy.enroll("ada", academy.course(), status=EnrollmentStatus.NEEDS_REVIEW, review_reason=reason)
    done = academy.enroll("bob", academy.course("ABC"), status=EnrollmentStatus.COMPLETED)

    waiting, completed = detail(browser, bought), detail(browser, done, sub="bob")

    assert (waiting["status"], waiting["reviewReason"]) == ("NEEDS_REVIEW", "COHORT_CLOSED")
    assert not {"cohort", "completedAt", "nextRecommendedStep"} & waiting.keys()
    assert (completed["status"], completed["completedAt"]) == ("COMPLETED", "2026-03-01T12:00:00Z")
    assert "reviewReason" not in completed


def test_open_steps_are_a_bare_array_as_frontends_expect_it(browser: Browser, academy: Academy) -> None:
    program = academy.course()
    first, second = academy.steps(program)
    option = academy.option(first, academy.world.group_class(academy.of, name="Talk"))
    date = academy.date(option, AT + DAY)
    bought = academy.enroll("ada", program)

    shown = browser.get(f"{MINE}/{bought.student_package_id}/unbooked-steps").get_json()

    assert shown == [
        {
            "stepId": first.id,
            "stepLabel": "SFZ-1",
            "stepTitle": "Step SFZ-1",
            "stepOrder": 1,
            "isRequired": True,
            "status": "UNBOOKED",
            "options": [
                {
                    "courseStepOptionId": option.id,
                    "sessionId": date.id,
                    "groupClassId": option.group_class_id,
                    "groupClassName": "Talk",
                    "startAt": "2026-03-02T12:00:00Z",
                    "endAt": "2026-03-02T13:00:00Z",
                    "capacityMax": 8,
                    "spotsAvailable": 8,
                    "isActive": True,
                    "teacherName": None,
                }
            ],
        },
        {
            "stepId": second.id,
            "stepLabel": "SFZ-2",
            "stepTitle": "Step SFZ-2",
            "stepOrder": 2,
            "isRequired": True,
            "status": "UNBOOKED",
            "options": [],
        },
    ]


def test_where_every_step_is_taken_the_array_is_empty(browser: Browser, academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    bought = academy.enroll("ada", program)
    academy.stand(bought, academy.steps(program)[0], StepStatus.COMPLETED, completed_at=AT)

    assert browser.get(f"{MINE}/{bought.student_package_id}/unbooked-steps").get_json() == []


def test_the_last_bought_comes_first_on_each_page(browser: Browser, academy: Academy) -> None:
    packages = [academy.enroll("ada", academy.course(f"C-{number}")).student_package_id for number in range(3)]

    for path, claims in ((MINE, {}), (MEMBER, STAFF)):
        first = browser.get(f"{path}?limit=2", **claims).get_json()
        rest = browser.get(f"{path}?limit=2&cursor={first['nextCursor']}", **claims).get_json()
        assert [each["id"] for each in first["items"] + rest["items"]] == packages[::-1]
        assert rest["nextCursor"] is None


def test_staff_see_a_members_courses_as_the_member_does(browser: Browser, academy: Academy) -> None:
    academy.enroll("ada", academy.course())
    academy.student("bob")

    assert browser.get(MEMBER, **STAFF).get_json() == browser.get(MINE).get_json()
    assert browser.get("/api/members/bob/course-packages", **STAFF).get_json() == {"items": [], "nextCursor": None}
    assert browser.get("/api/members/nobody/course-packages", **STAFF).status_code == 404
    assert browser.get(MEMBER, org="thrive", **STAFF).status_code == 403
    assert browser.get(MEMBER).status_code == 403


def test_nobody_sees_what_another_bought(browser: Browser, academy: Academy) -> None:
    bought = academy.enroll("ada", academy.course())
    Academy(academy.world, "thrive")
    # A package that came with no course is none.
    plain = academy.world.package(
        academy.world.order(academy.student("bob"), academy.world.product(academy.of, "P")), (ServiceType.GROUP, 1, 60)
    )
    own = f"{MINE}/{bought.student_package_id}"

    for path in (own, f"{own}/unbooked-steps"):
        assert browser.get(path).status_code == 200
        assert browser.get(path, sub="bob").status_code == 404
        assert browser.get(path, org="thrive").status_code == 404
        assert browser.get(path, **STAFF).status_code == 403
        assert browser.client.get(path).status_code == 401
    for nothing in (f"{MINE}/{plain.id}", f"{MINE}/{plain.id}/unbooked-steps"):
        assert browser.get(nothing, sub="bob").status_code == 404
    for claims in ({"sub": "bob"}, {"org": "thrive"}, {"sub": "new"}):
        assert browser.get(MINE, **claims).get_json() == {"items": [], "nextCursor": None}
    # Their own token made a member of that name there.
    assert browser.get(MEMBER, org="thrive", **STAFF).get_json()["items"] == []


@pytest.mark.parametrize(("path", "claims"), [(MINE, {}), (MEMBER, STAFF)])
def test_a_question_that_means_nothing_is_refused(
    browser: Browser, academy: Academy, path: str, claims: dict[str, Any]
) -> None:
    academy.student("ada")

    for query, status in (("limit=201", 422), ("limit=0", 422), ("color=red", 422), ("cursor=!", 400)):
        assert browser.get(f"{path}?{query}", **claims).status_code == status


@pytest.mark.parametrize("path", [MINE, "detail", "unbooked"])
def test_a_long_list_costs_no_more_statements_than_a_short_one(browser: Browser, academy: Academy, path: str) -> None:
    counts = []
    for size in (1, 3):
        for number in range(size):
            program = academy.course(f"C-{size}-{number}", *(f"S-{each}" for each in range(size)))
            for step in academy.steps(program):
                academy.date(academy.option(step), AT + DAY)
            bought = academy.enroll("ada", program)
        own = f"{MINE}/{bought.student_package_id}"
        with counted(academy.world.engine) as statements:
            browser.get({"detail": own, "unbooked": f"{own}/unbooked-steps"}.get(path, path))
        counts.append(len(statements))

    assert counts[0] == counts[1]
