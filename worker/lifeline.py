"""A process that never outlives the one that started it (Linux; elsewhere nothing happens)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# Loaded here because nothing may be imported between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with(parent: int, signum: int = signal.SIGKILL) -> None:
    """Ask the kernel for a signal when the parent is gone; if it is gone already, end at once.

    Linux watches the thread that forked and not its process: fork from the main thread only.
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(signum))
    if os.getppid() != parent:
        os._exit(1)
