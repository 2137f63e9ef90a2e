"""What stands when a batch is decided: students with what they hold, sessions with who is in them.

Deciding a command changes it, so that the next command of the batch meets what the one before it did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from db.models import ServiceType, WaitlistStatus
from domain.booking.standing import Standing
from domain.calendar.teacher import Hours
from domain.enrollment.enrollment import Cohort, Enrollment
from domain.holding.package import PackageStatus
from domain.validity import end_of_days

ENDLESS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat that may be sat on, and what it costs."""

    id: int
    label: str
    credit_cost: int


@dataclass(slots=True)
class Waiting:
    """A place in line; whoever was skipped keeps it, and keeps nobody else from a free place."""

    id: int
    student_id: int
    status: WaitlistStatus
    joined_at: datetime
    auto_book_until: datetime | None

    def until(self, closes_at: datetime) -> datetime:
        """Return until when it may be booked: by its own end, or that of the line."""
        return min(self.auto_book_until or closes_at, closes_at)


@dataclass(slots=True)
class Session:
    """A session; `seats` the cheapest first, empty where one sits anywhere. `places` and `sat` are taken.

    `line` waits for it, in turn. One that is `arranged` was made for a single student.
    """

    id: int
    organization_id: int
    name: str
    service: ServiceType
    tier: int
    is_scheduled: bool
    is_workshop: bool
    start_at: datetime
    end_at: datetime
    capacity: int
    seats: tuple[Seat, ...]
    places: set[int] = field(default_factory=set)
    sat: set[int] = field(default_factory=set)
    # Of each booking in it, its place when it was read.
    held: dict[int, int] = field(default_factory=dict)
    line: list[Waiting] = field(default_factory=list)
    is_arranged: bool = False
    # Of one that is being arranged, who is to give it.
    teacher: Teacher | None = None
    class_id: int = 0
    # Codes of the courses that its class serves, each with whether it is on sale.
    courses: tuple[tuple[str, bool], ...] = ()

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return int((self.end_at - self.start_at) / timedelta(minutes=1))

    @property
    def free_seats(self) -> list[Seat]:
        """The seats that nobody sits on, the cheapest first."""
        return [seat for seat in self.seats if seat.id not in self.sat]

    @property
    def room(self) -> int:
        """How many more can come."""
        free = self.capacity - len(self.places)
        return min(free, len(self.free_seats)) if self.seats else free

    @property
    def has_waitlist(self) -> bool:
        """Whether one may wait for it: a group's, of a course or not."""
        return self.service is not ServiceType.PRIVATE

    def entry(self, student_id: int) -> Waiting | None:
        """Return a student's place in line."""
        return next((each for each in self.line if each.student_id == student_id), None)

    def promised(self, student: Student, *, at: datetime) -> int:
        """Return how many places are for those who wait before a student: a free one is offered to the line first."""
        own, closes_at = self.entry(student.id), self.start_at - student.cutoff
        ahead = (each for each in self.line if own is None or each.id < own.id)
        return sum(each.status is WaitlistStatus.WAITING and at < each.until(closes_at) for each in ahead)

    def next_place(self) -> int:
        """Return a place that is free; behind all that are taken, unless somebody left one."""
        following = len(self.places) + 1
        if following not in self.places:
            return following
        return next(place for place in range(1, self.capacity + 1) if place not in self.places)


@dataclass(slots=True)
class Line:
    """One allowance with what is left of it; `drafts` are the bookings that wait for a time, one per credit."""

    id: int
    service: ServiceType
    tier: int
    unit_minutes: int
    remaining: int
    drafts: list[int]


@dataclass(frozen=True, slots=True)
class Pass:
    """An All-Access pass: which services, how many sessions a day, for which [starts, ends)."""

    starts_at: datetime
    ends_at: datetime
    services: frozenset[str]
    daily_limit: int


