"""What a package is worth today: a status derived from its payment and its end, never stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from db.models import GrantStatus, Payment, StudentPackage


class PackageStatus(StrEnum):
    """Whether a package may pay; of several reasons why not, the first in this list is told."""

    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    ACTIVE = "ACTIVE"


# By what its payment makes of it; its dates are judged besides.
OF_GRANT = {
    GrantStatus.VALID: PackageStatus.ACTIVE,
    GrantStatus.SUSPENDED: PackageStatus.SUSPENDED,
    GrantStatus.REVOKED: PackageStatus.REVOKED,
}


def status(package: StudentPackage, payment: Payment | None, *, at: datetime) -> PackageStatus:
    """Return the status of a package; one that nothing was paid for has no payment."""
    granted = OF_GRANT[payment.grant_status if payment else GrantStatus.VALID]
    if granted is not PackageStatus.ACTIVE:
        return granted
    if package.expires_at is not None and package.expires_at <= at:
        return PackageStatus.EXPIRED
    return PackageStatus.ACTIVE
