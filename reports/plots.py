"""The pictures: each is a function from a Run to a Figure; the same run gives the same bytes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from bench.record.run import Run
from reports.curves import latency, throughput
from reports.heat import speedup_heat
from reports.ink import NothingToDrawError
from reports.reference import Reference
from reports.spread import spread

STYLE = Path(__file__).with_name("style.mplstyle")
SUFFIXES = (".svg", ".png")

METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
"""What matplotlib would otherwise write: the hour and its own version."""

PLOTS: dict[str, Callable[[Run, Reference], Figure]] = {
    "throughput": throughput,
    "latency": latency,
    "speedup": speedup_heat,
    "spread": spread,
}
"""Every picture by name, in display order."""

__all__ = ["PLOTS", "SUFFIXES", "NothingToDrawError", "draw", "picture"]


def draw(name: str, run: Run, reference: Reference | None = None) -> Figure:
    """Return a picture by name, in the style of all of them.

    Raises:
        KeyError: if there is no picture of that name.
        NothingToDrawError: if the run holds nothing that it could show; the message says why.
    """
    if run.settings.quick:
        raise NothingToDrawError("nothing was timed in a quick run")
    return styled(lambda: PLOTS[name](run, reference or Reference()))


def styled(make: Callable[[], Figure]) -> Figure:
    """Return what `make` draws, in the style of all pictures."""
    with style.context(STYLE, after_reset=True):
        return make()


def picture(name: str, run: Run, reference: Reference | None = None) -> list[bytes]:
    """Return a picture by name as the content of one file for each of SUFFIXES.

    Raises:
        KeyError, NothingToDrawError: as `draw`.
    """
    return list(contents_of(draw(name, run, reference)).values())


def contents_of(figure: Figure) -> dict[str, bytes]:
    """Return a figure as the content of a file for each of SUFFIXES; the same figure gives the same bytes."""
    contents = {}
    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a device may be named in any script
        for suffix in SUFFIXES:
            content = BytesIO()
            figure.savefig(content, format=suffix[1:], metadata=METADATA[suffix])
            contents[suffix] = content.getvalue()
    return contents
