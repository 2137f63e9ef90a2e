"""Dated runs of courses, as those see them who plan them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from domain.catalog.fields import Capacity, Code, Name
from domain.course.cohort_session import Serving
from domain.course.entries import MAX_SERVED
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.admin_course import AdminCoursePath
from webhook_gateway.schema.base import Input, Output, Page
from webhook_gateway.schema.booking import Id
from webhook_gateway.schema.change import Change, kept
from webhook_gateway.schema.moment import Minute

SERVED = "Which session serves which option: one each, of the option's class"


class AdminCohortPath(AdminCoursePath):
    """Which cohort of which course."""

    cohort_id: int = Field(ge=1, le=MAX_ID, alias="cohort_id")


class ServingInput(Input):
    """A session that serves an option in a cohort."""

    course_step_option_id: Id
    session_id: Id

    def serving(self) -> Serving:
        """Return it as the rules know it."""
        return Serving(self.course_step_option_id, self.session_id)


Servings = Annotated[list[ServingInput], Field(max_length=MAX_SERVED)]


class CohortRequest(Input):
    """A new cohort."""

    code: Code = Field(description="Names the cohort within its course; it stays")
    name: Name
    capacity: Capacity
    enrollment_deadline: Minute = Field(description="With a zone; who buys then or later comes too late")
    sessions: Servings = Field(default=[], description=SERVED)


class CohortChangeRequest(Change):
    """What is to be different; what is left out stays."""

    name: Name = kept()
    capacity: Capacity = kept("As many as have a place, or more")
    enrollment_deadline: Minute = kept("With a zone")
    sessions: Servings = kept(f"{SERVED}; all of them")


class AdminCohortSession(Output):
    """A session that serves an option in a cohort."""

    course_step_option_id: int
    session_id: int


class AdminCohort(Output):
    """A dated run of a course."""

    id: int
    code: str
    name: str
    capacity: int
    places_taken: int
    enrollment_deadline: datetime = Field(description="Who buys at that instant or later comes too late")
    sessions: list[AdminCohortSession]


class AdminCohortPage(Page[AdminCohort]):
    """A page of cohorts, as they were made."""
