"""How each invariant of subscriptions, and of money that went back, is broken by hand."""

from __future__ import annotations

from collections.abc import Sequence

BREAKS_OF_SUBSCRIPTIONS: dict[str, Sequence[str]] = {
    "payment.one_name": ["""UPDATE payments SET facts = '{"intent:SUCCEEDED": {}}' WHERE part_of IS NOT NULL"""],
    "payment.of_subscription": ["DELETE FROM subscriptions"],
    "subscription.ends": [
        "UPDATE student_packages SET expires_at = expires_at + interval '1 day' WHERE product_code = 'PASS-MONTHLY'"
    ],
    "package.revoked_pays_nothing": [
        """UPDATE bookings SET status = 'DRAFT' WHERE student_package_id =
            (SELECT id FROM student_packages WHERE product_code = 'WELLNESS-3')"""
    ],
}
