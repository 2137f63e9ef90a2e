"""What is asked for about courses, drawn at random; and what students buy and the school plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import TypeVar

from tests.domain.history.command import Command
from tests.domain.history.courses import OPEN, Cohort, Enrollment, Progress, Selection
from tests.domain.history.faults import Time
from tests.domain.history.nouns import Session
from tests.domain.history.school import KINDS, ORG
from tests.domain.history.schooling import WAYS, Buying, Schooling

# Of commands of a student who is enrolled.
ENROLLED = {"book_step": 8, "change_step": 4, "cancel_step": 5, "book_steps": 4, "assign": 3, "reopen": 6}
HOURS = [2, 3, 20, 27, 28, 29, 51, 52, 70, 100]
T = TypeVar("T")


class DrawSteps:
    """Commands about courses, drawn from what there is in a history."""

    def __init__(self, history: Schooling, random: Random) -> None:
        self.history, self.model, self.random = history, history.model, random

    def one(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def once_in(self, often: int) -> bool:
        return self.random.randrange(often) == 0

    def of_course(self) -> Command | None:
        """A command about a course, mostly of who is enrolled; None where nobody is."""
        if not self.model.enrollments:
            return None
        (kind,) = self.random.choices(list(ENROLLED), list(ENROLLED.values()))
        kind, enrollment = self.chosen(kind)
        others = [name for name, org in self.model.orgs.items() if org == ORG]
        student = self.one(others) if self.once_in(20) else enrollment.package.student
        command = Command(kind, Time.at, student, enrollment=enrollment)
        if kind == "assign":
            command.cohort = self.some_cohort(enrollment)
            return command
        steps = [self.some_step(enrollment, kind)]
        if kind == "book_steps":
            most = [each for each in enrollment.progress.values() if each.is_open or self.once_in(8)]
            steps = self.random.sample(most, min(len(most), self.one([0, 1, 1, 2, 2, 3])))
        command.selections = [self.selection(step) for step in steps]
        command.forfeit, command.override = self.once_in(3), self.once_in(4)
        return command

    def chosen(self, kind: str) -> tuple[str, Enrollment]:
        """Mostly an enrollment with which that can be done; where there is none, something else."""
        if self.once_in(8):
            return kind, self.one(self.model.enrollments)
        wanted = {"reopen": {"MISSED"}, "change_step": {"BOOKED"}, "cancel_step": {"BOOKED"}}.get(kind, OPEN)
        waiting = [each for each in self.model.enrollments if each.waits_for]
        active = [each for each in self.model.enrollments if each.is_enrolled]
        fitting = [each for each in active if any(step.status in wanted for step in each.progress.values())]
        if kind == "assign" or not active:
            return "assign", self.one(waiting if waiting and not self.once_in(3) else self.model.enrollments)
        return (kind, self.one(fitting)) if fitting else ("book_steps", self.one(active))

    def some_step(self, enrollment: Enrollment, kind: str) -> Progress:
        """Mostly one with which that can be done."""
        wanted = {"book_step": OPEN, "reopen": {"MISSED"}}.get(kind, {"BOOKED"})
        every = list(enrollment.progress.values())
        fitting = [each for each in every if each.status in wanted]
        return self.one(fitting if fitting and not self.once_in(6) else every)

    def selection(self, progress: Progress) -> Selection:
        """Mostly an option that may be chosen, and a session of it."""
        options = progress.step.options if self.once_in(6) else self.model.choices(progress, Time.at)
        if self.once_in(15) or not options:
            course = self.one(self.history.courses)
            options = [option for step in course.steps for option in step.options]
        option = self.one(options)
        ahead = [s for s in self.model.sessions if s.kind == option.kind and s.start > Time.at and not s.off]
        session: Session | None = self.one(ahead) if ahead and self.once_in(3) else None
        if self.once_in(15):
            session = self.one(self.model.sessions)
        step = self.one(self.one(self.history.courses).steps) if self.once_in(25) else progress.step
        return Selection(step, option, session)

    def some_cohort(self, enrollment: Enrollment) -> Cohort | None:
        own = [each for each in self.model.cohorts if each.course is enrollment.course]
        cohorts = own if own and not self.once_in(8) else self.model.cohorts
        return None if self.once_in(4) or not cohorts else self.one(cohorts)

    # What is bought and planned.

    def buying(self) -> Buying:
        students, course = [name for name, org in self.model.orgs.items() if org == ORG], self.one(self.history.courses)
        have = [e.package.student for e in self.model.enrollments if e.course is course and e.is_enrolled]
        student = self.one([name for name in students if name not in have or self.once_in(3)] or students)
        cohorts = [each for each in self.model.cohorts if each.course is course or self.once_in(10)]
        named = self.one(cohorts) if cohorts and not self.once_in(3) else None
        return Buying(student, course, "NOWHERE" if self.once_in(15) else named, self.one(WAYS), self.once_in(20))

    def meet(self) -> None:
        """See to it that there is something ahead of each class."""
        for kind in KINDS:
            ahead = [s for s in self.model.sessions if s.kind == kind and s.start > Time.at and not s.off]
            for _ in range(2 - len(ahead)):
                self.history.meet(kind, self.one(HOURS), self.one([1, 1, 2, 3]))

    def plan(self) -> None:
        """See to it that there is a cohort to join."""
        for course in self.history.courses:
            own = [each for each in self.model.cohorts if each.course is course and each.deadline > Time.at]
            if own or self.once_in(3):
                continue
            options = [option for step in course.steps for option in step.options if not self.once_in(3)]
            ahead = [s for s in self.model.sessions if s.kind and s.start > Time.at and not s.off]
            planned = {o: [s for s in ahead if s.kind == o.kind] for o in options}
            sessions = {option: self.one(found) for option, found in planned.items() if found}
            deadline = Time.at + timedelta(hours=self.one([20, 50, 200]))
            self.history.plan(course, self.one([1, 1, 2, 3]), deadline, sessions)

    # Sessions to choose from.

    def ahead(self, student: str) -> list[Session]:
        org = self.model.orgs[student]
        return [s for s in self.model.sessions if s.org == org and s.start > Time.at and not s.teacher and not s.off]

    def ordinary(self, student: str) -> list[Session]:
        return [session for session in self.ahead(student) if not session.kind]

    def some_session(self, student: str) -> Session:
        """Mostly those that can be booked, sometimes any of the student's studio, seldom any at all."""
        ahead = self.ahead(student)
        mine = [b.session for b in self.model.booked(student)]
        free = [each for each in ahead if each not in mine]
        if not ahead or self.once_in(20):
            return self.one(self.model.sessions)
        # Where they are, or are to be, at that time.
        waits = [w.session for w in self.model.waits if w.student == student and w in self.model.line(w.session)]
        same = [s for s in free if s not in waits and any(s.meets(each.start, each.end) for each in waits)]
        if same and self.once_in(2):
            return self.one(same)
        return self.one(ahead if self.once_in(5) or not free else free)
