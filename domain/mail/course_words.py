"""Where an enrollment in a course stands, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from domain.mail.voice import Voice

# Of an enrollment `e`: the label of each step that may be booked or is, in their order, and when it is booked.
STEPS = """
(SELECT jsonb_agg(jsonb_build_array(s.label, b.start_at) ORDER BY s.position)
   FROM student_course_step_progress g JOIN course_steps s ON s.id = g.course_step_id
   LEFT JOIN bookings b ON b.id = g.booking_id AND g.status = 'BOOKED'
  WHERE g.enrollment_id = e.id AND g.status IN ('UNBOOKED', 'CANCELLED', 'BOOKED'))
"""


def enrolled(row: Mapping[str, Any], voice: Voice) -> Iterator[str]:
    """Say in which cohort somebody is, what is booked and what is not; of a row with `cohort` and `steps`."""
    if row["cohort"]:
        yield voice.say("You are enrolled, in {cohort}.", cohort=row["cohort"])
    else:
        yield voice.say("You are enrolled.")
    steps = [(label, datetime.fromisoformat(at) if at else None) for label, at in row["steps"] or ()]
    for label, start_at in steps:
        if start_at:
            yield voice.say("{step} is booked: {time}.", step=label, time=voice.start(start_at))
    if still := [label for label, start_at in steps if start_at is None]:
        yield voice.say("Still to be booked: {steps}.", steps=", ".join(still))
