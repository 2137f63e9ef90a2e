"""What somebody changed in Stripe by hand of what the catalog sells: as far as it was told."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.database import database
from db.transaction import reading
from domain import organization
from domain.catalog.drift_view import Drifted, drifted
from domain.listing import Part

MOST = 1_000

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Org = Annotated[str | None, typer.Option(help="Only of this organization: its slug.")]


def drift(org: Org = None, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """List in what Stripe's products and prices differ from the catalog, asking nothing; exit 1 if one does."""
    with database() as engine, reading(engine) as session:
        owner = organization.find(session, org) if org else None
        if org and owner is None:
            raise output.fail(f"there is no organization {org}", output.USAGE)
        found = drifted(session, owner, Part(MOST))
    rows = [row for each in found for row in _rows(each)]
    output.show(rows, as_json=as_json, empty="nothing has drifted, as far as Stripe told us")
    if rows:
        raise typer.Exit(1)


def _rows(each: Drifted) -> list[dict[str, object]]:
    return [
        {
            "product": each.id,
            "organization": each.organization,
            "code": each.code,
            "stripe id": one.stripe_id,
            "field": one.field,
            "ours": one.ours,
            "Stripe's": one.theirs,
            "noticed": each.noticed_at,
            "sent again since": each.sync_due_at,
        }
        for one in each.differences
    ]
