"""Courses, as those see them who plan them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasPath, BeforeValidator, Field

from db.models import RefundPolicy, StripePrice, ValidityStart
from domain.catalog.fields import Code, Currency, Days, Money, Name, Prices, Tier, Zone
from domain.catalog.stripe_side import side_of
from domain.course.entries import (
    MAX_COMPONENTS,
    MAX_OPTIONS,
    MAX_STEPS,
    ComponentEntry,
    CourseTerms,
    ImageUrl,
    Prose,
    StepLabel,
    StepTerms,
)
from domain.course.option import NewOption
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, optional
from webhook_gateway.schema.booking import Flag, Id
from webhook_gateway.schema.change import Change, kept
from webhook_gateway.schema.package import Allowance, StripeProduct

ZONE = "IANA name: where its dates are recommended in; the organization's, unless named"


class AdminCoursePath(Input):
    """Which course, by its code."""

    code: str = Field(max_length=64, alias="code")


class AdminStepPath(AdminCoursePath):
    """Which step of which course."""

    step_id: int = Field(ge=1, le=MAX_ID, alias="step_id")


class AdminOptionPath(AdminStepPath):
    """Which option of which step."""

    option_id: int = Field(ge=1, le=MAX_ID, alias="option_id")


class ComponentInput(ComponentEntry, Input):
    """Extra credits that come with a course."""

    teacher_tier: Tier = Field(default=0, description="Teachers up to this tier; 0 is any teacher")


Components = Annotated[tuple[ComponentInput, ...], Field(max_length=MAX_COMPONENTS)]


class CourseRequest(CourseTerms, Input):
    """A new course, by the rules of a catalog file; it is not published. Money in minor units."""

    code: Code = Field(description="Names the course in purchases and catalog files; it stays")
    timezone: Zone | None = Field(default=None, description=ZONE)
    currency: Currency | None = Field(default=None, description="The organization's, unless named")
    bundle_components: Components = Field(default=(), description="Extra credits that come with it")


class CourseChange(Change):
    """What is to be different; what is left out stays. What was sold stays as it was sold.

    Null takes away what need not be there. Stripe prices are added to those that there are.
    """

    title: Name = kept()
    summary: Name | None = None
    description: Prose | None = None
    image_url: ImageUrl | None = None
    timezone: Zone = kept()
    price: Money = kept()
    currency: Currency = kept()
    validity_days: Days = kept()
    validity_starts: ValidityStart = kept()
    bundle_components: Components = kept("All of them")
    refund_policy: RefundPolicy = kept()
    stripe_product_id: Name | None = None
    stripe_price_ids: Prices = kept()


class OptionRequest(Input):
    """A class that is to serve a step."""

    group_class_id: Id = Field(description="Of the type GROUP or COURSE")
    active: Flag = Field(default=True, description="Whether it takes bookings")

    def option(self) -> NewOption:
        """Return it as the rules know it."""
        return NewOption(self.group_class_id, self.active)


class OptionChange(Input):
    """Whether an option takes bookings."""

    active: Flag


class StepRequest(StepTerms, Input):
    """A new step, behind the others."""

    label: StepLabel = Field(description="Such as `SFZ-1`; names the step within its course")
    is_required: Flag = True
    options: list[OptionRequest] = Field(
        default=[], max_length=MAX_OPTIONS, description="A published course needs one that is active"
    )


class StepChange(Change):
    """What is to be different; what is left out stays. Null takes away what need not be there."""

    label: StepLabel = kept()
    title: Name = kept()
    summary: Prose | None = None
    is_required: Flag = kept()


class StepOrder(Input):
    """The order of a course's steps."""

    step_ids: list[Id] = Field(max_length=MAX_STEPS, description="All of them, each once")


class AdminCourseOption(Output):
    """A class that serves a step; one that is not active takes no bookings."""

    course_step_option_id: int = Field(validation_alias="id")
    group_class_id: int
    group_class_code: str = Field(validation_alias=AliasPath("group_class", "code"))
    group_class_name: str = Field(validation_alias=AliasPath("group_class", "name"))
    active: bool


class AdminCourseStep(Output):
    """A step of a course with the classes that serve it."""

    step_id: int = Field(validation_alias="id")
    step_order: int = Field(validation_alias="position", description="Counts from 1")
    label: str
    title: str
    summary: str | None = optional()
    is_required: bool
    options: list[AdminCourseOption]


class RemovedCourseStep(AdminCourseStep):
    """A step that was removed."""

    open_enrollments: int = Field(description="How many enrollments still have it open; they keep it")


def _names(prices: list[StripePrice]) -> list[str]:
    return sorted(price.stripe_price_id for price in prices)


class AdminCourse(Output):
    """A course with all that may be changed of it. Money in minor units."""

    id: int
    code: str = Field(validation_alias=AliasPath("product", "code"))
    title: str = Field(validation_alias=AliasPath("product", "name"))
    summary: str | None = optional()
    description: str | None = optional()
    image_url: str | None = optional()
    timezone: str
    price: int = Field(validation_alias=AliasPath("product", "price"))
    currency: str = Field(validation_alias=AliasPath("product", "currency"))
    validity_days: int = Field(validation_alias=AliasPath("product", "validity_days"))
    validity_starts: ValidityStart = Field(validation_alias=AliasPath("product", "validity_starts"))
    published: bool = Field(validation_alias=AliasPath("product", "active"))
    bundle_components: list[Allowance] = Field(validation_alias=AliasPath("product", "allowances"))
    stripe_product_id: str | None = Field(
        default=None,
        validation_alias=AliasPath("product", "stripe_product_id"),
        exclude_if=lambda value: value is None,
    )
    stripe_price_ids: Annotated[list[str], BeforeValidator(_names)] = Field(
        validation_alias=AliasPath("product", "prices")
    )
    refund_policy: RefundPolicy = Field(validation_alias=AliasPath("product", "refund_policy"))
    stripe: Annotated[StripeProduct, BeforeValidator(side_of)] = Field(validation_alias="product")
    steps: list[AdminCourseStep] = Field(description="In their order")


class AdminCoursePage(Page[AdminCourse]):
    """A page of courses, published or not, as they were made."""
