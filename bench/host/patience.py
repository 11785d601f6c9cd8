"""Limits that count only while this process runs: a suspended laptop or a paused container is nobody's delay."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from tempfile import TemporaryFile
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")

PIECE_SECONDS = 1.0
"""A wait is made of pieces of this length, each counted at most in full, however long this process was stopped."""


class Patience:
    """How long may still be waited.

    Args:
        seconds: in all.

    Attributes:
        left: seconds of it.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def wait(self, wait: Callable[[float], T], late: type[Exception]) -> T:
        """Return what a wait returns, which is called with a piece after the other.

        Args:
            wait: takes the seconds that it may take, and raises `late` when they are over.
            late: see `wait`.

        Raises:
            Exception: `late`, when nothing is left.
        """
        while True:
            piece, began = min(self.left, PIECE_SECONDS), monotonic()
            try:
                return wait(piece)
            except late:
                if self.left <= piece:
                    raise
            finally:
                self.left -= min(monotonic() - began, piece)


def run_program(
    command: Sequence[str], seconds: float, *, given: bytes = b"", **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Return how a program ended and what it printed.

    Args:
        command: the program and its arguments.
        seconds: how long it may take.
        given: its standard input.
        options: as for `subprocess.Popen`.

    Raises:
        OSError: if it cannot be executed.
        subprocess.TimeoutExpired: if it took too long; it has been killed.
        subprocess.CalledProcessError: if it ended with another code than 0.
    """
    with TemporaryFile() as source:  # a pipe's rest is not written any more once `communicate` was late
        source.write(given)
        source.seek(0)
        with subprocess.Popen(
            command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        ) as process:
            try:
                output, errors = Patience(seconds).wait(
                    lambda piece: process.communicate(timeout=piece), subprocess.TimeoutExpired
                )
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output, errors)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
