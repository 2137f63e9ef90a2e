"""Courses in a catalog's document: made true once, changed, left alone, and each fault with the way to its field."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from cli.demo import DEMO
from domain.errors import InvalidCatalog
from tests.cli.conftest import organization, product
from tests.domain.calendar.test_file import a_class, session
from tests.domain.course.plans import PRIVATE, cohort, course, open_school, school, served, start, step
from tests.stripe_objects import checkout
from tests.studio import Studio
from tests.test_house import ROOT

GUIDE = ROOT / "docs" / "courses.md"


def refusal(studio: Studio, *courses: dict[str, Any], **members: Any) -> str:
    """Apply what is impossible, and return what is said about it; nothing of it is there afterwards."""
    before = studio.rows("SELECT * FROM course_steps"), studio.rows("SELECT * FROM products ORDER BY id")
    with pytest.raises(InvalidCatalog) as error:
        studio.apply(school(*courses, **members))
    after = studio.rows("SELECT * FROM course_steps"), studio.rows("SELECT * FROM products ORDER BY id")
    assert after == before
    return str(error.value)


def test_a_course_is_made_true_and_then_stays(studio: Studio) -> None:
    said = course(
        summary="Four steps",
        description="One.\n\nTwo.",
        image_url="https://example.com/bread.png",
        timezone="Europe/Madrid",
        validity_starts="FIRST_USE",
        stripe_product_id="prod_bake",
        stripe_price_ids=["price_bake"],
    )

    first, second = studio.apply(school(said)), studio.apply(school(said))

    assert first.created[-1] == "north/BAKE"
    assert (second.created, second.updated) == ([], [])
    row = studio.one(
        "SELECT p.*, c.* FROM course_programs c JOIN products p ON p.id = c.product_id WHERE c.summary = 'Four steps'"
    )
    assert (row["product_type"], row["name"], row["price"], row["currency"]) == (
        "COURSE",
        "Bread from Zero",
        49_900,
        "USD",
    )
    assert (row["validity_days"], row["validity_starts"], row["active"]) == (365, "FIRST_USE", True)
    assert (row["summary"], row["description"], row["timezone"]) == ("Four steps", "One.\n\nTwo.", "Europe/Madrid")
    assert (row["image_url"], row["stripe_product_id"]) == ("https://example.com/bread.png", "prod_bake")
    line = studio.one(
        "SELECT a.* FROM package_allowances a JOIN products p ON p.id = a.product_id"
        " WHERE p.stripe_product_id = 'prod_bake'"
    )
    assert (line["service_type"], line["credits"], line["credit_unit_minutes"]) == ("PRIVATE", 2, 30)


def test_what_a_course_leads_through_is_in_the_order_of_the_file(studio: Studio) -> None:
    north = open_school(studio)

    run = studio.one("SELECT * FROM course_cohorts")
    assert north.labels() == [(1, "BAKE-1"), (2, "BAKE-2")]
    assert north.options("BAKE-1") == {"BAKE-1-DAY": True, "BAKE-1-EVE": True}
    assert north.options("BAKE-2") == {"BAKE-2-DAY": True, "BAKE-2-EVE": False}
    assert (run["code"], run["capacity"], run["enrollment_deadline"]) == (
        "WINTER",
        10,
        datetime(2036, 12, 1, 23, tzinfo=UTC),
    )
    assert north.serving() == [("WINTER", "BAKE-1-DAY"), ("WINTER", "BAKE-2-DAY")]
    assert (
        studio.one("SELECT timezone FROM course_programs WHERE id = %(id)s", id=north.program())["timezone"]
        == "America/New_York"
    )


def test_a_step_is_known_by_its_label(studio: Studio) -> None:
    north = open_school(studio)
    first, second = north.step_id("BAKE-1"), north.step_id("BAKE-2")

    changes = studio.apply(school(course(steps=[step("BAKE-2", title="Food", is_required=False), step("BAKE-1")])))

    row = studio.one("SELECT * FROM course_steps WHERE label = 'BAKE-2'")
    assert changes.updated == ["north/BAKE"]
    assert north.labels() == [(1, "BAKE-2"), (2, "BAKE-1")]
    assert (row["title"], row["is_required"]) == ("Food", False)
    assert (north.step_id("BAKE-1"), north.step_id("BAKE-2")) == (first, second)


def test_a_step_that_is_not_named_any_more_is_removed_and_back_when_it_is(studio: Studio) -> None:
    north = open_school(studio)
    first = north.step_id("BAKE-1")
    without = course(steps=[step("BAKE-2")], cohorts=[cohort(sessions=[served("BAKE-2")])])

    fewer, same = studio.apply(school(without)), studio.apply(school(without))
    left = north.labels(), north.serving()
    studio.apply(school(course()))

    assert (fewer.updated, same.updated) == (["north/BAKE"], [])
    # Whoever bought the step takes it in the cohort's session.
    assert left == ([(1, "BAKE-2")], [("WINTER", "BAKE-1-DAY"), ("WINTER", "BAKE-2-DAY")])
    assert (north.labels(), north.step_id("BAKE-1")) == ([(1, "BAKE-1"), (2, "BAKE-2")], first)
    assert studio.apply(school(course())).updated == []


def test_an_option_that_is_not_named_any_more_is_detached_and_the_same_when_it_is_back(studio: Studio) -> None:
    north = open_school(studio)
    evening = north.option_id("BAKE-1-EVE")

    studio.apply(school(course(steps=[step("BAKE-1", "BAKE-1-DAY"), step("BAKE-2")])))
    without = north.options("BAKE-1")
    changes = studio.apply(school(course()))

    assert without == {"BAKE-1-DAY": True}
    assert changes.updated == ["north/BAKE"]
    assert (north.options("BAKE-1"), north.option_id("BAKE-1-EVE")) == (
        {"BAKE-1-DAY": True, "BAKE-1-EVE": True},
        evening,
    )


def test_a_cohort_that_is_not_named_is_left_alone_and_one_that_is_has_the_sessions_that_are(studio: Studio) -> None:
    north = open_school(studio)
    evening = [served("BAKE-1", "EVE", 19), served("BAKE-2")]

    nothing = studio.apply(school(course(cohorts=[])))
    added = studio.apply(school(course(cohorts=[cohort("SPRING", enrollment_deadline="2036-11-01T00:30-05:00")])))
    changed = studio.apply(school(course(cohorts=[cohort(name="Cold", capacity=9, sessions=evening)])))

    assert (nothing.updated, added.updated, changed.updated) == ([], ["north/BAKE"], ["north/BAKE"])
    assert north.serving()[2:] == [("WINTER", "BAKE-1-EVE"), ("WINTER", "BAKE-2-DAY")]
    rows = studio.rows("SELECT code, name, capacity, enrollment_deadline FROM course_cohorts ORDER BY id")
    assert [(row["code"], row["name"], row["capacity"]) for row in rows] == [
        ("WINTER", "Cold", 9),
        ("SPRING", "Spring", 10),
    ]
    assert rows[1]["enrollment_deadline"] == datetime(2036, 11, 1, 5, 30, tzinfo=UTC)


def test_what_is_not_said_any_more_is_gone_but_stripe_prices(studio: Studio) -> None:
    said: dict[str, Any] = {"summary": "Four", "image_url": "https://a.example/b", "stripe_price_ids": ["price_1"]}
    north = open_school(studio, course(**said))

    changes = studio.apply(school(course(bundle_components=[], published=False)))

    row = studio.one("SELECT summary, image_url FROM course_programs WHERE id = %(id)s", id=north.program())
    assert changes.updated == ["north/BAKE"]
    assert (row["summary"], row["image_url"], north.published()) == (None, None, False)
    prices = studio.rows("SELECT stripe_price_id FROM stripe_prices")
    assert [row["stripe_price_id"] for row in prices] == ["price_1"]
    assert (
        studio.rows(
            "SELECT 1 FROM package_allowances a JOIN products p ON p.id = a.product_id AND p.id = %(id)s",
            id=north.product(),
        )
        == []
    )


def test_a_course_that_was_deleted_is_back(studio: Studio) -> None:
    north = open_school(studio)
    studio.rows("UPDATE products SET deleted_at = created_at, active = false WHERE id = %(id)s", id=north.product())

    changes = studio.apply(school(course()))

    assert changes.updated == ["north/BAKE"]
    assert studio.one("SELECT deleted_at, active FROM products WHERE id = %(id)s", id=north.product()) == {
        "deleted_at": None,
        "active": True,
    }


@pytest.mark.parametrize(
    ("members", "said"),
    [
        *(
            ({name: value}, f"organizations.0.courses.0.{name}")
            for name, value in (
                ("code", "no code"),
                ("title", ""),
                ("title", "x" * 501),
                ("summary", "two\nlines"),
                ("description", "x" * 10_001),
                ("description", "a\u202eb"),
                ("image_url", "http://example.com/bread.png"),
                ("image_url", "https://example.com/<b>"),
                ("image_url", "https://localhost/"),
                ("timezone", "Mars/Base"),
                ("price", -1),
                ("price", "49900"),
                ("currency", "usd"),
                ("validity_days", 0),
                ("validity_starts", "TOMORROW"),
                ("published", "perhaps"),
                ("colour", "red"),
                ("bundle_components", [PRIVATE, PRIVATE]),
            )
        ),
        (
            {"bundle_components": [PRIVATE | {"service_type": "COURSE"}]},
            "organizations.0.courses.0.bundle_components.0.service_type",
        ),
        ({"bundle_components": [PRIVATE | {"credits": 0}]}, "organizations.0.courses.0.bundle_components.0.credits"),
        (
            {"bundle_components": [PRIVATE | {"credit_unit_minutes": 50}]},
            "organizations.0.courses.0.bundle_components.0.credit_unit_minutes",
        ),
        ({"bundle_components": [PRIVATE | {"weight": 2}]}, "organizations.0.courses.0.bundle_components.0.weight"),
        ({"steps": [step("x" * 33)]}, "organizations.0.courses.0.steps.0.label"),
        ({"steps": [step("A", title="")]}, "organizations.0.courses.0.steps.0.title"),
        ({"steps": [step("A", room=1)]}, "organizations.0.courses.0.steps.0.room"),
        ({"steps": [step("A"), step("A")]}, "steps with the same label: A"),
        ({"steps": [step("A", "YOGA", "YOGA")]}, "options with the same class: YOGA"),
        ({"steps": [step(f"S-{n}", "YOGA") for n in range(101)]}, "organizations.0.courses.0.steps"),
        ({"cohorts": [cohort(), cohort()]}, "cohorts with the same code: WINTER"),
        ({"cohorts": [cohort(capacity=0)]}, "organizations.0.courses.0.cohorts.0.capacity"),
        ({"cohorts": [cohort(capacity=10_001)]}, "organizations.0.courses.0.cohorts.0.capacity"),
        ({"cohorts": [cohort(enrollment_deadline="soon")]}, "organizations.0.courses.0.cohorts.0.enrollment_deadline"),
        ({"steps": [step("A", "POLO")]}, "north.courses.0.steps.0.options.0.class: there is no class POLO"),
        ({"steps": [step("A", "RIDE")]}, "north.courses.0.steps.0.options.0.class: there is no class RIDE"),
        (
            {"steps": [step("A", "YOGA", "LESSON")]},
            "north.courses.0.steps.0.options.1.class: Choose a class of the type",
        ),
        (
            {"cohorts": [cohort(sessions=[served("BAKE-1") | {"step": "X"}])]},
            "north.courses.0.cohorts.0.sessions.0.step: ",
        ),
        (
            {"cohorts": [cohort(sessions=[served("BAKE-1") | {"class": "YOGA"}])]},
            "north.courses.0.cohorts.0.sessions.0.class: ",
        ),
        (
            {"cohorts": [cohort(sessions=[served("BAKE-1") | {"class": "RIDE"}])]},
            "north.courses.0.cohorts.0.sessions.0.class: ",
        ),
        ({"cohorts": [cohort(sessions=[served("BAKE-1", hour=15)])]}, "north.courses.0.cohorts.0.sessions.0.start: "),
        (
            {"cohorts": [cohort(sessions=[served("BAKE-1") | {"start": "2036-03-09T02:30"}])]},
            "north.courses.0.cohorts.0.sessions.0.start: 2036-03-09T02:30:00 does not exist",
        ),
        (
            {"cohorts": [cohort(enrollment_deadline="2036-03-09T02:30")]},
            "north.courses.0.cohorts.0.enrollment_deadline: 2036-03-09T02:30:00 does not exist",
        ),
        (
            {"cohorts": [cohort(sessions=[served("BAKE-1"), served("BAKE-1")])]},
            "north.courses.0.cohorts.0.sessions.1.class: ",
        ),
        ({"steps": [], "cohorts": []}, "north.courses.0.steps: "),
        (
            {"steps": [step("A", {"class": "YOGA", "active": False})], "cohorts": []},
            "north.courses.0.steps.0.options: ",
        ),
        ({"cohorts": [cohort(), cohort("SPRING", capacity=11)]}, "north.courses.0.cohorts.1.capacity: "),
    ],
)
def test_what_is_impossible_is_told_with_its_field(studio: Studio, members: dict[str, Any], said: str) -> None:
    assert said in refusal(studio, course(**members))


def test_a_course_that_is_not_published_may_be_half_planned(studio: Studio) -> None:
    half = course(
        steps=[step("BAKE-1"), {"label": "BAKE-2", "title": "To come"}], cohorts=[cohort(capacity=50, sessions=[])]
    )

    north = open_school(studio, half | {"published": False})

    assert not north.published()
    assert "north.courses.0.steps.1.options: Give BAKE-2" in refusal(studio, half)


def test_a_code_is_a_packages_or_a_courses(studio: Studio) -> None:
    studio.apply({"organizations": [organization("north", products=[product("CORE")])]})
    taken = refusal(studio, course("CORE"))
    studio.apply(school(course()))

    with pytest.raises(InvalidCatalog, match=r"^BAKE\.code: Choose another code: a course has this one"):
        studio.apply(school(course(), products=[product("BAKE")]))

    assert taken == "north.courses.0.code: Choose another code: a package has this one, or had it."


@pytest.mark.parametrize("name", [{"stripe_price_ids": ["s_1"]}, {"stripe_product_id": "s_1"}])
def test_a_name_of_stripes_sells_one_thing(studio: Studio, name: dict[str, Any]) -> None:
    other = product("CORE", **name)

    (field,) = name
    assert refusal(studio, course(**name), products=[other]).startswith(f"north.courses.0.{field}: ")


def test_a_class_that_is_not_active_serves_no_step_anew(studio: Studio) -> None:
    gone = [a_class("BAKE-1-DAY", service_type="COURSE", capacity=10, active=False)]
    new = a_class("POLO", active=False)
    open_school(studio)

    kept = studio.apply(school(course(), classes=gone))
    said = refusal(studio, course(steps=[step("BAKE-1", "BAKE-1-DAY", "POLO"), step("BAKE-2")]), classes=[new])

    assert kept.updated == ["north/classes/BAKE-1-DAY"]
    assert said == "north.courses.0.steps.0.options.1.class: Choose a class that is active: POLO is not."


def test_what_was_called_off_may_stay_and_serves_nothing_anew(studio: Studio) -> None:
    north = open_school(studio)
    studio.rows("UPDATE class_sessions SET status = 'CANCELLED' WHERE id = %(id)s", id=north.session_id("BAKE-1-DAY"))

    same = studio.apply(school(course()))
    said = refusal(studio, course(cohorts=[cohort("SPRING")]))

    assert (same.created, same.updated) == ([], [])
    assert said.startswith("north.courses.0.cohorts.0.sessions.0.start: Name a session that takes place")


def test_a_session_smaller_than_its_cohort_is_told_when_the_file_says_so(studio: Studio) -> None:
    open_school(studio)
    small = [session(start("BAKE-1", 14), "BAKE-1-DAY", capacity=9)]

    said = refusal(studio, course(), sessions=small)

    assert said.startswith("north.courses.0.cohorts.0.capacity: Give BAKE-1 10 places for WINTER")


def test_a_cohort_keeps_its_places_when_a_file_makes_it_smaller(studio: Studio) -> None:
    north = open_school(studio)
    for place in (2, 9, 10):
        north.enroll(f"s{place}", place)

    said = refusal(studio, course(cohorts=[cohort(capacity=2)]))
    studio.apply(school(course(cohorts=[cohort(capacity=3)])))

    assert said == "north.courses.0.cohorts.0.capacity: Choose at least 3: so many places are taken."
    assert north.places() == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", ["code", "price", "product", "program"])
def test_a_purchase_that_was_parked_for_it_is_taken_up_by_each_of_its_names(studio: Studio, name: str) -> None:
    north = open_school(studio)
    number = str(north.program())
    names = {"code": "BAKE", "price": "price_bake", "product": "prod_bake", "program": number}
    event = checkout("UNKNOWN", org="north")
    studio.deliver(event)
    studio.rows("UPDATE stripe_events SET waits_for = %(name)s", name=f"product:{names[name]}")

    changes = studio.apply(school(course(stripe_product_id="prod_bake", stripe_price_ids=["price_bake"])))

    assert changes.taken_up == 1


def test_courses_of_two_organizations_may_have_the_same_code_and_nothing_else(studio: Studio) -> None:
    open_school(studio)
    document = school(course())
    document["organizations"][0] |= {"slug": "south", "classes": []}

    with pytest.raises(InvalidCatalog, match=r"^south\.sessions\.0\.class: there is no class BAKE-1-DAY"):
        studio.apply(document)
    document["organizations"][0]["sessions"] = []
    with pytest.raises(InvalidCatalog, match=r"^south\.courses\.0\.steps\.0\.options\.0\.class: there is no class"):
        studio.apply(document)
    document["organizations"][0]["courses"] = [course(steps=[], cohorts=[], published=False)]

    assert studio.apply(document).created == ["south", "south/BAKE"]


def test_the_file_of_the_guide_is_what_it_says(studio: Studio) -> None:
    (said,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)

    first, second = studio.apply(yaml.safe_load(said)), studio.apply(yaml.safe_load(said))

    assert first.created[-1] == "north/BAKE"
    assert (second.created, second.updated) == ([], [])


def test_the_demos_course_is_there_and_applying_it_again_changes_nothing(studio: Studio) -> None:
    again = studio.apply(yaml.safe_load(DEMO.read_text()))

    row = studio.one("SELECT code, price, currency, validity_days, active FROM products WHERE product_type = 'COURSE'")
    steps = studio.rows(
        "SELECT s.label, s.is_required, count(*) AS options FROM course_steps s"
        " JOIN course_step_options o ON o.course_step_id = s.id GROUP BY s.id ORDER BY s.position"
    )
    assert (again.created, again.updated) == ([], [])
    assert tuple(row.values()) == ("SFZ", 49_900, "USD", 365, True)
    assert [tuple(each.values()) for each in steps] == [
        ("SFZ-1", True, 2),
        ("SFZ-2", True, 2),
        ("SFZ-3", True, 2),
        ("SFZ-4", True, 1),
    ]