@dataclass(slots=True)
class Package:
    """A package that may pay. `starts` are those of the active sessions booked with it, if its days begin there."""

    id: int
    order_id: int
    name: str
    status: PackageStatus
    purchased_at: datetime
    days: int
    begins_with_use: bool
    starts_at: datetime | None
    expires_at: datetime | None
    all_access: Pass | None
    friend_until: datetime | None
    lines: list[Line]
    starts: list[datetime]
    friend_came: bool = False
    friends_asked: int = 0
    extended_until: datetime | None = None
    # Of a course.
    enrollment: Enrollment | None = None

    @property
    def turn(self) -> tuple[datetime, datetime, int]:
        """What packages are sorted by to pay: their ends, which a batch may have moved, then their age."""
        return self.expires_at or ENDLESS, self.purchased_at, self.id

    @property
    def course_line(self) -> Line | None:
        """The line of which each credit pays for a step."""
        return next((line for line in self.lines if line.service is ServiceType.COURSE), None)

    def line(self, allowance_id: int) -> Line | None:
        """Return the line of an allowance."""
        return next((line for line in self.lines if line.id == allowance_id), None)

    def end_from(self, first: datetime, zone: ZoneInfo) -> datetime:
        """Return when it ends if its days begin with a session: never before the end that the studio gave it."""
        end = end_of_days(first, self.days, zone.key)
        return max(end, self.extended_until) if self.extended_until else end


@dataclass(frozen=True, slots=True)
class Span:
    """When and where a student is busy."""

    booking_id: int
    session_id: int
    start_at: datetime
    end_at: datetime


@dataclass(slots=True)
class Student:
    """A student: packages in the order in which they pay, busy spans, and All-Access slots used by local day."""

    id: int
    organization_id: int
    external_id: str | None
    zone: ZoneInfo
    window: timedelta
    cutoff: timedelta
    sequence: int
    packages: dict[int, Package] = field(default_factory=dict)
    spans: dict[int, Span] = field(default_factory=dict)
    days: dict[date, dict[int, int]] = field(default_factory=dict)

    def day(self, instant: datetime) -> date:
        """Return the local calendar day of an instant: however many hours it has, it is one."""
        return instant.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Busy:
    """A time, and the session that a teacher gives then, if it is one."""

    start_at: datetime
    end_at: datetime
    session_id: int | None = None


@dataclass(slots=True)
class Teacher:
    """A teacher who can be asked for a time: when they can, in local hours, and when they cannot."""

    id: int
    tier: int
    hours: tuple[Hours, ...]
    busy: list[Busy] = field(default_factory=list)

    def take(self, session: Session) -> None:
        """Be busy with a session."""
        self.busy.append(Busy(session.start_at, session.end_at, session.id))

    def leave(self, session: Session) -> None:
        """Be free of a session."""
        self.busy = [each for each in self.busy if each.session_id != session.id]


@dataclass(slots=True)
class World:
    """All that a batch is about; `ids` are numbers kept for new bookings, the others for sessions and places in line.

    `teachers` are those whom a batch may ask, by organization and in the order in which they are asked; `undone`
    are the students and sessions of promotions that were given back.
    """

    students: dict[int, Student]
    sessions: dict[int, Session]
    bookings: dict[int, Standing]
    guests: dict[int, Standing]
    ids: list[int]
    session_ids: list[int] = field(default_factory=list)
    entry_ids: list[int] = field(default_factory=list)
    teachers: dict[int, list[Teacher]] = field(default_factory=dict)
    undone: set[tuple[int, int]] = field(default_factory=set)
    # By line, a session that was sold to be scheduled later, of the lines that are adjusted.
    drafted: dict[int, Standing] = field(default_factory=dict)
    # By class, the sessions ahead in which somebody may be put who names none, in the order of their starts.
    ahead: dict[int, list[int]] = field(default_factory=dict)
    cohorts: dict[int, Cohort] = field(default_factory=dict)
