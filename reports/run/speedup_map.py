"""The map of speed-ups: variants against step and batch, the ratio in each cell, holes hatched with their outcome."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pandas import DataFrame, isna

from bench.record.case import Variant
from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.reference import Reference
from reports.run.marks import note_holes, write_below
from reports.show.escape import picture as clean
from reports.show.files import NothingToDrawError
from reports.show.picture import GREY, SMALL, join_lines, write_title
from reports.show.table import Row, list_rows
from reports.show.units import Unit, text, tick

CELL_WIDTH, CELL_HEIGHT = 1.15, 0.55
"""Inches that a ratio with its interval takes."""

TITLE_WIDTH = 0.11
"""Inches that a character of the title takes: it names the reference, and a map of few columns is narrower."""

DARK = 0.4
"""Below this luminance of a cell its text is white."""

LEAST_RANGE = log2(1.25)
"""The colours span at least this, so that a two percent difference does not look like a triumph."""

COLOUR_MAP = colormaps["PuOr_r"]
"""Diverging and safe for the colour-blind; in grey the text in each cell speaks."""


def draw_speedup_map(run: Run, reference: Reference) -> Figure:
    """Return how many times faster each variant is than the reference of its group."""
    ratios, named = frame.speedups(run, reference), reference.describe(run.cases)
    known = ratios["speedup"].to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        raise NothingToDrawError(f"no case can be compared with the reference, {named}")
    rows = list(dict.fromkeys(map(_name_row, list_rows(ratios))))
    columns = list(dict.fromkeys(zip(ratios["step"], ratios["batch"], strict=True)))
    span = max(LEAST_RANGE, 1.2 * float(np.abs(np.log2(known)).max()))  # the darkest colours hide the text
    title = f"Speed-up over {named}: above 1 is faster"
    width = max(CELL_WIDTH * len(columns) + 3.6, TITLE_WIDTH * len(title))
    figure = Figure(figsize=(width, CELL_HEIGHT * len(rows) + 2.0))
    axes = figure.subplots()
    scale = ScalarMappable(Normalize(-span, span), COLOUR_MAP)
    for row in list_rows(ratios):
        x = columns.index((row["step"], row["batch"]))
        y = rows.index(_name_row(row))
        _draw_cell(axes, x, y, row, scale)
    _label_cells(axes, rows, columns)
    bar = figure.colorbar(scale, ax=axes, shrink=0.9, pad=0.02, aspect=18)
    marks = _choose_ratios(span)
    bar.set_ticks([log2(mark) for mark in marks], labels=[tick(Unit.RATIO)(mark, None) for mark in marks])
    bar.ax.minorticks_off()
    bar.set_label("speed-up (log scale)")
    write_title(figure, title)
    write_below(figure, run, _make_notes(ratios, run))
    return figure


def _name_row(row: Row) -> tuple[str, str, Variant]:
    """Return in which row of the map a case stands: that of its model, device and variant."""
    return row["model"], row["device"], frame.variant_of(row)


def _draw_cell(axes: Axes, x: int, y: int, row: Row, scale: ScalarMappable) -> None:
    """Draw one cell; bold where the interval leaves out 1."""
    corner = (x - 0.5, y - 0.5)
    if not np.isfinite(row["speedup"]):
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="#f4f4f4", hatch="////", edgecolor="#bbbbbb", linewidth=0))
        word = str(row["outcome"]) if row["outcome"] != Outcome.MEASURED.value else "no reference"
        box = {"facecolor": "#f4f4f4", "edgecolor": "none", "pad": 1.2}
        axes.text(x, y, clean(word.replace("_", " ")), ha="center", va="center", fontsize=SMALL, color=GREY, bbox=box)
        return
    colour = scale.to_rgba(np.asarray(log2(row["speedup"])))
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
    text_colour = "white" if _find_luminance(colour) < DARK else "black"
    low, high = row["speedup_low"], row["speedup_high"]
    certain = bool(low > 1 or high < 1)  # False where there is no interval
    shift: float = 0.0 if isna(low) else 0.13
    look: dict[str, Any] = {"ha": "center", "color": text_colour}
    weight = "bold" if certain else "normal"
    centre, _, interval = text(Unit.RATIO, row["speedup"], low, high).partition(" ")
    axes.text(x, y - shift, centre, va="center", fontsize=9, fontweight=weight, **look)
    if interval:
        axes.text(x, y + 0.25, interval, va="center", fontsize=SMALL - 0.5, **look)


def _choose_ratios(span: float) -> list[float]:
    """Return the ratios to label on a colour bar that spans 2**-span to 2**span."""
    if span < 1:
        return [mark for mark in (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6) if abs(log2(mark)) <= span]
    stride = ceil(span / 4)
    reach = int(span) // stride * stride
    return [2.0**power for power in range(-reach, reach + 1, stride)]


def _find_luminance(colour: Any) -> float:
    """Return how bright a colour is in grey, from 0 to 1 (ITU-R BT.709)."""
    red, green, blue = colour[:3]
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def _label_cells(axes: Axes, rows: list[tuple[str, str, Variant]], columns: list[tuple[str, int]]) -> None:
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(range(len(columns)), [f"{step}\nbatch {batch}" for step, batch in columns])
    models, devices = ({row[position] for row in rows} for position in (0, 1))
    labels = []
    for model, device, variant in rows:
        prefix = " ".join([model] * (len(models) > 1) + [device] * (len(devices) > 1))
        labels.append(join_lines(filter(None, (prefix, str(variant)))))
    axes.set_yticks(range(len(rows)), labels)


def _make_notes(ratios: DataFrame, run: Run) -> list[str]:
    apart = (
        " (measured one after the other, not interleaved)" if run.environment.get("steady.interleaved") is False else ""
    )
    meaning = f"In each cell the ratio of slices{apart} and its 95 % interval over launches; bold: without 1 in it."
    return [meaning, *note_holes(ratios[ratios["speedup"].isna()], what="not compared")]
