"""What is taken out of which table when a person is erased: amounts, times, ids and statuses stay."""

from __future__ import annotations

from collections.abc import Mapping

from domain.booking.standing import STAFF_REASON
from domain.legacy.kinds import UNNAMED

# What a guest is called, whose name must not be none; and what stands where staff had to give a reason.
GUEST = "Guest"
REASON = "erased"
# Members of JSON that say something of a person, or that people wrote freely.
NOTES = ["reason", "cancelReason", STAFF_REASON]
TOLD = ["studentId", "memberId", "mergedFrom", "mergedInto", "email", "name", "guestName", "guestEmail", "reason"]

# Who did something is kept, unless they did it themselves: then it is by their role alone.
ACTOR = "CASE WHEN {actor} = ANY(%(actors)s) THEN split_part({actor}, ' ', 1) ELSE {actor} END"

# Commands about them, and those by which staff named them.
JOBS = """
student_id = ANY(%(ids)s) OR organization_id = %(organization)s
 AND student_id IS NULL AND request ->> 'memberId' = ANY(%(names)s)
"""
# As `domain.legacy.kinds.unnamed` does it.
NAME = "substr(caller, strpos(caller, ' ') + 1)"
HASH = f"'{UNNAMED}' || encode(sha256(convert_to({{text}}, 'UTF8')), 'hex')"

