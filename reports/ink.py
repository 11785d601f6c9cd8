"""What all pictures share: colours, markers, ticks, the look of a hole, and the lines below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from math import inf, log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from pandas import DataFrame, isna

from bench.record.run import Outcome, Run
from reports.escape import picture as clean
from reports.provenance import caption, headlines
from reports.reference import variant_label

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette, safe for the colour-blind; its yellow is left out, too pale for a line on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "*", "h")
"""One more than colours, so that a colour that comes again has another marker."""

LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 4)))
LABELS_PER_DECADE = {1.5: (1.0, 2.0, 5.0), 3.0: (1.0, 3.0), inf: (1.0,)}
"""Which multiples of a power of ten are labelled, by how many decades an axis spans at most."""

HOLE = "X"
GREY = "#555555"
SMALL = 7.0
MAX_NOTES = 8

Variant = tuple[str, str, str]
"""Device, dtype and compile: what has a line of its own."""


class NothingToDrawError(Exception):
    """A run holds nothing that a picture could show; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """How one variant is drawn: colour and marker tell device and dtype, line and filling tell the compile mode."""

    colour: str
    marker: str
    line: Any
    filled: bool
    label: str

    @property
    def face(self) -> str:
        """Return the marker's filling."""
        return self.colour if self.filled else "white"


def inks(cases: DataFrame) -> dict[Variant, Ink]:
    """Return how each variant in a frame of cases is drawn, in display order."""
    variants = list(dict.fromkeys(zip(cases["device"], cases["dtype"], cases["compile"], strict=True)))
    looks = dict(zip(dict.fromkeys((device, dtype) for device, dtype, _ in variants), _looks(), strict=False))
    modes = sorted({mode for _, _, mode in variants}, key=lambda mode: (mode != "off", mode != "on", mode))
    lines = dict(zip(modes, cycle(LINES), strict=False))
    several = len({device for device, _, _ in variants}) > 1
    return {
        (device, dtype, mode): Ink(
            colour=looks[device, dtype][0],
            marker=looks[device, dtype][1],
            line=lines[mode],
            filled=mode == "off",
            label=clean(f"{device} {variant_label(dtype, mode)}" if several else variant_label(dtype, mode)),
        )
        for device, dtype, mode in variants
    }


def _looks() -> Iterable[tuple[str, str]]:
    return zip(cycle(COLOURS), cycle(MARKERS), strict=False)


def log_ticks(axis: Axis, low: float, high: float, label: Callable[[float, object], str]) -> None:
    """Label a logarithmic axis, the more finely the fewer decades it spans."""
    decades = log10(high / low)
    subs = next(subs for reach, subs in LABELS_PER_DECADE.items() if decades <= reach)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(label))
    axis.set_minor_formatter(NullFormatter())


def batch_ticks(axes: Axes, batches: Iterable[int]) -> None:
    """Put a tick at each batch that was planned, on an axis on which doubling is a step."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(batches))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_xlabel("batch (images per iteration)")


def hole_notes(holes: DataFrame, *, what: str) -> list[str]:
    """Return one line for each reason that rows of a frame have no figure, with the cases it holds for.

    Args:
        holes: rows with their case, outcome and reason.
        what: how a line begins, such as ``not measured``.
    """
    found: dict[str, list[str]] = {}
    for row in holes.to_dict(orient="records"):
        outcome = [] if row["outcome"] == Outcome.MEASURED.value else [str(row["outcome"])]
        reason = [] if isna(row["reason"]) else [str(row["reason"])]
        found.setdefault(": ".join(outcome + reason), []).append(str(row["case"]))
    notes = [f"{what}, {reason} ({', '.join(ids)})" for reason, ids in found.items()]
    more = len(notes) - MAX_NOTES
    return notes if more <= 0 else [*notes[:MAX_NOTES], f"and {more} more reasons: see the table of holes"]


def below(figure: Figure, run: Run, notes: Iterable[str], *, width: float) -> None:
    """Write the notes and the provenance under a figure that is `width` inches wide."""
    said_below(figure, [*headlines(run), *notes, caption(run)], width=width)


def said_below(figure: Figure, every: Iterable[str], *, width: float) -> None:
    """Write notes under a figure that is `width` inches wide."""
    characters = int(width * 17)  # of 7 point text in an inch
    lines = [part for note in every for part in textwrap.wrap(note, characters, max_lines=3, placeholder=" …")]
    said = clean_lines(lines)
    figure.supxlabel(said, x=0.012, ha="left", fontsize=SMALL, color=GREY, linespacing=1.35)


def clean_lines(lines: Iterable[str]) -> str:
    """Return lines as one text for a figure."""
    return "\n".join(map(clean, lines))
