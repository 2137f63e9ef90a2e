from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import Engine, select

from db.models import Organization, Student
from db.transaction import reading, transaction
from domain import student
from domain.student import Identity

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Identity("ada", "Ada@Example.org", email_verified=True, name="Ada")


@pytest.fixture
def studio(engine: Engine) -> int:
    """Make an organization and return its id."""
    with transaction(engine) as session:
        organization = Organization(
            slug="lumen", name="Lumen", timezone="UTC", currency="TRY", credit_price=0, created_at=AT
        )
        session.add(organization)
    return organization.id


def exists(engine: Engine, studio: int, external_id: str | None, email: str | None) -> int:
    with transaction(engine) as session:
        row = Student(organization_id=studio, external_id=external_id, email=email, created_at=AT)
        session.add(row)
    return row.id


def welcome(engine: Engine, studio: int, identity: Identity) -> int:
    with transaction(engine) as session:
        return student.welcome(session, studio, identity, at=AT)


def everyone(engine: Engine) -> list[tuple[int, str | None]]:
    with reading(engine) as session:
        return list(session.execute(select(Student.id, Student.external_id).order_by(Student.id)).tuples())


def test_a_stranger_becomes_a_student(engine: Engine, studio: int) -> None:
    ada = welcome(engine, studio, ADA)

    assert everyone(engine) == [(ada, "ada")]


def test_a_verified_email_adopts_the_guest_who_bought_with_it(engine: Engine, studio: int) -> None:
    guest = exists(engine, studio, None, "ada@example.ORG")

    assert welcome(engine, studio, ADA) == guest
    assert everyone(engine) == [(guest, "ada")]


def test_an_email_that_nobody_verified_adopts_nobody(engine: Engine, studio: int) -> None:
    guest = exists(engine, studio, None, "ada@example.org")

    assert welcome(engine, studio, replace(ADA, email_verified=False)) != guest


def test_a_guest_of_another_organization_stays_there(engine: Engine, studio: int) -> None:
    with transaction(engine) as session:
        other = Organization(slug="o", name="O", timezone="UTC", currency="TRY", credit_price=0, created_at=AT)
        session.add(other)
    guest = exists(engine, other.id, None, "ada@example.org")

    assert welcome(engine, studio, ADA) != guest


def test_who_is_a_student_already_stays_that_one_beside_a_guest(engine: Engine, studio: int) -> None:
    known = exists(engine, studio, "ada", "ada@example.org")
    guest = exists(engine, studio, None, "ada@example.org")

    assert welcome(engine, studio, ADA) == known
    assert everyone(engine) == [(known, "ada"), (guest, None)]


def test_a_student_of_the_same_family_is_not_adopted(engine: Engine, studio: int) -> None:
    sibling = exists(engine, studio, "bob", "ada@example.org")

    assert welcome(engine, studio, ADA) != sibling


def test_two_names_that_want_one_guest_get_one_each(engine: Engine, studio: int) -> None:
    guest = exists(engine, studio, None, "ada@example.org")
    barrier = Barrier(8)

    def arrive(number: int) -> int:
        with transaction(engine) as session:
            barrier.wait()
            return student.welcome(session, studio, replace(ADA, external_id=f"ada-{number % 2}"), at=AT)

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(arrive, range(8)))

    assert {name for _, name in everyone(engine)} == {"ada-0", "ada-1"}
    assert len(set(ids)) == 2
    assert guest in ids


def test_a_name_taken_while_its_guest_is_adopted_is_found(engine: Engine, studio: int) -> None:
    guest = exists(engine, studio, None, "ada@example.org")

    with ThreadPoolExecutor(1) as pool, transaction(engine) as payment:
        payment.add(Student(organization_id=studio, external_id="ada", created_at=AT))
        payment.flush()
        arriving = pool.submit(welcome, engine, studio, ADA)
        with pytest.raises(TimeoutError):
            arriving.result(timeout=0.3)
        payment.commit()
        known = arriving.result(timeout=5)

    assert everyone(engine) == [(guest, None), (known, "ada")]
