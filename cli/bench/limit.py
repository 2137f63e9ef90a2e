"""The limit: the rows that the gateway stores, written by PostgreSQL's pgbench with nothing around it."""

from __future__ import annotations

import os
import re
from subprocess import run

from cli.bench.purchases import purchases
from cli.bench.rig import Rig, connect

THREADS = 2
# The ids are too many to meet twice.
SCRIPT = r"""
\set number random(1, 1000000000000000)
INSERT INTO stripe_events
       (scope, event_id, organization_id, type, livemode, account, payment_key, payload, due_at, received_at)
VALUES (0, 'evt_' || :number::text, NULL, 'checkout.session.completed', false, NULL, 'pi_' || :number::text,
        convert_to(:body, 'UTF8'), '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')
ON CONFLICT (scope, event_id) DO NOTHING RETURNING id;
"""
RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def limit(here: Rig, *, connections: int, seconds: float) -> float:
    """Return how many events per second pgbench stores, each durably in a transaction of its own."""
    script = here.home / "limit.sql"
    script.write_text(SCRIPT)
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
