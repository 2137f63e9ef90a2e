"""The classes that serve a step: attached, switched on and off, detached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import CourseProgram, CourseStep, CourseStepOption, GroupClass, ServiceType
from domain.course import publish
from domain.course.entries import MAX_OPTIONS
from domain.errors import InvalidCommand, InvalidField, NotFound

# A private lesson is no step: nobody could take it together with others.
SERVES = (ServiceType.GROUP, ServiceType.COURSE)


@dataclass(frozen=True, slots=True)
class NewOption:
    """A class that is to serve a step."""

    group_class_id: int
    active: bool = True


def one(session: Session, step: CourseStep, option_id: int) -> CourseStepOption:
    """Return an option of a step.

    Raises:
        NotFound: it has none of that id, or not any more.

    """
    own = select(CourseStepOption).where(
        CourseStepOption.course_step_id == step.id,
        CourseStepOption.id == option_id,
        CourseStepOption.deleted_at.is_(None),
    )
    found = session.scalar(own)
    if found is None:
        raise NotFound("There is no option of this id.")
    return found


def attach(
    session: Session, course: CourseProgram, step: CourseStep, wanted: NewOption, *, at: datetime
) -> CourseStepOption:
    """Let a class serve a step, whose course the caller holds locked; one that served it before is the same option.

    Raises:
        InvalidField: `group_class_id` is no class that can serve a step, serves this one already, or brings back a
            cohort's session that is too small for it.
        InvalidCommand: the step has as many options as it may have.

    """
    known = _all(session, step)
    found = known.get(wanted.group_class_id)
    if found and found.deleted_at is None:
        raise InvalidField("group_class_id", "Choose another class: this one serves the step already.")
    if sum(each.deleted_at is None for each in known.values()) >= MAX_OPTIONS:
        raise InvalidCommand(f"A step has at most {MAX_OPTIONS} options: detach one first.")
    _check_classes(session, step, {"group_class_id": wanted.group_class_id})
    _put(session, step, found, wanted, at=at)
    session.flush()
    publish.recheck(session, course, step, "group_class_id", at=at)
    return _all(session, step)[wanted.group_class_id]


def change(session: Session, course: CourseProgram, option: CourseStepOption, *, active: bool, at: datetime) -> None:
    """Let an option take bookings, or not; the caller holds its course locked.

    Raises:
        InvalidField: the course is published, and the others do not suffice for its step.

    """
    option.active = active
    session.flush()
    publish.recheck(session, course, _step(session, option), "active", at=at)


def detach(session: Session, course: CourseProgram, option: CourseStepOption, *, at: datetime) -> None:
    """Let a class serve a step no more, whose course the caller holds locked; places that were booked in it stay.

    Raises:
        InvalidField: as `change`.

    """
    option.deleted_at = at
    session.flush()
    publish.recheck(session, course, _step(session, option), at=at)


def set_options(session: Session, step: CourseStep, wanted: Sequence[NewOption], *, at: datetime) -> bool:
    """Make these the options of a step, whose course the caller holds locked; say whether that is a change.

    Raises:
        InvalidField: `options.…` is no class that can serve a step, or is there twice.

    """
    known, ids = _all(session, step), [each.group_class_id for each in wanted]
    if len(set(ids)) < len(ids):
        raise InvalidField("options", "Name each class once.")
    standing = {class_id for class_id, row in known.items() if row.deleted_at is None}
    new = {f"options.{place}.group_class_id": each for place, each in enumerate(ids) if each not in standing}
    _check_classes(session, step, new)
    for class_id in standing - set(ids):
        known[class_id].deleted_at = at
    different = [_put(session, step, known.get(each.group_class_id), each, at=at) for each in wanted]
    session.flush()
    return not standing <= set(ids) or any(different)


def _put(
    session: Session, step: CourseStep, found: CourseStepOption | None, wanted: NewOption, *, at: datetime
) -> bool:
    """Let an option be as it is wanted; say whether that is a change."""
    if found and found.deleted_at is None and found.active == wanted.active:
        return False
    row = found or CourseStepOption(
        organization_id=step.organization_id,
        course_step_id=step.id,
        group_class_id=wanted.group_class_id,
        created_at=at,
    )
    row.active, row.deleted_at = wanted.active, None
    session.add(row)
    return True


def _check_classes(session: Session, step: CourseStep, named: Mapping[str, int]) -> None:
    """Refuse classes, by the fields that name them, that cannot serve a step."""
    if not named:
        return
    own = select(GroupClass).where(
        GroupClass.organization_id == step.organization_id, GroupClass.id.in_(named.values())
    )
    classes = {row.id: row for row in session.scalars(own)}
    for field, class_id in named.items():
        _check(classes.get(class_id), field)


def _check(group_class: GroupClass | None, field: str) -> None:
    if group_class is None:
        raise InvalidField(field, "Name a class that is there: GET /api/admin/classes lists them.")
    if group_class.service_type not in SERVES:
        raise InvalidField(field, f"Choose a class of the type GROUP or COURSE: {group_class.code} is of another.")
    if not group_class.active:
        raise InvalidField(field, f"Choose a class that is active: {group_class.code} is not.")


def _step(session: Session, option: CourseStepOption) -> CourseStep:
    return session.get_one(CourseStep, option.course_step_id)


def _all(session: Session, step: CourseStep) -> dict[int, CourseStepOption]:
    """Return the options that a step has or had, by class."""
    own = select(CourseStepOption).where(CourseStepOption.course_step_id == step.id)
    return {row.group_class_id: row for row in session.scalars(own)}
