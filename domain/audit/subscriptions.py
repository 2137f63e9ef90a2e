"""What must hold of subscriptions, of payments with several names, and of packages whose money went back."""

from __future__ import annotations

from domain.audit.invariant import Invariant
from domain.purchase.holder import HELD, STANDS

SUBSCRIPTIONS = (
    Invariant(
        "payment.one_name",
        "what is another name of a payment says nothing by itself, and bought nothing",
        """SELECT 'payment ' || p.id AS what FROM payments p JOIN payments whole ON whole.id = p.part_of
            WHERE p.facts - 'erased' <> '{}' OR whole.part_of IS NOT NULL OR whole.organization_id <> p.organization_id
               OR EXISTS (SELECT FROM orders o WHERE o.payment_id = p.id)""",
    ),
    Invariant(
        "payment.of_subscription",
        "a subscription that an invoice names is known",
        """SELECT 'payment ' || p.id AS what FROM payments p
            WHERE p.subscription_key IS NOT NULL
              AND NOT EXISTS (SELECT FROM subscriptions u
                               WHERE u.organization_id = p.organization_id AND u.stripe_key = p.subscription_key)""",
    ),
    Invariant(
        "package.revoked_pays_nothing",
        "a package whose money went back pays for nothing that is ahead, and has no draft",
        f"""SELECT 'package ' || k.id AS what {HELD}
            WHERE NOT {STANDS}
              AND EXISTS (SELECT FROM bookings b WHERE b.student_package_id = k.id
                             AND (b.status = 'DRAFT' OR b.status = 'CONFIRMED' AND b.start_at > %(at)s))""",  # noqa: S608
    ),
)
