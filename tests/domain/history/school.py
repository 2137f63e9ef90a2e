"""The courses of a history: once for the catalog, once for the model; their sessions and cohorts."""

from __future__ import annotations

from typing import Any

from tests.domain.history.courses import Course, Option, Step
from tests.domain.history.nouns import Product
from tests.studio import Studio

ORG = "thrive"
# By code, the classes that serve steps: what they are, and how long.
KINDS = {"K-A": ("COURSE", 60), "K-B": ("GROUP", 60), "K-C": ("GROUP", 90), "K-D": ("COURSE", 45)}
EXTRA: dict[str, Any] = {"service_type": "PRIVATE", "credits": 1, "credit_unit_minutes": 30}
# Of each course, by label: whether a step is required, and the classes that serve it; one behind a minus does not now.
STEPS = {
    "LONG": [
        ("L-1", True, ["K-A", "K-B"]),
        ("L-2", True, ["K-C"]),
        ("L-3", True, ["K-A", "K-D"]),
        ("L-4", False, ["K-B", "-K-D"]),
    ],
    "SHORT": [("S-1", True, ["K-D"]), ("S-2", False, ["K-B", "K-C"]), ("S-3", False, ["K-A"])],
}
SOLD = {
    "LONG": Product(ORG, 30_000, 9, (("COURSE", 0, 60, 4), ("PRIVATE", 0, 30, 1))),
    "SHORT": Product(ORG, 20_000, 4, (("COURSE", 0, 60, 3),), from_first_use=True),
}
CLASSES = [
    {"code": code, "name": code, "service_type": service, "capacity": 3, "minutes": minutes}
    for code, (service, minutes) in KINDS.items()
]
NUMBERS = """
SELECT s.label, g.code, s.id AS step, x.id AS option FROM course_step_options x
  JOIN course_steps s ON s.id = x.course_step_id JOIN group_classes g ON g.id = x.group_class_id
"""
ACTIVE = "UPDATE course_step_options SET active = %(active)s WHERE id = %(id)s"
MEET = """
INSERT INTO class_sessions (organization_id, group_class_id, service_type, start_at, end_at, capacity, created_at)
SELECT organization_id, id, service_type, %(start)s, %(end)s, %(capacity)s, %(at)s FROM group_classes
 WHERE code = %(kind)s RETURNING id
"""
COHORT = """
WITH program AS (SELECT c.* FROM course_programs c JOIN products p ON p.id = c.product_id WHERE p.code = %(course)s),
     cohort AS (INSERT INTO course_cohorts (organization_id, course_program_id, code, name, capacity,
                                            enrollment_deadline, created_at)
                SELECT organization_id, id, %(code)s, %(code)s, %(capacity)s, %(deadline)s, %(at)s FROM program
                RETURNING id, organization_id),
     planned AS (INSERT INTO course_cohort_sessions (organization_id, cohort_id, course_step_option_id, session_id)
                 SELECT cohort.organization_id, cohort.id, new.option, new.session
                   FROM cohort, unnest(%(options)s::bigint[], %(sessions)s::bigint[]) AS new (option, session))
SELECT id FROM cohort
"""


def entries() -> list[dict[str, Any]]:
    """Return the courses as a catalog says them."""
    return [
        {
            "code": code,
            "title": code.title(),
            "price": SOLD[code].price,
            "validity_days": SOLD[code].days,
            "published": True,
            "bundle_components": [EXTRA] if code == "LONG" else [],
            "steps": [
                {"label": label, "title": label, "is_required": required, "options": [_option(k) for k in kinds]}
                for label, required, kinds in steps
            ],
        }
        | ({"validity_starts": "FIRST_USE"} if SOLD[code].from_first_use else {})
        for code, steps in STEPS.items()
    ]


def open_courses(studio: Studio) -> list[Course]:
    """Return the courses as they were sold at first, with the numbers that they have."""
    rows = {(row["label"], row["code"]): row for row in studio.rows(NUMBERS)}
    courses = []
    for code, steps in STEPS.items():
        course = Course(code, SOLD[code], [])
        for label, required, kinds in steps:
            options = [Option(kind.strip("-"), kind[0] != "-") for kind in kinds]
            for option in options:
                option.number = rows[label, option.kind]["option"]
                studio.rows(ACTIVE, id=option.number, active=option.active)
            number = rows[label, options[0].kind]["step"]
            course.steps.append(Step(label, required, sorted(options, key=lambda each: each.number), number))
        courses.append(course)
    return courses


def _option(kind: str) -> dict[str, Any]:
    return {"class": kind.strip("-"), "active": kind[0] != "-"}
