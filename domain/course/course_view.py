"""Courses on sale: their steps, and the classes that serve each, with their next sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from db.models import CourseProgram, CourseStep, CourseStepOption, Product, ServiceType
from domain.calendar import calendar
from domain.calendar.calendar import CalendarRow
from domain.catalog import bundle
from domain.catalog.offer import OfferLine
from domain.listing import Part, oldest_first
from domain.purchase.products import STEP_MINUTES

# Of each option, those who look for a course see as many dates.
MOST_DATES = 20


@dataclass(frozen=True, slots=True)
class OptionView:
    """A class that serves a step, with its next sessions; one that is not active takes no bookings."""

    id: int
    group_class_id: int
    group_class_name: str
    is_active: bool
    sessions: tuple[CalendarRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CourseStepView:
    """A step of a course; `step_order` counts from 1. `options` are empty where they were not asked for."""

    step_id: int
    step_label: str
    step_title: str
    step_order: int
    summary: str | None
    is_required: bool
    options: tuple[OptionView, ...] = ()


@dataclass(frozen=True, slots=True)
class CourseView:
    """A course on sale. Money in minor units of `currency`; `timezone` is where its dates are recommended in."""

    id: int
    code: str
    title: str
    summary: str | None
    description: str | None
    image_url: str | None
    timezone: str
    price: int
    currency: str
    validity_days: int
    bundle_description: str
    bundle_components: tuple[OfferLine, ...]
    steps: tuple[CourseStepView, ...]


def courses(session: Session, organization_id: int, part: Part) -> list[CourseView]:
    """Return the published courses of an organization, oldest first, with three statements."""
    published = oldest_first(on_sale(organization_id), CourseProgram.id, part)
    return [_view(program) for program in session.scalars(_whole(published))]


def course(session: Session, organization_id: int, code: str, *, at: datetime) -> CourseView | None:
    """Return a published course with the options of its steps; None where an organization has none of that code."""
    named = _whole(on_sale(organization_id).where(Product.code == code))
    program = session.scalar(named.options(selectinload(CourseProgram.steps, CourseStep.options)))
    if program is None:
        return None
    classes = {option.group_class_id for step in program.steps for option in step.options}
    dates = calendar.by_class(calendar.of_ids(session, calendar.next_of(classes, MOST_DATES, at=at)))
    shown = _view(program)
    steps = zip(shown.steps, program.steps, strict=True)
    return replace(shown, steps=tuple(replace(each, options=_options(step.options, dates)) for each, step in steps))


def on_sale(organization_id: int) -> Select[tuple[CourseProgram]]:
    """Return the statement of an organization's published courses."""
    return (
        select(CourseProgram)
        .join(Product, Product.id == CourseProgram.product_id)
        .where(CourseProgram.organization_id == organization_id, Product.active, Product.deleted_at.is_(None))
    )


def _whole(programs: Select[tuple[CourseProgram]]) -> Select[Any]:
    return programs.options(
        contains_eager(CourseProgram.product).selectinload(Product.allowances), selectinload(CourseProgram.steps)
    )


def _options(options: Sequence[CourseStepOption], dates: Mapping[int, Sequence[CalendarRow]]) -> tuple[OptionView, ...]:
    return tuple(
        OptionView(
            each.id,
            each.group_class_id,
            each.group_class.name,
            each.active,
            tuple(dates.get(each.group_class_id, ())),
        )
        for each in options
    )


def _view(program: CourseProgram) -> CourseView:
    product = program.product
    components = tuple(
        OfferLine(line.service_type, line.teacher_tier, line.credits, line.credit_unit_minutes)
        for line in product.allowances
    )
    taken = [OfferLine(ServiceType.COURSE, 0, len(program.steps), STEP_MINUTES)] if program.steps else []
    return CourseView(
        id=program.id,
        code=product.code,
        title=product.name,
        summary=program.summary,
        description=program.description,
        image_url=program.image_url,
        timezone=program.timezone,
        price=product.price,
        currency=product.currency,
        validity_days=product.validity_days,
        bundle_description=product.bundle_description or bundle.describe([*taken, *components]),
        bundle_components=components,
        steps=tuple(map(_step, program.steps)),
    )


def _step(step: CourseStep) -> CourseStepView:
    return CourseStepView(step.id, step.label, step.title, step.position, step.summary, step.is_required)
