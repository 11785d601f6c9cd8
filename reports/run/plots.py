"""The pictures: each is a function from a Run to a Figure; the same run gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.curves import latency, throughput
from reports.run.speedup_map import speedup_heat
from reports.run.spread import spread
from reports.show.picture import NothingToDrawError, contents_of, styled

PLOTS: dict[str, Callable[[Run, Reference], Figure]] = {
    "throughput": throughput,
    "latency": latency,
    "speedup": speedup_heat,
    "spread": spread,
}
"""Every picture by name, in display order."""


def draw(name: str, run: Run, reference: Reference | None = None) -> Figure:
    """Return a picture by name, in the style of all of them.

    Raises:
        KeyError: if there is no picture of that name.
        NothingToDrawError: if the run holds nothing that it could show; the message says why.
    """
    if run.settings.quick:
        raise NothingToDrawError("nothing was timed in a quick run")
    return styled(lambda: PLOTS[name](run, reference or Reference()))


def picture(name: str, run: Run, reference: Reference | None = None) -> list[bytes]:
    """Return a picture by name as the content of one file for each of SUFFIXES.

    Raises:
        KeyError, NothingToDrawError: as `draw`.
    """
    return list(contents_of(draw(name, run, reference)).values())
