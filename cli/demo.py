"""The demo studios, for a first look at a running system."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.connection import build_engine
from db.models import ClassSession, CourseCohort, CourseProgram, GroupClass, Organization, Product
from db.transaction import transaction
from domain.catalog.file import Changes, apply, check
from worker import clock

DEMO = Path(__file__).with_name("demo.yaml")
DAYS = 30
# A cohort of a course takes enrollments for two weeks, and its first step is more than two days away for whoever comes
# last. Steps follow each other, and none overlaps a studio's day.
ENROLLING = timedelta(days=14)
CLOSES = time(18)
FIRST_STEP, BETWEEN_STEPS = timedelta(days=17), timedelta(days=3)
COHORT_CAPACITY = 10
HOURS = {"DAY": time(14), "EVE": time(19, 30)}


class Daily(NamedTuple):
    """A session of every day, at a local time."""

    code: str
    start: time
    teacher: str


# None of a studio's day overlap, so that a student can be booked into all of them.
DAY = {
    "lumen": (
        Daily("RIDE", time(8), "DENIZ"),
        Daily("RIDE", time(12, 30), "DENIZ"),
        Daily("RIDE", time(18, 30), "DENIZ"),
    ),
    "thrive": (
        Daily("LESSON", time(9), "MAYA"),
        Daily("LESSON", time(10), "LUCA"),
        Daily("CONVERSATION", time(12), "LUCA"),
        Daily("CONVERSATION", time(18), "MAYA"),
    ),
}


def seed(database_url: str) -> Changes:
    """Make the two demo studios, or bring them up to date: the next days that have no sessions get theirs."""
    at = clock.now()
    engine = build_engine(database_url, name="seed", size=1)
    try:
        with transaction(engine) as session:
            catalog = document(at, planned=_planned(session, at), enrolling=_enrolling(session, at))
            return apply(session, check(catalog), at=at)
    finally:
        engine.dispose()


def document(
    at: datetime, *, planned: Mapping[str, AbstractSet[date]], enrolling: AbstractSet[tuple[str, str]]
) -> dict[str, Any]:
    """Return the catalog with the sessions of the next local days, today's as far as they have not begun.

    Args:
        at: The instant.
        planned: By slug, days that stay as they are: whoever moved a session does not get it back.
        enrolling: Courses, by slug and code, that have an open cohort and need none.

    """
    catalog: dict[str, Any] = yaml.safe_load(DEMO.read_text())
    for organization in catalog["organizations"]:
        slug, zone = organization["slug"], ZoneInfo(organization["timezone"])
        today = at.astimezone(zone).date()
        missing = {today + timedelta(days=number) for number in range(DAYS)} - planned.get(slug, set())
        starts = ((each, datetime.combine(day, each.start, zone)) for day in sorted(missing) for each in DAY[slug])
        organization["sessions"] = [_entry(each, start) for each, start in starts if start > at]
        for course in organization.get("courses", []):
            if (slug, course["code"]) not in enrolling:
                course["cohorts"] = [_cohort(course, today)]
                organization["sessions"] += _sessions(course)
    return catalog


def _cohort(course: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Return a cohort that begins to take enrollments, with a session for each option of each step."""
    first = today + FIRST_STEP
    days = {step["label"]: first + number * BETWEEN_STEPS for number, step in enumerate(course["steps"])}
    return {
        "code": f"{first:%Y-%m-%d}",
        "name": f"{first:%B %Y}",
        "capacity": COHORT_CAPACITY,
        "enrollment_deadline": _local(today + ENROLLING, CLOSES),
        "sessions": [
            {"step": step["label"], "class": code, "start": _local(days[step["label"]], HOURS[code.rpartition("-")[2]])}
            for step in course["steps"]
            for code in step["options"]
        ],
    }


def _sessions(course: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sessions that a course's cohort names; as many come as the class says."""
    return [{"class": each["class"], "start": each["start"]} for each in course["cohorts"][0]["sessions"]]


def _local(day: date, moment: time) -> str:
    return f"{datetime.combine(day, moment):%Y-%m-%dT%H:%M}"


def _entry(each: Daily, start: datetime) -> dict[str, str]:
    return {"class": each.code, "start": start.strftime("%Y-%m-%dT%H:%M"), "teacher": each.teacher}


def _planned(session: Session, at: datetime) -> dict[str, set[date]]:
    """Return the local days on which the demo's classes have sessions, called off or not."""
    codes = {each.code for day in DAY.values() for each in day}
    standing = (
        select(Organization.slug, Organization.timezone, ClassSession.start_at)
        .join(GroupClass, GroupClass.organization_id == Organization.id)
        .join(ClassSession, ClassSession.group_class_id == GroupClass.id)
        .where(Organization.slug.in_(DAY), GroupClass.code.in_(codes))
        .where(ClassSession.start_at >= at - timedelta(days=1))
    )
    days: dict[str, set[date]] = {}
    for slug, timezone, start_at in session.execute(standing):
        days.setdefault(slug, set()).add(start_at.astimezone(ZoneInfo(timezone)).date())
    return days


def _enrolling(session: Session, at: datetime) -> set[tuple[str, str]]:
    """Return the courses that have a cohort which takes enrollments."""
    standing = (
        select(Organization.slug, Product.code)
        .join(CourseProgram, CourseProgram.organization_id == Organization.id)
        .join(Product, Product.id == CourseProgram.product_id)
        .join(CourseCohort, CourseCohort.course_program_id == CourseProgram.id)
        .where(CourseCohort.deleted_at.is_(None), CourseCohort.enrollment_deadline > at)
    )
    return set(session.execute(standing).tuples())
