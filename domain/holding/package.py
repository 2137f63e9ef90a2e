"""What a package is worth today: a status derived from its payment and its end, never stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from db.models import DisputeStatus, Payment, StudentPackage


class PackageStatus(StrEnum):
    """Whether a package may pay; of several reasons why not, the first in this list is told."""

    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    ACTIVE = "ACTIVE"


def status(package: StudentPackage, payment: Payment | None, *, at: datetime) -> PackageStatus:
    """Return the status of a package; one that nothing was paid for has no payment."""
    if payment and (is_fully_refunded(payment) or payment.dispute_status is DisputeStatus.LOST):
        return PackageStatus.REVOKED
    if payment and payment.dispute_status is DisputeStatus.OPEN:
        return PackageStatus.SUSPENDED
    if package.expires_at is not None and package.expires_at <= at:
        return PackageStatus.EXPIRED
    return PackageStatus.ACTIVE


def is_fully_refunded(payment: Payment) -> bool:
    """Say whether all the money went back; where nothing was paid, nothing can."""
    return 0 < payment.amount_received <= payment.amount_refunded
