"""The ledger as people read it: what each line was for, and what was left each time, on every page."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from db.models import UseKind
from db.transaction import reading
from domain.desk.ledger import LedgerLine, ledger
from domain.listing import Part
from tests.domain.booking.test_drafts import private
from tests.domain.booking.world import line, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")


def read(
    timetable: Timetable, student: str = "ada", *, org: str = "lumen", limit: int = 50, package: int | None = None
) -> list[LedgerLine]:
    """Return the whole ledger, page by page."""
    student_id, lines = timetable.student(student, org), list[LedgerLine]()
    while True:
        part = Part(limit, lines[-1].id if lines else None)
        with reading(timetable.engine) as session:
            page = ledger(session, timetable.organization(org), student_id, part, package_id=package)
        if not page:
            return lines
        lines += page


def name(timetable: Timetable, session: int) -> str:
    row = timetable.studio.one(
        "SELECT g.name FROM group_classes g JOIN class_sessions c ON c.group_class_id = g.id WHERE c.id = %(id)s",
        id=session,
    )
    return str(row["name"])


def test_a_line_says_what_it_was_for_and_what_was_left(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    session = timetable.session(datetime(2026, 10, 10, 5, tzinfo=UTC), minutes=90)
    booked = timetable.book("ada", session)

    (read_line,) = read(timetable)

    assert read_line == LedgerLine(
        id=read_line.id,
        created_at=datetime(2026, 10, 5, 8, tzinfo=UTC),
        kind=UseKind.SPEND,
        credits=-2,
        balance_before=5,
        balance_after=3,
        allowance_id=timetable.lines(package)[0],
        service_type=read_line.service_type,
        student_package_id=package,
        package_name="Explorer 5",
        product_code="EXPLORER-5",
        booking_id=booked.id,
        session_id=session,
        session_name=name(timetable, session),
        start_at=datetime(2026, 10, 10, 5, tzinfo=UTC),
        guest=None,
        reason=None,
        actor=None,
        # Istanbul is three hours ahead.
        description=f"Booked {name(timetable, session)}, Sat 10 Oct 08:00",
    )


def test_what_came_back_and_what_staff_did_stand_above_it(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    session = timetable.session(datetime(2026, 10, 10, 5, tzinfo=UTC))
    booked = timetable.book("ada", session)
    timetable.cancel("ada", booked.id)
    timetable.adjust("ada", timetable.lines(package)[0], 2, reason="a gift")
    timetable.adjust("ada", timetable.lines(package)[0], -1, reason="counted wrong")

    lines = read(timetable)

    what = f"{name(timetable, session)}, Sat 10 Oct 08:00"
    assert [(each.credits, each.balance_before, each.balance_after, each.description) for each in lines] == [
        (-1, 7, 6, "Taken by the studio: counted wrong"),
        (2, 5, 7, "Given by the studio: a gift"),
        (1, 4, 5, f"Cancelled {what}"),
        (-1, 5, 4, f"Booked {what}"),
    ]
    assert [each.actor for each in lines] == ["STUDENT ada", "STUDENT ada", None, None]


def test_what_was_given_up_too_late_says_so(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(0, 20))
    booked = timetable.book("ada", session)
    timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 day'")
    timetable.cancel("ada", booked.id, acceptForfeit=True)

    (spent,) = read(timetable)

    assert spent.description == f"Booked {name(timetable, session)}, Mon 5 Oct 23:00, given up too late"


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_every_page_goes_on_with_what_was_left_on_the_one_before(timetable: Timetable, limit: int) -> None:
    first = sell(timetable, "ada", line(9), line(4, "PRIVATE"))
    second = timetable.buy("ada", "CORE-10")
    for days in range(3, 9):
        booked = timetable.book("ada", timetable.session(soon(days)), packageId=(first, second)[days % 2])
        if days % 3 == 0:
            timetable.cancel("ada", booked.id)
    timetable.adjust("ada", timetable.lines(first)[1], -3)

    lines = read(timetable, limit=limit)

    assert [each.id for each in lines] == sorted((each.id for each in lines), reverse=True)
    assert len(lines) == timetable.studio.count("package_uses")
    for allowance, sold in zip([*timetable.lines(first), *timetable.lines(second)], (9, 4, 10), strict=True):
        own = [each for each in reversed(lines) if each.allowance_id == allowance]
        assert own[0].balance_before == sold
        assert all(one.balance_after == other.balance_before for one, other in pairwise(own))
        assert all(each.balance_after == each.balance_before + each.credits for each in own)
    left = {each.allowance_id: each.balance_after for each in reversed(lines)}
    assert [left[each] for each in timetable.lines(first)] == timetable.left(first)


def test_one_package_is_read_alone_with_the_same_balances(timetable: Timetable) -> None:
    first, second = timetable.buy("ada"), timetable.buy("ada", "CORE-10")
    for days in (3, 4, 5):
        timetable.book("ada", timetable.session(soon(days)), packageId=(first, second)[days % 2])

    alone = read(timetable, package=first)

    assert alone == [each for each in read(timetable) if each.student_package_id == first]
    assert [each.balance_after for each in alone] == [4]


def test_a_draft_names_the_session_that_it_has_now_and_not_for_those_before(timetable: Timetable) -> None:
    timetable.buy("ada", "WELLNESS-3")
    booked = timetable.book("ada", private(timetable), org="thrive")
    timetable.cancel("ada", booked.id, org="thrive")
    later = private(timetable, 5)
    again = timetable.book("ada", later, org="thrive")

    lines = read(timetable, org="thrive")

    assert again.id == booked.id
    assert [(each.booking_id, each.session_id) for each in lines] == [(booked.id, later), *[(booked.id, None)] * 2]
    assert [each.description for each in lines] == [
        # New York is four hours behind.
        f"Booked {name(timetable, later)}, Sat 10 Oct 05:00",
        "Cancelled a private session",
        "Booked a private session",
    ]


def test_nobody_reads_what_another_student_spent(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    timetable.buy("grace")
    timetable.book("ada", timetable.session(soon()))

    assert len(read(timetable, "ada")) == 1
    assert read(timetable, "grace") == read(timetable, "grace", package=package) == []
