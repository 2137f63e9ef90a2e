"""What of an order goes back, decided in plain Python: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.models import DisputeStatus, RefundPolicy, ServiceType
from domain.errors import (
    InsufficientCredits,
    InvalidField,
    NothingToRefund,
    NotRefundable,
    OrderNotPaid,
    PaymentDisputed,
    RefundReviewRequired,
    RefundUnderWay,
)
from domain.purchase.payment import Purchase
from domain.refund.command import Refund
from domain.refund.facts import Held, Line
from domain.refund.share import Part, share, units

# By its policy an order that is in use goes back whole, or what is unused of it.
ALL, UNUSED = "ALL", "UNUSED"


@dataclass(frozen=True, slots=True)
class Decision:
    """What goes back: so much money in minor units, for so many credits of lines; a whole refund names none."""

    amount: int
    taken: tuple[tuple[int, int], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all goes back that is left of the money, and the packages with it."""
        return not self.taken


def payment_of(held: Held) -> Purchase:
    """Return the payment that may go back.

    Raises:
        NotRefundable: nothing was paid through Stripe, or in several payments, of which each would pay back its own.
        OrderNotPaid: it was not paid, or not yet.
        PaymentDisputed: the bank decides.
        RefundUnderWay: all that is left was asked for before.
        NothingToRefund: all that was paid went back.

    """
    purchase = held.purchase
    if purchase is None or (purchase.paid and not purchase.received):
        raise NotRefundable(
            "The order was not paid through Stripe: pay it back as it was paid, and adjust its credits with"
            " POST /api/admin/packages/{id}/adjust."
        )
    if not purchase.paid:
        raise OrderNotPaid("The order is not paid: there is nothing to pay back.")
    if purchase.dispute is DisputeStatus.OPEN:
        raise PaymentDisputed("The payment is disputed, and the bank decides: answer the dispute in Stripe.")
    if any(each.is_whole for each in held.requested):
        raise RefundUnderWay("All that is left was asked for, and Stripe has not said yet what became of it: wait.")
    if purchase.dispute is DisputeStatus.LOST or held.left <= 0:
        raise NothingToRefund("All that was paid for the order went back, or is on its way.")
    if len(held.names) > 1:
        raise NotRefundable(
            f"The invoice was paid by several payments ({', '.join(held.names)}), and none of them would pay back more"
            " than its own: refund them in Stripe's dashboard."
        )
    return purchase


def wanted(held: Held, command: Refund) -> dict[int, int]:
    """Return how many credits of which lines a command names.

    Raises:
        InvalidField: a line is not the order's, or is of a course; or `sessions` do not say of which.

    """
    if command.sessions is not None and command.lines:
        raise InvalidField("sessions", "Name sessions or lines, not both.")
    if command.sessions is not None:
        if len(held.lines) != 1:
            advice = f"Name `lines`: the order has {len(held.lines)}, and `sessions` does not say of which."
            raise InvalidField("sessions", advice)
        return {_divisible(held.lines[0], "sessions").id: command.sessions}
    lines, chosen = {line.id: line for line in held.lines}, dict[int, int]()
    for number, (allowance, credits) in enumerate(command.lines):  # noqa: A001 - the field's word
        field = f"lines.{number}.allowance_id"
        if allowance not in lines:
            known = ", ".join(map(str, lines)) or "none"
            raise InvalidField(field, f"Name a line of the order: it has {known}.")
        if allowance in chosen:
            raise InvalidField(field, "Name each line once.")
        chosen[_divisible(lines[allowance], field).id] = credits
    return chosen


def _divisible(line: Line, field: str) -> Line:
    if line.service is ServiceType.COURSE:
        raise InvalidField(field, "Its credits are steps of a course: refund the whole course, by naming no lines.")
    return line


def by_policy(held: Held) -> str:
    """Return what of an order goes back where nothing is named: ALL, or what is UNUSED.

    Raises:
        RefundReviewRequired: somebody must say it.

    """
    if not held.is_consumed or held.policy is RefundPolicy.ALL:
        return ALL
    if held.policy is RefundPolicy.REVIEW:
        raise RefundReviewRequired(
            "Something of the order was consumed, and its product says that a person decides: name `sessions` or"
            " `lines` to take back credits, or refund an amount in Stripe's dashboard."
        )
    if not held.is_divisible:
        raise RefundReviewRequired(
            "A pass or a course that is in use has no unused credits to be paid back: name `lines` to take back"
            " credits that came with it, let the product's refund_policy be ALL, or refund an amount in Stripe's"
            " dashboard."
        )
    return UNUSED


def unused(lines: Sequence[Line]) -> dict[int, int]:
    """Return all the credits that are left, by line.

    Raises:
        NothingToRefund: there are none.

    """
    found = {line.id: line.remaining for line in lines if line.remaining > 0}
    if not found:
        raise NothingToRefund("No credit of the order is unused, and its product pays back nothing else.")
    return found


def whole(held: Held) -> Decision:
    """Return the refund of all that is left."""
    return Decision(held.left)


def parts(held: Held, lines: Sequence[Line], chosen: Mapping[int, int]) -> Decision:
    """Return the refund of some credits, by line: their share of what was paid, never more than is left of it.

    Raises:
        InsufficientCredits: more than are unused.
        NothingToRefund: they are worth nothing.

    """
    for line in lines:
        _check_unused(line, chosen.get(line.id, 0))
    paid = payment_of(held).received
    total = units(Part(line.sold, line.weight) for line in lines)
    before = units(Part(min(line.taken, line.sold), line.weight) for line in lines)
    more = units(Part(min(chosen.get(line.id, 0), _paid_for(line)), line.weight) for line in lines)
    amount = min(share(paid, total, before, more), held.left)
    if not amount:
        raise NothingToRefund("These credits are worth nothing in money: take them with an adjustment.")
    return Decision(amount, tuple((line.id, chosen[line.id]) for line in lines if line.id in chosen))


def _paid_for(line: Line) -> int:
    """Return how many credits of a line may still be paid back: what staff gave does not make up for what was used.

    What is bound in bookings ahead was not used.
    """
    return max(line.sold - (line.consumed - line.bound) - line.taken, 0)


def _check_unused(line: Line, credits: int) -> None:  # noqa: A002 - the field's word
    if credits <= line.remaining:
        return
    booked = f" {line.bound} more are bound in bookings ahead: cancel those first." if line.bound else ""
    raise InsufficientCredits(
        f"{line.package} has {line.remaining} unused credit(s) in line {line.id}, and {credits} are too many.{booked}"
    )
