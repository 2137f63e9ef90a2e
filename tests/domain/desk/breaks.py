"""How each invariant of the desk is broken by hand, and which constraints must be away for that."""

from __future__ import annotations

from collections.abc import Sequence

NUMBERS = (
    "DROP INDEX uq_coupon_uses_number",
    "DROP INDEX uq_coupon_uses_student_number",
    "DROP INDEX uq_coupon_uses_package",
    "ALTER TABLE coupon_uses DROP CONSTRAINT ck_coupon_uses_within_limit",
    "ALTER TABLE coupon_uses DROP CONSTRAINT ck_coupon_uses_within_limit_of_student",
)
RECORD = "INSERT INTO legacy_records (organization_id, kind, legacy_id, row_id, imported_at)"
BREAKS_OF_DESK: dict[str, Sequence[str]] = {
    "coupon.within_limits": ["UPDATE coupon_uses SET number = 101 WHERE id = 2"],
    "coupon.used_for_a_package": ["UPDATE coupon_uses SET student_package_id = NULL WHERE id = 1"],
    "coupon.as_its_type": ["DELETE FROM package_uses WHERE kind = 'BONUS'"],
    "desk.order": ["UPDATE orders SET paid = paid + list_price WHERE payment_id IS NULL"],
    "desk.taken_over": [
        f"{RECORD} VALUES (1, 'order', 'packages/1', 999, now())",
    ],
}
# Other ways to break the same.
ALSO: Sequence[tuple[str, str]] = (
    ("coupon.within_limits", "UPDATE coupon_uses SET number = 7, coupon_id = 1"),
    ("coupon.within_limits", "UPDATE coupon_uses SET student_number = 2"),
    ("coupon.used_for_a_package", "UPDATE coupon_uses SET student_package_id = 1"),
    ("coupon.used_for_a_package", "UPDATE coupon_uses SET student_id = (SELECT id FROM students WHERE name = 'Hal')"),
    ("coupon.used_for_a_package", "UPDATE student_packages SET redemption_type = 'PACKAGE_DIRECT', coupon_id = NULL"),
    (
        "coupon.as_its_type",
        "UPDATE student_packages SET redemption_type = 'COUPON_PACKAGE' WHERE coupon_id IS NOT NULL",
    ),
    ("desk.order", "UPDATE orders SET status = 'PENDING' WHERE payment_id IS NULL"),
    ("desk.order", "UPDATE student_packages SET redeemed_by = NULL"),
    ("desk.taken_over", "UPDATE student_packages SET redeemed_by = 'import legacy'"),
    (
        "desk.taken_over",
        f"{RECORD} SELECT 3 - organization_id, 'order', 'packages/' || id, id, now() FROM orders",
    ),
    ("payment.one_order", "DELETE FROM package_uses WHERE kind = 'BONUS'"),
)
