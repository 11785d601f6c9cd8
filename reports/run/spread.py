"""The spread of slices: one panel per case, each slice by launch relative to the case's figure, and the yardstick."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from pandas import DataFrame, isna

from bench.record.run import Run
from reports.figures import frame
from reports.figures.reference import Reference
from reports.run.marks import write_below
from reports.show.files import NothingToDrawError
from reports.show.picture import COLOURS, GREY, SMALL, join_lines, write_title
from reports.show.table import Row, list_rows

PANELS_PER_ROW = 4
"""Four panels of `PANEL_WIDTH` fit a page that lies on its side."""

MAX_PANELS = 96
"""More panels would make a picture of several megabytes that nobody looks through."""

PANEL_WIDTH, PANEL_HEIGHT = 2.6, 1.5
"""Inches of a panel, in which eight launches of a dozen slices can still be told apart."""

LEAST_WIDTH = 6.6
"""Inches that the title and the legend take."""

LEAST_LIMIT, MOST_LIMIT = 1.05, 2.0
"""The axis spans at least 1/1.05 to 1.05 and at most 1/2 to 2; what lies beyond is an arrow at its edge."""

SLICE, YARDSTICK, DROPPED = COLOURS[0], COLOURS[1], "#999999"
"""What does not count is grey."""

MARKS: Mapping[str, Mapping[str, Any]] = {
    ".": {"color": SLICE, "markersize": 3, "alpha": 0.55},
    "x": {"color": DROPPED, "markersize": 3.5},
    "^": {"color": SLICE, "markersize": 3.5},
    "v": {"color": SLICE, "markersize": 3.5},
}
"""How slices are drawn, by marker: those that count, those that were dropped, and what lies beyond the axis."""

TICKS = {
    1.15: (0.9, 0.95, 1.0, 1.05, 1.1),
    1.6: (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5),
    MOST_LIMIT: (0.5, 0.7, 1.0, 1.4, 2.0),
}
"""Labels by how far the axis reaches, so that none touches the next."""


def draw_spread(run: Run, _: Reference) -> Figure:
    """Return every slice over the median of its case, against launch."""
    cases, slices = frame.cases(run), frame.slices(run)
    if slices.empty:
        raise NothingToDrawError("no slice was timed")
    shown = cases.head(MAX_PANELS)
    across = min(PANELS_PER_ROW, len(shown))
    down = -(-len(shown) // across)
    figure = Figure(figsize=(max(PANEL_WIDTH * across, LEAST_WIDTH) + 0.4, PANEL_HEIGHT * down + 1.6))
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    centres = dict(zip(cases["case"], cases["seconds"], strict=True))
    by_case = {str(name): rows for name, rows in slices.groupby("case", sort=False)}
    limit = _find_limit(slices, centres)
    several = [name for name in ("model", "device") if len(set(cases[name])) > 1]
    for axes, row in zip(grid.flat, list_rows(shown), strict=False):
        name = str(row["case"])
        axes.set_title(join_lines(_make_title(row, several)), fontsize=SMALL + 0.5)
        if name in by_case and not isna(centres[name]):
            _draw_panel(axes, by_case[name], centres[name], limit)
        else:
            why: str = "no slice left" if isna(row["reason"]) else f"{row['outcome']}: {row['reason']}"
            _draw_hole(axes, why.replace("_", " "))
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(0, len(shown) - across) : len(shown)]:  # the lowest panel of each column
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("launch")
    _set_axes(grid[0, 0], slices, limit)
    figure.supylabel("slice over case median", fontsize=9)
    write_title(figure, "Spread of slices by launch")
    figure.legend(handles=_make_keys(), loc="outside upper right", ncols=4)
    rest = len(cases) - len(shown)
    notes = [f"{rest} more cases are not drawn: reports.figures.frame.slices has them."] if rest else []
    meaning = "Within a launch, slices stand in the order in which they were timed; arrows lie beyond the axis."
    write_below(figure, run, [meaning, *notes])
    return figure


def _find_limit(slices: DataFrame, centres: dict[str, float]) -> float:
    """Return how far from 1 the axis reaches in either direction."""
    relative = slices["seconds"] / slices["case"].map(centres)
    known = np.abs(np.log(relative.to_numpy(dtype=float)))
    known = known[np.isfinite(known)]
    widest = float(np.exp(np.quantile(known, 0.995))) if known.size else LEAST_LIMIT
    return min(max(widest * 1.03, LEAST_LIMIT), MOST_LIMIT)


def _draw_panel(axes: Axes, rows: DataFrame, centre: float, limit: float) -> None:
    """Draw the slices of one case, the median of each launch, and the yardstick's medians over their own median."""
    yardstick = rows["yardstick_seconds"].median()
    marks, states = [], []
    dots: dict[str, list[Any]] = {marker: [] for marker in MARKS}  # one artist for each marker, not for each launch
    for launch, timed in rows.groupby("launch"):
        start = float(str(launch)) - 0.5
        places = start + (np.arange(len(timed)) + 1) / (len(timed) + 1)
        relative = timed["seconds"].to_numpy(dtype=float) / centre
        kept = timed["kept"].to_numpy(dtype=bool)
        inside = (relative < limit) & (relative > 1 / limit)
        dots["."].append(np.stack([places, relative])[:, kept & inside])
        dots["x"].append(np.stack([places, relative])[:, ~kept & inside])
        for beyond, edge, marker in ((relative >= limit, limit**0.93, "^"), (relative <= 1 / limit, limit**-0.93, "v")):
            dots[marker].append(np.stack([places[beyond], np.full(beyond.sum(), edge)]))
        if kept.any():
            marks.append((start + 0.08, start + 0.92, float(np.median(relative[kept]))))
        states.append((start + 0.5, timed["yardstick_seconds"].median() / yardstick))
    for marker, parts in dots.items():
        if (points := np.concatenate(parts, axis=1)).size:
            axes.plot(*points, marker, **MARKS[marker])
    axes.hlines([mark[2] for mark in marks], [mark[0] for mark in marks], [mark[1] for mark in marks], "black", lw=1.6)
    axes.plot(*zip(*states, strict=True), color=YARDSTICK, linestyle="--", linewidth=1.0)


