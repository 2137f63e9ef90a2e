"""Folders and binaries that the embedded servers can reach, whoever they run as."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from cli.embedded.process import LINUX
from config import ConfigError


def server_owner() -> tuple[int, int]:
    """Return the user and group that run the servers: ours, or `nobody`'s in place of root's.

    PostgreSQL refuses to run as root, and a broker without a password should not either.
    """
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def own(folder: Path) -> Path:
    """Make the folder, open to the servers' user alone; refuse one that belongs to somebody else."""
    uid, gid = server_owner()
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (uid, os.geteuid()):
        message = f"{folder} belongs to {_user_name(status.st_uid)}: run as who made it, or set another PUNCHCARD_HOME"
        raise ConfigError(message)
    os.chown(folder, uid, gid)
    return folder


def runtime_folder(data: Path) -> Path:
    """Name the folder for the sockets and copied binaries of the server that keeps its data there.

    The same one at every start, so that a killed run leaves nothing behind for good.
    """
    digest = sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    # Not TMPDIR: a socket's path stops at 107 bytes, and `nobody` must be able to walk to it.
    return Path(f"/tmp/punchcard-{os.geteuid()}-{digest}")  # noqa: S108 - own() refuses one that another user planted


def emptied(folder: Path) -> Path:
    """Own the folder, with nothing in it."""
    shutil.rmtree(own(folder))
    return own(folder)


@contextmanager
def by_descriptor(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give a name for the folder, and the open files that a child needs to use that name.

    A folder below root's 0700 home cannot be walked to by `nobody`, but it can be inherited open.
    """
    if os.geteuid() != 0 or not LINUX:
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def binaries(package: str, *folders: str, copy_to: Path) -> Path:
    """Return where the package is installed, or `copy_to` with these folders of it when `nobody` cannot read it.

    The package is found and not imported: importing may do more than we want from its binaries.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        message = f"the embedded servers need the package {package}: install it, or set DATABASE_URL and BROKER_URL"
        raise ConfigError(message)
    site = Path(spec.submodule_search_locations[0]).parent
    if os.geteuid() != 0 or _is_open_to_all(site / folders[0]):
        return site
    for name in filter(lambda name: (site / name).exists(), folders):
        shutil.copytree(site / name, copy_to / name, symlinks=True)
    for path in copy_to.rglob("*"):
        os.chown(path, *server_owner(), follow_symlinks=False)
    return copy_to


def _is_open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
