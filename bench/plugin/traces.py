"""The folder of a profiler's traces: it must be writable, and where it is not, everything else goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.plugin.output import try_to_write


def open_traces(folder: Path | None, say: Callable[[str], None]) -> Path | None:
    """Return the folder that takes traces, made if it is not there; None if there is none or it cannot be written.

    Args:
        folder: as it was asked for.
        say: takes a sentence on where the traces are, or why there are none.
    """
    if folder is None:
        return None
    absolute = folder.absolute()
    try:
        absolute.mkdir(parents=True, exist_ok=True)
        try_to_write(absolute)
    except OSError as error:
        say(f"--trace-dir {folder}: cannot write there ({error.strerror or error}), so that no trace is kept")
        return None
    say(f"traces, for ui.perfetto.dev or chrome://tracing: {folder}")
    return absolute
