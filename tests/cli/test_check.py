"""`punchcard audit` and `punchcard doctor`: what they find, and with which code they end."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Punchcard
from tests.stripe_objects import checkout
from tests.studio import Studio


def test_the_audit_finds_nothing_where_nothing_is_wrong(punchcard: Punchcard, studio: Studio) -> None:
    studio.deliver(checkout())

    said = punchcard("audit")

    assert said.code == 0
    assert "payment.order_agrees" in said.out


def test_the_audit_names_what_was_broken_by_hand(punchcard: Punchcard, studio: Studio) -> None:
    studio.deliver(checkout())
    studio.rows("UPDATE orders SET paid = paid + 1")
    studio.rows("DELETE FROM notifications")

    said = punchcard("audit")
    rows = json.loads(punchcard("audit", "--json").out)

    assert said.code == 1
    assert {row["invariant"]: row["what"] for row in rows if row["violations"]} == {
        "payment.order_agrees": "order 1",
        "outbox.receipt": "order 1",
    }
    assert said.out.count("order 1") == 2


def doctor(punchcard: Punchcard) -> tuple[int, dict[str, str]]:
    """Return the exit code, and what is wrong with what to do about it."""
    said = punchcard("doctor", "--json")
    return said.code, {row["check"]: row["mend"] for row in json.loads(said.out) if row[""] == "WRONG"}


def test_the_doctor_finds_nothing_wrong(punchcard: Punchcard) -> None:
    assert doctor(punchcard) == (0, {})


def test_the_doctor_names_everything_that_is_wrong(punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hidden-password@127.0.0.1:1/none")
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("JWT_SECRET", "short")

    code, wrong = doctor(punchcard)

    assert code == 1
    assert set(wrong) == {"database", "schema", "broker", "tokens"}
    assert "hidden-password" not in punchcard("doctor").out


@pytest.mark.usefixtures("own_database")
def test_the_doctor_says_when_the_schema_waits(punchcard: Punchcard) -> None:
    assert doctor(punchcard) == (1, {"schema": "run `punchcard migrate`"})


def test_the_doctor_says_which_setting_is_wrong(punchcard: Punchcard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_JWKS_URL", "https://keys.example.com/jwks")

    code, wrong = doctor(punchcard)

    assert code == 1
    assert set(wrong) == {"settings"}
