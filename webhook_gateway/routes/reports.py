"""Reports of courses, for staff: as JSON, or as a table for a spreadsheet."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain.course.low_seats import low_seats_report
from domain.course.report import enrollment_report
from domain.course.revenue import revenue_report
from domain.course.step_report import completion_report, skipped_report
from webhook_gateway import caller
from webhook_gateway.gateway import here
from webhook_gateway.problem import FieldError, Problem
from webhook_gateway.reporting import report
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.report import (
    CompletionLine,
    CompletionReport,
    EnrollmentLine,
    EnrollmentReport,
    LowSeatsLine,
    LowSeatsQuery,
    LowSeatsReport,
    ReportQuery,
    RevenueLine,
    RevenueQuery,
    RevenueReport,
    SkippedLine,
    SkippedReport,
    document,
)
from webhook_gateway.token import Role
from worker import clock

REPORTS = Tag(name="Reports", description="Courses in numbers, as JSON or with `format=csv` as a table.")

reports = group_for(Role.STAFF, "reports", REPORTS, "/api/admin/reports")


@reports.get("/enrollments", responses={200: EnrollmentReport})
def report_enrollments(query: ReportQuery) -> Response:
    """Count who bought each course, by cohort: a line for each, and one for those who are in none."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        lines = enrollment_report(session, organization_id)
    return report(lines, query, EnrollmentReport, EnrollmentLine)


@reports.get("/completion", responses={200: CompletionReport})
def report_completion(query: ReportQuery) -> Response:
    """Tell how far those come who are enrolled in each course; as a table, a line for each step."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        lines = completion_report(session, organization_id)
    return report(lines, query, CompletionReport, CompletionLine)


@reports.get("/skipped-steps", responses={200: SkippedReport})
def report_skipped_steps(query: ReportQuery) -> Response:
    """Count of each step who has it open and booked a later one."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        lines = skipped_report(session, organization_id)
    return report(lines, query, SkippedReport, SkippedLine)


@reports.get("/low-seats", responses={200: LowSeatsReport})
def report_low_seats(query: LowSeatsQuery) -> Response:
    """List the sessions ahead that serve a step and have few free places, with who still has that step to book."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        lines = low_seats_report(session, organization_id, query.threshold, at=clock.now())
    return report(lines, query, LowSeatsReport, LowSeatsLine)


@reports.get("/revenue", responses={200: RevenueReport})
def report_revenue(query: RevenueQuery) -> Response:
    """Tell what courses brought in. An order of several products counts for each by its list price."""
    organization_id = caller.current().organization()
    if query.from_ and query.to and query.to < query.from_:
        errors = [FieldError("#/to", "Name an end after `from`")]
        raise Problem("validation_failed", "Name a span that ends after it begins.", errors=errors)
    with reading(here().engine) as session:
        lines = revenue_report(session, organization_id, query.from_, query.to)
    return report(lines, query, RevenueReport, RevenueLine)


document(reports)