def _make_title(row: Row, several: list[str]) -> list[str]:
    """Return a panel's title: the variant, and above it what the figure holds more than one of."""
    above = " ".join(str(row[name]) for name in several)
    return [*filter(None, [above]), f"{row['step']} {row['batch']}, {frame.variant_of(row)}"]


def _draw_hole(axes: Axes, why: str) -> None:
    axes.patch.set(hatch="////", facecolor="#f4f4f4", edgecolor="#cccccc")
    lines = textwrap.wrap(why, 30, max_lines=4, placeholder=" …")
    box = {"facecolor": "#f4f4f4", "edgecolor": "none", "pad": 1.5}
    words = join_lines(lines)
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=6.5, color=GREY, bbox=box)


def _set_axes(axes: Axes, slices: DataFrame, limit: float) -> None:
    """Set the axes that all panels share."""
    launches = slices["launch"]
    axes.set_xlim(launches.min() - 0.6, launches.max() + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_yscale("log")
    axes.set_ylim(1 / limit, limit)
    ticks = next(ticks for reach, ticks in TICKS.items() if limit <= reach)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if 1 / limit <= tick <= limit]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _make_keys() -> list[Line2D]:
    return [
        Line2D([], [], color=SLICE, marker=".", linestyle="none", label="slice"),
        Line2D([], [], color=DROPPED, marker="x", linestyle="none", label="dropped slice"),
        Line2D([], [], color="black", linewidth=1.6, label="launch median"),
        Line2D([], [], color=YARDSTICK, linestyle="--", linewidth=1.0, label="yardstick"),
    ]
