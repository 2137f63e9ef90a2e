"""A course that is bought: enrolled, with what has one option booked at once, or kept for staff."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from psycopg.types.json import Jsonb

from tests.school import School
from tests.stripe_objects import intent, refund
from worker import clock

LATER = {"SFZ-1": "UNBOOKED", "SFZ-2": "UNBOOKED", "SFZ-3": "UNBOOKED"}
NOTHING = LATER | {"SFZ-4": "UNBOOKED"}


def test_a_purchase_enrolls_with_a_row_for_each_step_and_books_the_step_that_has_one_option(school: School) -> None:
    cohort = school.cohort()

    package = school.enroll("ada", cohort)

    enrollment = school.enrollment(package)
    assert (enrollment["status"], enrollment["cohort_id"], enrollment["place"]) == ("ACTIVE", cohort, 1)
    assert school.progress(package) == LATER | {"SFZ-4": "BOOKED"}
    assert school.timetable.left(package) == [3, 2]
    assert school.timetable.who(school.sessions["SFZ-4-EVE"]) == ["ada"]
    assert school.events("ada") == ["enrollment.created", "course.step.booked"]


def test_its_bundle_components_are_lines_of_their_own_behind_the_steps(school: School) -> None:
    package = school.enroll("ada", school.cohort())

    row = school.timetable.studio.one("SELECT * FROM student_packages WHERE id = %(id)s", id=package)
    order = school.timetable.studio.one("SELECT * FROM orders WHERE id = %(id)s", id=row["order_id"])
    assert row["bundle_description"] == "4 course steps + 2 Private (30 min)"
    assert (order["order_type"], order["package_metadata"]["total_sessions"]) == ("COURSE", 6)


def test_extras_pay_for_private_sessions_like_any_credits(school: School) -> None:
    school.enroll("ada", school.cohort())
    lesson = school.timetable.session(clock.now() + timedelta(days=2), org="thrive", service="PRIVATE", minutes=30)

    done = school.timetable.do("booking.book", "ada", org="thrive", sessionId=lesson)

    assert (done.booking["paymentType"], done.booking["bookingType"]) == ("CREDIT", "DROP_IN")


def test_without_a_cohort_the_step_is_booked_in_the_next_session_that_has_a_place(school: School) -> None:
    later = school.meet("SFZ-4-EVE", clock.now() + timedelta(days=20))
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-4-EVE"]
    )

    school.enroll("ada")
    package = school.enroll("bea")

    assert school.enrollment(package)["cohort_id"] is None
    assert school.timetable.who(school.sessions["SFZ-4-EVE"]) == ["ada"]
    assert school.timetable.who(later) == ["bea"]


def test_a_step_that_cannot_be_booked_at_once_is_listed(school: School) -> None:
    cohort = school.cohort()
    school.timetable.session(school.start(school.sessions["SFZ-4-EVE"]), org="thrive")
    school.timetable.studio.rows(
        "UPDATE class_sessions SET capacity = 1 WHERE id = %(id)s", id=school.sessions["SFZ-4-EVE"]
    )
    school.enroll("ada", cohort)

    package = school.enroll("bea", cohort)

    (listed,) = school.enrollment(package)["details"]["notBooked"]
    event = school.timetable.studio.one(
        "SELECT data FROM domain_events WHERE type = 'enrollment.created' AND data ->> 'studentId' = 'bea'"
    )
    assert (listed["courseStepId"], listed["stepLabel"], listed["code"]) == (
        school.step("SFZ-4"), "SFZ-4", "session_full",
    )  # fmt: skip
    assert event["data"]["notBooked"] == [listed]
    assert school.progress(package) == NOTHING


def test_a_full_cohort_is_kept_for_staff(school: School) -> None:
    cohort = school.cohort(capacity=1)
    school.enroll("ada", cohort)

    package = school.enroll("bea", cohort)

    enrollment = school.enrollment(package)
    assert (enrollment["status"], enrollment["review_reason"]) == ("NEEDS_REVIEW", "COHORT_FULL")
    assert (enrollment["cohort_id"], enrollment["details"]["cohort"]) == (None, str(cohort))
    assert school.progress(package) == NOTHING
    assert school.book("bea", package, "SFZ-1-DAY").code == "enrollment_required"


def test_a_cohort_takes_nobody_from_its_deadline_on(school: School, now: FrozenDateTimeFactory) -> None:
    deadline = clock.now() + timedelta(days=2)
    cohort = school.cohort(deadline=deadline)

    now.move_to(deadline - timedelta(seconds=1))
    early = school.enroll("ada", cohort)
    now.move_to(deadline)
    late = school.enroll("bea", cohort)

    assert school.enrollment(early)["status"] == "ACTIVE"
    assert school.enrollment(late)["review_reason"] == "COHORT_CLOSED"


@pytest.mark.parametrize("name", ["999999", "SUMMER", "99999999999999999999"])
def test_a_cohort_that_nobody_knows_is_kept_for_staff(school: School, name: str) -> None:
    school.cohort()

    package = school.enroll("ada", name)

    assert school.enrollment(package)["review_reason"] == "COHORT_UNKNOWN"


def test_a_cohort_is_named_by_its_code_too(school: School) -> None:
    cohort = school.cohort("WINTER")

    package = school.enroll("ada", "WINTER")

    assert school.enrollment(package)["cohort_id"] == cohort


def test_an_id_means_a_cohort_before_another_that_has_it_for_a_code(school: School) -> None:
    first = school.cohort("WINTER")
    school.cohort(str(first))

    package = school.enroll("ada", first)

    assert school.enrollment(package)["cohort_id"] == first


def test_another_courses_cohort_is_none_of_this_one(school: School) -> None:
    school.course(code="OTHER", steps=[{"label": "O-1", "title": "One", "options": ["SFZ-1-DAY"]}])
    other = school.timetable.studio.one(
        "INSERT INTO course_cohorts (organization_id, course_program_id, code, name, capacity, enrollment_deadline,"
        " created_at) SELECT organization_id, id, 'C', 'C', 5, now() + interval '9 years', now() FROM course_programs"
        " ORDER BY id DESC LIMIT 1 RETURNING id"
    )

    package = school.enroll("ada", other["id"])

    assert school.enrollment(package)["review_reason"] == "COHORT_UNKNOWN"


def test_a_second_purchase_of_the_same_cohort_is_kept_for_staff(school: School) -> None:
    cohort = school.cohort()
    school.enroll("ada", cohort)

    package = school.enroll("ada", cohort)

    assert school.enrollment(package)["review_reason"] == "SECOND_PURCHASE"
    assert school.timetable.active(school.sessions["SFZ-4-EVE"]) == 1


def test_who_bought_two_at_once_has_one_and_staff_the_other(school: School) -> None:
    price = "price_of_the_course"
    school.course(stripe_price_ids=[price])
    lines = {"data": [{"price": {"id": price}, "quantity": 2}]}
    school.timetable.studio.receive(school.purchase("ada", metadata={"org": "thrive"}))
    school.timetable.studio.rows("UPDATE stripe_events SET line_items = %(lines)s", lines=Jsonb(lines))

    school.timetable.studio.drain()

    rows = school.timetable.studio.rows("SELECT status FROM student_course_enrollments ORDER BY id")
    assert [row["status"] for row in rows] == ["ACTIVE", "NEEDS_REVIEW"]


def test_another_cohort_of_the_same_course_may_be_bought(school: School) -> None:
    school.enroll("ada", school.cohort("WINTER"))

    package = school.enroll("ada", school.cohort("SPRING"))

    assert school.enrollment(package)["status"] == "ACTIVE"


@pytest.mark.parametrize(("first", "second"), [(None, None), ("WINTER", None), (None, "WINTER")])
def test_without_a_cohort_a_course_that_is_not_over_is_the_same(
    school: School, first: str | None, second: str | None
) -> None:
    school.cohort("WINTER")
    school.enroll("ada", first)

    package = school.enroll("ada", second)

    assert school.enrollment(package)["review_reason"] == "SECOND_PURCHASE"


def test_a_step_that_nothing_serves_any_more_is_kept_for_staff(school: School) -> None:
    school.timetable.studio.rows(
        "UPDATE course_step_options SET active = false WHERE id = %(id)s", id=school.option("SFZ-4-EVE")
    )

    package = school.enroll("ada")

    assert school.enrollment(package)["review_reason"] == "STEP_RETIRED"


def test_a_step_that_was_removed_from_a_course_is_not_sold_any_more(school: School) -> None:
    cohort = school.cohort()
    school.timetable.studio.rows("UPDATE course_steps SET deleted_at = now() WHERE label = 'SFZ-4'")

    package = school.enroll("ada", cohort)

    assert (school.enrollment(package)["status"], school.progress(package)) == ("ACTIVE", LATER)


def test_what_is_removed_later_stays_with_those_who_have_it(school: School) -> None:
    package = school.enroll("ada")
    school.timetable.studio.rows("UPDATE course_steps SET deleted_at = now() WHERE label = 'SFZ-4'")

    fresh = school.enroll("bea")

    assert list(school.progress(package)) == ["SFZ-1", "SFZ-2", "SFZ-3", "SFZ-4"]
    assert list(school.progress(fresh)) == ["SFZ-1", "SFZ-2", "SFZ-3"]
    assert school.timetable.left(fresh) == [3, 2]


@pytest.mark.parametrize("kind", ["course_program", "course_enrollment"])
@pytest.mark.parametrize("by", ["code", "id"])
def test_an_older_systems_purchase_names_the_course_by_its_id_or_code(school: School, kind: str, by: str) -> None:
    cohort = school.cohort()
    program = school.timetable.studio.one("SELECT id FROM course_programs")["id"]
    name = "SFZ" if by == "code" else str(program)

    school.timetable.studio.deliver(
        intent(
            "pi_old", amount=49_900, currency="usd", org="thrive", product_type=kind, course_program_id=name,
            cohort_id=str(cohort), student_id="ada",
        )
    )  # fmt: skip

    row = school.timetable.studio.one("SELECT status, cohort_id FROM student_course_enrollments")
    assert (row["status"], row["cohort_id"]) == ("ACTIVE", cohort)


def test_money_that_went_back_before_it_was_seen_enrolls_nobody(school: School) -> None:
    school.timetable.studio.deliver(
        refund("pi_back", amount=49_900, refund_id="re_1"), school.purchase("ada", payment="pi_back")
    )

    row = school.timetable.studio.one("SELECT status, place FROM student_course_enrollments")
    assert (row["status"], row["place"]) == ("REVOKED", None)
    assert school.timetable.active(school.sessions["SFZ-4-EVE"]) == 0


def story(school: School, cohort: int) -> list[dict[str, Any]]:
    """Return the two events of one purchase, of which only the Checkout names the cohort."""
    paid = intent("pi_both", amount=49_900, currency="usd", org="thrive", product_code="SFZ", student_id="ada")
    return [school.purchase("ada", cohort, payment="pi_both"), paid]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_cohort_counts_whichever_event_names_it_first(school: School, order: tuple[int, ...]) -> None:
    cohort = school.cohort()
    events = story(school, cohort)
    events.append(events[0])

    for number in order:
        school.timetable.studio.deliver(events[number])

    row = school.timetable.studio.one("SELECT * FROM student_course_enrollments")
    assert (row["status"], row["cohort_id"], row["place"]) == ("ACTIVE", cohort, 1)
    assert school.timetable.active(school.sessions["SFZ-4-EVE"]) == 1


def test_a_cohort_that_is_named_late_and_is_full_is_for_staff_then(school: School) -> None:
    cohort = school.cohort(capacity=1)
    checkout, paid = story(school, cohort)
    school.timetable.studio.deliver(paid)
    school.enroll("bea", cohort)

    school.timetable.studio.deliver(checkout)

    row = school.timetable.studio.one("SELECT * FROM student_course_enrollments ORDER BY id LIMIT 1")
    assert (row["status"], row["review_reason"]) == ("NEEDS_REVIEW", "COHORT_FULL")


def test_a_purchase_whose_events_name_two_cohorts_is_shown_to_staff(school: School) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    paid = intent(
        "pi_both", amount=49_900, currency="usd", org="thrive", product_code="SFZ", cohort_id=str(spring),
        student_id="ada",
    )  # fmt: skip

    school.timetable.studio.deliver(school.purchase("ada", winter, payment="pi_both"))
    school.timetable.studio.deliver(paid)

    assert school.timetable.studio.event(paid)["error_code"] == "contradictory_purchase"


def guest_then_ada(school: School, cohort: object = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the events of a purchase of which the first names nobody, and the second Ada."""
    about = {"org": "thrive", "product_code": "SFZ"} | ({"cohort_id": str(cohort)} if cohort else {})
    paid = intent("pi_guest", amount=49_900, currency="usd", email="guest@example.com", **about)
    return paid, school.purchase("ada", cohort, payment="pi_guest")


