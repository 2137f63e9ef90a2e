"""What can go wrong, sorted by what the caller should do about it.

DomainError              the rules say no; trying again cannot help
  Unrecognised           parked: nothing in the purchase says what was bought
  UnknownProduct         parked: a person mends the catalog, then it is replayed by itself
  CurrencyMismatch       parked: paid in another currency than the product's
  PurchaseTooLarge       parked: more units than any student could use, most likely a mistake
  InvalidCatalog         a catalog file says something impossible; nothing of it is applied
  ImportRefused          old records cannot be taken over as they are; nothing was (domain.legacy.fault)
  PayloadDeleted         an event cannot be replayed: what it said is kept no longer
  EraseRefused           something of a student is ahead or under way; nothing was erased
  Refusal                a command cannot be done; its job ends with the code, and nothing is written
    TooLate                too_late
    NotFound               not_found
    InvalidCommand         validation_failed
      InvalidField         the same, and which field
    SessionCancelled       session_cancelled
    SessionStarted         session_started
    SessionNotStarted      session_not_started
    SessionFull            session_full
    SeatTaken              seat_taken
    AlreadyBooked          already_booked
    TimeConflict           time_conflict
    TeacherUnavailable     teacher_unavailable
    EnrollmentRequired     enrollment_required
    InsufficientCredits    insufficient_credits
    AllAccessUsedToday     all_access_used_today
    FriendPassUnavailable  friend_pass_unavailable
    ConfirmationRequired   confirmation_required
    PackageExpired         package_expired
    PackageNotStarted      package_not_started
    PackageSuspended       package_suspended
    PackageRevoked         package_revoked
    CancellationWindowClosedcancellation_window_closed
    SessionNotFull         session_not_full
    AlreadyWaiting         already_waiting
    WaitlistClosed         waitlist_closed
    BookingClosed          booking_closed
    StepAlreadyBooked      step_already_booked
    StepNotBooked          step_not_booked
    InvalidOption          invalid_option
    CohortFull             cohort_full
    AlreadyEnrolled        already_enrolled
    StudentMerged          student_merged
    CouponInvalid          coupon_invalid
    CouponExhausted        coupon_exhausted
    NotRefundable          not_refundable
    OrderNotPaid           order_not_paid
    NothingToRefund        nothing_to_refund
    PaymentDisputed        payment_disputed
    RefundUnderWay         refund_under_way
    RefundReviewRequired   refund_review_required
    CohortClosed           cohort_closed
    StripeUnavailable      stripe_unavailable
    StripeRefused          stripe_refused
    CallFinal              call_final
NotReady                 a fact we depend on has not arrived; wait for it
  NeedsLineItems         only Stripe knows what the Checkout sold: ask it
  UnknownPayment         a refund or dispute before its purchase
  UnknownOrganization    nothing says yet whose event it is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class DomainError(Exception):
    """The rules say no. `code` is stable and machine-readable, the message says what to do."""

    code = "refused"


class Unrecognised(DomainError):
    """Nothing in the purchase says what was bought."""

    code = "unrecognised_purchase"


class UnknownProduct(DomainError):
    """The purchase names a product that the catalog does not have; `name` would bring it back."""

    code = "unknown_product"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class CurrencyMismatch(DomainError):
    """Stripe was paid in another currency than the product is sold in."""

    code = "currency_mismatch"


class PurchaseTooLarge(DomainError):
    """A cart with more units, or more sessions to schedule, than one transaction should write."""

    code = "purchase_too_large"


class InvalidCatalog(DomainError):
    """A catalog file says something impossible; the message points at the field."""

    code = "validation_failed"


class PayloadDeleted(DomainError):
    """What an event said is kept no longer: it cannot be acted on again. The message says what to do instead."""

    code = "payload_deleted"


class EraseRefused(DomainError):
    """A student cannot be erased yet: something of theirs is ahead or under way. The message says what goes first."""


class Refusal(DomainError):
    """A command cannot be done. The message is the answer to its caller, and says what to do instead.

    `field` is the way to what it is about, where it is about one; `more` is what a program is told besides.
    """

    field: str | None = None
    more: Mapping[str, Any] | None = None


class TooLate(Refusal):
    """The command was not begun in time: 15 minutes after it was accepted, or before its session's start."""

    code = "too_late"


class NotFound(Refusal):
    """What the command names does not exist, or is another student's or organization's."""

    code = "not_found"


class InvalidCommand(Refusal):
    """The command names things that do not fit each other."""

    code = "validation_failed"


class InvalidField(InvalidCommand):
    """One field says something impossible; `field` is the way to it, as in `seats.0.label`."""

    field: str

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class SessionCancelled(Refusal):
    """The session does not take place."""

    code = "session_cancelled"


class SessionStarted(Refusal):
    """The session has begun."""

    code = "session_started"


class SessionNotStarted(Refusal):
    """The session has not begun: nobody can have come to it."""

    code = "session_not_started"


class SessionFull(Refusal):
    """Every place is taken."""

    code = "session_full"


class SeatTaken(Refusal):
    """Somebody else has the seat."""

    code = "seat_taken"


