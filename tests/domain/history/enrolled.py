"""What students and staff ask for about the steps of a course (PRODUCT.md §4.3 to 4.6, 4.9)."""

from __future__ import annotations

from datetime import datetime

from tests.domain.history.books import Refused, refuse_if
from tests.domain.history.command import Command
from tests.domain.history.courses import Enrollment, Progress
from tests.domain.history.nouns import Booking
from tests.domain.history.steps import own_step
from tests.domain.history.students import Students


class Enrolled(Students):
    def book_step(self, command: Command, at: datetime) -> None:
        progress = self.selected(command)[0]
        command.made = [self.take(command, command.selections[0], progress, at)]
        self.skip([progress])

    def change_step(self, command: Command, at: datetime) -> None:
        """Cancel and book in one: the old one stands if the new one is impossible."""
        progress = self.selected(command)[0]
        old = booked_step(progress)
        status = self.becomes(old, command, at)
        refuse_if((status == "FORFEITED", "cancellation_window_closed"))
        before = self.remember(old, [old])
        self.release(old, "CANCELLED", at)
        try:
            command.made = [self.take(command, command.selections[0], progress, at, old.session)]
        except Refused:
            for each, said in before:
                vars(each).update(said)
            raise
        self.go_on(old, command.made, at)

    def cancel_step(self, command: Command, at: datetime) -> None:
        old = booked_step(self.selected(command)[0])
        self.release(old, self.becomes(old, command, at), at)

    def book_steps(self, command: Command, at: datetime) -> None:
        """What is selected, or nothing; then what has one option, as far as there is room."""
        enrollment = self.own_enrollment(command)
        before, bookings = self.all_or_nothing(command, list(enrollment.progress.values())), list(self.bookings)
        taken = []
        try:
            for selection in command.selections:
                progress = own_step(enrollment, selection.step)
                command.made.append(self.take(command, selection, progress, at))
                taken.append(progress)
        except Refused:
            self.bookings, command.made = bookings, []
            for each, said in before:
                vars(each).update(said)
            raise
        self.book_only_options(command, enrollment, at)
        self.skip(taken)

    def assign(self, command: Command, at: datetime) -> None:
        """Give an enrollment a cohort, or none, and book what has one option there."""
        enrollment, cohort = command.enrollment, command.cohort
        if enrollment is None or enrollment.package.student != command.student:
            raise Refused("not_found")
        refuse_if((enrollment.package.standing == "REVOKED", "enrollment_required"))
        if cohort:
            held = [e for e in self.enrolled(command.student) if e.cohort is cohort]
            refuse_if(
                (cohort.course is not enrollment.course, "not_found"),
                (bool(held), "already_enrolled"),
                (self.is_full(cohort), "cohort_full"),
            )
        enrollment.waits_for, enrollment.by_staff = None, True
        self.join_cohort(enrollment, cohort)
        self.book_only_options(command, enrollment, at)
        enrollment.not_booked = command.not_booked

    def reopen(self, command: Command, _at: datetime) -> None:
        """Open a missed step again; its credit comes back."""
        progress = self.selected(command)[0]
        refuse_if((progress.status != "MISSED", "step_not_booked"))
        assert progress.booking
        progress.booking.reopened, progress.booking = True, None

    def own_enrollment(self, command: Command) -> Enrollment:
        enrollment = command.enrollment
        if enrollment is None or enrollment.package.student != command.student:
            raise Refused("not_found")
        refuse_if((not enrollment.is_enrolled, "enrollment_required"))
        return enrollment

    def selected(self, command: Command) -> list[Progress]:
        enrollment = self.own_enrollment(command)
        return [own_step(enrollment, selection.step) for selection in command.selections]


def booked_step(progress: Progress) -> Booking:
    if progress.status != "BOOKED" or progress.booking is None:
        raise Refused("step_not_booked")
    return progress.booking
