"""What all pictures share: style, colours, markers, ticks, holes, the lines below, and their bytes."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Iterable
from io import BytesIO
from math import inf, log10
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from pandas import DataFrame, isna

from bench.record.run import Outcome
from reports.show.escape import picture as clean

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


class NothingToDrawError(Exception):
    """A run holds nothing that a picture could show; the message says why."""


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


def said_below(figure: Figure, every: Iterable[str], *, width: float) -> None:
    """Write notes under a figure that is `width` inches wide."""
    characters = int(width * 17)  # of 7 point text in an inch
    lines = [part for note in every for part in textwrap.wrap(note, characters, max_lines=3, placeholder=" …")]
    said = clean_lines(lines)
    figure.supxlabel(said, x=0.012, ha="left", fontsize=SMALL, color=GREY, linespacing=1.35)


def clean_lines(lines: Iterable[str]) -> str:
    """Return lines as one text for a figure."""
    return "\n".join(map(clean, lines))


STYLE = Path(__file__).with_name("style.mplstyle")
SUFFIXES = (".svg", ".png")

METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
"""What matplotlib would otherwise write: the hour and its own version."""


def styled(make: Callable[[], Figure]) -> Figure:
    """Return what `make` draws, in the style of all pictures."""
    with style.context(STYLE, after_reset=True):
        return make()


def contents_of(figure: Figure) -> dict[str, bytes]:
    """Return a figure as the content of a file for each of SUFFIXES; the same figure gives the same bytes."""
    contents = {}
    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a device may be named in any script
        for suffix in SUFFIXES:
            content = BytesIO()
            figure.savefig(content, format=suffix[1:], metadata=METADATA[suffix])
            contents[suffix] = content.getvalue()
    return contents
