"""The schema's history: it ends where the models are, and leads back to an empty database."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from db import schema
from db.connection import driver_url

VERSION = "alembic_version"


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    """Give an empty database of the test's own."""
    mine = make_url(server_url).set(database=f"schema_{os.getpid()}")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {mine.database}")
        yield mine.render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE {mine.database} WITH (FORCE)")


@pytest.fixture
def own(url: str) -> Iterator[Engine]:
    engine = create_engine(driver_url(url))
    yield engine
    engine.dispose()


def what_is_there(engine: Engine) -> list[tuple[str, str]]:
    """Return everything that a migration may have made, by kind and name."""
    statement = """
        SELECT 'relation', c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'function', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
        UNION ALL SELECT 'constraint', conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        ORDER BY 1, 2
    """
    with engine.connect() as connection:
        return [(kind, name) for kind, name in connection.execute(text(statement)) if VERSION not in name]


def test_the_models_are_what_the_history_ends_with(url: str, own: Engine) -> None:
    schema.upgrade(url)

    with own.connect() as connection:
        assert schema.differences(connection) == []
        assert schema.current(connection) == schema.head()


def test_a_column_that_nobody_migrated_would_be_noticed(url: str, own: Engine) -> None:
    schema.upgrade(url)

    with own.begin() as connection:
        connection.execute(text("ALTER TABLE students ADD COLUMN shoe_size int"))

        assert "shoe_size" in str(schema.differences(connection))


def test_the_way_down_leads_to_nothing_and_up_again_to_the_same(url: str, own: Engine) -> None:
    schema.upgrade(url)
    before = what_is_there(own)

    schema.downgrade(url, "base")
    bottom = what_is_there(own)
    schema.upgrade(url)

    assert len(before) > 50
    assert bottom == []
    assert what_is_there(own) == before


def test_a_history_that_is_up_to_date_is_left_alone(url: str, own: Engine) -> None:
    schema.upgrade(url)
    before = what_is_there(own)

    schema.upgrade(url)

    assert what_is_there(own) == before


ADJUSTED = """
WITH org AS (INSERT INTO organizations (slug, name, timezone, currency, credit_price, created_at)
             VALUES ('lumen', 'Lumen', 'UTC', 'EUR', 1, now()) RETURNING id),
     student AS (INSERT INTO students (organization_id, created_at) SELECT id, now() FROM org RETURNING id),
     product AS (INSERT INTO products (organization_id, code, name, product_type, price, currency, validity_days,
                                       validity_starts, created_at)
                 SELECT id, 'P', 'P', 'PACKAGE', 1, 'EUR', 1, 'PURCHASE', now() FROM org RETURNING id),
     bought AS (INSERT INTO orders (organization_id, student_id, order_type, status, list_price, paid, currency,
                                    package_metadata, created_at)
                SELECT org.id, student.id, 'PACKAGE', 'PAID', 1, 1, 'EUR', '{}', now() FROM org, student RETURNING id),
     package AS (INSERT INTO student_packages (organization_id, student_id, order_id, product_id, line, unit,
                                               product_code, name, bundle_description, validity_days, validity_starts,
                                               purchased_at)
                 SELECT org.id, student.id, bought.id, product.id, 0, 0, 'P', 'P', '', 1, 'PURCHASE', now()
                   FROM org, student, bought, product RETURNING id),
     allowance AS (INSERT INTO student_package_allowances (organization_id, student_package_id, position, service_type,
                                                           teacher_tier, credits, credit_unit_minutes)
                   SELECT org.id, package.id, 0, 'GROUP', 0, 1, 60 FROM org, package RETURNING id)
INSERT INTO package_uses (organization_id, allowance_id, kind, credits, reason, actor, created_at)
SELECT org.id, allowance.id, 'ADJUST', 1, 'counted wrong', 'ADMIN desk', now() FROM org, allowance
"""


def test_a_database_with_corrections_goes_down_and_comes_up_again(url: str, own: Engine) -> None:
    schema.upgrade(url)
    with own.begin() as connection:
        connection.execute(text(ADJUSTED))

    schema.downgrade(url, "0002")
    schema.upgrade(url)

    with own.connect() as connection:
        (line,) = connection.execute(text("SELECT credits, reason, actor FROM package_uses")).all()
    assert tuple(line) == (1, "counted wrong", "SYSTEM forgotten")
