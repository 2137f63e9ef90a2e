"""Old progress in courses: all rows of one student and course are one enrollment in the course as it is today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from db.models import StepStatus
from domain.legacy.course import Course, Courses
from domain.legacy.kinds import ENROLLMENT, PACKAGE, STEP, STUDENT
from domain.legacy.packages import check_dates
from domain.legacy.purchase import Purchase
from domain.legacy.reading import Record
from domain.legacy.shape import PROGRESS, PackageRow, ProgressRow
from domain.legacy.tally import Books

Old = Record[ProgressRow]
OldPackage = Record[PackageRow]

# What is done with, without a booking of ours.
DONE = (StepStatus.COMPLETED, StepStatus.MISSED)


@dataclass(slots=True)
class Enrolling:
    """An old enrollment: its rows by the step's label. `why` says why it cannot be taken over."""

    name: str
    course: Course
    purchase: Purchase
    cohort: str | None
    rows: dict[str, Old]
    package: OldPackage | None
    enrollment_id: int = 0
    step_ids: dict[str, int] = field(default_factory=dict)
    why: str | None = None
    # Why its steps cannot be booked.
    waits: str | None = None

    def status(self, label: str) -> StepStatus:
        """Return where a step stands before anything of it is booked."""
        if label not in self.rows:
            return StepStatus.UNBOOKED
        said = self.rows[label].said.status
        return StepStatus.UNBOOKED if said is StepStatus.BOOKED else said

    @property
    def classes(self) -> set[str]:
        """The classes in whose sessions its steps may be booked."""
        booked = [label for label, row in self.rows.items() if row.said.status is StepStatus.BOOKED]
        return {code for label in booked for code in self.course.steps[label].options}

    @property
    def is_done(self) -> bool:
        """Whether all required steps are completed; where none is required, all there are."""
        required = [each for each in self.course.steps.values() if each.is_required] or self.course.steps.values()
        return all(self.status(each.label) is StepStatus.COMPLETED for each in required)


def packages_of(records: Sequence[Old]) -> frozenset[str]:
    """Return the old packages with which courses were bought."""
    return frozenset(each.said.package_legacy_id for each in records if each.said.package_legacy_id)


def plan(books: Books, records: Sequence[Old], packages: Sequence[OldPackage], courses: Courses) -> list[Enrolling]:
    """Return what old progress becomes, an enrollment of each student and course."""
    bought = {each.said.legacy_id: each for each in packages if each.said.legacy_id in packages_of(records)}
    bought = {name: each for name, each in bought.items() if not books.was_known(each, PACKAGE)}
    groups: dict[str, list[Old]] = {}
    for each in records:
        if not books.was_known(each, STEP) and _is_right(books, each, courses):
            groups.setdefault(f"{each.said.student_id}/{each.said.course_code}", []).append(each)
    planned = [_enrolling(books, name, rows, bought, courses) for name, rows in groups.items()]
    return [each for each in planned if each]


def _is_right(books: Books, record: Old, courses: Courses) -> bool:
    """Note what is wrong with a row by itself; say whether its course is there."""
    said = record.said
    if books.find(STUDENT, said.student_id) is None:
        books.refuse(record, "student_id", f"there is no student {said.student_id} in the file of students")
    if said.class_code and said.class_code not in courses.classes:
        books.refuse(record, "class_code", f"there is no class {said.class_code}: apply a catalog that has it first")
    for column in ("booked_at", "completed_at"):
        moment = getattr(said, column)
        if moment and moment > books.at:
            books.refuse(record, column, "it is still ahead")
    course = courses.by_code.get(said.course_code)
    if course is None or not course.steps:
        books.refuse(record, "course_code", "there is no course of this code: apply a catalog that has it first")
        return False
    if said.step_label not in course.steps:
        books.refuse(record, "step_label", f"it has no step of this label, but {', '.join(course.steps)}")
    if said.cohort_code and said.cohort_code not in course.cohorts:
        books.refuse(record, "cohort_code", f"{said.course_code} has no cohort {said.cohort_code}")
    return True


def _enrolling(
    books: Books, name: str, records: Sequence[Old], bought: Mapping[str, OldPackage], courses: Courses
) -> Enrolling | None:
    """Return an enrollment; None, and its rows listed, where it was taken over before without them."""
    if books.find(ENROLLMENT, name) is not None:
        for each in records:
            books.cannot_map(each, "its enrollment was taken over before, without it")
        return None
    first = records[0].said
    course, rows = courses.by_code[first.course_code], dict[str, Old]()
    for each in records:
        if each.said.step_label in rows:
            books.refuse(each, "step_label", f"row {rows[each.said.step_label].row} is the same step of this student")
        rows.setdefault(each.said.step_label, each)
    cohort, package_id = (_agreed(books, records, column) for column in ("cohort_code", "package_legacy_id"))
    package = _package(books, records, package_id, bought)
    purchase = _purchase(books, name, records, course, package)
    return Enrolling(name, course, purchase, cohort, rows, package)


def _agreed(books: Books, records: Sequence[Old], column: str) -> str | None:
    """Return what the rows of an enrollment say, as far as they say it; they may not say two things."""
    first: Old | None = None
    for each in records:
        said = getattr(each.said, column)
        if said is None:
            continue
        if first is not None and said != getattr(first.said, column):
            books.refuse(each, column, f"row {first.row} of the same enrollment says {getattr(first.said, column)}")
        first = first or each
    return getattr(first.said, column) if first else None


def _package(
    books: Books, records: Sequence[Old], name: str | None, bought: Mapping[str, OldPackage]
) -> OldPackage | None:
    """Return the old package with which a course was bought, if it is named."""
    if name is None:
        return None
    package = bought.get(name)
    if package is None:
        books.refuse(records[0], "package_legacy_id", f"there is no package {name} in the file, or it is taken over")
        return None
    check_dates(books, package)
    expected: dict[str, Any] = {"student_id": records[0].said.student_id, "product_code": records[0].said.course_code}
    for column, value in expected.items():
        if getattr(package.said, column) != value:
            books.refuse(package, column, f"it is the package of a course, and its progress says {value}")
    return package


def _purchase(books: Books, name: str, records: Sequence[Old], course: Course, package: OldPackage | None) -> Purchase:
    """Return the purchase of a course: of its steps alone, as the old one was. Its extra credits are packages."""
    said = package.said if package else None
    times = [moment for each in records for moment in (each.said.booked_at, each.said.completed_at) if moment]
    return Purchase(
        source=f"{PROGRESS}/{name}",
        student_id=books.find(STUDENT, records[0].said.student_id) or 0,
        product=replace(course.product, allowances=course.product.allowances[:1], bundle_description=None),
        bought_at=said.purchased_at if said else min(times, default=books.at),
        expires_at=said.expires_at if said else None,
        paid=(said.price_paid or 0) if said else 0,
        currency=(said.currency if said else None) or course.product.currency,
        used=sum(each.said.status in DONE for each in records),
    )
