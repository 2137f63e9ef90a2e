"""What is said to pay for a session, beside what a booking of it really is paid with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.models import (
    ClassSession,
    DisputeStatus,
    Organization,
    PaymentType,
    Product,
    Seat,
    ServiceType,
    Student,
    StudentPackage,
    StudentPackageAllowance,
    ValidityStart,
)
from db.transaction import reading, transaction
from domain.booking.act import act
from domain.booking.command import Book, Wish
from domain.booking.compatible import Compatible, compatible
from domain.errors import InvalidCommand, NotFound, Refusal
from domain.family import Asked
from tests.timetable import Timetable
from tests.webhook_gateway.world import World

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUP, PRIVATE, COURSE = ServiceType.GROUP, ServiceType.PRIVATE, ServiceType.COURSE
Line = tuple[ServiceType, int, int, int]


@dataclass
class Desk:
    """A studio in which anything can be held, and be booked as a trial."""

    timetable: Timetable
    world: World
    lumen: Organization
    product: Product

    @property
    def engine(self) -> Engine:
        return self.world.engine

    def student(self, name: str) -> Student:
        return self.world.student(self.lumen, name)

    def hold(self, student: Student, *lines: Line, payment: dict[str, Any] | None = None, **fields: Any) -> int:
        """Give a student a package; a line is a service, a tier, credits, and minutes of one."""
        paid = self.world.payment(self.lumen, **payment or {})
        package = self.world.package(self.world.order(student, self.product, paid))
        with transaction(self.engine) as session:
            held = session.get_one(StudentPackage, package.id)
            for column, value in ({"expires_at": AT + timedelta(days=90)} | fields).items():
                setattr(held, column, value)
            for position, (service, tier, number, unit) in enumerate(lines):
                line = StudentPackageAllowance(
                    organization_id=self.lumen.id,
                    student_package_id=package.id,
                    position=position,
                    service_type=service,
                    teacher_tier=tier,
                    credits=number,
                    credit_unit_minutes=unit,
                )
                session.add(line)
        return package.id

    def session(self, start_at: datetime, *, service: ServiceType = GROUP, tier: int = 0, **fields: Any) -> int:
        """Add a session of a teacher of a tier."""
        return self.timetable.session(start_at, service=service.value, tier=tier, **{"minutes": 60} | fields)

    def ask(self, student: Student, session_id: int, seat_id: int | None = None) -> Compatible:
        with reading(self.engine) as session:
            return compatible(session, student.id, session_id, seat_id, at=AT)

    def book(self, student: Student, wanted: int, *, keep: bool = False, **wish: Any) -> dict[str, Any] | Refusal:
        """Book a session, or find out what that would end in."""
        command = Book(1, student.id, AT, AT, wanted, None, Wish(**wish), None)
        with Session(self.engine) as session:
            (answer,) = act(session, [command], at=AT).values()
            if keep:
                session.commit()
        assert not isinstance(answer, Asked)
        return answer if isinstance(answer, Refusal) else dict(answer["booking"])


@pytest.fixture
def desk(timetable: Timetable) -> Desk:
    world = World(timetable.engine)
    with transaction(world.engine) as session:
        lumen = session.scalars(select(Organization).where(Organization.slug == "lumen")).one()
    return Desk(timetable, world, lumen, world.product(lumen, "P"))


def refused(answer: dict[str, Any] | Refusal) -> tuple[str, str]:
    assert isinstance(answer, Refusal), answer
    return answer.code, str(answer)


def paid(answer: dict[str, Any] | Refusal) -> tuple[int, str, int]:
    assert not isinstance(answer, Refusal), answer
    return answer["studentPackageId"], answer["paymentType"], answer["creditsUsed"]


def check(desk: Desk, student: Student, wanted: int) -> Compatible:
    """Compare all that is said with what bookings end in, each tried alone."""
    said = desk.ask(student, wanted)

    booked = desk.book(student, wanted)
    if said.recommended:
        one = said.recommended
        assert paid(booked) == (one.id, one.payment_type, one.credits_needed)
        assert said.exact_match[0] == one
    else:
        refused(booked)
        assert not said.exact_match
    for each in said.exact_match:
        named = desk.book(student, wanted, package_id=each.id, payment=each.payment_type)
        assert paid(named) == (each.id, each.payment_type, each.credits_needed)
    for each in said.higher_tier:
        wish: dict[str, Any] = {"package_id": each.id, "payment": each.payment_type}
        assert refused(desk.book(student, wanted, **wish))[0] == "confirmation_required"
        assert paid(desk.book(student, wanted, **wish, confirmed=True)) == (
            each.id,
            each.payment_type,
            each.credits_needed,
        )
    for useless in said.unusable:
        assert refused(desk.book(student, wanted, package_id=useless.id)) == (useless.code, useless.detail)
    return said


def hold_anything(desk: Desk, chance: random.Random, student: Student) -> int:
    """Give a student a package of any kind, in any state."""
    lines = [
        (chance.choice([GROUP, GROUP, PRIVATE, COURSE]), chance.choice([0, 0, 20]), chance.randint(1, 6), unit)
        for unit in chance.choices([15, 30, 45, 60], k=chance.choice([0, 1, 1, 2, 3]))
    ]
    begin = AT + timedelta(days=chance.choice([-300, -100, -9, -9, -9, -9, 2]))
    fields: dict[str, Any] = {"starts_at": begin, "expires_at": begin + timedelta(days=chance.choice([10, 100, 400]))}
    if chance.random() < 0.2:
        fields = {"starts_at": None, "expires_at": None, "validity_starts": ValidityStart.FIRST_USE, "validity_days": 2}
    elif chance.random() < 0.3 or not lines:
        fields |= {
            "all_access_starts_at": fields["starts_at"],
            "all_access_expires_at": fields["expires_at"],
            "all_access_services": chance.choice([["GROUP"], ["GROUP", "PRIVATE"]]),
            "all_access_daily_limit": chance.choice([1, 1, 2]),
        }
    payment: dict[str, Any] = chance.choice(
        [
            {},
            {},
            {},
            {},
            {},
            {},
            {},
            {"amount_refunded": 500_000},
            {"dispute_status": chance.choice(list(DisputeStatus))},
        ]
    )
    return desk.hold(student, *lines, payment=payment, **fields)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_to_pay_is_what_a_booking_is_paid_with(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    starts = [AT + timedelta(days=day, hours=hour) for day in (1, 3, 6) for hour in (0, 2, 4)]
    sessions = [
        desk.session(
            start,
            tier=chance.choice([0, 0, 10, 20]),
            seats=chance.choice([(), (), (2, 1) * 15, (3,) * 30]),
            service=chance.choice([GROUP, GROUP, GROUP, PRIVATE, COURSE]),
            minutes=chance.choice([30, 45, 60, 90]),
            capacity=30,
        )
        for start in starts
    ]

    for number in range(12):
        student = desk.student(f"student-{number}")
        held = {hold_anything(desk, chance, student) for _ in range(chance.randint(0, 6))}
        wanted = chance.sample(sessions, 4)
        for other in wanted[2:]:
            desk.book(student, other, keep=True)
        for each in wanted[:2]:
            said = check(desk, student, each)
            told = [one.id for one in (*said.exact_match, *said.higher_tier)] + [one.id for one in said.unusable]
            assert set(told) == held


def test_what_pays_is_told_in_the_order_in_which_it_would(desk: Desk) -> None:
    student = desk.student("ada")
    private = desk.hold(student, (PRIVATE, 0, 4, 60))
    tier = desk.hold(student, (GROUP, 20, 4, 60))
    late = desk.hold(student, (GROUP, 0, 4, 60), expires_at=AT + timedelta(days=80))
    early = desk.hold(student, (GROUP, 0, 4, 60), expires_at=AT + timedelta(days=40))
    window: dict[str, Any] = {"all_access_starts_at": AT, "all_access_expires_at": AT + timedelta(days=30)}
    day_pass = desk.hold(student, **window)

    said = check(desk, student, desk.session(AT + timedelta(days=3)))

    assert [each.id for each in said.exact_match] == [day_pass, early, late]
    assert [each.id for each in said.higher_tier] == [tier, private]
    assert said.recommended == said.exact_match[0]
    assert said.recommended.payment_type is PaymentType.ALL_ACCESS
    assert said.recommended.expires_at == AT + timedelta(days=30)
    assert [(each.credits_needed, each.remaining) for each in said.exact_match] == [(0, None), (1, 4), (1, 4)]
    assert not said.unusable


def test_a_package_with_a_pass_and_credits_pays_in_two_ways(desk: Desk) -> None:
    student = desk.student("ada")
    both = desk.hold(student, (GROUP, 0, 4, 60), all_access_starts_at=AT, all_access_expires_at=AT + timedelta(days=30))

    said = check(desk, student, desk.session(AT + timedelta(days=3)))

    assert [(each.id, each.payment_type.value) for each in said.exact_match] == [(both, "ALL_ACCESS"), (both, "CREDIT")]


def test_a_seat_costs_what_it_costs_and_none_the_cheapest(desk: Desk) -> None:
    student = desk.student("ada")
    desk.hold(student, (GROUP, 0, 2, 60))
    wanted = desk.session(AT + timedelta(days=3), seats=(3, 2))
    with reading(desk.engine) as session:
        dear, cheap = session.execute(
            select(Seat.id, Seat.credit_cost)
            .join(ClassSession, ClassSession.group_class_id == Seat.group_class_id)
            .where(ClassSession.id == wanted)
            .order_by(Seat.position)
        ).all()

    unnamed, named = check(desk, student, wanted), desk.ask(student, wanted, dear.id)
    desk.book(student, wanted, keep=True)
    desk.hold(student, (GROUP, 0, 9, 60))
    taken = desk.ask(student, wanted)

    assert [each.credits_needed for each in unnamed.exact_match] == [2]
    assert [each.code for each in named.unusable] == ["insufficient_credits"]
    assert [each.credits_needed for each in taken.exact_match] == [dear.credit_cost]
    assert cheap.credit_cost == 2
    with pytest.raises(InvalidCommand):
        desk.ask(student, wanted, 999_999)


def test_a_full_session_costs_its_cheapest_seat(desk: Desk) -> None:
    other, student = desk.student("bob"), desk.student("ada")
    desk.hold(other, (GROUP, 0, 9, 60))
    desk.hold(student, (GROUP, 0, 9, 60))
    wanted = desk.session(AT + timedelta(days=3), seats=(3,), capacity=1)
    desk.book(other, wanted, keep=True)

    said = desk.ask(student, wanted)

    assert [each.credits_needed for each in said.exact_match] == [3]


def test_a_course_takes_enrollments_only(desk: Desk) -> None:
    student = desk.student("ada")
    package = desk.hold(student, (COURSE, 0, 9, 60), all_access_starts_at=AT, all_access_expires_at=AT + timedelta(9))

    said = check(desk, student, desk.session(AT + timedelta(days=3), service=COURSE))

    assert (said.requires_course_enrollment, said.is_enrolled_in_course) == (True, False)
    assert [(each.id, each.code) for each in said.unusable] == [(package, "enrollment_required")]


def test_what_ended_long_ago_is_told_too(desk: Desk) -> None:
    student = desk.student("ada")
    ended: dict[str, Any] = {"starts_at": AT - timedelta(days=999), "expires_at": AT - timedelta(days=800)}
    package = desk.hold(student, (GROUP, 0, 9, 60), **ended)
    empty = desk.hold(student, friend_pass_expires_at=AT + timedelta(days=30))

    said = check(desk, student, desk.session(AT + timedelta(days=3)))

    assert [(each.id, each.code) for each in said.unusable] == [
        (empty, "insufficient_credits"),
        (package, "package_expired"),
    ]


def test_of_very_many_packages_the_newest_are_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    student = desk.student("ada")
    monkeypatch.setattr("domain.booking.compatible.MOST_TOLD", 2)
    held = [desk.hold(student, (PRIVATE, 0, 1, 15), expires_at=None, starts_at=None) for _ in range(3)]
    usable = desk.hold(student, (GROUP, 0, 1, 60))

    said = desk.ask(student, desk.session(AT + timedelta(days=3)))

    assert [each.id for each in said.unusable] == held[:0:-1]
    assert [each.id for each in said.exact_match] == [usable]


def test_another_organizations_session_is_none(desk: Desk) -> None:
    student = desk.student("ada")
    other = desk.session(AT + timedelta(days=3), org="thrive")

    for session_id in (other, 999_999):
        with pytest.raises(NotFound):
            desk.ask(student, session_id)


def test_what_others_hold_is_not_told(desk: Desk) -> None:
    student, other = desk.student("ada"), desk.student("bob")
    desk.hold(other, (GROUP, 0, 9, 60))

    said = desk.ask(student, desk.session(AT + timedelta(days=3)))

    assert (said.exact_match, said.higher_tier, said.recommended, said.unusable) == ([], [], None, [])
