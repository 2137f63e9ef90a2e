"""What a mail server said, or failed to say, as a person may read it: without addresses and secrets."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, unquote

from domain.redaction import HIDDEN, redact

LONGEST = 300
# It may be told of the message at MAIL already (RFC 1870 6.1).
TOO_LARGE = 552
# So many were sent that no other is taken today (as RFC 3463 3.6 has it, mail system congestion).
QUOTA = b"5.4.5"
LOGIN_REFUSED = " (the login is refused: mend user and password in SMTP_URL)"
NOT_ASCII = "what SMTP_URL says is not ASCII"
# What is shorter is found within other words, and hidden where it is one.
SHORTEST_WITHIN = 4
# A letter is in every word of a server, and names nobody.
SHORTEST_HIDDEN = 2


def refusal(error: OSError) -> int | None:
    """Return the code with which a server refused a message; None if it refused none, but failed."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min((code for code, _ in error.recipients.values()), default=None)
    # The library raises their parent where it cannot read an answer, with a code of its own.
    if isinstance(error, (smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) and error.smtp_code > 0:
        return error.smtp_code
    return None


def is_of_the_sender(error: OSError) -> bool:
    """Say whether a server refused for whom the mail is from, or for a day's number of them: no mail is to blame."""
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code != TOO_LARGE
    refused = error.recipients.values() if isinstance(error, smtplib.SMTPRecipientsRefused) else ()
    said = [text for _, text in refused] or [getattr(error, "smtp_error", b"")]
    return any(QUOTA in (text if isinstance(text, bytes) else text.encode()) for text in said)


def reason(error: Exception, step: str, where: SplitResult, *people: str) -> str:
    """Return what went wrong at a step, in one line.

    Args:
        error: What the library raised.
        step: The command, or `the connection`.
        where: The server's address, whose user and password are hidden.
        people: Whom the message is for, who are hidden, too.

    """
    secrets = {unquote(each) for each in (where.password, where.username) if each} | set(_names(people))
    return _told(error, step, secrets)[:LONGEST]


def _told(error: Exception, step: str, secrets: set[str]) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, refused = min(error.recipients.values())
        return f"{code} at {step}: {_text(refused, secrets)}"
    if isinstance(error, smtplib.SMTPResponseException):
        # Some servers say again what they were sent, and not as it stands in the address.
        said = LOGIN_REFUSED if step == "AUTH" else f": {_text(error.smtp_error, secrets)}"
        return f"{error.smtp_code} at {step}{said}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the mail server's certificate cannot be trusted: {error.verify_message}."
            " Name the server in SMTP_URL as its certificate does, or who signed it in SSL_CERT_FILE"
        )
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return f"the mail server did not answer in time at {step}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"the mail server hung up at {step}"
    # What cannot be written is quoted by who could not write it.
    said = NOT_ASCII if isinstance(error, UnicodeError) else getattr(error, "strerror", None) or str(error)
    return f"the mail server cannot be used at {step}: {_text(said, secrets)}"


def _text(said: bytes | str, secrets: set[str]) -> str:
    """Return a server's words in one line, without the login and without whom the message was for."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    for secret in sorted({each for each in secrets if len(each) >= SHORTEST_HIDDEN}, key=len, reverse=True):
        found = re.escape(secret) if len(secret) >= SHORTEST_WITHIN else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(found, HIDDEN, text, flags=re.IGNORECASE)
    return redact(text)


def _names(people: Iterable[str]) -> Iterator[str]:
    """Yield what could name somebody: each word of their name, their address, and the first half of it."""
    for word in (word.strip("<>\"',") for person in people for word in person.split()):
        yield word
        yield word.partition("@")[0]
