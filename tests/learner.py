"""Somebody who takes a course at a whole stack, and the cohort that the studio plans for them over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

from tests.patron import ZONES, Patron, Row
from tests.school import CLASSES, PRICE
from tests.stack import Reply, send, wait_for
from tests.stripe_objects import body, checkout
from worker import clock

MINE = "/api/students/me/course-packages"
HOURS = {"DAY": time(13), "EVE": time(21)}


def asks(who: Patron, method: str, path: str, said: Row | None = None) -> Reply:
    """Send a request, and wait for what comes of it."""
    return send(who.stack.port, method, path, said, who.token, Prefer="wait=30")


@dataclass(frozen=True)
class Run:
    """A cohort of the demo's course: by the codes of its classes, the options and the sessions that serve them."""

    id: int
    code: str
    first: int
    options: Mapping[str, int]
    sessions: Mapping[str, int]


def planned(admin: Patron, code: str, first: int, *, capacity: int = 10) -> Run:
    """Plan a cohort with a session for each class of the course; its first step is so many days from today."""
    steps = admin.sees("/api/admin/courses/SFZ")["steps"]
    classes = [(option, first + 2 * number) for number, step in enumerate(steps) for option in step["options"]]
    options = {option["groupClassCode"]: option["courseStepOptionId"] for option, _ in classes}
    sessions = {option["groupClassCode"]: _dated(admin, option, days) for option, days in classes}
    serving = [{"courseStepOptionId": options[name], "sessionId": sessions[name]} for name in sessions]
    deadline = (clock.now() + timedelta(days=1)).isoformat(timespec="minutes")
    said: Row = {"code": code, "name": code.title(), "capacity": capacity, "enrollmentDeadline": deadline}
    made = asks(admin, "POST", "/api/admin/courses/SFZ/cohorts", said | {"sessions": serving})
    assert made.status == 201, made.said
    return Run(made.said["id"], code, first, options, sessions)


def _dated(admin: Patron, served: Row, days: int) -> int:
    """Add a session of a class that serves a step."""
    day = clock.now().astimezone(ZONES["thrive"]).date() + timedelta(days=days)
    start = datetime.combine(day, HOURS[served["groupClassCode"].rpartition("-")[2]], ZONES["thrive"])
    said = {"classId": served["groupClassId"], "startAt": start.isoformat()}
    made = asks(admin, "POST", "/api/admin/sessions", said)
    assert made.status == 201, made.said
    return int(made.said["sessionId"])


@dataclass(frozen=True)
class Learner(Patron):
    """A student of the language school; steps are named by their labels, options by the codes of their classes."""

    org: str = "thrive"

    def enrolls(self, run: Run) -> Row:
        """Buy the course in a cohort; return it as it is held."""
        told: Row = {"org": self.org, "currency": "usd", "amount": PRICE, "email": self.email}
        told["metadata"] = {"org": self.org, "product_code": "SFZ", "cohort_id": run.code}
        event = checkout("SFZ", payment=f"pi_SFZ_{self.name}", student=self.name, **told)
        assert self.stack.post_event(body(event)) == 200
        wait_for(lambda: self.sees(MINE)["items"], what=f"the course of {self.name}")
        return self.course

    @property
    def course(self) -> Row:
        """The course as it is by now."""
        return dict(self.sees(self.mine))

    @cached_property
    def mine(self) -> str:
        """The address of the course."""
        (held,) = self.sees(MINE)["items"]
        return f"{MINE}/{held['id']}"

    @property
    def progress(self) -> dict[str, str]:
        """The status of each step; one that was skipped with a star."""
        return {step["stepLabel"]: step["status"] + "*" * step["skipped"] for step in self.course["steps"]}

    def step(self, label: str) -> Row:
        return next(step for step in self.course["steps"] if step["stepLabel"] == label)

    def open_options(self) -> dict[str, list[int]]:
        """Return the sessions that may be booked, by the open steps."""
        steps = self.sees(f"{self.mine}/unbooked-steps")
        return {step["stepLabel"]: [option["sessionId"] for option in step["options"]] for step in steps}

    def takes(self, run: Run, name: str, what: str = "book-session", **more: Any) -> Reply:
        """Book a step by a class that serves it, or change to that."""
        return asks(self, "POST", f"{self.of(_label(name))}/{what}", {"courseStepOptionId": run.options[name]} | more)

    def gives_up(self, label: str, **more: Any) -> Reply:
        return asks(self, "DELETE", f"{self.of(label)}/booking", more or None)

    def takes_all(self, run: Run, names: Sequence[str]) -> Reply:
        """Book several steps at once."""
        selections = [
            {"courseStepId": self.step(_label(name))["courseStepId"], "courseStepOptionId": run.options[name]}
            for name in names
        ]
        return asks(self, "POST", f"{self.mine}/book-sessions", {"selections": selections})

    def of(self, label: str) -> str:
        """Return the address of a step."""
        return f"{self.mine}/steps/{self.step(label)['courseStepId']}"


def _label(name: str) -> str:
    return next(label for label, names in CLASSES.items() if name in names)
