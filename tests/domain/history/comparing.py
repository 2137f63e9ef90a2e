"""Every balance, date, day, place and status of a history compared with the model."""

from __future__ import annotations

from tests.domain.history.model import Model
from tests.domain.history.nouns import Booking, Package
from tests.domain.history.payments import Payment
from tests.studio import Studio

LINES = """
SELECT k.id, k.starts_at, k.expires_at, k.friend_pass_expires_at,
  array(SELECT a.credits - coalesce((SELECT sum(u.credits) FROM package_uses u WHERE u.allowance_id = a.id), 0)
          FROM student_package_allowances a WHERE a.student_package_id = k.id ORDER BY a.position)::int[] AS left,
  EXISTS (SELECT FROM bookings b WHERE b.student_package_id = k.id AND b.payment_type = 'FRIEND_PASS'
           AND b.status <> 'CANCELLED') AS came,
  array(SELECT b.id FROM bookings b WHERE b.student_package_id = k.id AND b.status = 'DRAFT' ORDER BY b.id) AS drafts
  FROM student_packages k WHERE k.id = ANY(%(ids)s)
"""
DAYS = """
SELECT s.external_id AS name, array_agg(u.usage_date ORDER BY u.usage_date) AS days
  FROM all_access_daily_usages u JOIN students s ON s.id = u.student_id
 WHERE u.freed_at IS NULL AND s.external_id = ANY(%(names)s) GROUP BY 1
"""
SESSIONS = """
SELECT c.id, c.status = 'CANCELLED' AS off, c.start_at, c.end_at, c.capacity,
  array(SELECT coalesce(b.seat_id, 0) FROM bookings b WHERE b.session_id = c.id AND b.place IS NOT NULL
         ORDER BY coalesce(b.seat_id, 0)) AS seats,
  coalesce((SELECT jsonb_agg(jsonb_build_array(s.external_id, w.status, w.reason) ORDER BY w.id)
              FROM waitlist_entries w JOIN students s ON s.id = w.student_id WHERE w.session_id = c.id), '[]') AS line
  FROM class_sessions c WHERE c.id = ANY(%(ids)s)
"""
# What staff have to look at, beside what was paid and went back.
MONEY = """
SELECT p.stripe_key AS key, o.status, p.amount_received::bigint AS paid, p.amount_refunded::bigint AS returned,
  array(SELECT r.kind || ' ' || r.about FROM order_reviews r
         WHERE r.order_id = o.id AND r.resolved_at IS NULL) AS reviews,
  array(SELECT concat_ws(' ', r.id, r.amount, r.status) FROM refunds r WHERE r.order_id = o.id ORDER BY r.id) AS ordered
  FROM orders o JOIN payments p ON p.id = o.payment_id WHERE p.stripe_key = ANY(%(keys)s)
"""
STATUSES = "SELECT id, status FROM bookings WHERE id = ANY(%(ids)s)"
COUPONS = """
SELECT c.code, count(u.id)::int AS uses FROM coupons c LEFT JOIN coupon_uses u ON u.coupon_id = c.id AND u.number > 0
 WHERE c.code = ANY(%(codes)s) GROUP BY 1
"""


def compare(studio: Studio, model: Model, bookings: dict[int, Booking]) -> None:
    """Compare everything, and let the audit look for what the model does not know."""
    _compare_packages(studio, {each.id: each for each in model.packages}, model)
    _compare_payments(studio, {p.payment.key: p.payment for p in model.packages if p.payment})
    _compare_sessions(studio, model)
    days = {row["name"]: row["days"] for row in studio.rows(DAYS, names=list(model.orgs))}
    assert days == {name: said for name in model.orgs if (said := model.days(name))}
    for row in studio.rows(STATUSES, ids=list(bookings)):
        status = "CANCELLED" if row["status"] == "DRAFT" else row["status"]
        assert status == bookings[row["id"]].status, (row, bookings[row["id"]])
    used = [each.coupon for each in model.packages]
    assert {row["code"]: row["uses"] for row in studio.rows(COUPONS, codes=list(model.coupons))} == {
        c: used.count(c) for c in model.coupons
    }
    found = studio.audit()
    assert found == [], found


def _compare_packages(studio: Studio, packages: dict[int, Package], model: Model) -> None:
    for row in studio.rows(LINES, ids=list(packages)):
        package = packages[row["id"]]
        said = (row["left"], row["came"], (row["starts_at"], row["expires_at"]))
        assert said == (model.left(package), model.friend_came(package), model.window(package)), package
        assert row["friend_pass_expires_at"] == package.friend_until, package
        _compare_drafts(package, row["drafts"])


def _compare_drafts(package: Package, numbers: list[int]) -> None:
    """Compare the open drafts, and learn the numbers of those that are new."""
    known = {number for number in package.drafts if number is not None}
    assert len(numbers) == len(package.drafts), (package, numbers)
    assert known <= set(numbers), (package, numbers)
    package.drafts = list(numbers)
    package.numbers |= set(numbers)


def _compare_payments(studio: Studio, payments: dict[str, Payment]) -> None:
    for row in studio.rows(MONEY, keys=list(payments)):
        payment = payments[row["key"]]
        said = (row["status"], row["paid"], row["returned"], sorted(row["reviews"]))
        assert said == (payment.order, payment.amount, payment.returned, payment.reviews), payment
        assert row["ordered"] == [f"{o.number} {o.amount} {o.status}" for o in payment.ordered], payment


def _compare_sessions(studio: Studio, model: Model) -> None:
    sessions = {each.id: each for each in model.sessions}
    for row in studio.rows(SESSIONS, ids=list(sessions)):
        each = sessions[row["id"]]
        told = (row["off"], row["start_at"], row["end_at"], row["capacity"])
        assert told == (each.off, each.start, each.end, each.capacity), each
        assert row["seats"] == sorted(b.seat or 0 for b in model.inside(each)), each
        waits = [[w.student, w.status, w.reason] for w in model.waits if w.session is each]
        assert row["line"] == waits, each
