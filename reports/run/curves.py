"""Throughput and latency against batch: one panel per model and step, one line per device and variant."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.reference import Reference
from reports.run.marks import Curve, assign_marks, list_curves, note_holes, write_below
from reports.show.files import NothingToDrawError
from reports.show.picture import (
    HOLE_MARKER,
    Mark,
    draw_curve,
    label_log_axis,
    make_panels,
    put_legend,
    set_up_panel,
    write_title,
)
from reports.show.units import Unit, tick

LEGEND_WIDTH = 1.7
"""Inches that the longest name of a variant takes."""

MEANING = "Points: median over launches of the median over slices. Bars: 95 % interval over launches."
"""A point and a bar cannot be read without this sentence, which stands below the panels."""

HOLE_STEP = 0.035
"""Holes of the same batch stand this share of a panel's height apart, so that each is seen."""


def draw_throughput(run: Run, _: Reference) -> Figure:
    """Return images per second against batch."""
    return _draw_curves(run, "images_per_second", Unit.IMAGES_PER_SECOND, "Throughput", "throughput (images/s)")


def draw_latency(run: Run, _: Reference) -> Figure:
    """Return seconds of an iteration that is waited for against batch."""
    return _draw_curves(run, "latency_seconds", Unit.SECONDS, "Latency", "time of an iteration that is waited for")


def _draw_curves(run: Run, column: str, unit: Unit, title: str, label: str) -> Figure:
    cases = frame.cases(run)
    known = cases[column].to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        raise NothingToDrawError("no case was measured")
    low, high = _find_limits(cases, column)
    panels = list(dict.fromkeys(zip(cases["model"], cases["step"], strict=True)))
    models = list(dict.fromkeys(cases["model"]))
    steps = list(dict.fromkeys(cases["step"]))
    marks = assign_marks(cases)
    figure, grid = make_panels(len(models), len(steps), legend_width=LEGEND_WIDTH, legend_lines=len(marks))
    for (model, step), axes in zip(product(models, steps), grid.flat, strict=True):
        if (model, step) not in panels:
            axes.set_visible(False)
            continue
        _draw_panel(axes, cases[(cases["model"] == model) & (cases["step"] == step)], column, marks)
        set_up_panel(axes, f"{model}, {step}", cases["batch"])
        axes.set_ylim(low, high)
        label_log_axis(axes.yaxis, low, high, tick(unit))
        if step == steps[0]:
            axes.set_ylabel(label)
    write_title(figure, f"{title} against batch")
    holes = cases[cases["outcome"] != Outcome.MEASURED.value]
    keys = [mark.draw_key() for mark in marks.values()]
    if not holes.empty:
        keys.append(Mark(marker=HOLE_MARKER, line="none", label="not measured").draw_key())
    put_legend(figure, keys)
    write_below(figure, run, [MEANING, *note_holes(holes, what="not measured")])
    return figure


def _find_limits(cases: DataFrame, column: str) -> tuple[float, float]:
    """Return a range that holds every point and interval, with room around them and for holes at the bottom."""
    ends = np.log10(cases[[column, f"{column}_low", f"{column}_high"]].to_numpy(dtype=float))
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = max(0.08 * (high - low), 0.15)
    under = room if (cases["outcome"] == Outcome.MEASURED.value).all() else 2 * room
    return 10 ** (low - under), 10 ** (high + room)


def _draw_panel(axes: Axes, cases: DataFrame, column: str, marks: Mapping[Curve, Mark]) -> None:
    """Draw every variant's line; holes stand as crosses at the bottom, one above the other."""
    holes: dict[int, int] = {}
    curves = list_curves(cases)
    for curve in dict.fromkeys(curves):
        mark = marks[curve]
        line = cases[[other == curve for other in curves]].sort_values("batch")
        centre, low, high = (line[name].tolist() for name in (column, f"{column}_low", f"{column}_high"))
        draw_curve(axes, line["batch"].tolist(), (centre, low, high), mark)
        for batch in line.loc[line["outcome"] != Outcome.MEASURED.value, "batch"]:
            height = 0.03 + HOLE_STEP * holes.get(batch, 0)
            holes[batch] = holes.get(batch, 0) + 1
            axes.plot(
                batch,
                height,
                marker=HOLE_MARKER,
                color=mark.colour,
                markersize=7,
                markeredgecolor="black",
                markeredgewidth=0.6,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                zorder=5,
            )
