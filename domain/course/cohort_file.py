"""A document's cohorts with their sessions, made true; those that it does not name are left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from db.models import ClassSession, CourseCohort, CourseStep, CourseStepOption, SessionStatus
from domain.course import cohort
from domain.course.cohort import CohortChange
from domain.course.cohort_session import Serving
from domain.course.draft import Draft, under
from domain.course.entries import CohortEntry
from domain.errors import InvalidField
from domain.localtime import instant

# Sessions are known by class and start, options by the label of their step and their class.
Start = tuple[int, datetime]
Options = Mapping[str, Mapping[int, int]]


def apply(draft: Draft, entries: Sequence[CohortEntry]) -> None:
    """Create and update the cohorts that a document names.

    Raises:
        InvalidField: `cohorts.…`, and why it is impossible.

    """
    if not entries:
        return
    options, standing = _options(draft), _standing(draft)
    for place, entry in enumerate(entries):
        with under(f"cohorts.{place}"):
            values = entry.model_dump(include={"name", "capacity"}) | {"enrollment_deadline": _deadline(draft, entry)}
            served = _served(draft, options, entry)
            if found := standing.get(entry.code):
                if cohort.put(draft.session, draft.course, found, CohortChange(values, served)):
                    draft.note()
            else:
                cohort.add(draft.session, draft.course, values | {"code": entry.code}, served, at=draft.at)
                draft.note()


def _served(draft: Draft, options: Options, entry: CohortEntry) -> list[Serving]:
    """Return which session the entry means for which option."""
    wanted = [_wanted(draft, options, entry, place) for place in range(len(entry.sessions))]
    found = _sessions(draft, {class_id for _, class_id, _ in wanted}, {start for _, _, start in wanted})
    for place, (_, class_id, start) in enumerate(wanted):
        if (class_id, start) not in found:
            code = entry.sessions[place].group_class
            raise InvalidField(f"sessions.{place}.start", f"{code} has no session that starts then")
    return [Serving(option, found[class_id, start]) for option, class_id, start in wanted]


def _wanted(draft: Draft, options: Options, entry: CohortEntry, place: int) -> tuple[int, int, datetime]:
    """Return the option, the class and the start that an entry names."""
    said = entry.sessions[place]
    if said.step not in options:
        raise InvalidField(f"sessions.{place}.step", f"there is no step {said.step}")
    # A code that nothing has becomes an id that nothing has.
    class_id = draft.classes.get(said.group_class, 0)
    if class_id not in options[said.step]:
        raise InvalidField(f"sessions.{place}.class", f"{said.group_class} does not serve {said.step}")
    try:
        start_at = instant(said.start, draft.organization.timezone)
    except ValueError as error:
        raise InvalidField(f"sessions.{place}.start", str(error)) from error
    return options[said.step][class_id], class_id, start_at


def _deadline(draft: Draft, entry: CohortEntry) -> datetime:
    try:
        return instant(entry.enrollment_deadline, draft.organization.timezone)
    except ValueError as error:
        raise InvalidField("enrollment_deadline", str(error)) from error


def _sessions(draft: Draft, classes: set[int], starts: set[datetime]) -> dict[Start, int]:
    """Return sessions by class and start; what takes place hides what was called off."""
    named = select(ClassSession.group_class_id, ClassSession.start_at, ClassSession.id).where(
        ClassSession.group_class_id.in_(classes), ClassSession.start_at.in_(starts), ~ClassSession.arranged
    )
    rows = draft.session.execute(named.order_by(ClassSession.status == SessionStatus.SCHEDULED, ClassSession.id))
    return {(class_id, start): session_id for class_id, start, session_id in rows}


def _options(draft: Draft) -> Options:
    """Return the options of each step that stands, by its label and their classes."""
    own = (
        select(CourseStep.label, CourseStepOption.group_class_id, CourseStepOption.id)
        .outerjoin(
            CourseStepOption,
            (CourseStepOption.course_step_id == CourseStep.id) & CourseStepOption.deleted_at.is_(None),
        )
        .where(CourseStep.course_program_id == draft.course.id, CourseStep.deleted_at.is_(None))
    )
    found: dict[str, dict[int, int]] = {}
    for label, class_id, option_id in draft.session.execute(own):
        options = found.setdefault(label, {})
        if option_id is not None:
            options[class_id] = option_id
    return found


def _standing(draft: Draft) -> dict[str, CourseCohort]:
    own = select(CourseCohort).where(
        CourseCohort.course_program_id == draft.course.id, CourseCohort.deleted_at.is_(None)
    )
    return {row.code: row for row in draft.session.scalars(own)}
