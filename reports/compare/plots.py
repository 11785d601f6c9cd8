"""The pictures of a compare: throughput of all contenders against batch, crossings marked, and the roofline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.record.case import Variant
from reports.compare.contenders import Cell
from reports.compare.crossings import Crossing, best_variants
from reports.compare.rows import Match, all_crossings, tell_unsteady
from reports.show.files import NothingToDrawError, Output
from reports.show.picture import (
    MARKERS,
    Mark,
    assign_colours,
    assign_lines,
    draw_curve,
    draw_styled,
    label_log_axis,
    make_panels,
    picture_output,
    put_legend,
    set_up_panel,
    write_notes,
    write_title,
)
from reports.show.units import Unit, tick

MOST_LINES = 14
"""More lines in a panel than this cannot be told apart: each contender then has one, its best variant at each batch."""

LEGEND_WIDTH = 2.2
"""Inches that the name of a contender takes."""

ROOFLINE_WIDTH, ROOFLINE_HEIGHT = 6.2, 4.6
"""Inches of the roofline, whose axes span several decades each."""

BEST = Variant("best variant", "off")
"""This stands for the variant of a line that is the best at each batch and nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a picture.

    Attributes:
        contender: whose.
        variant: which, or `BEST`.
        cells: by batch, ascending; all of them were timed.
    """

    contender: str
    variant: Variant
    cells: Mapping[int, Cell]


def draw_throughput(match: Match) -> Figure:
    """Return images per second against batch, one panel for each model and step, with all contenders in each."""
    panels = {panel: series for panel in _list_panels(match) if (series := _list_series(match, panel))}
    if not panels:
        raise NothingToDrawError("no case was measured")
    crossings = all_crossings(match)
    variants = list(dict.fromkeys(line.variant for series in panels.values() for line in series))
    looks = assign_colours(contender.name for contender in match.contenders)
    dashes = assign_lines(variant.without_compile for variant in variants)
    keys = [Mark(colour=colour, marker=marker, label=name).draw_key() for name, (colour, marker) in looks.items()]
    keys += [Mark(line=dash, label=name).draw_key() for name, dash in dashes.items()]
    if any(variant.compile != "off" for variant in variants):
        keys.append(Mark(marker="o", line="none", filled=False, label="compiled: hollow").draw_key())
    if any(crossing.at for crossing in crossings):
        keys.append(Mark(marker="*", line="none", label="crossing").draw_key(markersize=9))
    figure, grid = make_panels(1, len(panels), legend_width=LEGEND_WIDTH, legend_lines=len(keys))
    for axes, ((model, step), series) in zip(grid.flat, panels.items(), strict=True):
        for line in series:
            colour, marker = looks[line.contender]
            dash, eager = dashes[line.variant.without_compile], line.variant.compile == "off"
            _draw_series(axes, line, Mark(colour=colour, marker=marker, line=dash, filled=eager))
        shown = {line.variant for line in series}
        for crossing in crossings:
            if crossing.curve[:2] == (model, step) and (BEST in shown or crossing.curve[2] in shown):
                _mark_crossing(axes, crossing)
        set_up_panel(axes, f"{model}, {step}", [batch for line in series for batch in line.cells])
    low, high = grid[0, 0].get_ylim()
    label_log_axis(grid[0, 0].yaxis, low, high, tick(Unit.IMAGES_PER_SECOND))
    grid[0, 0].set_ylabel("throughput (images/s)")
    write_title(figure, "Throughput against batch")
    put_legend(figure, keys)
    meaning = (
        "Points: median over launches. Bars: 95 % interval over launches. Stars: where one overtakes "
        f"{match.reference.name} or falls behind it, with the interval; none where that cannot be told."
    )
    write_notes(figure, [meaning, *tell_unsteady(match), _describe_contenders(match)])
    return figure


def draw_roofline(match: Match) -> Figure:
    """Return FLOP rates against arithmetic intensity, with the limits that each contender's device showed."""
    figure = Figure(figsize=(ROOFLINE_WIDTH + LEGEND_WIDTH, ROOFLINE_HEIGHT))
    axes = figure.subplots()
    colours = {
        name: colour for name, (colour, _) in assign_colours(contender.name for contender in match.contenders).items()
    }
    steps = dict.fromkeys(point.step for contender in match.contenders for point in contender.cells)
    shapes = dict(zip(steps, cycle(MARKERS), strict=False))
    intensities, rates = _draw_cells(axes, match, colours, shapes)
    if not intensities:
        raise NothingToDrawError("no operation was counted")
    ends = np.array([min(intensities) / 2, max(intensities) * 2])
    dashes = assign_lines(dtype for contender in match.contenders for dtype in contender.roofs)
    for contender in match.contenders:
        for dtype, roof in contender.roofs.items():
            xs = np.unique(np.clip([ends[0], roof.ridge, ends[1]], *ends))
            ys = [roof.attainable(x) for x in xs]
            rates += ys
            axes.plot(xs, ys, color=colours[contender.name], linestyle=dashes[dtype], linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*ends)
    label_log_axis(axes.xaxis, ends[0], ends[1], lambda value, _: f"{value:g}")
    label_log_axis(axes.yaxis, min(rates) / 2, max(rates) * 2, tick(Unit.FLOPS_PER_SECOND))
    axes.set_ylim(min(rates) / 2, max(rates) * 2)
    axes.set_xlabel("arithmetic intensity (FLOP per byte that must be read or written)")
    axes.set_ylabel("FLOP rate")
    put_legend(figure, _make_roofline_keys(colours, shapes, dashes))
    write_title(figure, "Roofline: what is reached, and what each device allows")
    meaning = "Filled: eager. Hollow: compiled. Limits: measured in the same run."
    write_notes(figure, [meaning, *tell_unsteady(match), _describe_contenders(match)])
    return figure


