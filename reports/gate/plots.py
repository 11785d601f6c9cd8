"""The pictures of a gate: every effect with its interval and floor, and the machine's state over the blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.record.gate import Contest
from reports.gate.answer import Answer
from reports.gate.answer_text import CONTROLS, name_case
from reports.show.escape import picture as clean
from reports.show.files import NothingToDrawError, Output
from reports.show.picture import (
    COLOURS,
    GREY,
    SMALL,
    Mark,
    draw_styled,
    picture_output,
    put_legend,
    tell_points,
    write_notes,
    write_title,
)
from reports.show.units import percent, signed_percent
from reports.stats.verdict import Ruling, Verdict

WIDTH, ROW = 9.0, 0.26
"""Inches of the forest, and of a row of it."""

LEGEND_WIDTH = 1.7
"""Inches that a verdict's name takes."""

MARKS = {
    Verdict.REGRESSED: Mark(colour=COLOURS[1], marker="D", label="regressed"),
    Verdict.IMPROVED: Mark(colour=COLOURS[2], marker="s", label="improved"),
    Verdict.UNCHANGED: Mark(colour=COLOURS[0], marker="o", label="unchanged"),
    Verdict.INCONCLUSIVE: Mark(colour=GREY, marker="o", filled=False, label="inconclusive"),
}
"""How a verdict is drawn: colour is never the only thing that tells it."""

FLOOR = "#e8eef4"
"""A change within the floor lies on this band."""

DISTURBANCE_HEIGHT = 2.4
"""Inches of the machine's state."""


def draw_forest(answer: Answer) -> Figure:
    """Return the change of every judged case and control, with its interval; the floor is shaded."""
    rows = [(name_case(answer.gate, case), ruling) for case, ruling in answer.rulings.items()]
    rows += [(CONTROLS[contest], ruling) for contest, ruling in answer.controls.items()]
    if not answer.rulings:
        raise NothingToDrawError("no case was judged")
    figure = Figure(figsize=(WIDTH, ROW * len(rows) + 1.5))
    axes = figure.subplots()
    for place, (name, ruling) in enumerate(rows):
        _draw_row(axes, place, name, ruling)
    axes.axvline(0, color="black", linewidth=1.0)
    axes.set_yticks(range(len(rows)), labels=[clean(name) for name, _ in rows], fontsize=SMALL)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: signed_percent(value))
    axes.set_xlabel("change of the time of an iteration: right of 0 head is slower")
    axes.grid(visible=False, axis="y")
    used = [mark for verdict, mark in MARKS.items() if any(ruling.verdict is verdict for _, ruling in rows)]
    put_legend(figure, [mark.draw_key() for mark in used])
    write_title(figure, "Head against base")
    write_notes(
        figure, ["Bars: 95 % interval over blocks. Band: the smallest change that counts, in either direction."]
    )
    return figure


def _draw_row(axes: Axes, place: int, name: str, ruling: Ruling) -> None:
    mark = MARKS[ruling.verdict]
    axes.add_patch(Rectangle((-ruling.floor, place - 0.45), 2 * ruling.floor, 0.9, facecolor=FLOOR, zorder=0))
    low, high = (ruling.change if end is None else end for end in (ruling.low, ruling.high))
    bar = axes.errorbar(
        [ruling.change],
        [place],
        xerr=[[max(0.0, ruling.change - low)], [max(0.0, high - ruling.change)]],
        color=mark.colour,
        marker=mark.marker,
        markerfacecolor=mark.face,
        linestyle="none",
        capsize=3,
    )
    tell_points(bar.lines[0], [f"{name}: {signed_percent(ruling.change, ruling.low, ruling.high)}"])


def draw_disturbance(answer: Answer) -> Figure:
    """Return the yardstick over the blocks, and how much time the hypervisor took from their slices."""
    blocks = answer.gate.blocks
    if not blocks:
        raise NothingToDrawError("no block was timed")
    figure = Figure(figsize=(WIDTH, DISTURBANCE_HEIGHT + 0.9))
    above, below = figure.subplots(2, 1, sharex=True)
    numbers = [block.index for block in blocks]
    by_case: dict[str, list[float]] = {}
    for block in blocks:
        for pairing in block.pairings:
            if pairing.contest is Contest.ARMS:
                by_case.setdefault(pairing.case.id, []).append(pairing.yardstick_seconds)
    usual = {case: median(values) for case, values in by_case.items()}
    readings = [
        median(
            pairing.yardstick_seconds / usual[pairing.case.id]
            for pairing in block.pairings
            if pairing.contest is Contest.ARMS
        )
        for block in blocks
    ]
    (line,) = above.plot(numbers, readings, marker="o", color=COLOURS[1])
    tell_points(line, [f"block {number}: {reading:.3f}" for number, reading in zip(numbers, readings, strict=True)])
    above.axhline(1, color="#999999", linewidth=0.8)
    above.set_ylabel("yardstick")
    stolen = [sum(pairing.stolen_seconds or 0.0 for pairing in block.pairings) / block.wall_seconds for block in blocks]
    below.bar(numbers, stolen, color=GREY)
    below.set_ylim(0, max(*stolen, 0.01))
    below.yaxis.set_major_formatter(lambda value, _: percent(value))
    below.set_ylabel("stolen")
    below.set_xlabel("block")
    write_title(figure, "The machine while this was measured")
    unknown = all(pairing.stolen_seconds is None for block in blocks for pairing in block.pairings)
    why = " This system does not tell what was stolen." if unknown else "" if any(stolen) else " Nothing was stolen."
    write_notes(figure, [f"Yardstick: over its median. Stolen: the hypervisor's share of a block.{why}"])
    return figure


PICTURES: dict[str, Callable[[Answer], Figure]] = {"forest": draw_forest, "disturbance": draw_disturbance}
"""Every picture of a gate by name, in display order."""


def plot_output(name: str, answer: Answer) -> Output:
    """Return a picture by name as what is to be written."""
    return picture_output(name, partial(draw_styled, partial(PICTURES[name], answer)))
