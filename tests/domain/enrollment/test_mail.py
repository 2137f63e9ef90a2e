"""What students of a course read: what they bought, which step is booked, and what became of it."""

from __future__ import annotations

import email
from datetime import timedelta
from email import policy

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.school import School


@pytest.fixture
def package(school: School) -> int:
    """Give the course of Ada, who has an address; what she was told so far was sent."""
    package = school.enroll("ada", school.cohort(), email="ada@example.com")
    read(school)
    return package


def read(school: School) -> str:
    """Send all that is due, and return the texts of what was not read before, as they are meant to be read."""
    school.timetable.studio.relay()
    texts = []
    for path in school.timetable.studio.mails():
        mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        part = mail.get_body(("plain",))
        assert part
        texts.append(f"{mail['subject']}\n{part.get_content()}")
        path.unlink()
    return "\n".join(texts)


def test_the_receipt_says_what_is_booked_and_what_is_not(school: School) -> None:
    school.enroll("ada", school.cohort(), email="ada@example.com")

    told = read(school)

    assert "4 course steps + 2 Private (30 min)" in told
    assert "You are enrolled, in Winter." in told
    assert "SFZ-4 is booked: Thursday 15 October 2026, 14:00 EDT." in told
    assert "Still to be booked: SFZ-1, SFZ-2, SFZ-3." in told


def test_the_receipt_of_what_waits_for_staff_promises_nothing(school: School) -> None:
    cohort = school.cohort(capacity=1)
    school.enroll("bea", cohort)
    school.enroll("ada", cohort, email="ada@example.com")

    told = read(school)

    assert "The studio looks at your enrollment first" in told
    assert "You are enrolled" not in told


def test_a_booking_says_which_step_it_is(school: School, package: int) -> None:
    school.book("ada", package, "SFZ-1-DAY")

    told = read(school)

    assert "SFZ-1, Spanish from Zero 1, by day" in told
    assert "It is step SFZ-1, Hello, of your course Spanish from Zero." in told


def test_a_change_says_what_it_was_before_and_nothing_of_what_came_back(school: School, package: int) -> None:
    school.book("ada", package, "SFZ-1-DAY")
    school.change("ada", package, "SFZ-1-EVE")

    told = read(school)

    assert "This is instead of Spanish from Zero 1, by day, Friday 9 October 2026, 10:00 EDT." in told
    assert "came back" not in told


def test_a_cancellation_says_that_the_step_is_open_again(school: School, package: int) -> None:
    school.cancel("ada", package, "SFZ-4")

    assert "Step SFZ-4 of Spanish from Zero is open again" in read(school)


def test_who_gives_a_step_up_too_late_reads_that_it_counts_as_missed(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    now.move_to(school.start(school.sessions["SFZ-4-EVE"]) - timedelta(hours=2))
    school.cancel("ada", package, "SFZ-4", acceptForfeit=True)

    assert "Step SFZ-4 of Spanish from Zero counts as missed" in read(school)


@pytest.mark.usefixtures("package")
def test_a_session_that_is_called_off_says_that_its_step_is_open(school: School) -> None:
    school.timetable.call_off(school.sessions["SFZ-4-EVE"], reason="a storm")

    told = read(school)

    assert "The studio called it off: a storm" in told
    assert "Step SFZ-4 of Spanish from Zero is open again" in told


def test_a_step_that_is_booked_again_meanwhile_is_not_said_to_be_open(school: School, package: int) -> None:
    school.cancel("ada", package, "SFZ-4")
    school.book("ada", package, "SFZ-4-EVE")

    told = read(school)

    assert "is open again" not in told
    assert "It is step SFZ-4" in told


def test_a_step_that_staff_opened_meanwhile_is_not_said_to_be_missed(
    school: School, package: int, now: FrozenDateTimeFactory
) -> None:
    now.move_to(school.start(school.sessions["SFZ-4-EVE"]) - timedelta(hours=2))
    school.cancel("ada", package, "SFZ-4", acceptForfeit=True)
    school.reopen(package, "SFZ-4")

    assert "counts as missed" not in read(school)
