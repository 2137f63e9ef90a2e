"""A free place offered to those who wait, in turn: a job of its own, for each session in which a place came free.

By the rules of every booking, and paid the same way (PRODUCT.md §4.7). Who cannot be booked is skipped and told, and
stays in line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session as Transaction

from db.bulk import insert
from db.models import Job as JobRow
from db.models import ServiceType, WaitlistStatus
from db.transaction import fetch
from domain.booking.checks import check_free
from domain.booking.command import Wish
from domain.booking.desk import Desk
from domain.booking.facts import read_drafts, reserve
from domain.booking.outgoing import Outgoing, Row, numbered
from domain.booking.place import Party, take_places
from domain.booking.rows import write
from domain.booking.sessions import read_sessions
from domain.booking.shape import written
from domain.booking.standing import UNDO_UNTIL
from domain.booking.state import Session, Student, Waiting, World
from domain.booking.students import complete, read_students
from domain.enrollment.book_step import flag_skipped
from domain.enrollment.taking import open_taking, required_taking
from domain.errors import Refusal, SessionFull
from domain.family import Answer, Family, Job
from domain.waitlist.calling import PROMOTE, promotion
from domain.waitlist.line import OVERLAP, end, told_entry

PROMOTED, SKIPPED = "waitlist.promoted", "waitlist.skipped"
# PRODUCT.md §4.7: a promotion may be undone for so long, or until the line closes.
UNDO_WITHIN = timedelta(minutes=60)
# So many are looked at in one transaction; a job of its own goes on behind them.
MOST = 20

LINE = """
SELECT id, student_id FROM waitlist_entries
 WHERE session_id = %(wanted)s AND id > %(after)s AND status IN ('WAITING', 'SKIPPED') ORDER BY id LIMIT %(most)s
"""

# Other places in line of students, at the time of a session.
OVERLAPPING = """
SELECT w.id FROM waitlist_entries w JOIN class_sessions c ON c.id = w.session_id
 WHERE w.student_id = ANY(%(students)s) AND w.status IN ('WAITING', 'SKIPPED') AND w.session_id <> %(wanted)s
   AND c.start_at < %(end)s AND c.end_at > %(start)s
 ORDER BY w.id