class AlreadyBooked(Refusal):
    """The student has a place in this session."""

    code = "already_booked"


class TimeConflict(Refusal):
    """The student has another session at that time."""

    code = "time_conflict"


class TeacherUnavailable(Refusal):
    """The teacher has another session at that time."""

    code = "teacher_unavailable"


class EnrollmentRequired(Refusal):
    """The session belongs to courses that the student is not enrolled in; `courses` are the codes of those on sale."""

    code = "enrollment_required"

    def __init__(self, message: str, courses: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.more = {"courses": list(courses)} if courses else None


class StepAlreadyBooked(Refusal):
    """The step is booked, or done with."""

    code = "step_already_booked"


class StepNotBooked(Refusal):
    """The step has no booking that could be changed or cancelled, or none that was missed."""

    code = "step_not_booked"


class InvalidOption(Refusal):
    """The option is not one of the step's for this student, or the session not one of the option's."""

    code = "invalid_option"


class CohortFull(Refusal):
    """Every place of the cohort is taken."""

    code = "cohort_full"


class AlreadyEnrolled(Refusal):
    """The student is enrolled in the same already."""

    code = "already_enrolled"


class InsufficientCredits(Refusal):
    """Nothing that the student holds has enough credits of the right kind."""

    code = "insufficient_credits"


class AllAccessUsedToday(Refusal):
    """The student's All-Access is used up for the local day of the session."""

    code = "all_access_used_today"


class FriendPassUnavailable(Refusal):
    """No package of the student's may bring a friend to this session."""

    code = "friend_pass_unavailable"


class ConfirmationRequired(Refusal):
    """Only credits of a higher tier would pay, and the command does not say that they may."""

    code = "confirmation_required"


class PackageExpired(Refusal):
    """The package ends before the session, or would end before another session booked with it."""

    code = "package_expired"


class PackageNotStarted(Refusal):
    """The package begins after the session."""

    code = "package_not_started"


class PackageSuspended(Refusal):
    """The package's payment is disputed, or was ordered to go back whole."""

    code = "package_suspended"


class PackageRevoked(Refusal):
    """The package's payment went back."""

    code = "package_revoked"


class CancellationWindowClosed(Refusal):
    """The session starts too soon for a cancellation that gives something back."""

    code = "cancellation_window_closed"


class SessionNotFull(Refusal):
    """There is a free place, and nothing to wait for."""

    code = "session_not_full"


class AlreadyWaiting(Refusal):
    """The student is in line already."""

    code = "already_waiting"


class WaitlistClosed(Refusal):
    """The waitlist books nobody any more, or not this student."""

    code = "waitlist_closed"


class BookingClosed(Refusal):
    """The booking was cancelled, or is over."""

    code = "booking_closed"


class CouponInvalid(Refusal):
    """The coupon is unknown, not valid now, or not for this."""

    code = "coupon_invalid"


class CouponExhausted(Refusal):
    """The coupon was used as often as it may be, in all or by this student."""

    code = "coupon_exhausted"


class CohortClosed(Refusal):
    """The cohort takes nobody any more: its deadline is over."""

    code = "cohort_closed"


class StripeUnavailable(Refusal):
    """Stripe did not answer in time, or cannot be asked at all. Whether it did what it was asked to is not known."""

    code = "stripe_unavailable"


class StripeRefused(Refusal):
    """Stripe says no: the message is its own."""

    code = "stripe_refused"


class CallFinal(Refusal):
    """A call to Stripe that nobody may make again: it was not refused, or a command ended with it."""

    code = "call_final"


class StudentMerged(Refusal):
    """The student was merged into another one."""

    code = "student_merged"


class NotRefundable(Refusal):
    """The order was not paid through Stripe: there is no payment that could go back."""

    code = "not_refundable"


class OrderNotPaid(Refusal):
    """The order was not paid, or not yet."""

    code = "order_not_paid"


class NothingToRefund(Refusal):
    """All that was paid went back, or what would be given back is worth nothing."""

    code = "nothing_to_refund"


class PaymentDisputed(Refusal):
    """The payment is disputed: the bank decides what becomes of it."""

    code = "payment_disputed"


class RefundUnderWay(Refusal):
    """A refund of all that is left was asked for before, and Stripe has not said yet what became of it."""

    code = "refund_under_way"


class RefundReviewRequired(Refusal):
    """Something of the order was consumed, and nothing says what of it goes back: a person must."""

    code = "refund_review_required"


class NotReady(Exception):
    """A fact has not arrived; `waits_for` names what would bring the row back."""

    code = "not_ready"

    def __init__(self, message: str, waits_for: str | None = None) -> None:
        super().__init__(message)
        self.waits_for = waits_for


class NeedsLineItems(NotReady):
    """The Checkout's metadata does not name the product; Stripe's line items will."""

    code = "needs_line_items"


class UnknownPayment(NotReady):
    """A refund or a dispute of a payment that was not seen yet."""

    code = "unknown_payment"


class UnknownOrganization(NotReady):
    """Nothing says yet whose event it is."""

    code = "unknown_organization"
