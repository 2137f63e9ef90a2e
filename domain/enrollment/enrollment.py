"""Enrollments as a batch meets them: which steps are open, and what serves each. No database, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from db.models import ENROLLED, OPEN_STEPS, EnrollmentStatus, ReviewReason, StepStatus


@dataclass(slots=True)
class Cohort:
    """A dated run of a course; `sessions` are those that are ahead, by their options, `places` are taken."""

    id: int
    program_id: int
    code: str
    name: str
    capacity: int
    enrollment_deadline: datetime
    sessions: dict[int, int] = field(default_factory=dict)
    places: set[int] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        """Whether nobody can come to it any more."""
        return len(self.places) >= self.capacity

    def take(self) -> int:
        """Take the lowest place that is free."""
        place = next(number for number in range(1, self.capacity + 1) if number not in self.places)
        self.places.add(place)
        return place


@dataclass(frozen=True, slots=True)
class Option:
    """A class that serves a step; `session_id` is the one of the student's cohort, as long as it is ahead."""

    id: int
    class_id: int
    session_id: int | None = None

    def takes_place_in(self, session_id: int, class_id: int) -> bool:
        """Say whether a session of a class is one of this option's."""
        return session_id == self.session_id if self.session_id else class_id == self.class_id


@dataclass(slots=True)
class Step:
    """A step of an enrollment: its progress, and its active `options`."""

    id: int
    step_id: int
    label: str
    title: str
    order: int
    is_required: bool
    status: StepStatus
    option_id: int | None
    booking_id: int | None
    skipped: bool
    booked_at: datetime | None
    completed_at: datetime | None
    missed_at: datetime | None
    cancelled_at: datetime | None
    options: tuple[Option, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it may be booked."""
        return self.status in OPEN_STEPS

    @property
    def choices(self) -> tuple[Option, ...]:
        """The options that count: those that the student's cohort gives a session, else all."""
        return tuple(each for each in self.options if each.session_id) or self.options

    @property
    def only(self) -> Option | None:
        """The only choice there is; None of several, or of none."""
        return self.choices[0] if len(self.choices) == 1 else None

    def choice(self, option_id: int) -> Option | None:
        """Return one of its choices."""
        return next((each for each in self.choices if each.id == option_id), None)

    def choice_of(self, session_id: int, class_id: int) -> Option | None:
        """Return the choice that a session serves."""
        return next((each for each in self.choices if each.takes_place_in(session_id, class_id)), None)


@dataclass(slots=True)
class Enrollment:
    """The purchase of a course; `steps` by the step's id, in their order."""

    id: int
    package_id: int
    student_id: int
    program_id: int
    code: str
    title: str
    cohort_id: int | None
    cohort_capacity: int | None
    place: int | None
    status: EnrollmentStatus
    review_reason: ReviewReason | None
    details: dict[str, Any]
    completed_at: datetime | None
    steps: dict[int, Step] = field(default_factory=dict)

    @property
    def is_enrolled(self) -> bool:
        """Whether its steps may be booked."""
        return self.status in ENROLLED

    @property
    def open_steps(self) -> Iterator[Step]:
        """The steps that may be booked, in their order."""
        return (step for step in self.steps.values() if step.is_open)

    @property
    def is_done(self) -> bool:
        """Whether all required steps are completed; where none is required, all there are."""
        required = [step for step in self.steps.values() if step.is_required] or list(self.steps.values())
        return bool(required) and all(step.status is StepStatus.COMPLETED for step in required)

    def within(self, sessions: Mapping[int, int]) -> Iterator[Step]:
        """Yield the steps as they would be with a cohort's sessions, by option."""
        for step in self.steps.values():
            options = tuple(replace(each, session_id=sessions.get(each.id)) for each in step.options)
            yield replace(step, options=options)

    def join(self, cohort: Cohort | None) -> None:
        """Take the options in the sessions of a cohort, or in any."""
        self.steps = {step.step_id: step for step in self.within(cohort.sessions if cohort else {})}
        self.cohort_id, self.cohort_capacity, self.place = None, None, None
        if cohort:
            self.cohort_id, self.cohort_capacity, self.place = cohort.id, cohort.capacity, cohort.take()

    def serves(self, session_id: int, class_id: int) -> Iterator[tuple[Step, Option]]:
        """Yield the steps that a session serves, open or not, each with its option."""
        for step in self.steps.values():
            if option := step.choice_of(session_id, class_id):
                yield step, option
