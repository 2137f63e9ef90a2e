"""Hand mails over to the SMTP server: one connection per batch, encrypted, within a time, its answers at their word."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from ipaddress import ip_address
from threading import local
from urllib.parse import SplitResult, unquote, urlsplit

import structlog

from worker.breaker import Breaker, Turn
from worker.outbox import Away, Postponed, Undeliverable
from worker.smtp_client import Client, TlsClient, own_name
from worker.smtp_words import is_of_the_sender, reason, refusal

# Each step of a conversation; all steps of a message are bounded, too (worker/smtp_client.py).
SMTP_TIMEOUT_SECONDS = 10
# After a message was taken nobody waits for a goodbye.
QUIT_SECONDS = 2
SMTP_PERMANENT = 500
READY = 220
DONE = 250
SMTP_PORTS = {"smtp": 25, "smtps": 465}
# It wants a login, or encryption, before it takes anything from anybody (RFC 4954 6, RFC 5321 4.3.2).
OF_THE_SERVER = frozenset({421, 503, 530, 534, 535, 538})

IN_THE_CLEAR = (
    "the mail server offers no encryption, and the login is not sent without:"
    " set SMTP_URL to smtps://, or to the port where the server offers STARTTLS"
)

BREAKER = Breaker()
log = structlog.get_logger(__name__)


class _Held(local):
    """The connection of the batch that this thread sends, if it has one by now."""

    client: Client | None = None


_held = _Held()


@contextmanager
def batch(url: str) -> Iterator[Turn]:
    """Send a batch within this block: over one connection, opened when it is needed and closed at the end."""
    turn = Turn(BREAKER, url)
    try:
        yield turn
    finally:
        turn.end()
        _hang_up()


def send(url: str, message: EmailMessage) -> None:
    """Send a mail.

    Raises:
        Away: the server serves nobody.
        Postponed: it did not take this one, or did not say so; it may later.
        Undeliverable: it refused this one for good.

    """
    where = urlsplit(url)
    try:
        _hand_over(_connected(url, where), url, message)
    except (Postponed, Undeliverable):
        # It said so: the conversation goes on.
        raise
    except BaseException:
        _drop()
        raise
    BREAKER.served(url)


def examine(url: str) -> str | None:
    """Connect and log in, and send nothing; return what is wrong, None if nothing is."""
    try:
        client = connect(urlsplit(url))
    except Away as away:
        return str(away)
    _quit(client)
    return None


def connect(where: SplitResult) -> Client:
    """Return a connection that is encrypted if the server can, and logged in if the address says as whom.

    Raises:
        Away: there is none to be had.

    """
    try:
        client = _reach(where)
    except (OSError, ValueError) as error:
        raise Away(reason(error, "the connection", where)) from error
    try:
        _prepare(client, where)
    except (OSError, ValueError) as error:
        client.close()
        raise Away(reason(error, client.step, where)) from error
    except Away:
        client.close()
        raise
    return client


def _prepare(client: Client, where: SplitResult) -> None:
    client.ehlo_or_helo_if_needed()
    if where.scheme == "smtp" and client.has_extn("starttls"):
        _encrypt(client)
    _log_in(client, where)


def _reach(where: SplitResult) -> Client:
    host, port = where.hostname or "localhost", where.port or SMTP_PORTS[where.scheme]
    if where.scheme == "smtps":
        tls = ssl.create_default_context()
        return TlsClient(host, port, local_hostname=own_name(), timeout=SMTP_TIMEOUT_SECONDS, context=tls)
    return Client(host, port, local_hostname=own_name(), timeout=SMTP_TIMEOUT_SECONDS)


def _encrypt(client: Client) -> None:
    """Encrypt what follows; a server that offers it and then cannot gets nothing in the clear."""
    code, said = client.starttls(context=ssl.create_default_context())
    if code != READY:
        raise smtplib.SMTPResponseException(code, said)
    client.ehlo()


def _log_in(client: Client, where: SplitResult) -> None:
    if not where.username:
        return
    if not isinstance(client.sock, ssl.SSLSocket) and not _is_here(client):
        raise Away(IN_THE_CLEAR)
    client.login(unquote(where.username), unquote(where.password or ""))


def _is_here(client: Client) -> bool:
    """Say whether the server is on this machine, where nobody listens in between."""
    peer = client.sock.getpeername() if client.sock else ("",)
    try:
        return ip_address(peer[0].partition("%")[0]).is_loopback
    except ValueError:
        return False


def _connected(url: str, where: SplitResult) -> Client:
    """Return the connection of this batch, if the server still holds it, or a new one."""
    client = _held.client
    if client is not None:
        client.allot()
        with suppress(OSError):
            if client.rset()[0] == DONE:
                return client
        _drop()
    try:
        client = _held.client = connect(where)
    except Away as away:
        _left_alone(url, str(away))
        raise
    return client


def _hand_over(client: Client, url: str, message: EmailMessage) -> None:
    """Give a message to the server, and raise what its answer means: 5yz is final (RFC 5321 4.2.1)."""
    where, was_fine = urlsplit(url), BREAKER.failures(url) == 0
    try:
        client.send_message(message)
    except smtplib.SMTPNotSupportedError as error:
        raise Undeliverable("the mail server cannot send to such an address") from error
    except OSError as error:
        code, said = refusal(error), reason(error, client.step, where, str(message["To"]))
        if code is None or code in OF_THE_SERVER:
            _drop()
            _left_alone(url, said)
            raise (Away(said) if code in OF_THE_SERVER - {421} else Postponed(said, blames=was_fine)) from error
        if code >= SMTP_PERMANENT and not is_of_the_sender(error):
            BREAKER.served(url)
            raise Undeliverable(f"the mail server refused it for good: {said}") from error
        BREAKER.refused(url)
        raise Postponed(said, blames=was_fine and code < SMTP_PERMANENT) from error


def _left_alone(url: str, said: str) -> None:
    log.warning("mail.left_alone", seconds=BREAKER.failed(url), reason=said)


def _hang_up() -> None:
    client, _held.client = _held.client, None
    if client is not None:
        _quit(client)


def _drop() -> None:
    client, _held.client = _held.client, None
    if client is not None:
        client.close()


def _quit(client: Client) -> None:
    """Say goodbye; what was taken before stays taken, whatever becomes of that."""
    client.allot(QUIT_SECONDS)
    with suppress(OSError):
        client.quit()
    client.close()
