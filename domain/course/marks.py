"""Which steps of which courses a class serves, for those who look at a calendar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.models import CourseProgram, CourseStep, CourseStepOption, Product


@dataclass(frozen=True, slots=True)
class CourseMark:
    """A step that a class serves; `step_order` counts from 1."""

    course_code: str
    course_title: str
    step_id: int
    step_label: str
    step_order: int


def marks(session: Session, class_ids: Collection[int]) -> dict[int, tuple[CourseMark, ...]]:
    """Return the steps of published courses that each of these classes serves, with one statement, or none for none.

    A class that serves no step is not in the answer.
    """
    if not class_ids:
        return {}
    found: dict[int, tuple[CourseMark, ...]] = {}
    for row in session.execute(_serving(class_ids)):
        found[row.group_class_id] = (*found.get(row.group_class_id, ()), CourseMark(*row[1:]))
    return found


def _serving(class_ids: Collection[int]) -> Select[tuple[int, str, str, int, str, int]]:
    step = (CourseStep.id, CourseStep.label, CourseStep.position)
    return (
        select(CourseStepOption.group_class_id, Product.code, Product.name, *step)
        .join(CourseStep, CourseStep.id == CourseStepOption.course_step_id)
        .join(CourseProgram, CourseProgram.id == CourseStep.course_program_id)
        .join(Product, Product.id == CourseProgram.product_id)
        .where(
            CourseStepOption.group_class_id.in_(class_ids),
            CourseStepOption.active,
            CourseStepOption.deleted_at.is_(None),
            CourseStep.deleted_at.is_(None),
            Product.active,
            Product.deleted_at.is_(None),
        )
        .order_by(CourseProgram.id, CourseStep.position)
    )
