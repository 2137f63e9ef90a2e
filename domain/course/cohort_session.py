"""Which session serves which option in a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import (
    ClassSession,
    CourseCohort,
    CourseCohortSession,
    CourseProgram,
    CourseStep,
    CourseStepOption,
    SessionStatus,
)
from domain.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Serving:
    """A session that serves an option of a step."""

    course_step_option_id: int
    session_id: int


def options_of(session: Session, course: CourseProgram) -> dict[int, int]:
    """Return the class of each option that stands, of each step that does."""
    own = (
        select(CourseStepOption.id, CourseStepOption.group_class_id)
        .join(CourseStep, CourseStep.id == CourseStepOption.course_step_id)
        .where(
            CourseStep.course_program_id == course.id,
            CourseStep.deleted_at.is_(None),
            CourseStepOption.deleted_at.is_(None),
        )
    )
    return dict(session.execute(own).tuples().all())


def set_sessions(session: Session, course: CourseProgram, cohort: CourseCohort, wanted: Sequence[Serving]) -> bool:
    """Make these the sessions of a cohort; say whether that is a change.

    Those of options that are detached, or whose step was removed, stay: whoever bought the step takes it there.

    Raises:
        InvalidField: `sessions.…` is no option of the course, no session of its class, or there twice.

    """
    classes = options_of(session, course)
    _check_options(wanted, classes)
    _check_sessions(session, cohort, wanted, classes, {row.session_id for row in cohort.sessions})
    sessions = {each.course_step_option_id: each.session_id for each in wanted}
    standing = {row.course_step_option_id: row for row in cohort.sessions if row.course_step_option_id in classes}
    before = {option_id: row.session_id for option_id, row in standing.items()}
    for option_id in standing.keys() - sessions.keys():
        cohort.sessions.remove(standing[option_id])
    for option_id, session_id in sessions.items():
        if option_id in standing:
            standing[option_id].session_id = session_id
        else:
            new = CourseCohortSession(course_step_option_id=option_id, session_id=session_id)
            cohort.sessions.append(new)
    session.flush()
    return before != sessions


def _check_options(wanted: Sequence[Serving], classes: Mapping[int, int]) -> None:
    seen: set[int] = set()
    for place, each in enumerate(wanted):
        field = f"sessions.{place}.course_step_option_id"
        if each.course_step_option_id not in classes:
            raise InvalidField(field, "Name an option of a step of this course.")
        if each.course_step_option_id in seen:
            raise InvalidField(field, "Name one session for each option: this one has another.")
        seen.add(each.course_step_option_id)


def _check_sessions(
    session: Session, cohort: CourseCohort, wanted: Sequence[Serving], classes: Mapping[int, int], kept: set[int]
) -> None:
    """Refuse sessions that cannot serve; what was called off may stay where it was."""
    found = _sessions(session, cohort.organization_id, {each.session_id for each in wanted})
    seen: set[int] = set()
    for place, each in enumerate(wanted):
        row, field = found.get(each.session_id), f"sessions.{place}.session_id"
        if row is None or row.arranged or row.group_class_id != classes[each.course_step_option_id]:
            raise InvalidField(field, "Name a session of the option's class: GET /api/admin/sessions lists them.")
        if row.status is SessionStatus.CANCELLED and row.id not in kept:
            raise InvalidField(field, "Name a session that takes place: this one was called off.")
        if row.id in seen:
            raise InvalidField(field, "Name a session once: nobody can take two steps in one.")
        seen.add(row.id)


def _sessions(session: Session, organization_id: int, ids: set[int]) -> dict[int, ClassSession]:
    own = select(ClassSession).where(ClassSession.organization_id == organization_id, ClassSession.id.in_(ids))
    return {row.id: row for row in session.scalars(own)}
