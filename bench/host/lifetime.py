"""How long a process of ours lives: never longer than its parent, and a worker is the first to be out of memory.

Linux kills a process when its parent dies (PR_SET_PDEATHSIG), a stopped one too if it asked before its first stop.
macOS has nothing like it. There the launcher kills its workers, stopped or not, as soon as its channel to the pytest
process closes, and a running worker exits when its own channel closes. Only a stopped worker whose launcher is killed
at the same moment is left behind.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
"""This number asks Linux for a signal at the parent's death (sys/prctl.h)."""


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent` dies, and exit at once if it is dead already.

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
