"""Courses made and changed by requests: by the same rules as a file's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from db.models import CourseProgram
from db.transaction import reading, transaction
from domain.catalog.product import one as one_package
from domain.course import program
from domain.course.entries import CourseTerms
from domain.errors import InvalidField, NotFound
from domain.listing import Part
from tests.domain.course.plans import PRIVATE, School, course, open_school
from tests.stripe_objects import checkout
from tests.studio import Studio

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def terms(code: str, /, **members: Any) -> CourseTerms:
    usual = {"title": "Jam", "price": 10_000, "validity_days": 90}
    return CourseTerms.model_validate({"code": code} | usual | members)


def create(north: School, said: CourseTerms) -> CourseProgram:
    with transaction(north.studio.engine) as session:
        return program.create(session, north.id, said, at=AT)


def change(north: School, code: str = "BAKE", **values: Any) -> None:
    with transaction(north.studio.engine) as session:
        program.change(session, north.id, code, values, at=AT)


def codes(session: Session, organization_id: int, part: Part) -> list[str]:
    return [row.product.code for row in program.courses(session, organization_id, part)]


def test_a_new_course_is_not_published_and_has_its_studios_zone_and_currency(studio: Studio) -> None:
    north = open_school(studio)

    made = create(north, terms("JAM"))

    assert (made.product.active, made.timezone, made.product.currency) == (False, "America/New_York", "USD")
    assert made.product.allowances == []


def test_a_change_leaves_what_it_does_not_name(studio: Studio) -> None:
    north = open_school(studio, course(summary="Four", timezone="Europe/Madrid", stripe_product_id="prod_1"))

    change(north, title="Bread", summary=None)

    row = studio.one(
        "SELECT p.*, c.* FROM course_programs c JOIN products p ON p.id = c.product_id AND c.id = %(id)s",
        id=north.program(),
    )
    assert (row["name"], row["summary"], row["timezone"], row["stripe_product_id"]) == (
        "Bread",
        None,
        "Europe/Madrid",
        "prod_1",
    )
    assert (row["active"], row["price"], north.labels()[0]) == (True, 49_900, (1, "BAKE-1"))
    assert studio.one("SELECT credits FROM package_allowances WHERE product_id = %(id)s", id=north.product()) == {
        "credits": 2
    }


def test_components_are_replaced_whole_and_what_was_sold_keeps_its_own(studio: Studio) -> None:
    north = open_school(studio)

    change(north, bundle_components=[PRIVATE | {"service_type": "GROUP", "credits": 3}])

    rows = studio.rows(
        "SELECT service_type, credits FROM package_allowances WHERE product_id = %(id)s", id=north.product()
    )
    assert [tuple(row.values()) for row in rows] == [("GROUP", 3)]


def test_a_code_is_taken_by_a_package_and_by_what_was_deleted(studio: Studio) -> None:
    north = open_school(studio)
    with transaction(studio.engine) as session:
        program.remove(session, north.id, "BAKE", at=AT)
    lumen = studio.one("SELECT id FROM organizations WHERE slug = 'lumen'")["id"]

    with pytest.raises(InvalidField) as again:
        create(north, terms("BAKE"))
    with pytest.raises(InvalidField) as package, transaction(studio.engine) as session:
        program.create(session, lumen, terms("CORE-10"), at=AT)

    assert (again.value.field, package.value.field) == ("code", "code")


@pytest.mark.parametrize("name", ["stripe_product_id", "stripe_price_ids"])
def test_a_name_of_stripes_that_sells_something_else_is_refused(studio: Studio, name: str) -> None:
    north = open_school(studio, course(stripe_product_id="s_1", stripe_price_ids=["s_1"]))

    with pytest.raises(InvalidField) as refused:
        create(north, terms("JAM", **{name: "s_1" if name == "stripe_product_id" else ["s_1"]}))

    assert refused.value.field == name


def test_a_course_that_is_made_takes_up_what_was_parked_for_it(studio: Studio) -> None:
    north = open_school(studio)
    event = checkout("JAM", org="north")
    studio.deliver(event)

    create(north, terms("JAM"))

    assert (studio.event(event)["status"], studio.event(event)["waits_for"]) == ("RECEIVED", None)


def test_a_course_is_its_organizations(studio: Studio) -> None:
    north = open_school(studio)
    lumen = studio.one("SELECT id FROM organizations WHERE slug = 'lumen'")["id"]

    with transaction(studio.engine) as session:
        assert codes(session, lumen, Part(10)) == []
        for reader in (program.one, program.held):
            with pytest.raises(NotFound):
                reader(session, lumen, "BAKE")
            with pytest.raises(NotFound):
                reader(session, north.id, "SFZ")


def test_a_course_is_no_package(studio: Studio) -> None:
    north = open_school(studio)

    with transaction(studio.engine) as session, pytest.raises(NotFound):
        one_package(session, north.id, north.product())


def test_courses_are_listed_in_parts_as_they_were_made_without_those_that_were_deleted(studio: Studio) -> None:
    north = open_school(studio)
    first, second, third = (create(north, terms(code)).id for code in ("B", "A", "C"))
    with transaction(studio.engine) as session:
        program.remove(session, north.id, "C", at=AT)

    with reading(studio.engine) as session:
        assert codes(session, north.id, Part(10)) == ["BAKE", "B", "A"]
        assert codes(session, north.id, Part(10, first)) == ["A"]
        assert codes(session, north.id, Part(1)) == ["BAKE"]
    assert first < second < third


def test_whoever_is_enrolled_stays_so_when_a_course_is_deleted(studio: Studio) -> None:
    north = open_school(studio)
    north.enroll("ada", 1)

    with transaction(studio.engine) as session:
        program.remove(session, north.id, "BAKE", at=AT)

    assert (north.places(), north.published()) == ([(1, 10)], False)
