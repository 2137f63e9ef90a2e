"""Compare with Stripe what happened since an instant: account by account, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from db.transaction import reading
from domain.inbox import known
from worker.reconcile.catalog import compare_catalog
from worker.reconcile.compare import Finding, Kind, Report
from worker.reconcile.events import compare_events, find_stuck
from worker.reconcile.look import Feed, Look, Tell, Wanted, untold
from worker.reconcile.payments import compare_payments
from worker.reconcile.stripe import Account

if TYPE_CHECKING:
    from stripe import StripeClient

# What Stripe's lists do not have is asked for by its id, as long as it is not everything.
MOST_ASKED = 200
KEYS = ("pi_", "cs_", "in_")
UNKNOWN_THERE = "is it of another account, or of the other mode? Nothing here undoes it by itself"


def reconcile(
    engine: Engine, client: StripeClient, wanted: Wanted, *, tell: Tell = untold, feed: Feed | None = None
) -> Report:
    """Compare Stripe's word with ours, and feed the events that the inbox does not have, if they are to be fed.

    Raises:
        stripe.StripeError: Stripe is away, or refuses; what was fed by then stays.

    """
    look = Look(engine, wanted, Report(), tell)
    with reading(engine) as session:
        accounts = known.accounts(session, wanted.slug)
    asked = [Account(client, each.id) for each in accounts]
    for account in asked:
        compare_payments(look, account)
        compare_events(look, account, feed)
        compare_catalog(look, account)
    _only_here(look, asked)
    find_stuck(look)
    return look.report


def _only_here(look: Look, accounts: list[Account]) -> None:
    """Find payments of ours that Stripe does not know, or knows otherwise."""
    by_id = {account.id: account for account in accounts}
    for number, row in enumerate(_unseen(look)):
        if number >= MOST_ASKED:
            look.report.not_asked += 1
            continue
        owner = by_id.get(row["stripe_account_id"])
        tried = [account for account in accounts if account is owner or account.id is None]
        found = [obj for account in tried if (obj := account.find(row["stripe_key"]))]
        if not found:
            look.found(_finding(row, Kind.ONLY_HERE, None, UNKNOWN_THERE))
        elif row["stripe_key"].startswith("pi_") and found[0].get("status") != "succeeded":
            look.found(_finding(row, Kind.DIFFERENT, str(found[0].get("status")), "look at it in Stripe"))


def _unseen(look: Look) -> Iterator[dict[str, Any]]:
    """Yield the payments of the time that did not go by in Stripe's lists."""
    after = 0
    while True:
        with reading(look.engine) as session:
            rows = known.paid(session, look.wanted.slug, since=look.wanted.since, after=after)
        if not rows:
            return
        after = rows[-1]["id"]
        yield from (row for row in rows if row["stripe_key"].startswith(KEYS) and row["stripe_key"] not in look.seen)


def _finding(row: dict[str, Any], kind: Kind, theirs: str | None, advice: str) -> Finding:
    ours = f"SUCCEEDED {row['amount_received']} {row['currency']}"
    return Finding(kind, "payment", row["stripe_key"], row["slug"], row["received_at"], ours, theirs, advice)
