"""A redemption as JSON: the shape of a job's result."""

from __future__ import annotations

from typing import Any

from domain.booking.shape import written
from domain.desk.redemption_view import RedemptionView
from domain.holding.holding import AllAccess, Balance, FriendPass

Json = dict[str, Any]


def shown(redemption: RedemptionView) -> Json:
    """Return a redemption as its student may see it: a job's result is theirs to read, the desk's notes are not."""
    optional = {
        "couponCode": redemption.coupon_code,
        "allAccess": _all_access(redemption.all_access),
        "friendPass": _friend_pass(redemption.friend_pass),
    }
    return {
        "id": redemption.id,
        "memberId": redemption.member_id,
        "packageId": redemption.package_id,
        "packageCode": redemption.package_code,
        "packageName": redemption.package_name,
        "redemptionType": redemption.redemption_type.value,
        "listPrice": redemption.list_price,
        "paid": redemption.paid,
        "currency": redemption.currency,
        "credits": redemption.credits,
        "status": redemption.status.value,
        "redeemedAt": written(redemption.redeemed_at),
        "startsAt": written(redemption.starts_at),
        "expiresAt": written(redemption.expires_at),
        **{name: value for name, value in optional.items() if value is not None},
        "balances": [_balance(line) for line in redemption.balances],
        "orderId": redemption.order_id,
        "studentPackageId": redemption.id,
    }


def _balance(line: Balance) -> Json:
    return {
        "allowanceId": line.allowance_id,
        "serviceType": line.service_type.value,
        "teacherTier": line.teacher_tier,
        "creditUnitMinutes": line.credit_unit_minutes,
        "total": line.total,
        "used": line.used,
        "remaining": line.remaining,
    }


def _all_access(window: AllAccess | None) -> Json | None:
    if window is None:
        return None
    return {
        "startsAt": written(window.starts_at),
        "expiresAt": written(window.expires_at),
        "usedToday": window.used_today,
    }


def _friend_pass(friend: FriendPass | None) -> Json | None:
    return {"status": friend.status.value, "expiresAt": written(friend.expires_at)} if friend else None