"""


def act(session: Transaction, jobs: Sequence[Job], *, at: datetime) -> dict[int, Answer]:
    """Offer the free places of a session to its line; return whose turn brought a place, and who was skipped."""
    (job,) = jobs
    request = job["request"]
    values = {"wanted": request["sessionId"], "after": request.get("after", 0), "most": MOST}
    called = fetch(session, LINE, **values)
    students = read_students(session, [row["student_id"] for row in called], lock="FOR NO KEY UPDATE OF s")
    wanted = read_sessions(session, [values["wanted"]], lock="FOR NO KEY UPDATE OF c")[values["wanted"]]
    ids = {row["id"] for row in called}
    turns = [each for each in wanted.line if each.id in ids]
    result: dict[str, list[Waiting]] = {"promoted": [], "skipped": []}
    if any(each.student_id not in students for each in turns):
        # Merged meanwhile into somebody who is not held: the line is called anew.
        insert(session, JobRow, [promotion(job["organization_id"], request, at)])
    else:
        result = _offer(session, wanted, students, turns, at=at)
        if len(called) == MOST and wanted.is_scheduled and wanted.room > 0:
            further = request | {"after": called[-1]["id"]}
            insert(session, JobRow, [promotion(job["organization_id"], further, at)])
    return {job["id"]: {name: [each.id for each in entries] for name, entries in result.items()}}


def _offer(
    session: Transaction, wanted: Session, students: dict[int, Student], turns: Sequence[Waiting], *, at: datetime
) -> dict[str, list[Waiting]]:
    """Decide and write for students who are held."""
    complete(session, students, [(each, wanted) for each in students], named=[], at=at)
    drafts = read_drafts(session, students)
    world = World(students, {wanted.id: wanted}, drafts, {}, reserve(session, "bookings", len(turns)))
    outgoing = Outgoing()
    result = _promote(world, outgoing, wanted, turns, at=at)
    promoted = [each.student_id for each in result["promoted"]]
    outgoing.entries |= {number: _withdrawn(number, at) for number in _overlapping(session, promoted, wanted)}
    write(session, outgoing, at=at)
    return result


def _promote(
    world: World, outgoing: Outgoing, wanted: Session, turns: Sequence[Waiting], *, at: datetime
) -> dict[str, list[Waiting]]:
    """Decide for each in turn while there is room; return who was booked, and who could not be."""
    result: dict[str, list[Waiting]] = {"promoted": [], "skipped": []}
    for entry in turns:
        desk = Desk(world, outgoing, entry.student_id, at)
        closes_at = wanted.start_at - desk.student.cutoff
        if wanted.room <= 0 or not wanted.is_scheduled or at >= entry.until(closes_at):
            continue
        try:
            _book(desk, wanted, entry, until=min(at + UNDO_WITHIN, closes_at))
            result["promoted"].append(entry)
        except SessionFull:
            # Somebody before them has the place.
            continue
        except Refusal as refusal:
            _skip(desk, wanted, entry, refusal)
            result["skipped"].append(entry)
    return result


def _book(desk: Desk, wanted: Session, entry: Waiting, *, until: datetime) -> None:
    """Book whose turn it is: a step of their course that the session serves, else as any other session.

    Raises:
        Refusal: they are somewhere else then, or nothing that they hold pays; nothing was changed.

    """
    is_course = wanted.service is ServiceType.COURSE
    taking = required_taking(desk.student, wanted) if is_course else open_taking(desk.student, wanted)
    check_free(desk.student, wanted)
    (row,) = take_places(desk, wanted, Party(None, Wish(), None, {UNDO_UNTIL: written(until)}, taking=taking))
    end(desk, wanted, entry, WaitlistStatus.PROMOTED, booking_id=row["id"])
    if taking:
        flag_skipped(desk, taking.enrollment, [taking.step])
    desk.outgoing.note(desk.student, "booking.confirmed", row, at=desk.at)
    told = told_entry(entry, wanted, desk.student.external_id) | {"bookingId": row["id"]}
    desk.outgoing.publish(desk.student, PROMOTED, f"waitlist/{entry.id}", told, at=desk.at)
    key = numbered(f"booking:{row['id']}", desk.student)
    desk.outgoing.mail(desk.student, PROMOTED, key, booking_id=row["id"], waitlist_entry_id=entry.id, at=desk.at)


def _skip(desk: Desk, wanted: Session, entry: Waiting, refusal: Refusal) -> None:
    """Pass over whose turn it is, and tell them why; told once, until they join anew."""
    if entry.status is WaitlistStatus.SKIPPED:
        return
    entry.status = WaitlistStatus.SKIPPED
    said = {"status": entry.status.value, "booking_id": None, "reason": refusal.code, "ended_at": None}
    desk.outgoing.entries[entry.id] = {"id": entry.id} | said
    told = told_entry(entry, wanted, desk.student.external_id) | {"reason": refusal.code}
    desk.outgoing.publish(desk.student, SKIPPED, f"waitlist/{entry.id}", told, at=desk.at)
    desk.outgoing.mail(desk.student, SKIPPED, f"waitlist:{entry.id}", waitlist_entry_id=entry.id, at=desk.at)


def _overlapping(session: Transaction, students: Sequence[int], wanted: Session) -> list[int]:
    """Return the places in line that students have at the time of a session for which they waited, too."""
    if not students:
        return []
    span = {"wanted": wanted.id, "start": wanted.start_at, "end": wanted.end_at}
    return [row["id"] for row in fetch(session, OVERLAPPING, students=students, **span)]


def _withdrawn(entry: int, at: datetime) -> Row:
    return {"id": entry, "status": WaitlistStatus.CLOSED.value, "booking_id": None, "reason": OVERLAP, "ended_at": at}


PROMOTION = Family((PROMOTE,), act, alone=True)
