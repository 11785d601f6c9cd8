"""The pictures: each is a function from a Run to a Figure; the same run gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from matplotlib.figure import Figure

from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.curves import draw_latency, draw_throughput
from reports.run.layer_bars import draw_layers
from reports.run.payoff import draw_payoff
from reports.run.scaling import has_ranks
from reports.run.scaling_curves import draw_scaling
from reports.run.speedup_map import draw_speedup_map
from reports.run.spread import draw_spread
from reports.show.files import NothingToDrawError, Output
from reports.show.picture import draw_styled, picture_output

PLOTS: dict[str, Callable[[Run, Reference], Figure]] = {
    "throughput": draw_throughput,
    "latency": draw_latency,
    "speedup": draw_speedup_map,
    "spread": draw_spread,
    "ranks": draw_scaling,
    "layers": draw_layers,
    "payoff": draw_payoff,
}
"""Every picture by name, in display order."""


def list_drawn(run: Run) -> list[str]:
    """Return the pictures of a run by name, without those of what nobody asked it to measure."""
    asked = {"ranks": has_ranks(run), "layers": bool(run.layers), "payoff": bool(run.compiled)}
    return [name for name in PLOTS if asked.get(name, True)]


def draw(name: str, run: Run, reference: Reference | None = None) -> Figure:
    """Return a picture by name, in the style of all of them.

    Raises:
        KeyError: if there is no picture of that name.
        NothingToDrawError: if the run holds nothing that it could show; the message says why.
    """
    if run.settings.quick:
        raise NothingToDrawError("nothing was timed in a quick run")
    return draw_styled(partial(PLOTS[name], run, reference or Reference()))


def plot_output(name: str, run: Run, reference: Reference | None = None) -> Output:
    """Return a picture by name as what is to be written."""
    return picture_output(name, partial(draw, name, run, reference))