ERASURES: Mapping[str, str] = {
    "students": """
UPDATE students SET external_id = NULL, email = NULL, name = NULL, erased_at = %(at)s WHERE id = ANY(%(ids)s)""",
    "customers": "DELETE FROM stripe_customers WHERE student_id = ANY(%(ids)s)",
    "calendar_links": "DELETE FROM calendar_links WHERE student_id = ANY(%(ids)s)",
    "events": """
UPDATE stripe_events SET payload = NULL, payload_hash = sha256(payload), line_items = NULL
 WHERE id = ANY(ARRAY(
       SELECT id FROM stripe_events
        WHERE id = ANY(%(events)s) AND status IN ('PROCESSED', 'IGNORED') AND payload IS NOT NULL
        ORDER BY id FOR UPDATE SKIP LOCKED))""",
    "packages": f"""
UPDATE student_packages SET notes = NULL, redeemed_by = {ACTOR.format(actor="redeemed_by")}
 WHERE student_id = ANY(%(ids)s) AND (notes IS NOT NULL OR redeemed_by = ANY(%(actors)s))""",  # noqa: S608 - our own text
    "ledger": f"""
UPDATE package_uses SET reason = '{REASON}', actor = {ACTOR.format(actor="actor")}
 WHERE reason IS NOT NULL AND allowance_id IN (
       SELECT a.id FROM student_package_allowances a JOIN student_packages k ON k.id = a.student_package_id
        WHERE k.student_id = ANY(%(ids)s))""",  # noqa: S608 - our own text
    "refunds": f"""
UPDATE refunds SET reason = '{REASON}', actor = {ACTOR.format(actor="actor")}, last_error = NULL
 WHERE order_id IN (SELECT id FROM orders WHERE student_id = ANY(%(ids)s))""",  # noqa: S608 - our own text
    "order_reviews": f"""
UPDATE order_reviews SET note = NULL, resolved_by = {ACTOR.format(actor="resolved_by")}
 WHERE order_id IN (SELECT id FROM orders WHERE student_id = ANY(%(ids)s))
   AND (note IS NOT NULL OR resolved_by = ANY(%(actors)s))""",  # noqa: S608 - our own text
    # Of a refund it says the amount, and nothing of a person.
    "stripe_calls": f"""
UPDATE stripe_calls SET context = '{{}}', last_error = NULL,
       params = CASE WHEN refund_id IS NULL THEN '{{}}'::jsonb ELSE params END,
       response = CASE WHEN response IS NOT NULL AND refund_id IS NULL THEN '{{}}'::jsonb ELSE response END
 WHERE job_id IN (SELECT id FROM jobs WHERE {JOBS})
    OR refund_id IN (SELECT r.id FROM refunds r JOIN orders o ON o.id = r.order_id
                      WHERE o.student_id = ANY(%(ids)s))""",  # noqa: S608 - our own text
    "guests": f"""
UPDATE bookings SET guest_name = '{GUEST}', guest_email = NULL
 WHERE student_id = ANY(%(ids)s) AND guest_of IS NOT NULL""",  # noqa: S608 - our own text
    "bookings": """
UPDATE bookings SET metadata = metadata - %(notes)s::text[]
 WHERE student_id = ANY(%(ids)s) AND metadata ?| %(notes)s""",
    "waits": f"""
UPDATE waitlist_entries SET status = 'CLOSED', reason = '{REASON}', ended_at = %(at)s
 WHERE student_id = ANY(%(ids)s) AND ended_at IS NULL""",  # noqa: S608 - our own text
    "notifications": """
UPDATE notifications
   SET last_error = NULL, lease_token = NULL, status = CASE WHEN status = 'SENT' THEN status ELSE 'VOID' END
 WHERE student_id = ANY(%(ids)s) AND (status IN ('PENDING', 'PARKED') OR last_error IS NOT NULL)""",
    "domain_events": """
UPDATE domain_events SET last_error = NULL, data = coalesce((
       SELECT jsonb_object_agg(key, CASE WHEN key = ANY(%(told)s) THEN 'null' ELSE value END)
         FROM jsonb_each(data)), '{}')
 WHERE student_id = ANY(%(ids)s) AND (data ?| %(told)s OR last_error IS NOT NULL)""",
    # What failed by a fault of ours cannot be tried again: nothing is left of what it was to do.
    "jobs": f"""
UPDATE jobs SET request = '{{}}', idempotency_key = NULL, fingerprint = NULL, last_error = NULL,
       caller = {ACTOR.format(actor="caller")}, result = CASE WHEN result IS NOT NULL THEN '{{}}'::jsonb END,
       error_code = CASE WHEN error_code IN ('failed', 'worker_lost') THEN '{REASON}' ELSE error_code END,
       problem = CASE WHEN problem IS NOT NULL THEN jsonb_build_object(
         'code', CASE WHEN error_code IN ('failed', 'worker_lost') THEN '{REASON}'
                      ELSE coalesce(problem ->> 'code', '{REASON}') END,
         'detail', 'The student was erased, and with them what was told of this.') END
 WHERE {JOBS}""",  # noqa: S608 - our own text
    # What they did as staff is about others, and stays: a command sent again with its key is known by the hash.
    "callers": f"""
UPDATE jobs SET caller = split_part(caller, ' ', 1) || ' ' || {HASH.format(text=NAME)}
 WHERE organization_id = %(organization)s AND caller = ANY(%(actors)s)""",  # noqa: S608 - our own text
    # Known as taken over, by a name that says nothing: whoever imports the same records again brings nobody back.
    "legacy_records": f"""
UPDATE legacy_records SET legacy_id = {HASH.format(text="legacy_id")}
 WHERE organization_id = %(organization)s AND kind = 'student' AND row_id = ANY(%(ids)s)""",  # noqa: S608 - our own text
}
COUNT = "WITH erased AS ({erasure} RETURNING 1) SELECT count(*) AS n FROM erased"

# Marks of attendance answer with what they marked, of everybody in a session: who brought whom, and why not.
MARKS = """
SELECT id, result FROM jobs
 WHERE organization_id = %(organization)s AND student_id IS NULL AND jsonb_typeof(result -> 'bookings') = 'array'
   AND EXISTS (SELECT FROM jsonb_array_elements(result -> 'bookings') said
                WHERE said -> 'id' IN (SELECT to_jsonb(id) FROM bookings WHERE student_id = ANY(%(ids)s)))
"""
