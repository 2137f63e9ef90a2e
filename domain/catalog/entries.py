"""A catalog as a document: organizations with their products and calendars."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from db.models import BillingInterval, RefundPolicy, ServiceType, ValidityStart
from db.models.class_session import MAX_CAPACITY
from domain.calendar.entries import ClassEntry, SessionEntry, TeacherEntry
from domain.catalog import bundle
from domain.catalog.fields import (
    MAX_PRICE,
    Code,
    Credits,
    Currency,
    Days,
    Minutes,
    Money,
    Name,
    Part,
    Prices,
    Sender,
    Slug,
    Tier,
    Unit,
    Zone,
    differ,
)
from domain.course.entries import CourseEntry
from domain.desk.coupon_file import CouponEntry
from domain.errors import InvalidCatalog
from domain.mail.voice import SOURCE, languages

MAX_LINES = 20


def _longest_first(offsets: list[int]) -> list[int]:
    differ("reminders at the same time", map(str, offsets))
    return sorted(offsets, reverse=True)


def _spoken(language: str) -> str:
    if language not in languages():
        raise ValueError(f"Mails are not written in it: there are {', '.join(languages())}")
    return language


# The language of an organization's mails.
Language = Annotated[str, AfterValidator(_spoken)]
# What a pass may pay for; a session of a course takes enrollments only.
PassServices = tuple[Literal[ServiceType.GROUP, ServiceType.PRIVATE], ...]
# Stripe bills a subscription for three years at a time at the most.
MAX_PERIODS = 36
LONGEST_PERIOD = {BillingInterval.YEAR: 3}
PeriodCount = Annotated[int, Field(gt=0, le=MAX_PERIODS, strict=True)]
DailyLimit = Annotated[int, Field(gt=0, le=24, strict=True)]
# A year in minutes.
MAX_WINDOW = 525_600
Window = Annotated[int, Field(ge=0, le=MAX_WINDOW, strict=True)]
# A month in minutes: nobody is reminded earlier.
MAX_OFFSET = 43_200
# More reminders of one session than these are a nuisance.
MAX_OFFSETS = 5
Offset = Annotated[int, Field(gt=0, le=MAX_OFFSET, strict=True)]
Offsets = Annotated[list[Offset], Field(max_length=MAX_OFFSETS), AfterValidator(_longest_first)]


class AllowanceEntry(Part):
    """One line of a bundle."""

    service_type: ServiceType
    credits: Credits
    credit_unit_minutes: Unit
    teacher_tier: Tier = 0
    weight: Annotated[int, Field(gt=0, le=MAX_PRICE, strict=True)] | None = None


class ScheduleLater(Part):
    """The drafts that a purchase leaves: one per credit of the service type."""

    service_type: ServiceType
    minutes: Minutes
    teacher_tier: Tier | None = None


class ProductEntry(Part):
    """A package on sale. `price` in minor units; the currency is the organization's unless named.

    An All-Access pass pays for its services, as many sessions a local day as its limit; a session of a course
    takes enrollments only. With a billing interval it is a subscription, whose price pays for one period.
    """

    code: Code
    name: Name
    price: Money
    currency: Currency | None = None
    validity_days: Days
    validity_starts: ValidityStart = ValidityStart.PURCHASE
    bundle_description: Name | None = None
    all_access_days: Days | None = None
    allowances: tuple[AllowanceEntry, ...] = Field(default=(), max_length=MAX_LINES, validate_default=True)
    all_access_services: PassServices = Field(default=(ServiceType.GROUP,), min_length=1, max_length=2)
    all_access_daily_limit: DailyLimit = 1
    friend_pass_days: Days | None = None
    elite_badge: bool = False
    schedule_later: ScheduleLater | None = None
    billing_interval: BillingInterval | None = None
    billing_interval_count: PeriodCount = 1
    refund_policy: RefundPolicy = RefundPolicy.UNUSED_ONLY
    stripe_product_id: Name | None = None
    stripe_price_ids: Prices = ()
    active: bool = True

    @field_validator("allowances")
    @classmethod
    def _sellable(cls, lines: tuple[AllowanceEntry, ...], said: ValidationInfo) -> tuple[AllowanceEntry, ...]:
        """Refuse lines that could not be sold, and a product that would give nothing."""
        try:
            bundle.check_lines(lines)
        except InvalidCatalog as error:
            raise ValueError(str(error)) from error
        if not lines and said.data.get("all_access_days", 1) is None:
            raise ValueError("It gives nothing: name credits, or days of All-Access")
        return lines

    @field_validator("schedule_later")
    @classmethod
    def _payable(cls, later: ScheduleLater | None, said: ValidationInfo) -> ScheduleLater | None:
        """Refuse drafts without credits to pay for them."""
        lines = said.data.get("allowances")
        if later and lines is not None and all(line.service_type is not later.service_type for line in lines):
            raise ValueError(f"No credits would pay for it: the package has none of the type {later.service_type}")
        return later

    @field_validator("billing_interval")
    @classmethod
    def _renewable(cls, interval: BillingInterval | None, said: ValidationInfo) -> BillingInterval | None:
        """Refuse a subscription whose periods would not be those that are paid for."""
        if interval and said.data.get("validity_starts") is ValidityStart.FIRST_USE:
            raise ValueError("A subscription starts when it is paid: its validity cannot start at first use")
        if interval and said.data.get("schedule_later"):
            raise ValueError("A subscription cannot be scheduled later: leave one of the two out")
        return interval

    @field_validator("billing_interval_count")
    @classmethod
    def _billable(cls, count: int, said: ValidationInfo) -> int:
        """Refuse periods that are none, or longer than Stripe bills for."""
        interval = said.data.get("billing_interval")
        if interval is None and "billing_interval" in said.data and count != 1:
            raise ValueError("Name the interval, too: without one it is paid once")
        if interval and count > LONGEST_PERIOD.get(interval, MAX_PERIODS):
            raise ValueError("Choose a shorter period: Stripe bills for three years at the most")
        return count


class OrganizationEntry(Part):
    """A studio or a school. `credit_price` in minor units.

    Its policies are of elapsed time: until when before a session one may cancel and is promoted from its waitlist, and
    how long after its end a booking that nobody marked is completed; how long before a session students are reminded
    of it. Staff are told of sessions that serve a course and have as few free places as `low_seats_threshold`.
    Mails are written in `language`.
    """

    slug: Slug
    name: Name
    timezone: Zone
    currency: Currency
    credit_price: Money
    cancellation_window_minutes: Window = 1_440
    waitlist_cutoff_minutes: Window = 120
    completion_delay_minutes: Window = 240
    reminder_offsets_minutes: Offsets = Field(default=[1_440])
    unbooked_step_reminders: bool = False
    low_seats_threshold: Annotated[int, Field(ge=0, le=MAX_CAPACITY, strict=True)] = 2
    language: Language = SOURCE
    stripe_account_id: Name | None = None
    email_sender: Sender | None = None
    staff_email: Sender | None = None
    products: tuple[ProductEntry, ...] = Field(default=(), max_length=1_000)
    coupons: tuple[CouponEntry, ...] = Field(default=(), max_length=1_000)
    teachers: tuple[TeacherEntry, ...] = Field(default=(), max_length=1_000)
    classes: tuple[ClassEntry, ...] = Field(default=(), max_length=1_000)
    sessions: tuple[SessionEntry, ...] = Field(default=(), max_length=10_000)
    courses: tuple[CourseEntry, ...] = Field(default=(), max_length=1_000)

    @model_validator(mode="after")
    def _codes_differ(self) -> OrganizationEntry:
        for what in ("products", "coupons", "teachers", "classes", "courses"):
            differ(f"{what} with the same code", (entry.code for entry in getattr(self, what)))
        return self


class CatalogFile(Part):
    """The whole document."""

    organizations: tuple[OrganizationEntry, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _organizations_differ(self) -> CatalogFile:
        for column in ("slug", "stripe_account_id"):
            names = (name for entry in self.organizations if (name := getattr(entry, column)))
            differ(f"organizations with the same {column}", names)
        return self


def check(document: object) -> CatalogFile:
    """Return a document as a catalog.

    Raises:
        InvalidCatalog: a line for each field at fault, with where it stands.

    """
    try:
        return CatalogFile.model_validate(document)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in error.errors())
        raise InvalidCatalog("\n".join(lines)) from error
