"""What must hold of the ledger as people read it, and of students who were merged."""

from __future__ import annotations

from domain.audit.invariant import Invariant

LEDGER = (
    Invariant(
        "ledger.adjusted",
        "what staff adjusted says why, and who did it",
        """SELECT 'line ' || id AS what FROM package_uses
            WHERE kind = 'ADJUST' AND (btrim(coalesce(reason, '')) = '' OR btrim(coalesce(actor, '')) = '')""",
    ),
    Invariant(
        "ledger.balances",
        "read from its first line on, no allowance ever had fewer than 0 credits left",
        """SELECT 'line ' || id AS what FROM (
             SELECT u.id, a.credits - sum(u.credits) OVER (PARTITION BY u.allowance_id ORDER BY u.id) AS balance
               FROM package_uses u JOIN student_package_allowances a ON a.id = u.allowance_id) line
            WHERE balance < 0""",
    ),
    Invariant(
        "ledger.own_organization",
        "a line of the ledger is of its allowance's organization",
        """SELECT 'line ' || u.id AS what FROM package_uses u
             JOIN student_package_allowances a ON a.id = u.allowance_id WHERE u.organization_id <> a.organization_id""",
    ),
    Invariant(
        "student.merged_once",
        "whom a student was merged into was not merged, and is known by a name unless they were erased",
        """SELECT 'student ' || s.id AS what FROM students s JOIN students x ON x.id = s.merged_into
            WHERE x.merged_into IS NOT NULL OR x.organization_id <> s.organization_id
               OR x.external_id IS NULL AND x.erased_at IS NULL
               OR s.is_elite_member OR s.has_all_access OR s.all_access_expires_at IS NOT NULL""",
    ),
    Invariant(
        "student.merged_has_nothing",
        "nothing belongs to a merged student but what was done and told; a coupon they used too often stays",
        """SELECT 'student ' || s.id || ': ' || x.what AS what FROM students s CROSS JOIN LATERAL (
             SELECT 'order ' || id AS what FROM orders WHERE student_id = s.id
             UNION ALL SELECT 'package ' || id FROM student_packages WHERE student_id = s.id
             UNION ALL SELECT 'booking ' || id FROM bookings WHERE student_id = s.id
             UNION ALL SELECT 'All-Access day ' || id FROM all_access_daily_usages WHERE student_id = s.id
             UNION ALL SELECT 'place in line ' || id FROM waitlist_entries WHERE student_id = s.id
             UNION ALL SELECT 'notification ' || id FROM notifications WHERE student_id = s.id AND status <> 'SENT'
             UNION ALL SELECT 'Stripe customer ' || stripe_customer_id FROM stripe_customers WHERE student_id = s.id
             UNION ALL SELECT 'use of a coupon ' || id FROM coupon_uses
                        WHERE student_id = s.id AND status = 'RELEASED') x
            WHERE s.merged_into IS NOT NULL""",
    ),
)
