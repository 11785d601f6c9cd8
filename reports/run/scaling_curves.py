"""The picture of ranks: efficiency against how many of them there are."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.record.case import DEFAULT_RANKS, Case
from bench.record.run import Outcome, Run
from reports.figures.reference import Reference
from reports.figures.scaling import list_scalings
from reports.run.marks import write_below
from reports.show.escape import picture as clean
from reports.show.files import NothingToDrawError
from reports.show.picture import (
    COLOURS,
    MARKERS,
    Mark,
    draw_curve,
    group_holes,
    make_panels,
    put_legend,
    tell_points,
    write_title,
)
from reports.show.units import percent
from reports.stats.intervals import Summary

MEANING = (
    "Efficiency: throughput over that of one process, over what would be ideal, which is the number of ranks where "
    "each has a device of its own, and 1 on a CPU whose cores they share out. Strong: with the same batch in all; "
    "weak: with the same batch for each rank. Bars: 95 % interval over launches."
)

WAYS = ("strong", "weak")

LEGEND_WIDTH = 3.6

ROOM = 1.06
"""The axis of efficiency ends so far above whatever is on it, the ideal included."""

Line = tuple[str, int, str]
"""Model and device, batch (of all ranks, or of each), dtype and compile mode."""


def draw_scaling(run: Run, _: Reference) -> Figure:
    """Return the efficiency of ranks, a panel for each step with the same batch in all and for each."""
    scalings = list_scalings(run)
    panels: dict[tuple[str, str], dict[Line, dict[int, Summary]]] = {}
    for case, scaling in scalings.items():
        for way in WAYS:
            gain: Summary | None = getattr(scaling, way)
            if gain is not None:
                lines = panels.setdefault((case.step, way), {})
                lines.setdefault(_name_line(case, way), {})[case.processes] = gain.over(scaling.ideal)
    if not panels:
        raise NothingToDrawError("no case of several ranks has one of one process to be compared with")
    steps = list(dict.fromkeys(step for step, _ in panels))
    names = list(dict.fromkeys(line for lines in panels.values() for line in lines))
    marks = {name: _mark(place, name) for place, name in enumerate(names)}
    ways = [way for way in WAYS if any(way == other for _, other in panels)]
    figure, grid = make_panels(len(steps), len(ways), legend_width=LEGEND_WIDTH, legend_lines=len(names))
    shown = [gain for lines in panels.values() for gains in lines.values() for gain in gains.values()]
    top = ROOM * max(1.0, *(gain.high or gain.centre for gain in shown))
    numbers = sorted({case.processes for case in scalings})
    for row, step in enumerate(steps):
        for column, way in enumerate(ways):
            axes = grid[row, column]
            _draw_lines(axes, panels.get((step, way), {}), marks)
            axes.axhline(1, color="black", linewidth=1.0)
            axes.set_title(clean(f"{step}, the same batch {'in all' if way == 'strong' else 'for each rank'}"))
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_locator(FixedLocator(numbers))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
            axes.set_ylim(0, top)
            axes.set_xlabel("ranks")
        grid[row, 0].set_ylabel("efficiency")
    put_legend(figure, [mark.draw_key() for mark in marks.values()])
    write_title(figure, "What ranks give over one process")
    ended = run.outcomes().items()
    holes = [
        (case.id, f"{outcome.value}: {reason}")
        for case, (outcome, reason) in ended
        if case.distributed and outcome is not Outcome.MEASURED
    ]
    write_below(figure, run, [MEANING, *group_holes(holes, what="not measured")])
    return figure


def _name_line(case: Case, way: str) -> Line:
    batch = case.batch if way == "strong" else case.batch // case.processes
    return f"{case.model} on {case.device}", batch, str(case.variant._replace(ranks=DEFAULT_RANKS))


def _mark(place: int, line: Line) -> Mark:
    where, batch, variant = line
    return Mark(
        colour=COLOURS[place % len(COLOURS)],
        marker=MARKERS[place % len(MARKERS)],
        label=f"{where}, b{batch}, {variant}",
    )


def _draw_lines(axes: Axes, lines: Mapping[Line, Mapping[int, Summary]], marks: Mapping[Line, Mark]) -> None:
    for line, by_ranks in lines.items():
        numbers = sorted(by_ranks)
        gains = [by_ranks[number] for number in numbers]
        ends = ([gain.centre for gain in gains], [gain.low for gain in gains], [gain.high for gain in gains])
        drawn = draw_curve(axes, numbers, ends, marks[line])
        tell_points(
            drawn,
            [f"{marks[line].label}, {number} ranks: {percent(by_ranks[number].centre)}" for number in numbers],
        )
