"""What students of a course are told by the clock and of their enrollment, and staff of dates that are nearly full."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from freezegun import freeze_time

from tests.school import School
from tests.stripe_objects import refund
from tests.timetable import Timetable
from tests.worker.test_booking_mail import leave, text
from tests.worker.test_outbox import content
from tests.worker.told import became, remind, say, tell
from worker import clock

MONDAY = "2026-10-05T08:00:00Z"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _monday() -> Iterator[None]:
    with freeze_time(MONDAY, tick=True):
        yield


@pytest.fixture
def school(timetable: Timetable) -> School:
    """Give the course, its first step on Friday, its second on Sunday, its last on Thursday after."""
    school = School(timetable)
    school.plan()
    timetable.studio.rows("UPDATE organizations SET staff_email = 'desk@thrive.example' WHERE slug = 'thrive'")
    return school


@pytest.fixture
def package(school: School) -> int:
    """Give the course of Ada, who has read what she was told so far."""
    package = school.enroll("ada", email="ada@example.com")
    leave(school.timetable)
    return package


def progress(school: School, package: int, label: str) -> int:
    row = school.timetable.studio.one(
        "SELECT y.id FROM student_course_step_progress y JOIN student_course_enrollments e ON e.id = y.enrollment_id"
        " WHERE e.student_package_id = %(package)s AND y.course_step_id = %(step)s",
        package=package,
        step=school.step(label),
    )
    return int(row["id"])


def unbooked(school: School, package: int, label: str = "SFZ-1") -> int:
    """Tell ada of an open step."""
    row, moment = progress(school, package, label), clock.now()
    key = f"progress:{row}:{moment:%G-W%V}:{moment.timestamp():.0f}"
    student = school.timetable.student("ada", "thrive")
    return tell(school.timetable, "step.unbooked", key, org="thrive", student=student, step_progress_id=row)


def fill(school: School, code: str) -> None:
    """Leave no place in a session but those that are taken."""
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions[code])
    name = f"full-{code}"
    assert school.book(name, school.enroll(name), code).code == "done"


def test_an_open_step_is_named_with_its_course_and_the_dates_that_have_a_place(school: School, package: int) -> None:
    unbooked(school, package)

    (mail,) = leave(school.timetable)

    enrollment = school.enrollment(package)["id"]
    assert mail["Subject"] == "Thrive Languages: SFZ-1 of Spanish from Zero is still to be booked"
    assert text(mail) == (
        "Hello Ada Example,\n\n"
        "A step of your course is still to be booked:\n\n"
        "  SFZ-1, Hello\n"
        "  Fri 9 Oct, 10:00 EDT: Spanish from Zero 1, by day\n"
        "  Fri 9 Oct, 14:00 EDT: Spanish from Zero 1, evening\n"
        "  Spanish from Zero\n\n"
        "These dates have a free place now: book the one that suits you.\n\n"
        f"Enrollment: {enrollment}\n"
        "At: Thrive Languages\n"
    )


def test_only_the_next_dates_that_have_a_place_are_named(school: School, package: int) -> None:
    fill(school, "SFZ-1-DAY")
    for days in range(7):
        school.meet("SFZ-1-DAY", school.start(school.sessions["SFZ-1-DAY"]) + (days + 1) * DAY)
    unbooked(school, package)

    mail = next(each for each in leave(school.timetable) if "ada@" in str(each["To"]))

    assert "Fri 9 Oct, 10:00" not in text(mail)
    assert text(mail).count("Spanish from Zero 1") == 5
    assert "Tue 13 Oct" in text(mail)
    assert "Wed 14 Oct" not in text(mail)


@pytest.mark.parametrize("why", ["booked", "completed", "revoked", "refunded", "full", "past", "far"])
def test_what_is_not_to_be_booked_any_more_is_not_told(school: School, package: int, why: str) -> None:
    row = unbooked(school, package, "SFZ-3" if why == "far" else "SFZ-1")
    if why == "booked":
        school.book("ada", package, "SFZ-1-DAY")
    elif why in {"completed", "revoked"}:
        school.timetable.studio.rows(
            "UPDATE student_course_enrollments SET status = %(status)s, completed_at = %(at)s",
            status=why.upper(),
            at=clock.now(),
        )
    elif why == "refunded":
        payment = school.timetable.studio.one("SELECT stripe_key FROM payments")["stripe_key"]
        school.timetable.studio.deliver(refund(payment, amount=49_900, refund_id="re_1"))
    elif why == "full":
        fill(school, "SFZ-1-DAY")
        fill(school, "SFZ-1-EVE")
    at = school.start(school.sessions["SFZ-1-EVE"]) if why == "past" else clock.now()

    with freeze_time(at):
        leave(school.timetable)

    assert became(school.timetable, row) == "VOID"


def test_a_date_is_near_for_a_week(school: School, package: int) -> None:
    first = school.start(school.sessions["SFZ-3-DAY"])
    with freeze_time(first - 7 * DAY - timedelta(seconds=1)):
        early = unbooked(school, package, "SFZ-3")
        leave(school.timetable)
    with freeze_time(first - 7 * DAY):
        near = unbooked(school, package, "SFZ-3")
        leave(school.timetable)

    assert [became(school.timetable, row) for row in (early, near)] == ["VOID", "SENT"]


def test_a_reminder_names_the_step(school: School, package: int) -> None:
    booked = school.book("ada", package, "SFZ-1-DAY")
    leave(school.timetable)
    with freeze_time(school.start(school.sessions["SFZ-1-DAY"]) - DAY):
        remind(school.timetable, booked.id, org="thrive")
        (mail,) = leave(school.timetable)

    assert mail["Subject"].startswith("Thrive Languages: coming up, SFZ-1, Spanish from Zero 1, by day, Fri 9 Oct")
    assert "It is step SFZ-1, Hello, of your course Spanish from Zero." in text(mail)


def of_enrollment(school: School, package: int, kind: str, number: int = 100) -> int:
    student = school.timetable.student("ada", "thrive")
    key = f"package:{package}:{number}"
    return tell(school.timetable, kind, key, org="thrive", student=student, student_package_id=package)


def test_an_enrollment_whose_money_went_back_says_so(school: School, package: int) -> None:
    payment = school.timetable.studio.one("SELECT stripe_key FROM payments")["stripe_key"]
    school.timetable.studio.deliver(refund(payment, amount=49_900, refund_id="re_1"))

    mail = next(each for each in leave(school.timetable) if "enrollment" in each["Subject"])

    assert mail["Subject"] == "Thrive Languages: your enrollment in Spanish from Zero has ended"
    assert "The payment of this course went back. What you had booked with it is cancelled." in text(mail)


def test_an_enrollment_that_stands_again_is_not_said_to_have_ended(school: School, package: int) -> None:
    row = of_enrollment(school, package, "enrollment.revoked")

    leave(school.timetable)

    assert became(school.timetable, row) == "VOID"


def test_an_enrollment_that_is_settled_says_its_cohort_and_what_is_booked(school: School) -> None:
    full = school.cohort(capacity=1)
    school.enroll("bea", full)
    package = school.enroll("ada", full, email="ada@example.com")
    leave(school.timetable)
    school.cohort(capacity=2)
    school.assign(package, full)

    mail = next(each for each in leave(school.timetable) if "settled" in each["Subject"])

    assert mail["Subject"] == "Thrive Languages: your enrollment in Spanish from Zero is settled"
    assert "  You are enrolled, in Winter.\n" in text(mail)
    assert "  SFZ-4 is booked: Thursday 15 October 2026, 14:00 EDT.\n" in text(mail)
    assert "  Still to be booked: SFZ-1, SFZ-2, SFZ-3.\n" in text(mail)


@pytest.mark.parametrize("status", ["REVOKED", "COMPLETED"])
def test_an_enrollment_that_does_not_stand_is_not_said_to_be_settled(school: School, package: int, status: str) -> None:
    row = of_enrollment(school, package, "enrollment.assigned")
    school.timetable.studio.rows(
        "UPDATE student_course_enrollments SET status = %(status)s, completed_at = %(at)s",
        status=status,
        at=clock.now(),
    )

    leave(school.timetable)

    assert became(school.timetable, row) == "VOID"


def few(school: School, code: str = "SFZ-1-DAY", number: int = 1) -> int:
    """Tell staff of a session."""
    session = school.sessions[code]
    return tell(school.timetable, "session.low_seats", f"session:{session}:{number}", org="thrive", session_id=session)


def nearly_full(school: School, code: str = "SFZ-1-DAY") -> None:
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 3 WHERE id = %(id)s", id=school.sessions[code])
    assert school.book("bea", school.enroll("bea"), code).code == "done"
    leave(school.timetable)


def test_staff_are_told_which_date_is_nearly_full_and_who_still_needs_one(school: School, package: int) -> None:
    assert package
    nearly_full(school)
    few(school)

    (mail,) = leave(school.timetable)

    session = school.sessions["SFZ-1-DAY"]
    assert mail["To"] == "desk@thrive.example"
    assert mail["Subject"] == (
        "Thrive Languages: few places left, SFZ-1, Spanish from Zero 1, by day, Fri 9 Oct, 10:00 EDT"
    )
    assert text(mail) == (
        "Few places are left:\n\n"
        "  SFZ-1, Spanish from Zero 1, by day\n"
        "  Friday 9 October 2026, 10:00\N{EN DASH}11:00 EDT\n"
        "  2 of 3 places are free\n\n"
        "1 student of Spanish from Zero still has SFZ-1 to book.\n\n"
        f"Session: {session}\n"
        "At: Thrive Languages\n"
    )
    for person in ("Ada", "bea", "ada@"):
        assert person not in text(mail)
        assert person not in content(mail, "html")


def test_staff_are_told_in_the_language_of_their_studio(school: School) -> None:
    nearly_full(school)
    say(school.timetable, "tr", "thrive")
    few(school)

    (mail,) = leave(school.timetable)

    assert "3 yerden 2 tanesi boş" in text(mail)
    assert "Merhaba" not in text(mail)


@pytest.mark.parametrize("why", ["begun", "called off", "places", "threshold", "nobody to tell"])
def test_staff_are_not_told_of_what_is_not_nearly_full_any_more(school: School, why: str) -> None:
    nearly_full(school)
    session, row = school.sessions["SFZ-1-DAY"], few(school)
    changes = {
        "places": "UPDATE class_sessions SET capacity = 4 WHERE id = %(id)s",
        "threshold": "UPDATE organizations SET low_seats_threshold = 1",
        "nobody to tell": "UPDATE organizations SET staff_email = NULL",
    }
    if why in changes:
        school.timetable.studio.rows(changes[why], id=session)
    elif why == "called off":
        school.timetable.call_off(session)

    with freeze_time(school.start(session) if why == "begun" else clock.now()):
        leave(school.timetable)

    assert became(school.timetable, row) == "VOID"


def test_a_date_that_is_full_is_told_too(school: School) -> None:
    fill(school, "SFZ-1-EVE")
    leave(school.timetable)
    few(school, "SFZ-1-EVE")

    (mail,) = leave(school.timetable)

    assert "  0 of 1 places are free\n" in text(mail)
