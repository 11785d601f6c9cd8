"""The pictures of a comparison: throughput of all contenders against batch, crossings marked, and the roofline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.compare.contenders import Cell, Contender
from reports.compare.crossings import Crossing, best_variants
from reports.compare.rows import Match, all_crossings
from reports.show.escape import picture as clean
from reports.show.picture import (
    COLOURS,
    LINES,
    MARKERS,
    NothingToDrawError,
    batch_ticks,
    contents_of,
    log_ticks,
    said_below,
    styled,
)
from reports.show.units import Unit, tick

MOST_LINES = 14
"""More lines in a panel than this, and each contender has one: its best variant at each batch."""

PANEL_WIDTH, PANEL_HEIGHT, LEGEND_WIDTH, LEGEND_LINE = 3.9, 3.3, 2.2, 0.19
BEST = ("best variant", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a picture.

    Attributes:
        contender: whose.
        variant: dtype and compile mode, or that it is the best at each batch and nothing more.
        cells: by batch, ascending.
    """

    contender: str
    variant: tuple[str, str]
    cells: Mapping[int, Cell]


def throughput(match: Match) -> Figure:
    """Return images per second against batch, one panel for each model and step, with all contenders in each."""
    panels = {panel: _series(match, panel) for panel in _panels(match)}
    panels = {panel: lines for panel, lines in panels.items() if lines}
    if not panels:
        raise NothingToDrawError("no case was measured")
    marked = all_crossings(match)
    looks = _looks(match.contenders)
    variants = list(dict.fromkeys(line.variant for lines in panels.values() for line in lines))
    dashes: dict[str, Any] = dict(zip(dict.fromkeys(dtype for dtype, _ in variants), cycle(LINES), strict=False))
    handles = [Line2D([], [], color=looks[name][0], marker=looks[name][1], label=clean(name)) for name in looks]
    handles += [Line2D([], [], color="black", linestyle=dash, label=clean(name)) for name, dash in dashes.items()]
    if any(mode != "off" for _, mode in variants):
        label = "compiled: hollow"
        handles.append(
            Line2D([], [], color="black", marker="o", linestyle="none", markerfacecolor="white", label=label)
        )
    if any(one.at for one in marked):
        handles.append(Line2D([], [], color="black", marker="*", linestyle="none", markersize=9, label="crossing"))
    width = PANEL_WIDTH * len(panels) + LEGEND_WIDTH
    figure = Figure(figsize=(width, max(PANEL_HEIGHT + 0.9, LEGEND_LINE * (len(handles) + 2))))
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)
    for axes, ((model, step), lines) in zip(grid.flat, panels.items(), strict=True):
        for line in lines:
            _draw(axes, line, looks[line.contender], dashes[line.variant[0]])
        shown = {line.variant for line in lines}
        for crossing in marked:
            if crossing.curve[:2] == (model, step) and (BEST in shown or crossing.curve[2:] in shown):
                _mark(axes, crossing)
        axes.set_title(clean(f"{model}, {step}"))
        batch_ticks(axes, [batch for line in lines for batch in line.cells])
        axes.set_yscale("log")
    low, high = grid[0, 0].get_ylim()
    log_ticks(grid[0, 0].yaxis, low, high, tick(Unit.IMAGES_PER_SECOND))
    grid[0, 0].set_ylabel("throughput (images/s)")
    figure.suptitle("Throughput against batch", x=0.012, ha="left")
    figure.legend(handles=handles, loc="outside right center", handlelength=3.2)
    notes = ["Points: median over launches. Bars: 95 % interval over launches. Stars: where one overtakes "]
    notes[0] += f"{match.reference.name} or falls behind it, with the interval."
    said_below(figure, [*notes, *_who(match)], width=width)
    return figure


