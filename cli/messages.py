"""Mails and domain events: what could not leave and why, sent again; and events live."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

import config
from cli import output
from cli.database import database
from db.models import DeliveryStatus
from db.transaction import reading, transaction
from domain.inbox.messages import OUTBOXES, MessageId, MessageView, messages, retry, retry_all
from worker import clock

outbox = typer.Typer()

MESSAGE_ID = re.compile(r"(mail|event)-([1-9]\d{0,17})")
# What a type may be, with the words that stand for others.
PATTERN = re.compile(r"[a-z_*#]+(?:\.[a-z_*#]+)*")
# What to do about a message, by where it stands.
MEND = {
    DeliveryStatus.PARKED: "mend what it says, then `punchcard messages retry {id}`",
    DeliveryStatus.PENDING: "nothing: it is sent by itself",
    DeliveryStatus.SENT: None,
    DeliveryStatus.VOID: "nothing: it was no longer true",
}

Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@outbox.command("list")
def messages_list(
    status: Annotated[DeliveryStatus | None, typer.Option(case_sensitive=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at the most.")] = 50,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List mails and events, newest first: what became of them, what is wrong and what to do."""
    with database() as engine, reading(engine) as session:
        found = messages(session, status, limit)
    output.show([_row(each) for each in found], as_json=as_json, empty="no messages")


def _row(message: MessageView) -> dict[str, object]:
    mend = MEND[message.status]
    return {
        "id": str(message.id),
        "created": message.created_at,
        "organization": message.organization,
        "kind": message.kind,
        "student": message.student_id,
        "status": message.status.value,
        "attempts": message.attempts,
        "next attempt": message.next_attempt_at,
        "why": message.last_error,
        "what to do": mend.format(id=message.id) if mend else None,
    }


@outbox.command("retry")
def messages_retry(
    ids: Annotated[list[str], typer.Argument(show_default=False, help="Such as mail-12 or event-7.")] = (),  # type: ignore[assignment] # typer gives a list
    all_parked: Annotated[bool, typer.Option("--all-parked", help="All that could not leave.")] = False,  # noqa: FBT002
) -> None:
    """Send again what could not leave, after what was wrong is mended; what was sent stays sent once."""
    if bool(ids) == all_parked:
        raise output.fail("name messages by their ids, or all of them by --all-parked", output.USAGE)
    wanted = sorted({_message_id(each) for each in ids})
    with database() as engine, transaction(engine) as session:
        if all_parked:
            number = retry_all(session, at=clock.now())
        elif refused := retry(session, wanted, at=clock.now()):
            session.rollback()
            reasons = "; ".join(f"{each} {reason}" for each, reason in refused.items())
            raise output.fail(f"nothing is sent again: {reasons}")
        else:
            number = len(wanted)
    _hint()
    typer.echo(f"{number} message(s) due")


def _message_id(text: str) -> MessageId:
    if not (found := MESSAGE_ID.fullmatch(text)):
        names = " or ".join(f"{name}-NUMBER" for name in OUTBOXES)
        raise output.fail(f"{text!r} is no message: they are called {names}", output.USAGE)
    return MessageId(found[1], int(found[2]))


def _hint() -> None:
    from worker.hints import Hints

    Hints(config.load().broker_url).send("notifications")


@dataclass(slots=True)
class _Printer:
    """Prints what is wanted of what is heard, and counts it."""

    source: str | None
    as_json: bool
    most: int | None
    printed: int = 0

    def heard(self, event: dict[str, Any]) -> bool:
        """Print an event; return whether to go on."""
        if self.source in {None, event["source"]}:
            output.say(json.dumps(event) if self.as_json else _line(event))
            self.printed += 1
        return self.printed != self.most


@outbox.command("tail")
def messages_tail(
    types: Annotated[
        str, typer.Option(help="Types, comma separated: `booking.*`; * is a word, # is any number of words.")
    ] = "#",
    org: Annotated[str | None, typer.Option(help="Only of this organization: its slug.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many; without it at Ctrl-C.")] = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Show domain events live, as they leave."""
    patterns = [each.strip() for each in types.split(",")]
    if wrong := [each for each in patterns if not PATTERN.fullmatch(each)]:
        raise output.fail(f"{wrong[0]!r} is no type: it is words with dots, such as booking.*", output.USAGE)
    printer = _Printer(f"/organizations/{org}" if org else None, as_json, count)
    try:
        _tail(config.load().broker_url, patterns, printer)
    except KeyboardInterrupt:
        # This is how it is meant to end.
        raise typer.Exit from None
    except BrokenPipeError:
        # Whoever read it has seen enough; Python would complain of it once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def _tail(broker_url: str, patterns: list[str], printer: _Printer) -> None:
    from worker.event_tail import BrokerAway, Listening, listen

    told = Listening(
        heard=printer.heard,
        away=lambda: output.complain("the broker went away; it is awaited, and what leaves meanwhile is not shown"),
        back=lambda: output.complain("the broker is back"),
    )
    try:
        listen(broker_url, patterns, told)
    except BrokerAway as error:
        raise output.fail("the broker is away: start it (`punchcard up`, or your own), or mend BROKER_URL") from error


def _line(event: dict[str, Any]) -> str:
    """Return an event for a person: when, whose, what, its number, and what it says."""
    organization = event["source"].rpartition("/")[2]
    said = " ".join(f"{name}={json.dumps(value)}" for name, value in event["data"].items() if value is not None)
    number = f"#{event['sequence']}" if "sequence" in event else ""
    return " ".join(
        filter(None, (event["time"][:19] + "Z", organization, event["type"], event["subject"], number, said))
    )
