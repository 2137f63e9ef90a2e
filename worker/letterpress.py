"""A letter becomes a mail: text, HTML whose styles stand on its elements, and the session for a calendar."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from domain.mail.ics import invitation
from domain.mail.letter import Letter
from domain.mail.voice import Voice
from worker import clock
from worker.outbox import Undeliverable

if TYPE_CHECKING:
    from css_inline import CSSInliner

# What would begin a new line, or turn the reading direction of what follows.
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def compose(letter: Letter) -> EmailMessage:
    """Return a mail, with the id that stays the same however often it is sent.

    A calendar finds the session beside the text, where Gmail, Apple Mail and Outlook look for it, and as a file for
    whoever looks there.

    Raises:
        Undeliverable: there is no address that a mail can go to.

    """
    message = EmailMessage()
    message["Subject"] = _one_line(letter.subject)
    message["From"] = _address(letter.organization, letter.sender)
    message["To"] = _address(letter.name or "", letter.email or "")
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.message_id}@{letter.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_rendered(letter, "letter.txt.jinja"))
    message.add_alternative(_inliner().inline(_rendered(letter, "letter.html.jinja")), subtype="html")
    _invite(message, letter)
    return message


def calendar_file(letter: Letter) -> bytes | None:
    """Return the session of a letter as a calendar reads it; None where it is about none."""
    if letter.invite is None:
        return None
    return invitation(
        letter.invite,
        organization=letter.organization,
        sender=letter.sender,
        name=letter.name,
        email=letter.email or "",
        at=clock.now(),
    )


def _invite(message: EmailMessage, letter: Letter) -> None:
    said = calendar_file(letter)
    if letter.invite is None or said is None:
        return
    method = "CANCEL" if letter.invite.is_cancelled else "REQUEST"
    message.add_alternative(said.decode(), subtype="calendar", params={"method": method}, cte="base64")
    message.add_attachment(said, maintype="application", subtype="ics", filename="invite.ics")


def _rendered(letter: Letter, template: str) -> str:
    say = Voice(letter.language, "UTC").say
    return _templates().get_template(template).render(letter=letter, say=say)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("worker"),
        autoescape=select_autoescape(enabled_extensions=("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_within_its_line,
    )


@cache
def _inliner() -> CSSInliner:
    """Return what puts styles onto elements; rules for small and for dark screens stay a style sheet."""
    from css_inline import CSSInliner  # noqa: PLC0415 - who sends no mail needs none

    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def _within_its_line(value: object) -> object:
    """Return a value as it may stand in a text: a name stays within its line. Markup was made of such values."""
    return BREAKS.sub(" ", value) if type(value) is str else value


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _address(name: str, email: str) -> Address:
    if not email:
        raise Undeliverable("the student has no e-mail address: add one, and it is sent again")
    try:
        return Address(_one_line(name), addr_spec=email)
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise Undeliverable("the e-mail address is not one") from error
