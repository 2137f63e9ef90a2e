"""`punchcard stripe drift`: what somebody changed in Stripe by hand, as far as it was told."""

from __future__ import annotations

import json

from tests.cli.conftest import Punchcard, one_line
from tests.stripe_objects import event
from tests.studio import Studio


def test_what_has_drifted_is_listed_and_exit_1(punchcard: Punchcard, studio: Studio) -> None:
    studio.rows("UPDATE products SET name = 'Core 10', stripe_product_id = 'prod_1' WHERE code = 'CORE-10'")
    fine = punchcard("stripe", "drift")
    obj = {"id": "prod_1", "object": "product", "name": "Ten rides", "active": True, "updated": 1, "metadata": {}}
    studio.deliver(event("product.updated", obj))

    said = punchcard("stripe", "drift")
    rows = json.loads(punchcard("stripe", "drift", "--org", "lumen", "--json").out)
    others = punchcard("stripe", "drift", "--org", "thrive", "--json")
    nobody = punchcard("stripe", "drift", "--org", "nobody")

    assert (fine.code, fine.out) == (0, "nothing has drifted, as far as Stripe told us\n")
    assert (said.code, "Ten rides" in said.out) == (1, True)
    assert [(row["code"], row["field"], row["ours"], row["Stripe's"]) for row in rows] == [
        ("CORE-10", "name", "Core 10", "Ten rides")
    ]
    assert (others.code, json.loads(others.out)) == (0, [])
    assert (nobody.code, one_line(nobody.err)) == (2, True)
