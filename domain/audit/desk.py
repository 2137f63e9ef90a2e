"""What must hold of coupons, their uses, and what was handed over without a payment."""

from __future__ import annotations

from domain.audit.invariant import Invariant
from domain.legacy.kinds import ACTOR, TABLES

# Of each kind of what was taken over, whether its row is there and its organization's.
STANDS = " ".join(
    f"WHEN '{kind}' THEN EXISTS (SELECT FROM {table} x WHERE x.id = l.row_id AND x.organization_id = l.organization_id)"
    for kind, table in TABLES.items()
)

DESK = (
    Invariant(
        "coupon.within_limits",
        "a coupon is used no more often than it may be, in all and by one student, and each use has numbers of its own",
        """SELECT 'coupon ' || c.id AS what FROM coupons c JOIN coupon_uses u ON u.coupon_id = c.id
            WHERE u.number IS NOT NULL
            GROUP BY c.id, c.max_redemptions
           HAVING count(*) <> count(DISTINCT u.number) OR greatest(count(*), max(u.number)) > c.max_redemptions
           UNION ALL
           SELECT 'coupon ' || c.id FROM coupons c JOIN coupon_uses u ON u.coupon_id = c.id
            WHERE u.number IS NOT NULL
            GROUP BY c.id, c.max_redemptions_per_student, u.student_id
           HAVING count(*) <> count(DISTINCT u.student_number)
               OR greatest(count(*), max(u.student_number)) > c.max_redemptions_per_student""",
    ),
    Invariant(
        "coupon.used_for_a_package",
        "a use that counts for good has its package, of the same coupon and, unless staff were told that none was left,"
        " student; and that package has one use, unless so",
        """SELECT 'coupon use ' || u.id AS what FROM coupon_uses u
             JOIN students s ON s.id = u.student_id LEFT JOIN student_packages k ON k.id = u.student_package_id
            WHERE u.status = 'USED' AND (k.id IS NULL OR k.coupon_id IS DISTINCT FROM u.coupon_id
                                         OR k.student_id NOT IN (s.id, coalesce(s.merged_into, s.id))
                                        AND NOT EXISTS (SELECT FROM order_reviews r WHERE r.order_id = k.order_id
                                                           AND r.kind = 'COUPON_EXHAUSTED'))
           UNION ALL
           SELECT 'package ' || k.id FROM student_packages k
             LEFT JOIN coupon_uses u ON u.student_package_id = k.id AND u.status = 'USED'
            WHERE k.coupon_id IS NOT NULL AND NOT EXISTS (SELECT FROM order_reviews r
                     WHERE r.order_id = k.order_id AND r.kind = 'COUPON_EXHAUSTED')
            GROUP BY k.id HAVING count(u.id) <> 1""",
    ),
    Invariant(
        "coupon.as_its_type",
        "a package says by which kind of coupon it came, and a bonus stands once on the ledger of those that have one",
        """SELECT 'package ' || k.id AS what FROM student_packages k JOIN coupons c ON c.id = k.coupon_id
            WHERE k.redemption_type <> CASE c.coupon_type WHEN 'DISCOUNT' THEN 'COUPON_DISCOUNT'
                                                          WHEN 'PACKAGE' THEN 'COUPON_PACKAGE' ELSE 'COUPON_BONUS' END
           UNION ALL
           SELECT 'package ' || k.id FROM student_packages k
             LEFT JOIN student_package_allowances a ON a.student_package_id = k.id
             LEFT JOIN package_uses u ON u.allowance_id = a.id AND u.kind = 'BONUS'
            GROUP BY k.id HAVING count(u.id) <> (k.redemption_type = 'COUPON_BONUS')::int""",
    ),
    Invariant(
        "desk.order",
        "what was handed over without a payment is one package, paid at the desk: its price, or what the coupon says",
        """SELECT 'order ' || o.id AS what FROM orders o
             LEFT JOIN student_packages k ON k.order_id = o.id
            WHERE o.payment_id IS NULL
            GROUP BY o.id, o.status, o.paid, o.list_price, o.price_mismatch
           HAVING count(k.id) <> 1 OR o.status <> 'PAID' OR o.price_mismatch OR bool_or(k.redeemed_by IS NULL)
               OR bool_or(CASE k.redemption_type WHEN 'COUPON_PACKAGE' THEN false
                                                 WHEN 'COUPON_DISCOUNT' THEN o.paid > o.list_price
                                                 ELSE o.paid <> o.list_price END)""",
    ),
    Invariant(
        "desk.taken_over",
        "what was taken over from an older system is there, and what the import handed over is known to come from it",
        f"""SELECT 'legacy record ' || l.id AS what FROM legacy_records l WHERE NOT CASE l.kind {STANDS} ELSE false END
            UNION ALL
            SELECT 'package ' || k.id FROM student_packages k
             WHERE k.redeemed_by = '{ACTOR}'
               AND NOT EXISTS (SELECT FROM legacy_records l WHERE l.organization_id = k.organization_id
                                  AND l.kind = 'order' AND l.row_id = k.order_id)""",  # noqa: S608 - our own text
    ),
)
