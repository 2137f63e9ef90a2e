"""The tenant: a studio or a school."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, identity, not_negative


class Organization(Base):
    """One studio or school; every row of business data belongs to one.

    Unique `slug`: it names the organization in URLs and tokens. Unique `stripe_account_id`: an event
    of a connected account belongs to one organization at most. Policies are in minutes: before
    a session's start, or after its end; one of `reminder_offsets_minutes` is how long before a session a reminder
    leaves. Mails are written in `language`, those for staff go to `staff_email`, if there is one.
    """

    __tablename__ = "organizations"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug_form"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        not_negative("credit_price"),
        not_negative("cancellation_window_minutes"),
        not_negative("waitlist_cutoff_minutes"),
        not_negative("completion_delay_minutes"),
        not_negative("low_seats_threshold"),
        CheckConstraint("language ~ '^[a-z]{2}$'", name="language_form"),
        CheckConstraint("0 < ALL (reminder_offsets_minutes)", name="reminders_before_start"),
    )

    id: Mapped[int] = identity()
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]
    credit_price: Mapped[int]
    cancellation_window_minutes: Mapped[int] = mapped_column(server_default="1440")
    waitlist_cutoff_minutes: Mapped[int] = mapped_column(server_default="120")
    completion_delay_minutes: Mapped[int] = mapped_column(server_default="240")
    reminder_offsets_minutes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{1440}")
    unbooked_step_reminders: Mapped[bool] = mapped_column(server_default="false")
    low_seats_threshold: Mapped[int] = mapped_column(server_default="2")
    language: Mapped[str] = mapped_column(server_default="en")
    stripe_account_id: Mapped[str | None] = mapped_column(unique=True)
    email_sender: Mapped[str | None]
    staff_email: Mapped[str | None]
    created_at: Mapped[datetime]
