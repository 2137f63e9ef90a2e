"""Everything that an older system has on record taken over, in the transaction of the caller: whole, or refused.

Read and checked first, then locked in the order in which everybody locks (docs/adr/0003), then written a statement
per table; what is still ahead goes through the engine of every booking. What was taken over before is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from db.transaction import fetch
from domain.booking.outgoing import Outgoing
from domain.booking.rows import write
from domain.booking.students import read_students
from domain.legacy import bookings, children, courses, enrolling, packages, placing, purchase, steps, students
from domain.legacy.bookings import Parent
from domain.legacy.catalog import read_catalog
from domain.legacy.counts import counts
from domain.legacy.course import read_courses
from domain.legacy.courses import Enrolling
from domain.legacy.kinds import PACKAGE
from domain.legacy.purchase import Purchase
from domain.legacy.reading import OldRecords, Record, read
from domain.legacy.shape import PackageRow
from domain.legacy.tally import Books, Tally, Unmapped, open_books, write_records
from domain.purchase.holder import refresh_flags

# A booking is done in moments, an import of tens of thousands of rows in a minute or two: until its transaction ends.
PATIENCE = """
SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', '30s', true),
       set_config('idle_in_transaction_session_timeout', '10min', true)
"""
# Nobody else imports, or changes what is on sale, until the transaction ends.
HOLD = "SELECT timezone FROM organizations WHERE id = %(organization)s FOR NO KEY UPDATE"

# Steps go into sessions of a class that are ahead.
SESSIONS = """
SELECT c.id FROM class_sessions c JOIN group_classes g ON g.id = c.group_class_id
 WHERE c.id = ANY(%(ids)s)
    OR c.organization_id = %(organization)s AND g.code = ANY(%(codes)s) AND c.start_at > %(at)s
 ORDER BY c.id FOR NO KEY UPDATE OF c
"""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the records, and how many rows there were before and are behind it."""

    tallies: Sequence[Tally]
    before: Mapping[str, int]
    after: Mapping[str, int]
    unmapped: Sequence[Unmapped]


@dataclass(slots=True)
class Plan:
    """What is to be written."""

    packages: list[tuple[Record[PackageRow], Purchase]]
    parents: list[Parent]
    enrolling: list[Enrolling]

    @property
    def purchases(self) -> list[Purchase]:
        """All that was bought, as far as it can be taken over."""
        enrolled = [each.purchase for each in self.enrolling if each.why is None]
        return [each for _, each in self.packages] + [each.purchase for each in self.parents] + enrolled


def take_over(
    session: Session, organization_id: int, files: Mapping[str, bytes], *, tell: Progress = lambda _: None, at: datetime
) -> Report:
    """Take over the old records of files, by their names such as `students.csv`.

    Raises:
        ImportRefused: something is wrong with a row; the caller keeps nothing of its transaction.

    """
    fetch(session, PATIENCE)
    (held,) = fetch(session, HOLD, organization=organization_id)
    tell("reading files")
    records = read(files, held["timezone"])
    before = counts(session, organization_id)
    books = open_books(session, organization_id, held["timezone"], at=at)
    for tally, size in zip(books.tallies.values(), records.sizes().values(), strict=True):
        tally.in_file = size
    tell("students")
    students.take_over(session, books, records.students)
    plan = _plan(session, books, records)
    _write(session, books, plan, tell)
    write_records(session, books)
    unmapped = sorted(books.unmapped, key=lambda each: (each.file, each.row))
    return Report(list(books.tallies.values()), before, counts(session, organization_id), unmapped)


def _plan(session: Session, books: Books, records: OldRecords) -> Plan:
    """Say what records become, or refuse all of them."""
    catalog = read_catalog(session, books)
    known = read_courses(session, books, catalog)
    of_courses = courses.packages_of(records.progress)
    plan = Plan(
        packages.plan(books, records.packages, catalog, courses=of_courses),
        bookings.plan(books, records.bookings, catalog),
        courses.plan(books, records.progress, records.packages, known),
    )
    placing.check_classes(session, books, plan.parents)
    books.check()
    return plan


def _write(session: Session, books: Books, plan: Plan, tell: Progress) -> None:
    buyers = {each.student_id for each in plan.purchases}
    placing.choose(session, books, plan.parents)
    held = read_students(session, buyers, lock="FOR NO KEY UPDATE OF s")
    enrollments = enrolling.settle(session, books, plan.enrolling)
    _hold_sessions(session, books, plan)
    children.settle(session, books, plan.parents, held)
    tell(f"{len(plan.purchases)} purchases")
    purchase.place(session, books, plan.purchases)
    outgoing = Outgoing()
    purchase.tell(books, plan.purchases, held, outgoing)
    for record, bought in plan.packages:
        books.keep(PACKAGE, record.said.legacy_id, bought.package_id)
        books.took(record)
    outgoing.drafts += packages.drafts(session, [bought for _, bought in plan.packages], at=books.at)
    begun = children.write(session, books, plan.parents, held, outgoing)
    enrolling.write(session, books, plan.enrolling, enrollments, held, outgoing)
    write(session, outgoing, at=books.at)
    children.silence(session, begun)
    for done in children.schedule(session, books, plan.parents):
        tell(f"{done} bookings ahead")
    for done in steps.book(session, books, plan.enrolling):
        tell(f"{done} steps booked")
    refresh_flags(session, sorted(buyers), at=books.at)


def _hold_sessions(session: Session, books: Books, plan: Plan) -> None:
    """Lock all sessions that somebody may be put into, in one order, before the engine locks some at a time."""
    chosen = {child.chosen for _, child in placing.with_time(plan.parents) if child.chosen}
    codes = {code for each in plan.enrolling for code in each.classes}
    if chosen or codes:
        fetch(session, SESSIONS, ids=list(chosen), codes=list(codes), at=books.at, organization=books.organization_id)
