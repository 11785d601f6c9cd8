"""Throughput and latency against batch: one panel per model and step, one line per device, dtype and compile."""

from __future__ import annotations

from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.reference import Reference
from reports.run.marks import Ink, Variant, below, inks
from reports.show.escape import picture as clean
from reports.show.picture import HOLE, NothingToDrawError, batch_ticks, hole_notes, log_ticks
from reports.show.units import Unit, tick

PANEL_WIDTH, PANEL_HEIGHT, LEGEND_WIDTH = 3.9, 3.3, 1.7
LEGEND_LINE = 0.19
"""Inches that a line of the legend takes."""

MEANING = "Points: median over launches of the median over slices. Bars: 95 % interval over launches."
HOLE_STEP = 0.035
"""Of a panel's height, between holes of the same batch."""


def throughput(run: Run, _: Reference) -> Figure:
    """Return images per second against batch."""
    return _curves(run, "images_per_second", Unit.IMAGES_PER_SECOND, "Throughput", "throughput (images/s)")


def latency(run: Run, _: Reference) -> Figure:
    """Return seconds of an iteration that is waited for against batch."""
    return _curves(run, "latency_seconds", Unit.SECONDS, "Latency", "time of an iteration that is waited for")


def _curves(run: Run, column: str, unit: Unit, title: str, label: str) -> Figure:
    cases = frame.cases(run)
    known = cases[column].to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        raise NothingToDrawError("no case was measured")
    low, high = _limits(cases, column)
    panels = list(dict.fromkeys(zip(cases["model"], cases["step"], strict=True)))
    models = list(dict.fromkeys(cases["model"]))
    steps = list(dict.fromkeys(cases["step"]))
    styles = inks(cases)
    width = PANEL_WIDTH * len(steps) + LEGEND_WIDTH
    height = max(PANEL_HEIGHT * len(models) + 0.9, LEGEND_LINE * (len(styles) + 2))
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(len(models), len(steps), squeeze=False, sharey="row")
    for (model, step), axes in zip([(m, s) for m in models for s in steps], grid.flat, strict=True):
        if (model, step) not in panels:
            axes.set_visible(False)
            continue
        here = cases[(cases["model"] == model) & (cases["step"] == step)]
        _panel(axes, here, column, styles)
        axes.set_title(clean(f"{model}, {step}"))
        batch_ticks(axes, cases["batch"])
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        log_ticks(axes.yaxis, low, high, tick(unit))
        if step == steps[0]:
            axes.set_ylabel(label)
    figure.suptitle(f"{title} against batch", x=0.012, ha="left")
    holes = cases[cases["outcome"] != Outcome.MEASURED.value]
    handles = [_handle(ink) for ink in styles.values()]
    if not holes.empty:
        handles.append(Line2D([], [], color="black", marker=HOLE, linestyle="none", label="not measured"))
    figure.legend(handles=handles, loc="outside right center", handlelength=3.2)
    below(figure, run, [MEANING, *hole_notes(holes, what="not measured")], width=width)
    return figure


def _limits(cases: DataFrame, column: str) -> tuple[float, float]:
    """Return a range that holds every point and interval, with room around them and for holes at the bottom."""
    ends = np.log10(cases[[column, f"{column}_low", f"{column}_high"]].to_numpy(dtype=float))
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = max(0.08 * (high - low), 0.15)
    under = room if (cases["outcome"] == Outcome.MEASURED.value).all() else 2 * room
    return 10 ** (low - under), 10 ** (high + room)


def _handle(ink: Ink) -> Line2D:
    return Line2D(
        [], [], color=ink.colour, marker=ink.marker, linestyle=ink.line, markerfacecolor=ink.face, label=ink.label
    )


def _panel(axes: Axes, here: DataFrame, column: str, styles: dict[Variant, Ink]) -> None:
    """Draw every variant's line; holes stand as crosses at the bottom, one above the other."""
    holes: dict[int, int] = {}
    for key, rows in here.groupby(["device", "dtype", "compile"], sort=False):
        ink = styles[cast("Variant", key)]
        line = rows.sort_values("batch")
        centre = line[column].to_numpy(dtype=float)
        bars = [centre - line[f"{column}_low"], line[f"{column}_high"] - centre]
        axes.errorbar(
            line["batch"],
            centre,
            yerr=np.nan_to_num(np.asarray(bars, dtype=float)),
            color=ink.colour,
            marker=ink.marker,
            linestyle=ink.line,
            markerfacecolor=ink.face,
            capsize=3,
        )
        for batch in line.loc[line["outcome"] != Outcome.MEASURED.value, "batch"]:
            height = 0.03 + HOLE_STEP * holes.get(batch, 0)
            holes[batch] = holes.get(batch, 0) + 1
            axes.plot(
                batch,
                height,
                marker=HOLE,
                color=ink.colour,
                markersize=7,
                markeredgecolor="black",
                markeredgewidth=0.6,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                zorder=5,
            )
