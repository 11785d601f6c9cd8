"""pytest's terminal: which reporter writes to it, and silence once it is gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from shutil import get_terminal_size
from typing import ParamSpec, Protocol

import pytest

Shown = ParamSpec("Shown")


class Terminal(Protocol):
    """What progress is written to; see `pytest.TerminalReporter`."""

    @property
    def isatty(self) -> object:
        """Whether a line can be written over; true or false, whatever it is."""

    def write(self, content: str, *, flush: bool = False, **markup: bool) -> None:
        """Write text."""

    def write_line(self, line: str) -> None:
        """Write a line."""

    def rewrite(self, line: str, **markup: bool) -> None:
        """Write text over the line before."""


class Silence:
    """A terminal that nobody sees."""

    isatty = False

    def write_line(self, line: str) -> None:
        """Write nothing."""

    def write(self, content: str, *, flush: bool = False, **markup: bool) -> None:
        """Write nothing."""

    def rewrite(self, line: str, **markup: bool) -> None:
        """Write nothing."""


def reporter_of(config: pytest.Config) -> Terminal:
    """Return what writes to pytest's terminal; where another plugin has taken its place, what writes nowhere."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter):
        return reporter
    return Silence()


def width_of(reporter: Terminal) -> int | None:
    """Return how many characters a line has; None where it goes into a file, and COLUMNS is not set."""
    return get_terminal_size().columns if reporter.isatty or os.environ.get("COLUMNS") else None


def while_it_can_be_seen(show: Callable[Shown, None]) -> Callable[Shown, None]:
    """Return `show`, except that it falls silent once the terminal is gone: progress is not worth a run."""
    gone = False

    def quietly(*arguments: Shown.args, **named: Shown.kwargs) -> None:
        nonlocal gone
        if gone:
            return
        try:
            show(*arguments, **named)
        except OSError:
            gone = True

    return quietly
