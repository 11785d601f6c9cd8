"""Throughput and latency against batch: small multiples, a panel for each step and dtype on a device.

No panel holds more lines than a case has compile modes, layouts and numbers of threads; each line is named at its end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.record.how_many import how_many
from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.reference import Reference
from reports.run.marks import Curve, assign_marks, list_curves, note_holes, write_below
from reports.show.files import NothingToDrawError
from reports.show.picture import (
    HOLE_MARKER,
    Mark,
    draw_curve,
    label_ends,
    label_log_axis,
    make_small_multiples,
    set_up_panel,
    tell_points,
    write_title,
)
from reports.show.table import list_rows
from reports.show.units import Unit, text, tick

MEANING = (
    "Points: median over launches of the median over slices. Bars: 95 % interval over launches. Colour: device; line: "
    "dtype; marker: compile mode, hollow for eager."
)
"""A point and a bar cannot be read without these sentences, which stand below the panels."""

HOLE_STEP = 0.05
"""Holes of the same batch stand this share of a panel's height apart, so that each is seen."""

MOST_PANELS = 60
"""More panels would make a picture that nobody looks through."""

Panel = tuple[str, str, str, str]
"""Model, step, device and dtype."""


def draw_throughput(run: Run, _: Reference) -> Figure:
    """Return images per second against batch."""
    return _draw_curves(run, "images_per_second", Unit.IMAGES_PER_SECOND, "Throughput", "throughput (images/s)")


def draw_latency(run: Run, _: Reference) -> Figure:
    """Return seconds of an iteration that is waited for against batch."""
    return _draw_curves(run, "latency_seconds", Unit.SECONDS, "Latency", "time of an iteration")


def _draw_curves(run: Run, column: str, unit: Unit, title: str, label: str) -> Figure:
    cases = frame.cases(run)
    known = cases[column].to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        raise NothingToDrawError("no case was measured")
    low, high = _find_limits(cases, column)
    panels: dict[Panel, list[int]] = {}
    for number, row in enumerate(list_rows(cases)):
        panels.setdefault((row["model"], row["step"], row["device"], row["dtype"]), []).append(number)
    every = list(dict.fromkeys(panel[:3] for panel in panels))
    columns = list(dict.fromkeys(panel[3] for panel in panels))
    rows = every[: max(1, MOST_PANELS // len(columns))]
    marks = assign_marks(cases)
    figure, grid = make_small_multiples(len(rows), len(columns))
    for axes in grid.flat:
        axes.set_visible(False)
    for (model, step, device, dtype), numbers in panels.items():
        if (model, step, device) not in rows:
            continue
        place = rows.index((model, step, device)), columns.index(dtype)
        axes = grid[place]
        axes.set_visible(True)
        _draw_panel(axes, cases.iloc[numbers], column, unit, marks)
        axes.set_ylim(low, high)  # before the scale, which would look for limits of its own
        set_up_panel(axes, f"{model}, {step}, {device}, {dtype}", cases["batch"])
        if any((*row, dtype) in panels for row in rows[place[0] + 1 :]):
            axes.set_xlabel("")  # that of a panel below is enough
        label_log_axis(axes.yaxis, low, high, tick(unit))
        if place[1] == 0:
            axes.set_ylabel(label)
    write_title(figure, f"{title} against batch")
    holes = cases[cases["outcome"] != Outcome.MEASURED.value]
    crosses = ["A cross stands for a case that was not measured."] if not holes.empty else []
    left = len(every) - len(rows)
    more = [f"{how_many(left, 'more row')} of panels are not drawn: the table has their figures."] if left else []
    write_below(figure, run, [MEANING, *more, *crosses, *note_holes(holes, what="not measured")])
    return figure


def _find_limits(cases: DataFrame, column: str) -> tuple[float, float]:
    """Return a range that holds every point and interval, with room around them and for holes at the bottom."""
    ends = np.log10(cases[[column, f"{column}_low", f"{column}_high"]].to_numpy(dtype=float))
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = max(0.08 * (high - low), 0.15)
    under = room if (cases["outcome"] == Outcome.MEASURED.value).all() else 2 * room
    return 10 ** (low - under), 10 ** (high + room)


def _draw_panel(axes: Axes, cases: DataFrame, column: str, unit: Unit, marks: Mapping[Curve, Mark]) -> None:
    """Draw every variant's line and name it at its end; holes stand as crosses at the bottom, one above the other."""
    holes: dict[int, int] = {}
    curves = list_curves(cases)
    ends = []
    for curve in dict.fromkeys(curves):
        mark = marks[curve]
        line = cases[[other == curve for other in curves]].sort_values("batch")
        centre, low, high = (line[name].tolist() for name in (column, f"{column}_low", f"{column}_high"))
        drawn = draw_curve(axes, line["batch"].tolist(), (centre, low, high), mark)
        figures = zip(line["case"], centre, low, high, strict=True)
        tell_points(drawn, [f"{case}: {text(unit, *values)}" for case, *values in figures])
        last = [(batch, value) for batch, value in zip(line["batch"], centre, strict=True) if np.isfinite(value)]
        ends += [(*last[-1], mark)] if last else []
        for batch in line.loc[line["outcome"] != Outcome.MEASURED.value, "batch"]:
            height = 0.04 + HOLE_STEP * holes.get(batch, 0)
            holes[batch] = holes.get(batch, 0) + 1
            axes.plot(
                batch,
                height,
                marker=HOLE_MARKER,
                color=mark.colour,
                markersize=6,
                markeredgecolor="black",
                markeredgewidth=0.6,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                zorder=5,
            )
    label_ends(axes, ends)
