"""Old records in a test: files of them, taken over or only tried."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from db.transaction import transaction
from domain.legacy.fault import ImportRefused
from domain.legacy.move import Report, take_over
from tests.timetable import Timetable
from worker import clock

Rows = Sequence[Mapping[str, Any]]
Files = Mapping[str, Rows]

ADA = {"legacy_id": 1, "external_id": "ada", "email": "ada@example.com", "name": "Ada"}
GRACE = {"legacy_id": 2, "email": "grace@example.com", "name": "Grace"}


def package(**changes: Any) -> dict[str, Any]:
    """Return an old package of ten private sessions of Ada's, of which four are left."""
    usual = {"legacy_id": 10, "student_id": 1, "product_code": "BUNDLE-5P-3G", "service_type": "PRIVATE"}
    usual |= {"total_sessions": 10, "remaining_sessions": 4, "purchased_at": "2026-09-01T10:00"}
    return usual | {"price_paid": 30_000} | changes


def parent(**changes: Any) -> dict[str, Any]:
    """Return a parent booking of Ada's: the purchase of Wellness 3."""
    usual = {"legacy_id": 172, "is_package_purchase": True, "student_id": 1, "product_code": "WELLNESS-3"}
    usual |= {"price_cents": 50_000, "currency": "USD", "service": "Wellness Package", "status": "confirmed"}
    return usual | {"created_at": "2026-09-01T10:00"} | changes


def child(number: int, status: str = "draft", **changes: Any) -> dict[str, Any]:
    """Return a session of that parent."""
    usual = {"legacy_id": number, "parent_id": 172, "is_package_purchase": False, "student_id": 1, "status": status}
    return usual | {"created_at": "2026-09-01T10:00"} | changes


def written(files: Files) -> dict[str, bytes]:
    return {f"{kind}.json": json.dumps(list(rows)).encode() for kind, rows in files.items()}


def take(timetable: Timetable, *, org: str = "thrive", **files: Rows) -> Report:
    """Take over rows by kind, and keep that."""
    return take_files(timetable, written(files), org=org)


def take_files(timetable: Timetable, files: Mapping[str, bytes], *, org: str = "thrive") -> Report:
    with transaction(timetable.engine) as session:
        return take_over(session, timetable.organization(org), files, at=clock.now())


def refused(timetable: Timetable, *, org: str = "thrive", **files: Rows) -> list[str]:
    """Return why rows are refused, as lines."""
    return refused_files(timetable, written(files), org=org)


def refused_files(timetable: Timetable, files: Mapping[str, bytes], *, org: str = "thrive") -> list[str]:
    try:
        report = take_files(timetable, files, org=org)
    except ImportRefused as error:
        return [str(fault) for fault in error.faults]
    raise AssertionError(report)


def became(report: Report, kind: str) -> dict[str, int]:
    """Return what became of the records of a file, without what none became."""
    (tally,) = [each for each in report.tallies if each.kind == kind]
    names = ("in_file", "known", "taken_over", "not_mappable", "left_out", "refused")
    return {name: getattr(tally, name) for name in names if getattr(tally, name)}
