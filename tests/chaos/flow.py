"""Purchases that flow into a stack while something happens to it, each sent until it is acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tests.chaos.crew import PATIENCE
from tests.stack import Stack, wait_for
from tests.stripe_objects import body, checkout

PAUSE = 0.05

# What PostgreSQL ends at once, whatever it was doing.
END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'punchcard-%%'
"""

HELD = """
SELECT s.external_id, count(*) FROM student_packages k JOIN students s ON s.id = k.student_id
 WHERE s.external_id LIKE %s GROUP BY 1
"""


def held(stack: Stack, students: str) -> dict[str, int]:
    """Return how many packages each student has whose name is like that."""
    with psycopg.connect(stack.database_url, connect_timeout=2) as connection:
        return dict(connection.execute(HELD, [students]).fetchall())


@dataclass
class Flow:
    """What was sent under a name: the body of each student's purchase, and every answer."""

    name: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)

    def send(self, stack: Stack) -> str:
        """Send a purchase until it is acknowledged; return whose it is."""
        student = f"{self.name}-{len(self.bodies)}"
        content = body(checkout(payment=f"pi_{student}", student=student))
        self.bodies[student] = content
        end = time.monotonic() + PATIENCE
        while (answer := stack.post_event(content)) != 200:
            self.answers[answer] += 1
            assert time.monotonic() < end, f"{student} was never acknowledged"
            time.sleep(PAUSE)
        self.answers[answer] += 1
        return student

    def took_effect_once(self, stack: Stack) -> None:
        """Assert that every acknowledged event is stored byte by byte, and became one package."""
        pattern = f"{self.name}-%"
        wait_for(lambda: held(stack, pattern).keys() == self.bodies.keys(), seconds=PATIENCE, what="every package")
        assert set(held(stack, pattern).values()) == {1}
        with psycopg.connect(stack.database_url) as connection:
            stored = connection.execute("SELECT payload FROM stripe_events WHERE payload = ANY(%s)", [[*self._sent()]])
            assert sorted(bytes(row[0]) for row in stored) == sorted(self._sent())
        assert stack.run("audit").returncode == 0

    def _sent(self) -> list[bytes]:
        return list(self.bodies.values())


@contextmanager
def flowing(stack: Stack, name: str) -> Iterator[Flow]:
    """Let purchases flow for a block; at its end all of them are acknowledged."""
    flow, over, failures = Flow(name), threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not over.wait(PAUSE):
                flow.send(stack)
        except BaseException as error:  # noqa: BLE001 - told to who waits for this thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield flow
    finally:
        over.set()
        thread.join()
    assert failures == []
    flow.send(stack)
