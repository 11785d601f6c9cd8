"""Nobody survives, and a worker falls before the run does.

A process is bound to its parent's life. On Linux the kernel does it (PR_SET_PDEATHSIG), also for a stopped process,
if it was asked before the first stop. On macOS the kernel does not: there the launcher kills its workers, stopped or
not, as soon as its channel to the pytest process closes; only a launcher killed at the same moment leaves a stopped
worker behind, and a running one leaves by itself when its channel closes.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From Linux's sys/prctl.h."""


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent` dies, and leave at once if it is dead already.

    Args:
        parent: the process id that this process's parent is expected to have.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def ignore_terminal() -> None:
    """Leave Ctrl-C to the pytest process, which ends the run in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_first() -> None:
    """Have Linux, out of memory, kill this process rather than the run it belongs to."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:  # not Linux
        return


def limit_memory(count: int | None) -> None:
    """Let allocations beyond `count` bytes fail in this process, so that they become an outcome and not a kill."""
    if count is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (count, count))
