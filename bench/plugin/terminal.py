"""What every live line needs: lengths of time as text, and silence once the terminal is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec


def clock_text(seconds: float) -> str:
    """Return a length of time as a person reads it: ``3m40s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


Shown = ParamSpec("Shown")


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
