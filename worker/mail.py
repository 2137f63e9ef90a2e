"""Mail: rendered from a row when it leaves, sent to the SMTP server or written to a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.models import Notification
from db.transaction import fetch, reading
from domain.mail.booking_mail import TRUE_WHILE, read_booking_mail
from domain.mail.letter import Letter
from domain.mail.receipt import read_receipt
from domain.mail.waitlist_mail import CLOSED, SKIPPED, read_closed_mail, read_skipped_mail
from domain.purchase.grant_rows import RECEIPT
from worker import clock, smtp
from worker.outbox import NoLongerTrue, Outbox, Undeliverable
from worker.runtime import settings

# What would begin a new line, or turn the reading direction of what follows.
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class UnknownKind(Exception):
    """A mail of a kind that this version does not know: a newer one wrote it, and sends it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of mail: how what it tells is read, None if that is no longer true, and its templates' name."""

    read: Callable[[Session, int], Letter | None]
    template: str


KINDS: Mapping[str, Kind] = {
    RECEIPT: Kind(read_receipt, "purchase_receipt"),
    **dict.fromkeys(TRUE_WHILE, Kind(read_booking_mail, "booking")),
    SKIPPED: Kind(read_skipped_mail, "waitlist"),
    CLOSED: Kind(read_closed_mail, "waitlist"),
}


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


def _within_its_line(value: object) -> object:
    """Return a value as it may stand in a text: a name stays within its line. Markup was made of such values."""
    return BREAKS.sub(" ", value) if type(value) is str else value


def compose(letter: Letter, template: str) -> EmailMessage:
    """Return a mail: text and HTML, with the id that stays the same however often it is sent.

    Raises:
        Undeliverable: there is no address that a mail can go to.

    """
    message = EmailMessage()
    message["Subject"] = _one_line(letter.subject)
    message["From"] = _address(letter.organization, letter.sender)
    message["To"] = _address(letter.name or "", letter.email or "")
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.message_id}@{letter.sender.rpartition('@')[2]}>"
    message.set_content(_templates().get_template(f"{template}.txt.jinja").render(letter=letter))
    html = _templates().get_template(f"{template}.html.jinja").render(letter=letter)
    message.add_alternative(html, subtype="html")
    return message


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _address(name: str, email: str) -> Address:
    if not email:
        raise Undeliverable("the student has no e-mail address: add one, and it is sent again")
    try:
        return Address(_one_line(name), addr_spec=email)
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise Undeliverable("the e-mail address is not one") from error


def deliver(engine: Engine, row_id: int) -> None:
    """Render and send one row of the outbox."""
    with reading(engine) as session:
        kind = _kind(session, row_id)
        letter = kind.read(session, row_id)
    if letter is None:
        raise NoLongerTrue
    message = compose(letter, kind.template)
    url = settings().smtp_url
    if url is None:
        _write(settings().mail_folder, letter.message_id, message)
    else:
        smtp.send(urlsplit(url), message)


def _kind(session: Session, row_id: int) -> Kind:
    (row,) = fetch(session, "SELECT kind FROM notifications WHERE id = %(id)s", id=row_id)
    try:
        return KINDS[row["kind"]]
    except KeyError:
        raise UnknownKind(row["kind"]) from None


def _write(folder: Path, name: str, message: EmailMessage) -> None:
    """Write a mail whole or not at all; sent again it takes its own place."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}"
    unfinished.write_bytes(message.as_bytes())
    unfinished.replace(folder / f"{name}.eml")


NOTIFICATIONS = Outbox(Notification, batch=5, send=deliver)