PICTURES: dict[str, Callable[[Match], Figure]] = {"throughput": draw_throughput, "roofline": draw_roofline}
"""Every picture of a compare by name, in display order."""


def plot_output(name: str, match: Match) -> Output:
    """Return a picture by name as what is to be written."""
    return picture_output(name, partial(draw_styled, partial(PICTURES[name], match)))


def _list_panels(match: Match) -> list[tuple[str, str]]:
    """Return every model and step, in display order."""
    points = (point for contender in match.contenders for point in contender.cells)
    return list(dict.fromkeys((point.model, point.step) for point in points))


def _list_series(match: Match, panel: tuple[str, str]) -> list[Series]:
    """Return the lines of one panel: every variant of every contender, or the best of each if those are too many."""
    lines: dict[tuple[str, Variant], dict[int, Cell]] = {}
    for contender in match.contenders:
        for point, cell in contender.cells.items():
            if (point.model, point.step) == panel and cell.seconds is not None:
                lines.setdefault((contender.name, point.variant), {})[point.batch] = cell
    if len(lines) > MOST_LINES:
        lines = {}
        for contender in match.contenders:
            for point, cell in best_variants(contender).values():
                if (point.model, point.step) == panel:
                    lines.setdefault((contender.name, BEST), {})[point.batch] = cell
    return [
        Series(contender=name, variant=variant, cells=dict(sorted(cells.items())))
        for (name, variant), cells in lines.items()
    ]


def _draw_series(axes: Axes, line: Series, mark: Mark) -> None:
    rates = {batch: cell.seconds.per(batch) for batch, cell in line.cells.items() if cell.seconds}
    ends = (
        [rate.centre for rate in rates.values()],
        [rate.low for rate in rates.values()],
        [rate.high for rate in rates.values()],
    )
    draw_curve(axes, list(rates), ends, mark)


def _mark_crossing(axes: Axes, crossing: Crossing) -> None:
    """Put a star where two lines cross, with a bar for the interval, unless it cannot be told whether they do."""
    if crossing.at is None or crossing.rate is None or crossing.low is None or crossing.high is None:
        return
    axes.plot(crossing.at, crossing.rate, "*", color="black", markersize=10, zorder=5)
    axes.plot([crossing.low, crossing.high], [crossing.rate] * 2, "-", color="black", linewidth=1.4, zorder=5)


def _draw_cells(
    axes: Axes, match: Match, colours: Mapping[str, str], shapes: Mapping[str, str]
) -> tuple[list[float], list[float]]:
    """Draw every case whose operations were counted; return their intensities and rates."""
    intensities, rates = [], []
    for contender in match.contenders:
        for point, cell in contender.cells.items():
            rate, intensity = cell.figures["flops_per_second"], cell.figures["intensity"]
            if rate is None or intensity is None:
                continue
            intensities.append(intensity.centre)
            rates.append(rate.centre)
            mark = Mark(
                colour=colours[contender.name], marker=shapes[point.step], filled=point.variant.compile == "off"
            )
            axes.plot(
                intensity.centre,
                rate.centre,
                mark.marker,
                color=mark.colour,
                markerfacecolor=mark.face,
                markersize=5,
            )
    return intensities, rates


def _make_roofline_keys(
    colours: Mapping[str, str], shapes: Mapping[str, str], dashes: Mapping[str, Any]
) -> list[Line2D]:
    keys = [Mark(colour=colour, label=name).draw_key(linewidth=2) for name, colour in colours.items()]
    keys += [Mark(marker=shape, line="none", label=step).draw_key() for step, shape in shapes.items()]
    return keys + [Mark(line=dash, label=f"limit, {dtype}").draw_key() for dtype, dash in dashes.items()]


def _describe_contenders(match: Match) -> str:
    return "; ".join(f"{contender.name}: {contender.description}" for contender in match.contenders)
