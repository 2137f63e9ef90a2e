"""A letter becomes a mail: text, HTML whose styles stand on its elements, and the session for a calendar."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address, HeaderRegistry, UniqueAddressHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, default
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
# A name that is no name, but a text: a line has room for so many letters and their quotes (RFC 5321 4.5.3.1.6).
LONGEST_NAME = 200
# RFC 2047 2.
LONGEST_WORD = 75


class WholeName(UniqueAddressHeader):
    """An address whose name stays whole: where Python folds one, its quotes go, and a comma in it parts addresses."""

    # The library makes it a header, with a name and a way to fold.
    name: str

    def fold(self, *, policy: EmailPolicy) -> str:
        """Return the header's lines."""
        (whom,) = self.addresses
        if not (policy.utf8 or whom.addr_spec.isascii()):
            return str(super().fold(policy=policy))  # type: ignore[misc]
        address = f"<{whom.addr_spec}>" if whom.display_name else whom.addr_spec
        name = str(whom).removesuffix(address).rstrip()
        if not (policy.utf8 or name.isascii()):
            said = Header(whom.display_name, "utf-8", maxlinelen=LONGEST_WORD, header_name=self.name)
            name = said.encode(linesep=policy.linesep)
        line = " ".join(filter(None, (f"{self.name}:", name, address)))
        if len(line) > (policy.max_line_length or LONGEST_NAME):
            line = f"{line.removesuffix(address).rstrip()}{policy.linesep} {address}"
        return line + policy.linesep


def _policy() -> EmailPolicy[EmailMessage]:
    headers = HeaderRegistry()
    for name in ("from", "to"):
        headers.map_to_type(name, WholeName)  # type: ignore[arg-type] # which it makes a header of
    return default.clone(header_factory=headers)


POLICY = _policy()


def compose(letter: Letter) -> EmailMessage:
    """Return a mail, with the id that stays the same however often it is sent.

    A calendar finds the session beside the text, where Gmail, Apple Mail and Outlook look for it, and as a file for
    whoever looks there.

    Raises:
        Undeliverable: there is no address that a mail can go to.

    """
    message = EmailMessage(POLICY)
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
    # As bytes: a text would lose the ends that its lines must have (RFC 5545 3.1).
    message.add_alternative(
        said, maintype="text", subtype="calendar", params={"method": method, "charset": "utf-8"}, cte="base64"
    )
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
    """Return a text as a header may have it: in one line, and nothing in it looks encoded, or Python decodes it."""
    said = "".join(c if c.isprintable() else " " for c in text).replace("=?", "= ?")
    return " ".join(said.split())


def _address(name: str, email: str) -> Address:
    if not email:
        raise Undeliverable("the student has no e-mail address: add one, and it is sent again")
    try:
        return Address(_one_line(name)[:LONGEST_NAME].strip(), addr_spec=email)
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise Undeliverable("the e-mail address is not one") from error
