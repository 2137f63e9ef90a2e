"""A document's courses, made true."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import CourseCohort, CourseProgram, CourseStep, GroupClass, Organization
from domain.catalog.changes import Changes, settle
from domain.catalog.stripe_side import mark_due
from domain.course import cohort_file, option, program, publish, step
from domain.course.draft import Draft, under
from domain.course.entries import CourseEntry, StepEntry
from domain.course.option import NewOption
from domain.errors import InvalidCatalog, InvalidField

# What a document calls otherwise than a request does: it names classes and sessions by what they are known by.
NAMES = {"group_class_id": "class", "course_step_option_id": "class", "session_id": "start"}


def hold(session: Session, organization_ids: Collection[int]) -> None:
    """Lock the courses of organizations and their cohorts, before anybody's teachers and sessions."""
    courses = select(CourseProgram.id).where(CourseProgram.organization_id.in_(organization_ids))
    cohorts = select(CourseCohort.id).where(CourseCohort.organization_id.in_(organization_ids))
    session.execute(courses.order_by(CourseProgram.id).with_for_update(key_share=True)).all()
    session.execute(cohorts.order_by(CourseCohort.id).with_for_update()).all()


def apply(
    session: Session, organization: Organization, entries: Sequence[CourseEntry], changes: Changes, *, at: datetime
) -> list[str]:
    """Create and update the courses of an organization, which its caller holds locked with all its courses.

    Of a course that is named, a step that is not is removed, and an option that is not is detached; cohorts that are
    not named stay as they are.

    Returns:
        Every name by which a parked purchase may wait for one of them.

    Raises:
        InvalidCatalog: the field, and why it is impossible.

    """
    names, classes = [], _classes(session, organization) if entries else {}
    for place, entry in enumerate(entries):
        with _pointing(f"{organization.slug}.courses.{place}"):
            course = program.put(session, organization, entry, changes, at=at)
            _fill(Draft(session, organization, course, classes, changes, at), entry)
        names += program.names_for(course, entry)
    return names


def _fill(draft: Draft, entry: CourseEntry) -> None:
    steps = _steps(draft, entry.steps)
    for place, (row, said) in enumerate(zip(steps, entry.steps, strict=True)):
        with under(f"steps.{place}"):
            if option.set_options(draft.session, row, _options(draft, said), at=draft.at):
                draft.note()
    cohort_file.apply(draft, entry.cohorts)
    _publish(draft, entry)


def _steps(draft: Draft, entries: Sequence[StepEntry]) -> list[CourseStep]:
    """Make the steps those of the document, known by their labels; one that was removed is back."""
    known = _known(draft)
    _withdraw(draft, {label: row for label, row in known.items() if label not in {each.label for each in entries}})
    steps = []
    for position, entry in enumerate(entries, 1):
        row = known.get(entry.label) or CourseStep(
            organization_id=draft.course.organization_id, course_program_id=draft.course.id, created_at=draft.at
        )
        if row.id is None or row.deleted_at is not None:
            row.position = step.ASIDE + position
        values = entry.model_dump(exclude={"options"}) | {"deleted_at": None}
        settle(row, values, draft.name, draft.changes, is_new=False)
        draft.session.add(row)
        steps.append(row)
    draft.session.flush()
    if step.arrange(draft.session, steps):
        draft.note()
    return steps


def _withdraw(draft: Draft, steps: Mapping[str, CourseStep]) -> None:
    """Remove steps that the document does not name; whoever bought them keeps them."""
    for row in steps.values():
        if row.deleted_at is None:
            row.deleted_at = draft.at
            draft.note()
    draft.session.flush()


def _known(draft: Draft) -> dict[str, CourseStep]:
    """Return the steps by their labels; where none stands, the last that was removed."""
    own = select(CourseStep).where(CourseStep.course_program_id == draft.course.id)
    rows = draft.session.scalars(own.order_by(CourseStep.deleted_at.asc().nulls_last(), CourseStep.id))
    return {row.label: row for row in rows}


def _options(draft: Draft, entry: StepEntry) -> list[NewOption]:
    for place, each in enumerate(entry.options):
        if each.group_class not in draft.classes:
            raise InvalidField(f"options.{place}.class", f"there is no class {each.group_class}")
    return [NewOption(draft.classes[each.group_class], each.active) for each in entry.options]


def _publish(draft: Draft, entry: CourseEntry) -> None:
    """Publish the course or not; what was not touched was checked when it was."""
    product = draft.course.product
    if entry.published and (entry.cohorts or draft.is_different or not product.active):
        publish.check(draft.session, draft.course, at=draft.at)
    was_published = product.active
    settle(product, {"active": entry.published}, draft.name, draft.changes, is_new=False)
    if was_published is not product.active:
        mark_due(product, at=draft.at)
    draft.session.flush()


def _classes(session: Session, organization: Organization) -> dict[str, int]:
    own = select(GroupClass.code, GroupClass.id).where(GroupClass.organization_id == organization.id)
    return dict(session.execute(own).tuples().all())


@contextmanager
def _pointing(where: str) -> Iterator[None]:
    """Tell a field at fault by the way to it from the document's beginning, in the document's own names."""
    try:
        yield
    except InvalidField as error:
        field = ".".join(NAMES.get(each, each) for each in error.field.split("."))
        raise InvalidCatalog(f"{where}.{field}: {error}") from error
