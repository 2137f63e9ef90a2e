"""`punchcard up`: the whole stack in one command, on embedded servers or on the ones that are set."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import IO

import config
from cli import output
from cli.embedded.broker import EmbeddedBroker
from cli.embedded.environment import generated_secrets, published
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.process import StartError, kill, spawn
from cli.embedded.server import EmbeddedServer
from cli.ready import is_ready
from cli.stand_in import StandIn, stand_in
from cli.supervisor import Child, Supervisor, how_it_ended
from cli.welcome import welcome
from config import ConfigError, Settings

# What sends waits for others, and must not make what books and fulfils wait with it.
PROCESSES = {
    "gateway": ("gateway",),
    "worker": ("worker", "--queues", "stripe,bookings"),
    "worker for mail and the clock": ("worker", "--queues", "notifications,maintenance", "--concurrency", "1"),
    "beat": ("beat",),
}
READY_PATIENCE = 60.0
# Let the settings be checked before the embedded servers, whose URLs they need, are started.
PLACEHOLDERS = {"DATABASE_URL": "postgresql:///", "BROKER_URL": "redis://127.0.0.1"}
PUBLISHED = ("DATABASE_URL", "BROKER_URL", "HOST", "PORT")
DEMO_ORGANIZATION = "lumen"


def up(*, port: int | None, demo: bool) -> int:
    """Start everything, say where it is, and stay until Ctrl-C; return the exit code."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            return _run(stack, _environment(port), demo=demo)
    except StartError as error:
        output.complain(str(error))
        return 1
    except KeyboardInterrupt:
        return output.INTERRUPTED


def _run(stack: ExitStack, environ: Mapping[str, str], *, demo: bool) -> int:
    home = config.home_folder(environ)
    stack.enter_context(_only_one(home))
    environ = {**_secrets(home, environ), **environ}
    settings = config.load({**PLACEHOLDERS, **environ})
    _check_address(settings.host, settings.port)
    servers = _start_servers(stack, home, environ)
    stripe = stand_in(settings, environ, base_url=_base_url(settings)) if demo else None
    known = {name: server.url for name, server in servers.items()} | (stripe.variables if stripe else {})
    environ = {**environ, **_addresses(settings), **known}
    _fill(environ, demo=demo)
    if "DATABASE_URL" in servers:
        names = (*PUBLISHED, *(stripe.variables if stripe else ()))
        stack.enter_context(published(home, {name: environ[name] for name in names}))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[_LateLog(settings)])
    children = [*([stripe.child()] if stripe else []), *_children(environ)]
    supervisor = stack.enter_context(Supervisor(children, servers.values()))
    if _wait_until_ready(supervisor, settings):
        # Tokens for everybody to read are for a stack that serves nobody yet.
        tokens = settings.jwt_secret is not None and (demo or "DATABASE_URL" in servers)
        _welcome(settings, environ, stripe, tokens=tokens)
        supervisor.watch()
    return 0


def _environment(port: int | None) -> dict[str, str]:
    """Return the environment without what is empty, which counts as not set."""
    log_format = "console" if sys.stderr.isatty() else "json"
    given = {name: value for name, value in os.environ.items() if value}
    return {"LOG_FORMAT": log_format, **given, **({} if port is None else {"PORT": str(port)})}


def _secrets(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    return generated_secrets(home, environ) if config.uses_embedded(environ) else {}


def _addresses(settings: Settings) -> dict[str, str]:
    return {"HOST": settings.host, "PORT": str(settings.port), "PUNCHCARD_HOME": str(settings.home)}


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the folder: two stacks on the same data would fight."""
    try:
        lock = _lock_file(home)
    except OSError as error:
        message = f"PUNCHCARD_HOME {home} cannot be used ({error.strerror}): set it to another folder"
        raise ConfigError(message) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another `punchcard up` runs on {home}: stop it, or set another PUNCHCARD_HOME"
            raise ConfigError(message) from error
        yield


def _lock_file(home: Path) -> IO[str]:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (home / "lock").open("a")
    # Root may open anybody's, and would leave files there that the owner cannot read.
    if os.fstat(lock.fileno()).st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, "another user made it")
    return lock


def _check_address(host: str, port: int) -> None:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        message = f"the address {host}:{port} {reason}: choose another with --port, PORT or HOST"
        raise ConfigError(message) from error


def _start_servers(stack: ExitStack, home: Path, environ: Mapping[str, str]) -> dict[str, EmbeddedServer]:
    """Start an embedded server for each URL that is not set; the last one started is the first to stop."""
    servers: dict[str, EmbeddedServer] = {}
    if "DATABASE_URL" not in environ:
        servers["DATABASE_URL"] = stack.enter_context(EmbeddedPostgres(home / "postgres"))
    if "BROKER_URL" not in environ:
        servers["BROKER_URL"] = stack.enter_context(EmbeddedBroker(home / "broker"))
    return servers


def _fill(environ: Mapping[str, str], *, demo: bool) -> None:
    """Bring the schema up to date and load the demo."""
    try:
        _ended(environ, "migrate")
    except StartError as error:
        message = f"the database could not be migrated: {error}"
        raise StartError(message) from error
    if demo:
        _ended(environ, "seed", "demo")


def _ended(environ: Mapping[str, str], *arguments: str) -> str:
    """Run a command to its end and return what it said: what it imports would stay in this process."""
    process = spawn([str(_command()), *arguments], env=environ, output=PIPE)
    try:
        said, complaint = process.communicate()
    finally:
        kill(process)
    if process.returncode:
        raise StartError(complaint.decode().strip().removeprefix("punchcard: ") or how_it_ended(process.returncode))
    return said.decode()


def _children(environ: Mapping[str, str]) -> list[Child]:
    return [Child(name, [str(_command()), *arguments], environ) for name, arguments in PROCESSES.items()]


def _command() -> Path:
    return Path(sys.executable).with_name("punchcard")


def _wait_until_ready(supervisor: Supervisor, settings: Settings) -> bool:
    """Wait until the gateway serves; say whether it does, or we were asked to stop before."""
    ready = partial(is_ready, settings.host, settings.port)
    if not supervisor.watch(ready, patience=READY_PATIENCE) and not supervisor.asked_to_stop:
        message = (
            f"GET {_base_url(settings)}/readyz was not 200 within {READY_PATIENCE:.0f} s: "
            f"see the messages above and the logs in {settings.home}"
        )
        raise StartError(message)
    return not supervisor.asked_to_stop


def _welcome(settings: Settings, environ: Mapping[str, str], stripe: StandIn | None, *, tokens: bool) -> None:
    url = _base_url(settings)
    output.say(f"ready {url}")
    if tokens:
        student, staff = (_token(environ, role) for role in ("student", "staff"))
        welcome(url, _command(), student=student, staff=staff, stripe=stripe)


def _token(environ: Mapping[str, str], role: str) -> str:
    return _ended(environ, "token", "--org", DEMO_ORGANIZATION, "--role", role, "--sub", f"demo-{role}").strip()


class _LateLog(logging.Handler):
    """Sets up the logs at the first message: a supervisor seldom has one, and what writes it takes 15 MB."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def emit(self, record: logging.LogRecord) -> None:
        """Make way for the real handler, and hand it the message."""
        from worker import log

        log.configure(level=self._settings.log_level, form=self._settings.log_format)
        logging.getLogger(record.name).handle(record)


def _base_url(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
