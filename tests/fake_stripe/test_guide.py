"""What the guide says of the fake Stripe is all that there is."""

from __future__ import annotations

import re
from pathlib import Path

from fake_stripe.api.routes import ROUTES
from fake_stripe.control import DOORS, SUBSCRIPTION_TURNS
from fake_stripe.faults import KINDS

GUIDE = (Path(__file__).parents[2] / "docs" / "fake-stripe.md").read_text()


def test_every_door_is_in_the_guide() -> None:
    named = {
        (method, path)
        for methods, path in re.findall(
            r"^\| ((?:`(?:GET|POST|DELETE)`, )*`(?:GET|POST|DELETE)) (/[^`]+)` \|", GUIDE, re.MULTILINE
        )
        for method in re.findall(r"GET|POST|DELETE", methods)
    }

    doors = {
        (method, "/" + re.sub(r"<(?!turn)\w+>", "{id}", path).replace("<turn>", "{turn}")) for method, path, _ in DOORS
    }
    assert named == doors


def test_every_fault_and_turn_is_in_the_guide() -> None:
    for word in (*KINDS, *SUBSCRIPTION_TURNS):
        assert f"`{word}`" in GUIDE


def test_every_kind_of_object_is_in_the_guide() -> None:
    kinds = {path.split("/<")[0].replace("/", " ").replace("_", " ") for _, path, _ in ROUTES}

    for kind in kinds - {"account", "balance"}:
        assert kind in GUIDE
