"""All tables; importing this module is knowing them all."""

from db.models.base import Base, DeliveryStatus
from db.models.booking import ACTIVE, AllAccessDailyUsage, Booking, BookingStatus, BookingType, PaymentType
from db.models.class_session import ClassSession, GroupClass, Seat, SessionStatus
from db.models.coupon import UNLIMITED, Coupon, CouponProduct, CouponType, CouponUse, CouponUseStatus, DiscountType
from db.models.course import CourseCohort, CourseCohortSession, CourseProgram, CourseStep, CourseStepOption
from db.models.enrollment import (
    ENROLLED,
    OPEN_STEPS,
    EnrollmentStatus,
    ReviewReason,
    StepStatus,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
)
from db.models.inbox import EventStatus, Job, JobStatus, StripeEvent
from db.models.legacy import LegacyRecord
from db.models.order import DisputeStatus, GrantStatus, Order, OrderStatus, Payment, PaymentStatus, Subscription
from db.models.organization import Organization
from db.models.outbox import DomainEvent, Notification
from db.models.package import PackageUse, RedemptionType, StudentPackage, StudentPackageAllowance, UseKind
from db.models.periodic_run import ClockMark, Drain, PeriodicRun
from db.models.product import (
    CREDIT_UNITS,
    BillingInterval,
    PackageAllowance,
    Product,
    ProductType,
    RefundPolicy,
    ServiceType,
    StripePrice,
    ValidityStart,
)
from db.models.refund import OrderReview, Refund, RefundStatus, ReviewKind
from db.models.stripe_call import CallKind, StripeCall, StripeObject
from db.models.student import CalendarLink, StripeCustomer, Student
from db.models.teacher import Teacher, TeacherAvailability
from db.models.waitlist import WaitlistEntry, WaitlistStatus

__all__ = [
    "ACTIVE",
    "CREDIT_UNITS",
    "ENROLLED",
    "OPEN_STEPS",
    "UNLIMITED",
    "AllAccessDailyUsage",
    "Base",
    "BillingInterval",
    "Booking",
    "BookingStatus",
    "BookingType",
    "CalendarLink",
    "CallKind",
    "ClassSession",
    "ClockMark",
    "Coupon",
    "CouponProduct",
    "CouponType",
    "CouponUse",
    "CouponUseStatus",
    "CourseCohort",
    "CourseCohortSession",
    "CourseProgram",
    "CourseStep",
    "CourseStepOption",
    "DeliveryStatus",
    "DiscountType",
    "DisputeStatus",
    "DomainEvent",
    "Drain",
    "EnrollmentStatus",
    "EventStatus",
    "GrantStatus",
    "GroupClass",
    "Job",
    "JobStatus",
    "LegacyRecord",
    "Notification",
    "Order",
    "OrderReview",
    "OrderStatus",
    "Organization",
    "PackageAllowance",
    "PackageUse",
    "Payment",
    "PaymentStatus",
    "PaymentType",
    "PeriodicRun",
    "Product",
    "ProductType",
    "RedemptionType",
    "Refund",
    "RefundPolicy",
    "RefundStatus",
    "ReviewKind",
    "ReviewReason",
    "Seat",
    "ServiceType",
    "SessionStatus",
    "StepStatus",
    "StripeCall",
    "StripeCustomer",
    "StripeEvent",
    "StripeObject",
    "StripePrice",
    "Student",
    "StudentCourseEnrollment",
    "StudentCourseStepProgress",
    "StudentPackage",
    "StudentPackageAllowance",
    "Subscription",
    "Teacher",
    "TeacherAvailability",
    "UseKind",
    "ValidityStart",
    "WaitlistEntry",
    "WaitlistStatus",
]
