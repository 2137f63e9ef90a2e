"""The limit: the gateway's own statement, sent by PostgreSQL's pgbench with nothing around it."""

from __future__ import annotations

import os
import re
from subprocess import run

from cli.bench.purchases import purchases
from cli.bench.rig import Rig, connect
from webhook_gateway.event_store import insert

THREADS = 2
# What pgbench puts in place of the statement's parameters; the ids are too many to meet twice.
VALUES = {
    "scope0": "0",
    "event_id0": "'evt_' || :number::text",
    "organization_id0": "NULL",
    "type0": "'checkout.session.completed'",
    "livemode0": "false",
    "account0": "NULL",
    "payment_key0": "'pi_' || :number::text",
    "payload0": "convert_to(:body, 'UTF8')",
    "at": "'2026-01-01T00:00:00Z'",
}
RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def limit(here: Rig, *, connections: int, seconds: float) -> float:
    """Return how many events per second pgbench stores, each durably in a transaction of its own."""
    script = here.home / "limit.sql"
    statement = re.sub(r"%\((\w+)\)s", lambda match: VALUES[match[1]], insert(1))
    script.write_text(f"\\set number random(1, 1000000000000000)\n{statement};\n")
    told = run(
        [
            *(str(here.postgres.program("pgbench")), "--no-vacuum", "--protocol=prepared", f"--file={script}"),
            *(f"--client={connections}", f"--jobs={min(THREADS, connections)}", f"--time={max(round(seconds), 1)}"),
            f"--define=body={purchases(1)[0].body.decode()}",
            here.database_url("bare"),
        ],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    with connect(here.database_url("bare")) as connection:
        connection.execute("TRUNCATE stripe_events")
    return float(RATE.search(told.stdout)[1])  # type: ignore[index] # it ends with its rate
