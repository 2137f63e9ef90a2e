"""The gateway: verify, store, answer. No rules live here."""

from __future__ import annotations

from importlib import metadata

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.security_scheme import SecurityScheme
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import Engine

from config import Settings
from db.connection import build_engine
from webhook_gateway import boundary, fault, gateway
from webhook_gateway.gateway import Gateway
from webhook_gateway.job_listener import JobListener
from webhook_gateway.job_store import JobStore
from webhook_gateway.metrics import Metrics
from webhook_gateway.path import IdConverter
from webhook_gateway.routes.admin_cohorts import admin_cohorts
from webhook_gateway.routes.admin_course_steps import admin_course_steps
from webhook_gateway.routes.admin_courses import admin_courses
from webhook_gateway.routes.bookings import bookings
from webhook_gateway.routes.calendar import sessions as calendar
from webhook_gateway.routes.checkout_sessions import checkout_sessions
from webhook_gateway.routes.classes import classes
from webhook_gateway.routes.compatible import compatible
from webhook_gateway.routes.coupons import coupon_codes, coupons
from webhook_gateway.routes.course_packages import course_packages
from webhook_gateway.routes.course_steps import course_steps, enrollment_commands
from webhook_gateway.routes.courses import courses
from webhook_gateway.routes.docs import docs
from webhook_gateway.routes.drift import drift, drift_pushing
from webhook_gateway.routes.enrollments import enrollments
from webhook_gateway.routes.events import events
from webhook_gateway.routes.feed import linked_calendar, my_calendar
from webhook_gateway.routes.jobs import admin_jobs, jobs
from webhook_gateway.routes.ledger import adjustments, member_ledger, my_ledger
from webhook_gateway.routes.me import me
from webhook_gateway.routes.members import members
from webhook_gateway.routes.merge import merging
from webhook_gateway.routes.ops import ops
from webhook_gateway.routes.orders import orders, refunding
from webhook_gateway.routes.packages import admin_packages, packages
from webhook_gateway.routes.redemptions import member_redemptions, own_redeeming, redeeming, redemptions
from webhook_gateway.routes.reports import reports
from webhook_gateway.routes.reviews import reviews
from webhook_gateway.routes.session_commands import session_commands
from webhook_gateway.routes.sessions import sessions
from webhook_gateway.routes.stripe_calls import stripe_calls
from webhook_gateway.routes.teachers import teachers
from webhook_gateway.routes.waitlist import waitlist
from webhook_gateway.schema.problem import Problem
from webhook_gateway.schema.webhook import WEBHOOK_TAG, webhook_paths
from webhook_gateway.token import TokenReader

MAX_BODY = 1024 * 1024
# Connections of the reading routes; the webhook has its own, so that readers cannot starve it.
POOL_SIZE = 10
BEARER = SecurityScheme(type="http", scheme="bearer", bearerFormat="JWT")


BLUEPRINTS = (
    ops,
    packages,
    admin_packages,
    redeeming,
    own_redeeming,
    redemptions,
    member_redemptions,
    members,
    coupons,
    coupon_codes,
    compatible,
    checkout_sessions,
    stripe_calls,
    calendar,
    courses,
    me,
    my_calendar,
    linked_calendar,
    course_packages,
    course_steps,
    bookings,
    jobs,
    events,
    admin_jobs,
    teachers,
    classes,
    sessions,
    session_commands,
    admin_courses,
    admin_course_steps,
    admin_cohorts,
    waitlist,
    my_ledger,
    member_ledger,
    adjustments,
    orders,
    refunding,
    reviews,
    merging,
    enrollments,
    enrollment_commands,
    reports,
    drift,
    drift_pushing,
    docs,
)


def create_app(settings: Settings, engine: Engine | None = None) -> OpenAPI:
    """Return the WSGI application: everything but the webhook, which the front takes in itself.

    Args:
        settings: What the environment says.
        engine: Connections for the reading routes; its own, unless a test shares one.

    """
    app = _application()
    connections = engine or build_engine(settings.database_url, name="gateway", size=POOL_SIZE)
    url = settings.database_url
    app.extensions[gateway.KEY] = Gateway(
        settings, connections, TokenReader(settings), Metrics(connections), JobStore(url), JobListener(url)
    )
    boundary.register(app)
    fault.register(app)
    for blueprint in BLUEPRINTS:
        _register(app, blueprint)
    app.tags.append(WEBHOOK_TAG)
    app.paths.update(webhook_paths())
    return app


def _register(app: OpenAPI, group: APIBlueprint) -> None:
    """Register a group; of an address that it shares with another one, the document has the methods of both."""
    before = dict(app.paths)
    app.register_api(group)
    for path in before.keys() & group.paths.keys():
        own = {method: operation for method, operation in group.paths[path] if operation is not None}
        app.paths[path] = before[path].model_copy(update=own)


def _application() -> OpenAPI:
    app = OpenAPI(
        __name__,
        info=Info(title="Punchcard", version=metadata.version("punchcard"), description=__doc__),
        security_schemes={"bearer": BEARER},
        doc_ui=False,
        validation_error_status="default",
        validation_error_model=Problem,
        validation_error_callback=fault.refuse_fields,
        static_folder=None,
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined] # Flask's own provider has it
    app.url_map.converters["id"] = IdConverter
    # A doubled slash is an address that does not exist, not one to be sent elsewhere.
    app.url_map.merge_slashes = False
    return app
