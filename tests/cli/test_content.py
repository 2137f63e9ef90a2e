"""`punchcard seed` and `punchcard catalog`: made true whole or not at all, and then nothing to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Punchcard, organization, product, written
from tests.stripe_objects import checkout
from tests.studio import Studio


@pytest.mark.usefixtures("engine")
def test_the_demo_is_made_once(punchcard: Punchcard) -> None:
    first = punchcard("seed", "demo")
    second = punchcard("seed", "demo")

    assert first.code == second.code == 0
    assert "lumen/EXPLORER-5" in first.out
    assert "thrive" in first.out
    assert second.out == "nothing to change\n"


def test_a_catalog_is_made_true_and_then_stays(punchcard: Punchcard, studio: Studio, tmp_path: Path) -> None:
    file = written(tmp_path / "catalog.yaml", {"organizations": [organization("north", products=[product("TEN")])]})

    first = punchcard("catalog", "apply", file)
    second = punchcard("catalog", "apply", file)
    written(file, {"organizations": [organization("north", products=[product("TEN", price=7)])]})
    third = punchcard("catalog", "apply", file)

    assert [first.out, second.out, third.out] == [
        "created: north, north/TEN\n",
        "nothing to change\n",
        "updated: north/TEN\n",
    ]
    assert studio.one("SELECT price FROM products WHERE code = 'TEN'")["price"] == 7


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"colour": "blue"}, "organizations.1.colour"),
        ({"timezone": "Mars/Olympus"}, "organizations.1.timezone"),
        ({"currency": "try"}, "organizations.1.currency"),
        ({"slug": "No Slug"}, "organizations.1.slug"),
        ({"products": [product("A", price=-1)]}, "organizations.1.products.0.price"),
        ({"products": [product("A", price="7")]}, "organizations.1.products.0.price"),
        ({"products": [product("A", discount=1)]}, "organizations.1.products.0.discount"),
        ({"products": [product("A"), product("B", allowances=[])]}, "organizations.1.products.1"),
        ({"products": [product("A"), product("A")]}, "organizations.1: "),
    ],
)
def test_of_an_invalid_catalog_nothing_is_applied_and_the_field_is_named(
    punchcard: Punchcard, studio: Studio, tmp_path: Path, members: dict[str, Any], named: str
) -> None:
    document = {"organizations": [organization("north", products=[product("TEN")]), organization("south") | members]}

    said = punchcard("catalog", "apply", written(tmp_path / "catalog.yaml", document))

    assert (said.code, said.out) == (2, "")
    assert "nothing was applied" in said.err
    assert named in said.err
    assert studio.count("organizations") == 2


def test_a_price_that_sells_something_else_already_undoes_the_whole_file(
    punchcard: Punchcard, studio: Studio, tmp_path: Path
) -> None:
    products = [product("A", stripe_price_ids=["price_1"]), product("B", stripe_price_ids=["price_1"])]

    file = written(tmp_path / "catalog.yaml", {"organizations": [organization("north", products=products)]})
    said = punchcard("catalog", "apply", file)

    assert said.code == 2
    assert "B.stripe_price_ids" in said.err
    assert studio.count("organizations") == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"organizations: []",
        b"- a\n- b",
        b"{unbalanced: [",
        b"\xff\xfe\x00",
        b"a: 2026-13-45",
        b"[" * 5_000,
        b"%" * 10,
        b"!!python/object/apply:os.system ['true']",
        b" " * 2_000_001,
    ],
)
def test_a_file_that_is_no_catalog_is_refused(
    punchcard: Punchcard, studio: Studio, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_bytes(content)

    said = punchcard("catalog", "apply", file)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"punchcard: {file}")
    assert studio.count("organizations") == 2


def test_what_was_parked_for_a_code_is_taken_up_when_the_catalog_gains_it(
    punchcard: Punchcard, studio: Studio, tmp_path: Path
) -> None:
    told = checkout("NEW-1", org="north")
    written(tmp_path / "before.yaml", {"organizations": [organization("north")]})
    written(tmp_path / "after.yaml", {"organizations": [organization("north", products=[product("NEW-1")])]})
    punchcard("catalog", "apply", tmp_path / "before.yaml")
    studio.deliver(told)
    parked = studio.event(told)

    said = punchcard("catalog", "apply", tmp_path / "after.yaml")
    studio.drain()

    assert (parked["status"], parked["error_code"]) == ("FAILED", "unknown_product")
    assert "1 parked event(s) taken up" in said.out
    assert studio.event(told)["status"] == "PROCESSED"
    assert studio.packages() == [("NEW-1", "ada")]
