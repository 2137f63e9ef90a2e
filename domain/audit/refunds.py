"""What must hold of money that the studio pays back, of the credits that go with it, and of what waits for staff."""

from __future__ import annotations

from domain.audit.invariant import Invariant

REFUNDS = (
    Invariant(
        "refund.takes_back",
        "what a refund took off a line is there again where it failed, and is not where it did not",
        """SELECT 'refund ' || r.id AS what FROM refunds r JOIN package_uses u ON u.refund_id = r.id
            GROUP BY r.id, r.status, u.allowance_id
           HAVING CASE r.status WHEN 'FAILED' THEN sum(u.credits) <> 0 ELSE sum(u.credits) <= 0 END""",
    ),
    Invariant(
        "refund.whole_or_lines",
        "a whole refund takes nothing off the ledger, for the packages go with it; any other takes what it names, and"
        " of its own order",
        """SELECT 'refund ' || r.id AS what FROM refunds r
            WHERE r.is_whole = EXISTS (SELECT FROM package_uses u WHERE u.refund_id = r.id)
           UNION ALL
           SELECT 'refund ' || r.id FROM refunds r JOIN package_uses u ON u.refund_id = r.id
             JOIN student_package_allowances a ON a.id = u.allowance_id
             JOIN student_packages k ON k.id = a.student_package_id WHERE k.order_id <> r.order_id""",
    ),
    Invariant(
        "refund.whole_keeps",
        "what is ordered to go back whole is not to be used until Stripe says what becomes of it",
        """SELECT 'refund ' || r.id AS what FROM refunds r JOIN orders o ON o.id = r.order_id
             JOIN payments p ON p.id = o.payment_id
            WHERE r.is_whole AND r.status = 'REQUESTED' AND p.grant_status = 'VALID'""",
    ),
    Invariant(
        "refund.within_payment",
        "no more is paid back here than was paid, and what is done went back by Stripe's word",
        """SELECT 'order ' || o.id AS what FROM orders o LEFT JOIN payments p ON p.id = o.payment_id
             JOIN refunds r ON r.order_id = o.id AND r.status <> 'FAILED'
            GROUP BY o.id, p.id
           HAVING p.id IS NULL OR sum(r.amount) > p.amount_received
               OR sum(r.amount) FILTER (WHERE r.status = 'SUCCEEDED') > p.amount_refunded""",
    ),
    Invariant(
        "refund.asked_for",
        "Stripe is asked for every refund, once, and for that amount, or what of a foreign charge it is",
        """SELECT 'refund ' || r.id AS what FROM refunds r
             LEFT JOIN stripe_calls c ON c.refund_id = r.id AND c.kind = 'REFUND_CREATE'
            WHERE r.status = 'REQUESTED' AND r.stripe_refund_id IS NULL
              AND (c.id IS NULL OR c.status IN ('PARKED', 'VOID'))
               OR coalesce(c.params #>> '{metadata,punchcard_worth}', c.params ->> 'amount')::bigint <> r.amount""",
    ),
    Invariant(
        "refund.follows_stripe",
        "a refund that was ordered here is what Stripe says of it",
        """SELECT 'refund ' || r.id AS what FROM refunds r JOIN orders o ON o.id = r.order_id
             JOIN payments p ON p.id = o.payment_id
            WHERE r.stripe_refund_id IS NOT NULL
              AND CASE p.facts -> ('refund:' || r.stripe_refund_id) ->> 'status'
                    WHEN 'succeeded' THEN r.status = 'REQUESTED' WHEN 'failed' THEN r.status <> 'FAILED'
                    WHEN 'canceled' THEN r.status <> 'FAILED' ELSE r.status = 'SUCCEEDED' END""",
    ),
    Invariant(
        "review.told",
        "what waits for staff was published",
        """SELECT 'review ' || r.id AS what FROM order_reviews r
            WHERE NOT EXISTS (SELECT FROM domain_events e WHERE e.type = 'order.needs_review'
                                 AND e.subject = 'order/' || r.order_id AND (e.data ->> 'reviewId')::bigint = r.id)""",
    ),
)
