"""A correction of the ledger by the studio: credits given or taken, in turn with what the student books."""

from __future__ import annotations

from dataclasses import asdict

from db.models import BookingStatus, ServiceType
from domain.booking.command import Adjust
from domain.booking.desk import Desk
from domain.booking.release import OPEN
from domain.booking.standing import Standing
from domain.booking.state import Line, Package
from domain.errors import InsufficientCredits, InvalidField, NotFound, PackageExpired, PackageRevoked
from domain.family import Result
from domain.holding.package import PackageStatus

ADJUSTED = "package.adjusted"
# As many as the largest product on sale may have.
MOST_LEFT = 10_000


def adjust(command: Adjust, desk: Desk) -> Result:
    """Give credits to a line of a package, or take some that are left; its open drafts follow.

    A package that has ended may be mended, too, but for drafts: those of an ended package are cancelled, and
    none come back to it. A suspended one stays suspended, whatever it holds.

    Raises:
        NotFound: the package is not there, or another student's.
        InvalidField: the line is not the package's, is of a course, or would hold more than any may.
        PackageRevoked: its payment went back, and nothing of it is left to be mended.
        PackageExpired: drafts would come back to a package that has ended.
        InsufficientCredits: more would be taken than is left.

    """
    package, line = _line(command, desk)
    pattern = desk.world.drafted.get(line.id)
    _check(command, package, line, desk, has_drafts=pattern is not None)
    before, line.remaining = line.remaining, line.remaining + command.credits
    desk.outgoing.adjust(desk.student, line.id, -command.credits, (command.reason, command.actor), at=desk.at)
    if pattern and command.credits > 0:
        _add_drafts(desk, line, pattern, command.credits)
    elif pattern:
        _cancel_drafts(desk, line, -command.credits)
    amounts = {"credits": command.credits, "balanceBefore": before, "balanceAfter": line.remaining}
    about = {"packageId": package.id, "allowanceId": line.id}
    owner = {"studentId": desk.student.external_id}
    desk.outgoing.publish(desk.student, ADJUSTED, f"package/{package.id}", about | owner | amounts, at=desk.at)
    return {"adjustment": about | amounts | {"reason": command.reason}}


def _line(command: Adjust, desk: Desk) -> tuple[Package, Line]:
    package = desk.student.packages.get(command.package_id)
    if package is None:
        raise NotFound("There is no package of this id: the student's ledger names theirs.")
    line = package.line(command.allowance_id)
    if line is None:
        known = " or ".join(str(each.id) for each in package.lines)
        advice = f"its allowanceId is {known}" if known else "it has none"
        raise InvalidField("allowance_id", f"Name a line of {package.name}: {advice}.")
    if line.service is ServiceType.COURSE:
        raise InvalidField("allowance_id", "Its credits are steps of a course: open a missed step again instead.")
    return package, line


def _check(command: Adjust, package: Package, line: Line, desk: Desk, *, has_drafts: bool) -> None:
    if package.status is PackageStatus.REVOKED:
        raise PackageRevoked(f"The payment of {package.name} went back: sell or redeem another package.")
    has_ended = package.expires_at is not None and package.expires_at <= desk.at
    if has_ended and has_drafts and command.credits > 0:
        raise PackageExpired(
            f"{package.name} has ended, and its sessions cannot be scheduled any more: redeem another."
        )
    left = line.remaining + command.credits
    if left < 0:
        raise InsufficientCredits(
            f"{package.name} has {line.remaining} credit(s) left, and {-command.credits} are too many to take."
        )
    if left > MOST_LEFT:
        raise InvalidField("credits", f"{package.name} would have {left} credits left, and {MOST_LEFT} are the most.")


def _add_drafts(desk: Desk, line: Line, pattern: Standing, count: int) -> None:
    """Make so many open drafts, each as those that were sold."""
    owner = {"organization_id": desk.student.organization_id, "student_id": desk.student.id}
    row = asdict(pattern) | owner | {"created_at": desk.at, "metadata": {}}
    rows = [row | OPEN | {"id": desk.new_id()} for _ in range(count)]
    desk.outgoing.drafts += rows
    desk.world.bookings |= {each["id"]: Standing.of(each) for each in rows}
    line.drafts = sorted([*line.drafts, *(each["id"] for each in rows)])


def _cancel_drafts(desk: Desk, line: Line, count: int) -> None:
    """Cancel so many open drafts, the newest; an ended package may have none any more."""
    kept = max(len(line.drafts) - count, 0)
    line.drafts, gone = line.drafts[:kept], line.drafts[kept:]
    for number in gone:
        row = asdict(desk.world.bookings[number]) | {"organization_id": desk.student.organization_id}
        row |= {"status": BookingStatus.CANCELLED.value, "session_capacity": None}
        desk.world.bookings[number] = Standing.of(row)
        desk.outgoing.release(row)
