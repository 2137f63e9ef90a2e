"""Hand a mail over to the SMTP server: encrypted, within a time, and with its answer taken at its word."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote

from worker.outbox import Undeliverable

# A batch of leases is shorter than its lease even if every message takes this long.
SMTP_TIMEOUT_SECONDS = 10
SMTP_PERMANENT = 500
SMTP_PORTS = {"smtp": 25, "smtps": 465}


def send(url: SplitResult, message: EmailMessage) -> None:
    """Send a mail.

    Raises:
        Undeliverable: the server refused it for good.

    """
    host, port = url.hostname or "localhost", url.port or SMTP_PORTS[url.scheme]
    if url.scheme == "smtps":
        tls = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SMTP_TIMEOUT_SECONDS, context=tls)
    else:
        server = smtplib.SMTP(host, port, timeout=SMTP_TIMEOUT_SECONDS)
    with server:
        server.ehlo()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        _hand_over(server, message)


def _hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    """Give a message to the server; what it refuses for good is not tried again."""
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        _refused(min(codes), error)
    except smtplib.SMTPNotSupportedError as error:
        raise Undeliverable("the mail server cannot send to such an address") from error
    except smtplib.SMTPResponseException as error:
        _refused(error.smtp_code, error)


def _refused(code: int, error: smtplib.SMTPException) -> None:
    """Raise what an answer means: 5yz is final (RFC 5321 §4.2.1)."""
    if code >= SMTP_PERMANENT:
        raise Undeliverable(f"the mail server refused it for good ({code}): mend the address or the sender") from error
    raise error
