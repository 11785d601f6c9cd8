"""Nobody survives: a process that is bound to its parent's life.

On Linux the kernel does it (PR_SET_PDEATHSIG), also for a stopped process, if it was asked before the first stop.
On macOS nothing does it for a stopped process; a running one notices that its channel is closed and leaves.
"""

from __future__ import annotations

import ctypes
import os
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
