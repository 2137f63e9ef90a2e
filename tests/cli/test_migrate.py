"""`punchcard migrate`: up, down, and nowhere that it does not know."""

from __future__ import annotations

import psycopg
import pytest

from db import schema
from tests.cli.conftest import Punchcard, one_line


def test_the_schema_goes_up_and_down_and_up_again(punchcard: Punchcard, own_database: str) -> None:
    ups_and_downs = [punchcard("migrate", *words) for words in ((), (), ("--to", "base"), ("--to", "head"))]

    assert [said.out for said in ups_and_downs] == [
        f"base → {schema.head()}\n",
        f"{schema.head()} → {schema.head()}\n",
        f"{schema.head()} → base\n",
        f"base → {schema.head()}\n",
    ]
    with psycopg.connect(own_database) as connection:
        assert connection.execute("SELECT count(*) FROM stripe_events").fetchone() == (0,)


@pytest.mark.usefixtures("own_database")
def test_a_revision_that_nobody_knows_is_wrong_use(punchcard: Punchcard) -> None:
    said = punchcard("migrate", "--to", "9999")

    assert said.code == 2
    assert one_line(said.err)
    assert "9999" in said.err


def test_a_schema_of_a_newer_version_is_left_alone(punchcard: Punchcard, own_database: str) -> None:
    punchcard("migrate")
    with psycopg.connect(own_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    ends = [punchcard("migrate", *words) for words in ((), ("--to", "base"))]

    for said in ends:
        assert (said.code, said.out) == (1, "")
        assert one_line(said.err)
        assert "9999" in said.err
    with psycopg.connect(own_database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
