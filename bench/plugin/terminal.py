"""pytest's terminal: which reporter writes to it, and silence once it is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import pytest

Shown = ParamSpec("Shown")


def reporter_of(config: pytest.Config) -> pytest.TerminalReporter:
    """Return what writes to pytest's terminal."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    return reporter


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
