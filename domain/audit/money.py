"""What must hold of money, packages, the ledger and the outboxes."""

from __future__ import annotations

from domain.audit.invariant import Invariant
from domain.purchase.holder import STANDS

MONEY = (
    Invariant(
        "ledger.not_negative",
        "no allowance has fewer than 0 credits left, nor more than were sold and given",
        """SELECT 'allowance ' || a.id AS what FROM student_package_allowances a
            JOIN package_uses u ON u.allowance_id = a.id
            GROUP BY a.id, a.credits
           HAVING a.credits - sum(u.credits) < 0
               OR sum(u.credits) FILTER (WHERE u.kind IN ('SPEND', 'RETURN')) < 0""",
    ),
    Invariant(
        "payment.one_order",
        "a paid order has the packages that its metadata counts, with their bonus",
        """SELECT 'order ' || o.id AS what FROM orders o
             LEFT JOIN (SELECT k.order_id, count(DISTINCT k.id) AS packages,
                               coalesce(sum(a.credits + coalesce((SELECT -sum(u.credits) FROM package_uses u
                                   WHERE u.allowance_id = a.id AND u.kind = 'BONUS'), 0)), 0) AS credits
                          FROM student_packages k
                          LEFT JOIN student_package_allowances a ON a.student_package_id = k.id
                         GROUP BY k.order_id) held ON held.order_id = o.id
            WHERE o.status IN ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED')
              AND (held.packages IS NULL OR held.credits <> (o.package_metadata ->> 'total_sessions')::bigint)""",
    ),
    Invariant(
        "payment.unpaid_grants_nothing",
        "an order that was not paid has no packages",
        """SELECT 'order ' || o.id AS what FROM orders o
            WHERE o.status IN ('PENDING', 'FAILED', 'EXPIRED')
              AND EXISTS (SELECT 1 FROM student_packages k WHERE k.order_id = o.id)""",
    ),
    Invariant(
        "payment.order_agrees",
        "an order says of its payment what the payment says",
        """SELECT 'order ' || o.id AS what FROM orders o JOIN payments p ON p.id = o.payment_id
            WHERE o.paid <> p.amount_received OR o.currency <> p.currency
               OR (p.status = 'SUCCEEDED') <> (o.status IN ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED'))""",
    ),
    Invariant(
        "package.one_per_unit",
        "each unit of an order is one package of the order's student",
        """SELECT 'order ' || o.id AS what FROM orders o JOIN student_packages k ON k.order_id = o.id
            GROUP BY o.id, o.student_id
           HAVING count(*) <> count(DISTINCT (k.line, k.unit)) OR bool_or(k.student_id <> o.student_id)""",
    ),
    Invariant(
        "drafts.are_credits",
        "a package that is scheduled later has as many open drafts as credits left",
        f"""SELECT 'package ' || k.id AS what FROM student_packages k
              JOIN products d ON d.id = k.product_id AND d.draft_service_type IS NOT NULL
              JOIN orders o ON o.id = k.order_id LEFT JOIN payments p ON p.id = o.payment_id
             WHERE {STANDS} AND (k.expires_at IS NULL OR k.expires_at > %(at)s)
               AND EXISTS (SELECT 1 FROM bookings b WHERE b.student_package_id = k.id)
               AND (SELECT count(*) FROM bookings b WHERE b.student_package_id = k.id AND b.status = 'DRAFT') <>
                   (SELECT sum(a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u
                                                      WHERE u.allowance_id = a.id), 0))
                      FROM student_package_allowances a
                     WHERE a.student_package_id = k.id AND a.service_type = d.draft_service_type)""",  # noqa: S608
    ),
    Invariant(
        "organization.apart",
        "what hangs together belongs to one organization",
        """SELECT 'package ' || k.id AS what FROM student_packages k
             JOIN orders o ON o.id = k.order_id JOIN students s ON s.id = k.student_id
             JOIN products d ON d.id = k.product_id LEFT JOIN payments p ON p.id = o.payment_id
            WHERE k.organization_id <> ANY (ARRAY[o.organization_id, s.organization_id, d.organization_id])
               OR p.organization_id <> k.organization_id
           UNION ALL
           SELECT 'booking ' || b.id FROM bookings b JOIN students s ON s.id = b.student_id
            WHERE b.organization_id <> s.organization_id
           UNION ALL
           SELECT 'allowance ' || a.id FROM student_package_allowances a
             JOIN student_packages k ON k.id = a.student_package_id WHERE a.organization_id <> k.organization_id
           UNION ALL
           SELECT 'Stripe customer ' || c.stripe_customer_id FROM stripe_customers c
             JOIN students s ON s.id = c.student_id WHERE c.organization_id <> s.organization_id""",
    ),
    Invariant(
        "outbox.receipt",
        "every order that granted something has its receipt; nobody gets one for what an older system sold",
        """SELECT 'order ' || o.id AS what FROM orders o
            WHERE EXISTS (SELECT 1 FROM student_packages k WHERE k.order_id = o.id)
              AND NOT EXISTS (SELECT 1 FROM legacy_records l WHERE l.organization_id = o.organization_id
                                 AND l.kind = 'order' AND l.row_id = o.id)
              AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.order_id = o.id AND n.kind = 'purchase.receipt')""",
    ),
    Invariant(
        "outbox.fulfilled",
        "every package has one package.fulfilled",
        """SELECT 'package ' || k.id AS what FROM student_packages k
             LEFT JOIN domain_events e ON e.subject = 'package/' || k.id AND e.type = 'package.fulfilled'
            GROUP BY k.id HAVING count(e.id) <> 1""",
    ),
    Invariant(
        "outbox.sequence",
        "a student's domain events are numbered without a gap",
        """SELECT 'student ' || s.id AS what FROM students s LEFT JOIN domain_events e ON e.student_id = s.id
            GROUP BY s.id HAVING count(e.id) <> s.event_sequence OR coalesce(max(e.sequence), 0) <> s.event_sequence""",
    ),
    Invariant(
        "inbox.alive",
        "nothing that is due stays undone",
        """SELECT 'event ' || id AS what FROM stripe_events WHERE status = 'RECEIVED' AND due_at < %(stuck)s
           UNION ALL SELECT 'job ' || id FROM jobs WHERE status = 'QUEUED' AND due_at < %(stuck)s
           UNION ALL SELECT 'notification ' || id FROM notifications WHERE status = 'PENDING' AND due_at < %(stuck)s
           UNION ALL SELECT 'domain event ' || id FROM domain_events WHERE status = 'PENDING' AND due_at < %(stuck)s
           UNION ALL SELECT 'call ' || id FROM stripe_calls WHERE status = 'PENDING' AND due_at < %(stuck)s
           UNION ALL SELECT 'job ' || j.id FROM jobs j WHERE j.status = 'RUNNING'
              AND NOT EXISTS (SELECT FROM stripe_calls c WHERE c.job_id = j.id AND c.status = 'PENDING')""",
    ),
)
