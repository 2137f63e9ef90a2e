"""Steps that were booked in the old world, booked again in sessions of ours, by the engine of every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from db.models import StepStatus
from domain.booking.act import act
from domain.enrollment.step_command import BookStep, Selection
from domain.errors import Refusal
from domain.legacy.courses import Enrolling, Old
from domain.legacy.tally import Books

# Of one batch of the engine.
BATCH = 200


def book(session: Session, books: Books, wanted: Sequence[Enrolling]) -> Iterator[int]:
    """Book what was booked, by the rules of every step; yield how many are done. What cannot be stays open."""
    asked = [(each, row) for each in wanted if each.why is None for row in _booked(each)]
    sure = [(each, row, option) for each, row in asked if (option := _option(books, each, row))]
    for first in range(0, len(sure), BATCH):
        batch = sure[first : first + BATCH]
        commands = [_command(number, *each, books) for number, each in enumerate(batch)]
        answers = act(session, commands, at=books.at)
        for number, (_, row, _) in enumerate(batch):
            answer = answers[number]
            if isinstance(answer, Refusal):
                books.cannot_map(row, str(answer))
            else:
                books.took(row)
        yield first + len(batch)


def _booked(wanted: Enrolling) -> Iterator[Old]:
    """Yield the rows of steps that were booked, in the order of the steps."""
    rows = (wanted.rows[label] for label in wanted.course.steps if label in wanted.rows)
    return (row for row in rows if row.said.status is StepStatus.BOOKED)


def _option(books: Books, wanted: Enrolling, row: Old) -> int | None:
    """Return the option that a step was booked by; None, and the row listed, where that is not clear."""
    options, code = wanted.course.steps[row.said.step_label].options, row.said.class_code
    if wanted.waits:
        books.cannot_map(row, wanted.waits)
    elif code and code not in options:
        books.cannot_map(row, f"class {code} does not serve {row.said.step_label}")
    elif code is None and len(options) != 1:
        books.cannot_map(row, f"it says no class_code, and {row.said.step_label} has {len(options)} options")
    else:
        return options[code] if code else next(iter(options.values()))
    return None


def _command(number: int, wanted: Enrolling, row: Old, option: int, books: Books) -> BookStep:
    step = wanted.course.steps[row.said.step_label]
    head = (number, wanted.purchase.student_id, books.at, books.at)
    return BookStep(*head, wanted.purchase.package_id, Selection(step.id, option))
