"""Store commands, each by one statement where nothing is odd about it, and read what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from db.models import JobStatus
from domain.legacy.kinds import unnamed
from webhook_gateway.job_link import Pool, Row

# Together with one statement within two seconds, and with a look at a job within one.
WRITE = {"patience": 0.5, "seconds": 1.3}
READ = {"patience": 0.3, "seconds": 0.7}

INSERT = """
INSERT INTO jobs (organization_id, student_id, caller, kind, request, idempotency_key, fingerprint, due_at, received_at)
SELECT {organization_id}, {student_id}, %(caller)s, %(kind)s, %(request)s::jsonb,
       %(key)s, %(fingerprint)s, %(at)s::timestamptz, %(at)s::timestamptz
  FROM {tables}
   AND NOT EXISTS (
       SELECT FROM jobs known WHERE known.organization_id = %(organization_id)s AND known.caller = %(unnamed)s
          AND known.kind = %(kind)s AND known.idempotency_key = %(key)s)
{lock}
ON CONFLICT (organization_id, caller, kind, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
RETURNING id
"""
# Whoever erases a student holds them: who waited for that finds nobody of the name, and nothing of theirs.
FOR_STUDENT = INSERT.format(
    organization_id="student.organization_id",
    student_id="coalesce(student.merged_into, student.id)",
    tables="""students student
 WHERE student.organization_id = %(organization_id)s AND student.external_id = %(student)s""",
    lock="FOR KEY SHARE OF student",
)
# A token may name whom its student was merged from.
OF_STUDENT = """{table} subject
  JOIN students owner ON owner.id = subject.student_id AND owner.erased_at IS NULL
 WHERE subject.id = %(subject_id)s AND subject.organization_id = %(organization_id)s
   AND (%(student)s::text IS NULL OR EXISTS (
        SELECT FROM students student
         WHERE student.organization_id = subject.organization_id AND student.external_id = %(student)s
           AND coalesce(student.merged_into, student.id) = subject.student_id))"""
OF_STUDIO = """{table} subject WHERE subject.id = %(subject_id)s AND %(organization_id)s = {owner}"""


class Subject(StrEnum):
    """What a command may be about, by its table: some student's, or the studio's and nobody's turn."""

    BOOKING = "bookings"
    PACKAGE = "student_packages"
    ENROLLMENT = "student_course_enrollments"
    ORDER = "orders"
    SESSION = "class_sessions"
    ORGANIZATION = "organizations"

    @property
    def insert(self) -> str:
        """The statement that stores a job about it."""
        if self in {Subject.BOOKING, Subject.PACKAGE, Subject.ENROLLMENT, Subject.ORDER}:
            tables = OF_STUDENT.format(table=self.value)
            return INSERT.format(
                organization_id="subject.organization_id",
                student_id="subject.student_id",
                tables=tables,
                lock="FOR KEY SHARE OF owner",
            )
        owner = "subject.id" if self is Subject.ORGANIZATION else "subject.organization_id"
        tables = OF_STUDIO.format(table=self.value, owner=owner)
        return INSERT.format(organization_id=owner, student_id="NULL::bigint", tables=tables, lock="")


ABOUT = {subject: subject.insert for subject in Subject}
# The result as the text that the client gets: whoever asks again gets the same bytes.
OUTCOME = "SELECT status, result::text, problem FROM jobs WHERE id = %(job_id)s"
OUTCOMES = "SELECT id, status, result::text, problem FROM jobs WHERE id = ANY(%(ids)s)"
BY_KEY = """
SELECT status, result::text, problem, id, fingerprint FROM jobs
 WHERE organization_id = %(organization_id)s AND caller IN (%(caller)s, %(unnamed)s) AND kind = %(kind)s
   AND idempotency_key = %(key)s
"""
ORGANIZATION = "SELECT id FROM organizations WHERE slug = %(slug)s"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A command as it is stored.

    `student` is the frontend's own name for the student concerned; None is any, where `about` says
    whose it is, or that it is nobody's. `fingerprint` goes with `key`: what the caller may send again.
    """

    organization_id: int
    student: str | None
    caller: str
    kind: str
    request: Mapping[str, Any]
    about: tuple[Subject, int] | None = None
    key: str | None = None
    fingerprint: str | None = None

    @property
    def unnamed(self) -> str:
        """What the caller is known by if a student of their name was erased since."""
        role, _, name = self.caller.partition(" ")
        return f"{role} {unnamed(name)}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a job stands; `result` is JSON as text."""

    status: JobStatus
    result: str | None = None
    problem: Mapping[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it ended, one way or the other."""
        return self.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Known:
    """A job that stands under a key already."""

    id: int
    fingerprint: str
    outcome: Outcome


class JobStore:
    """The gateway's own connections for commands, apart from those that reading requests may use up."""

    def __init__(self, database_url: str) -> None:
        self._pool = Pool(database_url)
        self.organizations: dict[str, int] = {}

    def organization(self, slug: str) -> int | None:
        """Return the id of an organization, which never changes; None where there is none of that name."""
        if slug not in self.organizations:
            for row in self._read(ORGANIZATION, slug=slug):
                self.organizations[slug] = row[0]
        return self.organizations.get(slug)

    def add(self, job: NewJob, *, at: datetime) -> int | None:
        """Store a job and return its id.

        None where nothing was stored: its key is known, or there is no such student or subject.

        Raises:
            Busy: too many others store at this moment.
            psycopg.Error: the database does not answer; whether the job is stored is not known.

        """
        parameters = {
            "organization_id": job.organization_id,
            "student": job.student,
            "subject_id": job.about[1] if job.about else None,
            "caller": job.caller,
            "unnamed": job.unnamed,
            "kind": job.kind,
            "request": orjson.dumps(job.request).decode(),
            "key": job.key,
            "fingerprint": job.fingerprint,
            "at": at,
        }
        statement = ABOUT[job.about[0]] if job.about else FOR_STUDENT
        rows = self._pool.execute(statement, parameters, **WRITE, again=job.key is not None)
        return int(rows[0][0]) if rows else None

    def known(self, job: NewJob) -> Known | None:
        """Return the job that stands under a job's key."""
        if job.key is None:
            return None
        caller = {"caller": job.caller, "unnamed": job.unnamed}
        for row in self._read(BY_KEY, organization_id=job.organization_id, kind=job.kind, key=job.key, **caller):
            return Known(row[3], row[4], _outcome(row))
        return None

    def outcome(self, job_id: int) -> Outcome:
        """Return where a job stands."""
        (row,) = self._read(OUTCOME, job_id=job_id)
        return _outcome(row)

    def _read(self, statement: str, **parameters: object) -> list[Row]:
        return self._pool.execute(statement, parameters, **READ, again=True)

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()


def outcomes(rows: Iterable[Row]) -> dict[int, Outcome]:
    """Return how jobs ended, by their ids, of those that did; from the rows of `OUTCOMES`."""
    return {row[0]: outcome for row in rows if (outcome := _outcome(row[1:])).is_finished}


def _outcome(row: Row) -> Outcome:
    return Outcome(JobStatus(row[0]), row[1], row[2])