def test_a_purchase_that_turns_out_to_be_anothers_takes_its_steps_along(school: School) -> None:
    paid, checkout = guest_then_ada(school, school.cohort())

    school.timetable.studio.deliver(paid)
    school.timetable.studio.deliver(checkout)

    assert school.timetable.who(school.sessions["SFZ-4-EVE"]) == ["ada"]
    assert school.book("ada", 1, "SFZ-1-DAY").code == "done"


def test_a_step_at_a_time_when_its_new_owner_is_elsewhere_is_open_again(school: School) -> None:
    paid, checkout = guest_then_ada(school)
    school.timetable.buy("ada", "BUNDLE-5P-3G")
    clash = school.timetable.session(school.start(school.sessions["SFZ-4-EVE"]), org="thrive", minutes=30)
    school.timetable.do("booking.book", "ada", org="thrive", sessionId=clash)

    school.timetable.studio.deliver(paid)
    school.timetable.studio.deliver(checkout)

    package = school.timetable.studio.one("SELECT student_package_id AS id FROM student_course_enrollments")["id"]
    assert school.timetable.studio.event(checkout)["status"] == "PROCESSED"
    assert school.progress(package)["SFZ-4"] == "CANCELLED"
    assert school.timetable.left(package) == [4, 2]


def test_a_second_place_in_a_cohort_is_left_to_staff_when_a_purchase_becomes_anothers(school: School) -> None:
    cohort = school.cohort()
    school.enroll("ada", cohort)
    paid, checkout = guest_then_ada(school, cohort)

    school.timetable.studio.deliver(paid)
    school.timetable.studio.deliver(checkout)

    row = school.timetable.studio.one("SELECT * FROM student_course_enrollments ORDER BY id DESC LIMIT 1")
    assert (row["status"], row["review_reason"], row["place"]) == ("NEEDS_REVIEW", "SECOND_PURCHASE", None)
    assert school.timetable.active(school.sessions["SFZ-4-EVE"]) == 1
