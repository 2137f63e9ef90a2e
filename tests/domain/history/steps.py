"""Courses: who is enrolled, in which session a step is taken, and what follows from it (PRODUCT.md §2, 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from datetime import UTC, datetime

from tests.domain.history.books import Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.courses import Cohort, Course, Enrollment, Option, Progress, Selection, Step
from tests.domain.history.nouns import Booking, Package, Session
from tests.domain.history.places import Places, Taking

ENDLESS = datetime.max.replace(tzinfo=UTC)


class Steps(Places):
    # Who is enrolled.

    def enroll(self, package: Package, course: Course, named: Cohort | str | None, at: datetime) -> Enrollment:
        """Enroll who bought a course; what does not fit waits for staff."""
        new = Enrollment(package, course, named=named)
        new.progress = {step: Progress(new, step) for step in course.steps}
        self.enrollments.append(new)
        if package.standing == "REVOKED":
            self.revoke(new)
        else:
            self.settle(new, at)
        return new

    def tell_late(self, enrollment: Enrollment, cohort: Cohort, at: datetime) -> None:
        """A cohort that the purchase names after all: nothing of it was decided yet, unless staff chose one."""
        enrollment.named = cohort
        if enrollment.by_staff or enrollment.status == "COMPLETED":
            return
        if enrollment.package.standing == "REVOKED":
            self.revoke(enrollment)
            return
        for each in enrollment.progress.values():
            if each.booking and each.booking.status == "CONFIRMED" and each.booking.session.start > at:
                self.release(each.booking, "CANCELLED", at)
        self.settle(enrollment, at)

    def settle(self, enrollment: Enrollment, at: datetime, *, books: bool = True) -> None:
        enrollment.waits_for, enrollment.not_booked = self.objection(enrollment), []
        self.join_cohort(enrollment, None if enrollment.waits_for else enrollment.meant)
        if enrollment.waits_for or not books:
            return
        command = Command("purchase", at, enrollment.package.student)
        self.book_only_options(command, enrollment, at)
        enrollment.not_booked = command.not_booked

    def revoke(self, enrollment: Enrollment) -> None:
        """Its money went back: the place is free, it is known which cohort it was, and what was open is closed."""
        enrollment.cohort, enrollment.place = enrollment.meant, None
        enrollment.waits_for, enrollment.not_booked = None, []
        for each in enrollment.progress.values():
            each.closed = each.closed or each.booking is None

    def bring_back(self, enrollment: Enrollment, at: datetime) -> None:
        """Its money did not go back after all: what was never booked is open again, and nothing is booked."""
        for each in enrollment.progress.values():
            each.closed = each.closed and each.was_booked
        self.settle(enrollment, at, books=False)

    def objection(self, enrollment: Enrollment) -> str | None:
        cohort, paid_at = enrollment.meant, enrollment.package.bought_at
        others = [e for e in self.enrolled(enrollment.package.student) if e.course is enrollment.course]
        others = [e for e in others if e is not enrollment]
        same = [e.cohort is cohort if cohort and e.cohort else e.status == "ACTIVE" for e in others]
        steps = enrollment.course.steps
        reasons = {
            "COHORT_UNKNOWN": bool(enrollment.named) and cohort is None,
            "SECOND_PURCHASE": any(same),
            "COHORT_CLOSED": cohort is not None and paid_at >= cohort.deadline,
            "COHORT_FULL": cohort is not None and self.is_full(cohort),
            "STEP_RETIRED": any(not any(option.active for option in step.options) for step in steps),
        }
        return next((code for code, is_one in reasons.items() if is_one), None)

    def enrolled(self, student: str) -> list[Enrollment]:
        """Those of a student whose steps may be booked, in the order in which they pay."""
        mine = [e for e in self.enrollments if e.package.student == student and e.is_enrolled]
        return sorted(mine, key=lambda e: (self.window(e.package)[1] or ENDLESS, e.package.bought_at, e.package.id))

    def places(self, cohort: Cohort) -> list[int]:
        return [e.place for e in self.enrollments if e.cohort is cohort and e.place]

    def is_full(self, cohort: Cohort) -> bool:
        return len(self.places(cohort)) >= cohort.capacity

    def join_cohort(self, enrollment: Enrollment, cohort: Cohort | None) -> None:
        """Leave a place, and take the lowest that is free."""
        enrollment.cohort = enrollment.place = None
        if cohort:
            taken = self.places(cohort)
            enrollment.place = next(place for place in range(1, cohort.capacity + 1) if place not in taken)
            enrollment.cohort = cohort

    # In which session a step is taken.

    def cohorts_session(self, enrollment: Enrollment, option: Option, at: datetime) -> Session | None:
        """The session of an option in a cohort, as long as somebody can still come to it."""
        session = enrollment.cohort.sessions.get(option) if enrollment.cohort else None
        return session if session and not session.off and session.start > at else None

    def choices(self, progress: Progress, at: datetime) -> list[Option]:
        active = [option for option in progress.step.options if option.active]
        planned = [option for option in active if self.cohorts_session(progress.enrollment, option, at)]
        return planned or active

    def serves(self, session: Session, taking: Taking, at: datetime) -> bool:
        own = self.cohorts_session(taking[0].enrollment, taking[1], at)
        return session is own if own else session.kind == taking[1].kind

    def takings(self, student: str, session: Session, at: datetime, package: Package | None = None) -> list[Taking]:
        """The steps of a student that a session serves, open or not, each with its option."""
        mine = [e for e in self.enrolled(student) if package in {None, e.package}]
        steps = [progress for enrollment in mine for progress in enrollment.progress.values()]
        found = [(step, [o for o in self.choices(step, at) if self.serves(session, (step, o), at)]) for step in steps]
        return [(step, options[0]) for step, options in found if options]

    def open_takings(
        self, student: str, session: Session, at: datetime, package: Package | None = None
    ) -> list[Taking]:
        """Those that are open; what the course can pay for first."""
        found = [taking for taking in self.takings(student, session, at, package) if taking[0].is_open]
        return sorted(found, key=lambda taking: bool(self.course_refused(taking[0].enrollment.package, session)))

    def taking(self, command: Command, session: Session, at: datetime) -> Taking | None:
        """The step that an ordinary command takes: in a session of a course, or by who asks for that."""
        is_course = session.service == "COURSE"
        refuse_if((is_course and command.payment not in {None, "COURSE"}, "enrollment_required"))
        if command.payment != "COURSE" and not is_course:
            return None
        return self.must_take(command.student, session, at, command.package)

    def must_take(self, student: str, session: Session, at: datetime, package: Package | None = None) -> Taking:
        found = self.open_takings(student, session, at, package)
        if found:
            return found[0]
        steps = [step for enrollment in self.enrolled(student) for step in enrollment.progress]
        kinds = {option.kind for step in steps for option in step.options if option.active}
        refuse_if(
            (bool(self.takings(student, session, at, package)), "step_already_booked"),
            (session.kind in kinds, "invalid_option"),
        )
        raise Refused("enrollment_required")

    # What is done with steps.

    def take(
        self, command: Command, selection: Selection, progress: Progress, at: datetime, here: Session | None = None
    ) -> Booking:
        """Take a step in the first of the sessions in question that can be booked."""
        option = selection.option
        refuse_if((not progress.is_open, "step_already_booked"))
        if option is None or option not in self.choices(progress, at):
            raise Refused("invalid_option")
        refusals = []
        for session in self.in_question(command, (progress, option), selection.session, at, here):
            try:
                self.check_open(session, command, at)
                self.check_free(command.student, session)
                promised = self.promised(session, command.student, at)
                return self.put(command, session, at, promised, (progress, option))[0]
            except Refused as refused:
                refusals.append(str(refused))
        raise Refused([*refusals, "session_full"][0])

    def in_question(
        self, command: Command, taking: Taking, named: Session | None, at: datetime, here: Session | None
    ) -> Iterator[Session]:
        session = named or self.cohorts_session(taking[0].enrollment, taking[1], at)
        if session is None:
            ahead = [s for s in self.sessions if s.kind == taking[1].kind and s.start > at and not s.off]
            ahead.sort(key=lambda each: (each.start, each.id))
            yield from (each for each in ahead if each is not here and self.room(each) > 0)
            return
        refuse_if(
            (session.org != self.orgs[command.student], "not_found"),
            (session is here, "already_booked"),
            (not self.serves(session, taking, at), "invalid_option"),
        )
        yield session

    def book_only_options(self, command: Command, enrollment: Enrollment, at: datetime) -> None:
        """Take each open step that has one option, as far as there is room."""
        for progress in [each for each in enrollment.progress.values() if each.is_open]:
            choices = self.choices(progress, at)
            if len(choices) != 1:
                continue
            try:
                command.made.append(self.take(command, Selection(progress.step, choices[0]), progress, at))
                command.auto.append(progress.step)
            except Refused as refused:
                command.not_booked.append((progress.step.number, str(refused)))

    def skip(self, taken: Sequence[Progress]) -> None:
        """Whoever chooses a later step skips those before it that are open."""
        for progress in taken:
            before = list(progress.enrollment.progress.values())
            for each in before[: before.index(progress)]:
                each.skipped = each.skipped or each.is_open

    def all_or_nothing(
        self, command: Command, progresses: Sequence[Progress]
    ) -> list[tuple[object, dict[str, object]]]:
        waits = [wait for wait in self.waits if wait.student == command.student]
        return [(each, copy(vars(each))) for each in (*waits, *progresses)]


def own_step(enrollment: Enrollment, step: Step | None) -> Progress:
    if step is None or step not in enrollment.progress:
        raise Refused("not_found")
    return enrollment.progress[step]
