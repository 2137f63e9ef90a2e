"""Courses as a document: what they say, their steps, and their dated runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from db.models import RefundPolicy, ServiceType, ValidityStart
from domain.catalog import bundle
from domain.catalog.fields import (
    PLAIN,
    Capacity,
    Code,
    Credits,
    Currency,
    Days,
    Moment,
    Money,
    Name,
    Part,
    Prices,
    Tier,
    Unit,
    Zone,
    differ,
)
from domain.errors import InvalidCatalog

MAX_STEPS = 100
MAX_OPTIONS = 50
MAX_COHORTS = 1_000
MAX_COMPONENTS = 19
# One for each option that a course can have.
MAX_SERVED = MAX_STEPS * MAX_OPTIONS
# As a name is, but in lines and paragraphs.
PROSE = PLAIN.replace(r"\x00-\x1f", r"\x00-\x09\x0b-\x1f")
ADDRESS = r"^https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?$"

Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=PROSE)]
ImageUrl = Annotated[str, StringConstraints(max_length=2_000, pattern=ADDRESS)]
StepLabel = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32, pattern=PLAIN)]


class ComponentEntry(Part):
    """Extra credits that come with a course; its own steps need none."""

    service_type: Literal[ServiceType.PRIVATE, ServiceType.GROUP]
    credits: Credits
    credit_unit_minutes: Unit
    teacher_tier: Tier = 0


class CourseTerms(Part):
    """What a course says of itself. `price` in minor units; currency and time zone are the organization's unless named.

    Its texts are for whoever thinks of buying it, its time zone is where its dates are recommended in.
    """

    code: Code
    title: Name
    summary: Name | None = None
    description: Prose | None = None
    image_url: ImageUrl | None = None
    timezone: Zone | None = None
    price: Money
    currency: Currency | None = None
    validity_days: Days
    validity_starts: ValidityStart = ValidityStart.PURCHASE
    bundle_components: tuple[ComponentEntry, ...] = Field(default=(), max_length=MAX_COMPONENTS)
    refund_policy: RefundPolicy = RefundPolicy.UNUSED_ONLY
    stripe_product_id: Name | None = None
    stripe_price_ids: Prices = ()

    @field_validator("bundle_components")
    @classmethod
    def _all_different(cls, components: tuple[ComponentEntry, ...]) -> tuple[ComponentEntry, ...]:
        try:
            bundle.check_lines(components)
        except InvalidCatalog as error:
            raise ValueError(str(error)) from error
        return components


class StepTerms(Part):
    """What a step says of itself; its label, such as `SFZ-1`, names it within its course."""

    label: StepLabel
    title: Name
    summary: Prose | None = None
    is_required: bool = True


class OptionEntry(Part):
    """A class that serves a step; its code alone says the same."""

    group_class: Code = Field(alias="class")
    active: bool = True

    @model_validator(mode="before")
    @classmethod
    def _named(cls, said: object) -> object:
        return {"class": said} if isinstance(said, str) else said


class StepEntry(StepTerms):
    """A step with the classes that serve it."""

    options: tuple[OptionEntry, ...] = Field(default=(), max_length=MAX_OPTIONS)

    @model_validator(mode="after")
    def _classes_differ(self) -> StepEntry:
        differ("options with the same class", (each.group_class for each in self.options))
        return self


class CohortTerms(Part):
    """What a dated run of a course says of itself; its code names it within its course."""

    code: Code
    name: Name
    capacity: Capacity


class CohortSessionEntry(Part):
    """The session, known by its class and its start, that serves an option of a step in a cohort."""

    step: StepLabel
    group_class: Code = Field(alias="class")
    start: Moment


class CohortEntry(CohortTerms):
    """A dated run with its sessions; a time without an offset is the organization's local time."""

    enrollment_deadline: Moment
    sessions: tuple[CohortSessionEntry, ...] = Field(default=(), max_length=MAX_SERVED)


class CourseEntry(CourseTerms):
    """A course with its steps in their order, and the cohorts that are to be as they are named."""

    published: bool = False
    steps: tuple[StepEntry, ...] = Field(default=(), max_length=MAX_STEPS)
    cohorts: tuple[CohortEntry, ...] = Field(default=(), max_length=MAX_COHORTS)

    @model_validator(mode="after")
    def _names_differ(self) -> CourseEntry:
        differ("steps with the same label", (step.label for step in self.steps))
        differ("cohorts with the same code", (cohort.code for cohort in self.cohorts))
        return self