def roofline(match: Match) -> Figure:
    """Return FLOP rates against arithmetic intensity, with the limits that each contender's device showed."""
    looks = _looks(match.contenders)
    width = 6.2 + LEGEND_WIDTH
    figure = Figure(figsize=(width, 4.6))
    axes = figure.subplots()
    seen: list[float] = []
    rates: list[float] = []
    steps = list(dict.fromkeys(point.step for one in match.contenders for point in one.cells))
    shapes = dict(zip(steps, MARKERS, strict=False))
    for one in match.contenders:
        for point, cell in one.cells.items():
            rate, intensity = cell.figures["flops_per_second"], cell.figures["intensity"]
            if rate is None or intensity is None:
                continue
            seen.append(intensity.centre)
            rates.append(rate.centre)
            colour, shape = looks[one.name][0], shapes[point.step]
            face = colour if point.compile == "off" else "white"
            axes.plot(intensity.centre, rate.centre, shape, color=colour, markerfacecolor=face, markersize=5)
    if not seen:
        raise NothingToDrawError("no operation was counted")
    ends = np.array([min(seen) / 2, max(seen) * 2])
    dtypes = list(dict.fromkeys(dtype for one in match.contenders for dtype in one.roofs))
    dashes: dict[str, Any] = dict(zip(dtypes, cycle(LINES), strict=False))
    for one in match.contenders:
        for dtype, roof in one.roofs.items():
            xs = np.unique(np.clip([ends[0], roof.ridge, ends[1]], *ends))
            ys = [roof.attainable(x) for x in xs]
            rates += ys
            axes.plot(xs, ys, color=looks[one.name][0], linestyle=dashes[dtype], linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*ends)
    log_ticks(axes.xaxis, ends[0], ends[1], lambda value, _: f"{value:g}")
    log_ticks(axes.yaxis, min(rates) / 2, max(rates) * 2, tick(Unit.FLOPS_PER_SECOND))
    axes.set_ylim(min(rates) / 2, max(rates) * 2)
    axes.set_xlabel("arithmetic intensity (FLOP per byte that must be read or written)")
    axes.set_ylabel("FLOP rate")
    handles = [Line2D([], [], color=colour, linewidth=2, label=clean(name)) for name, (colour, _) in looks.items()]
    handles += [Line2D([], [], color="black", marker=shapes[name], linestyle="none", label=name) for name in steps]
    handles += [Line2D([], [], color="black", linestyle=dashes[name], label=f"limit, {name}") for name in dtypes]
    figure.legend(handles=handles, loc="outside right center", handlelength=3.2)
    figure.suptitle("Roofline: what is reached, and what each device allows", x=0.012, ha="left")
    said_below(
        figure, ["Filled: eager. Hollow: compiled. Limits: measured in the same run.", *_who(match)], width=width
    )
    return figure


__all__ = ["PICTURES", "NothingToDrawError", "picture_files"]

PICTURES: dict[str, Callable[[Match], Figure]] = {"throughput": throughput, "roofline": roofline}
"""Every picture of a comparison by name, in display order."""


def picture_files(name: str, match: Match) -> dict[str, bytes]:
    """Return a picture by name as the content of a file for each suffix.

    Raises:
        NothingToDrawError: if there is nothing that it could show; the message says why.
    """
    return contents_of(styled(lambda: PICTURES[name](match)))


def _panels(match: Match) -> list[tuple[str, str]]:
    return list(dict.fromkeys((point.model, point.step) for one in match.contenders for point in one.cells))


def _series(match: Match, panel: tuple[str, str]) -> list[Series]:
    """Return the lines of one panel: every variant of every contender, or the best of each if those are too many."""
    lines: dict[tuple[str, tuple[str, str]], dict[int, Cell]] = {}
    for one in match.contenders:
        for point, cell in one.cells.items():
            if (point.model, point.step) == panel and cell.seconds is not None:
                lines.setdefault((one.name, (point.dtype, point.compile)), {})[point.batch] = cell
    if len(lines) > MOST_LINES:
        lines = {}
        for one in match.contenders:
            for point, cell in best_variants(one).values():
                if (point.model, point.step) == panel:
                    lines.setdefault((one.name, BEST), {})[point.batch] = cell
    return [
        Series(contender=name, variant=variant, cells=dict(sorted(cells.items())))
        for (name, variant), cells in lines.items()
    ]


def _looks(contenders: Sequence[Contender]) -> dict[str, tuple[str, str]]:
    """Return a colour and a marker for each contender."""
    looks = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
    return {one.name: look for one, look in zip(contenders, looks, strict=False)}


def _draw(axes: Axes, line: Series, look: tuple[str, str], dash: Any) -> None:
    summaries = [(batch, cell.seconds.per(batch)) for batch, cell in line.cells.items() if cell.seconds]
    centre = np.array([one.centre for _, one in summaries])
    low = np.array([one.centre if one.low is None else one.low for _, one in summaries])
    high = np.array([one.centre if one.high is None else one.high for _, one in summaries])
    colour, marker = look
    axes.errorbar(
        [batch for batch, _ in summaries],
        centre,
        yerr=[centre - low, high - centre],
        color=colour,
        marker=marker,
        linestyle=dash,
        markerfacecolor=colour if line.variant[1] == "off" else "white",
        capsize=3,
    )


def _mark(axes: Axes, crossing: Crossing) -> None:
    """Put a star where two lines cross, with a bar for the interval; an open end reaches the last measured batch."""
    if crossing.at is None or crossing.rate is None:
        return
    axes.plot(crossing.at, crossing.rate, "*", color="black", markersize=10, zorder=5)
    if crossing.bounded:
        low, high = crossing.low or crossing.batches[0], crossing.high or crossing.batches[1]
        axes.plot([low, high], [crossing.rate] * 2, "-", color="black", linewidth=1.4, zorder=5)


def _who(match: Match) -> list[str]:
    return ["; ".join(f"{one.name}: {one.description}" for one in match.contenders)]
