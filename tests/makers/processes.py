"""What the system says of a process."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import psutil

LIMIT_SECONDS = 20.0
"""Far more than any of this takes; reached only when something is wrong."""


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Wait for the end of processes that were told to end; return those that go on."""
    becomes(lambda: all(map(is_gone, processes)))
    return [one for one in processes if not is_gone(one)]


def becomes(predicate: Callable[[], bool]) -> bool:
    """Return whether something that the system does in its own time comes true."""
    deadline = monotonic() + LIMIT_SECONDS
    while not predicate():
        if monotonic() > deadline:
            return False
    return True
