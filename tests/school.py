"""The demo's course in a test: dates for its classes, cohorts, a purchase, and a verb for each command about a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import yaml

from cli.demo import DEMO
from tests.stripe_objects import checkout
from tests.timetable import Outcome, Timetable
from worker import clock

_numbers = count(1)
PRICE = 49_900
# By step, the classes of the demo that serve it.
CLASSES = {
    "SFZ-1": ("SFZ-1-DAY", "SFZ-1-EVE"),
    "SFZ-2": ("SFZ-2-DAY", "SFZ-2-EVE"),
    "SFZ-3": ("SFZ-3-DAY", "SFZ-3-EVE"),
    "SFZ-4": ("SFZ-4-EVE",),
}
HOURS = {"DAY": 14, "EVE": 18}


@dataclass(frozen=True)
class School:
    """The course SFZ of the demo studio thrive."""

    timetable: Timetable
    sessions: dict[str, int] = field(default_factory=dict)

    def meet(self, code: str, start: datetime, *, capacity: int = 10) -> int:
        """Add a session of one of the course's classes."""
        row = self.timetable.studio.one(
            "INSERT INTO class_sessions (organization_id, group_class_id, service_type, start_at, end_at, capacity,"
            " created_at) SELECT organization_id, id, service_type, %(start)s,"
            " %(start)s + make_interval(mins => minutes), %(capacity)s, %(at)s FROM group_classes"
            " WHERE code = %(code)s RETURNING id",
            code=code,
            start=start,
            capacity=capacity,
            at=clock.now(),
        )
        return int(row["id"])

    def plan(self, *, first: int = 4, capacity: int = 10) -> None:
        """Give each class of the course a date: a step every other day, by day and in the evening."""
        day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
        for number, codes in enumerate(CLASSES.values()):
            for code in codes:
                start = day + timedelta(days=first + 2 * number, hours=HOURS[code.rpartition("-")[2]])
                self.sessions[code] = self.meet(code, start, capacity=capacity)

    def course(self, **changes: Any) -> None:
        """Let the course be otherwise than in the demo."""
        studios = yaml.safe_load(DEMO.read_text())["organizations"]
        said = next(each for each in studios if each["slug"] == "thrive")
        kept = {name: value for name, value in said.items() if not isinstance(value, list)}
        entry = said["courses"][0] | changes
        self.timetable.studio.apply({"organizations": [kept | {"courses": [entry]}]})

    def cohort(self, code: str = "WINTER", *, capacity: int = 10, deadline: datetime | None = None, **more: Any) -> int:
        """Add a cohort, or let it be so, in the sessions that are planned; return its id."""
        options = {code: step for step, codes in CLASSES.items() for code in codes}
        starts = {number: self.start(number) for number in self.sessions.values()}
        sessions = [
            {"step": options[name], "class": name, "start": starts[number].isoformat()[:16] + "Z"}
            for name, number in self.sessions.items()
        ]
        by = (deadline or clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%MZ")
        entry = {"code": code, "name": code.title(), "capacity": capacity, "enrollment_deadline": by}
        self.course(cohorts=[entry | {"sessions": sessions} | more])
        return int(self.timetable.studio.one("SELECT id FROM course_cohorts WHERE code = %(code)s", code=code)["id"])

    def start(self, session: int) -> datetime:
        row = self.timetable.studio.one("SELECT start_at FROM class_sessions WHERE id = %(id)s", id=session)
        start: datetime = row["start_at"]
        return start

    def purchase(self, student: str | None, cohort: object = None, **more: Any) -> dict[str, Any]:
        """Return the event of a paid Checkout of the course."""
        metadata: dict[str, Any] = {"org": "thrive", "product_code": "SFZ"} | (
            {"cohort_id": str(cohort)} if cohort else {}
        )
        said: dict[str, Any] = {
            "payment": f"pi_course_{next(_numbers)}",
            "amount": PRICE,
            "email": None,
            "metadata": metadata,
        } | more
        return checkout("SFZ", org="thrive", currency="usd", student=student, **said)

    def enroll(self, student: str, cohort: object = None, **more: Any) -> int:
        """Have a student buy the course; return the package."""
        self.timetable.studio.deliver(self.purchase(student, cohort, **more))
        return int(self.timetable.studio.one("SELECT max(id) AS id FROM student_packages")["id"])

    def step(self, label: str) -> int:
        row = self.timetable.studio.one(
            "SELECT id FROM course_steps WHERE label = %(label)s AND deleted_at IS NULL", label=label
        )
        return int(row["id"])

    def option(self, code: str) -> int:
        """Return the option by which a class serves its step."""
        row = self.timetable.studio.one(
            "SELECT x.id FROM course_step_options x JOIN group_classes g ON g.id = x.group_class_id"
            " WHERE g.code = %(code)s",
            code=code,
        )
        return int(row["id"])

    def choice(self, code: str, session: int | None = None) -> dict[str, Any]:
        """Return a step and its option, by the class that serves it."""
        label = next(label for label, codes in CLASSES.items() if code in codes)
        named = {"sessionId": session} if session else {}
        return {"courseStepId": self.step(label), "courseStepOptionId": self.option(code)} | named

    def do(self, kind: str, student: str, package: int, **said: Any) -> Outcome:
        job = self.timetable.ask(kind, student, org="thrive", packageId=package, **said)
        self.timetable.work()
        return self.timetable.outcome(job)

    def book(self, student: str, package: int, code: str, session: int | None = None) -> Outcome:
        """Book a step by the class that serves it."""
        return self.do("course.book-step", student, package, **self.choice(code, session))

    def change(self, student: str, package: int, code: str, session: int | None = None) -> Outcome:
        return self.do("course.change-step", student, package, **self.choice(code, session))

    def cancel(self, student: str, package: int, label: str, **more: Any) -> Outcome:
        return self.do("course.cancel-step", student, package, courseStepId=self.step(label), **more)

    def book_all(self, student: str, package: int, *codes: str) -> Outcome:
        return self.do("course.book-steps", student, package, selections=[self.choice(code) for code in codes])

    def assign(self, package: int, cohort: int | None) -> Outcome:
        """Give an enrollment a cohort, as staff do."""
        return self._of_enrollment("enrollment.assign-cohort", package, cohortId=cohort)

    def reopen(self, package: int, label: str, reason: str = "was ill") -> Outcome:
        return self._of_enrollment("enrollment.reopen-step", package, courseStepId=self.step(label), reason=reason)

    def _of_enrollment(self, kind: str, package: int, **said: Any) -> Outcome:
        row = self.enrollment(package)
        student = self.timetable.studio.one("SELECT external_id FROM students WHERE id = %(id)s", id=row["student_id"])
        return self.timetable.do(kind, student["external_id"], org="thrive", enrollmentId=row["id"], **said)

    def enrollment(self, package: int) -> dict[str, Any]:
        return self.timetable.studio.one(
            "SELECT * FROM student_course_enrollments WHERE student_package_id = %(package)s", package=package
        )

    def progress(self, package: int) -> dict[str, str]:
        """Return the status of each step, by its label; one that was skipped with a star."""
        rows = self.timetable.studio.rows(
            "SELECT s.label, g.status, g.skipped FROM student_course_step_progress g"
            " JOIN course_steps s ON s.id = g.course_step_id"
            " JOIN student_course_enrollments e ON e.id = g.enrollment_id"
            " WHERE e.student_package_id = %(package)s ORDER BY s.position",
            package=package,
        )
        return {row["label"]: row["status"] + ("*" if row["skipped"] else "") for row in rows}

    def events(self, student: str) -> list[str]:
        """Return what other systems are told of a student's courses, in turn."""
        rows = self.timetable.studio.rows(
            "SELECT type FROM domain_events WHERE student_id = %(student)s AND subject LIKE 'enrollment/%%'"
            " ORDER BY sequence",
            student=self.timetable.student(student, "thrive"),
        )
        return [str(row["type"]) for row in rows]
