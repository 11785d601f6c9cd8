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
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""These numbers ask Linux for a signal at the parent's death, and for the children of one's dead children
(sys/prctl.h)."""


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have this process ended when `parent` dies, and exit at once if it is dead already.

    Args:
        parent: the process id that this process's parent is expected to have.
        number: the signal that ends it.
    """
    _control(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of whatever a dead child of this process leaves behind, where the system can do that."""
    _control(PR_SET_CHILD_SUBREAPER, 1)


def list_children() -> list[int]:
    """Return the process ids of this process's children, where Linux tells them."""
    children: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            children += map(int, path.read_text(encoding="ascii").split())
        except OSError:  # a thread has ended meanwhile
            continue
    return children


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


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
