"""Mail servers that misbehave: one that has a mood for each step, and bare sockets that are none at all."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.stack import free_port

# Longer than any sender waits here.
SILENCE = 3.0
HANGS, HANGS_UP = "hangs", "hangs up"


class Moody:
    """Takes mails, but for what it was told to do at a step, to everybody or to one address."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.calls: list[str] = []
        self.moods: dict[str, str] = {}
        self.only: str | None = None
        self.logins: list[bytes] = []
        self.was_encrypted: list[bool] = []

    def at(self, step: str, mood: str, *, only: str | None = None) -> None:
        """Set what it does at a step: a code and a text, or that it hangs, or hangs up."""
        self.moods, self.only = {step: mood}, only

    async def _answer(self, step: str, server: Any, addresses: Sequence[str], fine: str) -> str:
        self.calls.append(step)
        mood = self.moods.get(step)
        if mood is None or (self.only and self.only not in addresses):
            return fine
        if mood == HANGS:
            await asyncio.sleep(SILENCE)
        if mood == HANGS_UP:
            server.transport.abort()
        return fine if mood in {HANGS, HANGS_UP} else mood

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.calls.append("EHLO")
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._answer("MAIL", server, [], "250 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        answer = await self._answer("RCPT", server, [address], "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = await self._answer("DATA", server, envelope.rcpt_tos, "250 OK")
        if answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
            self.was_encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return await self._answer("taken", server, envelope.rcpt_tos, answer)

    async def handle_RSET(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        return await self._answer("RSET", server, [], "250 OK")

    async def handle_QUIT(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        return await self._answer("QUIT", server, [], "221 Bye")

    def authenticate(self, login: bytes, password: bytes) -> bool:
        self.logins.append(login)
        return password == b"sesame"

    @property
    def connections(self) -> int:
        return self.calls.count("EHLO")

    @property
    def recipients(self) -> list[str]:
        return [str(mail["To"].addresses[0].addr_spec) for mail in self.mails]


@contextmanager
def serving(moody: Moody, *, host: str = "127.0.0.1", port: int | None = None, **options: Any) -> Iterator[int]:
    """Serve mail within this block; give the port."""
    certificate: ssl.SSLContext | None = options.pop("certificate", None)
    ours: dict[str, Any] = {"hostname": host, "port": port or free_port(), "server_hostname": "mail.test"} | options
    controller = Controller(moody, ssl_context=certificate, **ours)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def signed_by_itself(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """Return what a server needs for TLS, and the certificate, which nobody knows but who is told."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain, known = folder / "server.pem", folder / "known.pem"
    known.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(known.read_bytes() + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, known


@contextmanager
def bare(speak: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[int]]]:
    """Do something with each connection within this block; give the port, and the list of who connected."""
    listener, seen = socket.create_server(("127.0.0.1", 0)), list[int]()
    threading.Thread(target=_accept, args=(listener, speak, seen), daemon=True).start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        # Or who waits for the next one would hold the port.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, speak: Callable[[socket.socket], None], seen: list[int]) -> None:
    with suppress(OSError):
        while True:
            connection, (_, port) = listener.accept()
            seen.append(port)
            threading.Thread(target=_spoken, args=(connection, speak), daemon=True).start()


def _spoken(connection: socket.socket, speak: Callable[[socket.socket], None]) -> None:
    with suppress(OSError), connection:
        speak(connection)


def silent(connection: socket.socket) -> None:
    connection.recv(1)


def saying(text: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.sendall(text)
        connection.recv(1_024)

    return speak


def slowly(connection: socket.socket) -> None:
    """Answer each command as it should be, a byte at a time."""
    lines = connection.makefile("rb")
    _dribble(connection, b"220 mail.test, which takes its time\r\n")
    for line in lines:
        is_content = line.upper().startswith(b"DATA")
        _dribble(
            connection, b"354 go on, I have all the time\r\n" if is_content else b"250 that is fine with me too\r\n"
        )
        while is_content and lines.readline() != b".\r\n":
            pass
        if is_content:
            _dribble(connection, b"250 taken\r\n")


def _dribble(connection: socket.socket, text: bytes) -> None:
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(0.03)


def own_address() -> str | None:
    """Return an address of this machine that is not its loopback; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: it only says which way would be taken.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if ip_address(address).is_loopback else address
