"""What all pictures share: style, colours, markers, panels, ticks, legends, the notes below, and their bytes."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from math import inf, log10
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from matplotlib import rcParams, style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from reports.show.escape import page as escape_page
from reports.show.escape import picture as clean
from reports.show.files import Output

STYLE = Path(__file__).with_name("style.mplstyle")
"""The style sheet of all pictures lies beside this file."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette, safe for the colour-blind; its yellow is left out, too pale for a line on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "*", "h")
"""There is one more than there are colours, so that a colour that comes again has another marker."""

LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 4)))
"""The line styles are told apart in grey too."""

HOLE_MARKER = "X"
"""This marker stands for a case that was not measured, and for nothing else."""

GREY = "#555555"
"""Notes are darker than the grid and paler than the figures."""

SMALL = 7.0
"""Points of the smallest text that is readable in print."""

LABELS_PER_DECADE = {1.5: (1.0, 2.0, 5.0), 3.0: (1.0, 3.0), inf: (1.0,)}
"""Which multiples of a power of ten are labelled, by how many decades an axis spans at most."""

PANEL_WIDTH, PANEL_HEIGHT = 3.9, 3.3
"""Inches of a panel; two of them and a legend fit the width of a page."""

SMALL_WIDTH, SMALL_HEIGHT = 3.3, 2.1
"""Inches of one of many panels, in which three batches and two lines are still told apart."""

LEAST_WIDTH = 5.0
"""Inches that the title and the notes take."""

LABEL_STEP = 9.0
"""Points from one line's name to the next, where lines end near each other."""

MARGIN = 0.9
"""Inches that the title and the notes of a figure take."""

LEGEND_LINE = 0.19
"""Inches that a line of the legend takes."""

CHARACTERS_PER_INCH = 17
"""So much text of `SMALL` points fits an inch of a note."""

LEFT = 0.012
"""Where titles and notes begin, as a share of the figure's width."""

MAX_NOTES = 8
"""More reasons than this would take more room than the picture."""

SUFFIXES = (".svg", ".png")
"""Every picture is written as one for print and as one for where SVG is not shown."""

METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
"""What matplotlib would otherwise write: the hour and its own version."""

Key = TypeVar("Key", bound=Hashable)

Ends = tuple[Sequence[float | None], Sequence[float | None], Sequence[float | None]]
"""A figure at each batch, and the lower and the upper end of its interval; what is absent is None or NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How one thing is drawn wherever it appears in a picture.

    Attributes:
        colour: of its line and marker.
        marker: as matplotlib names it.
        line: the line's style.
        filled: whether the marker is filled with its colour or hollow.
        label: what the legend calls it.
    """

    colour: str = "black"
    marker: str = ""
    line: Any = "-"
    filled: bool = True
    label: str = ""

    @property
    def face(self) -> str:
        """Return the marker's filling."""
        return self.colour if self.filled else "white"

    def draw_key(self, **other: Any) -> Line2D:
        """Return its line in a legend."""
        return Line2D(
            [],
            [],
            color=self.colour,
            marker=self.marker,
            linestyle=self.line,
            markerfacecolor=self.face,
            label=clean(self.label),
            **other,
        )


def assign_colours(keys: Iterable[Key]) -> dict[Key, tuple[str, str]]:
    """Return a colour and a marker for each different key, in order; 56 pairs come before one comes again."""
    return dict(zip(dict.fromkeys(keys), zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))


def assign_lines(keys: Iterable[Key]) -> dict[Key, Any]:
    """Return a line style for each different key, in order."""
    return dict(zip(dict.fromkeys(keys), cycle(LINES), strict=False))


def make_panels(rows: int, columns: int, *, legend_width: float, legend_lines: int) -> tuple[Figure, Any]:
    """Return a figure of panels with room for a legend beside them, and the panels; those of a row share their y axis.

    Args:
        rows: of panels.
        columns: of panels.
        legend_width: in inches.
        legend_lines: how many lines the legend has.
    """
    height = max(PANEL_HEIGHT * rows + MARGIN, LEGEND_LINE * (legend_lines + 2))
    figure = Figure(figsize=(PANEL_WIDTH * columns + legend_width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, sharey="row")


def make_small_multiples(rows: int, columns: int) -> tuple[Figure, Any]:
    """Return a figure of small panels that share both axes, and the panels."""
    figure = Figure(figsize=(max(SMALL_WIDTH * columns, LEAST_WIDTH), SMALL_HEIGHT * rows + MARGIN))
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, Mark]]) -> None:
    """Name lines where they end, the names far enough from each other to be read; the y axis must be logarithmic.

    Args:
        axes: where; its limits may still change, so that distances are in points.
        ends: of each line its last point and how it is drawn.
    """
    ordered = sorted(ends, key=lambda end: end[1])
    for place, (x, y, mark) in enumerate(ordered):
        shift = LABEL_STEP * (place - (len(ordered) - 1) / 2)
        axes.annotate(
            clean(mark.label),
            (x, y),
            (6, shift),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=mark.colour,
            annotation_clip=False,
        )


def draw_curve(axes: Axes, batches: Sequence[int], ends: Ends, mark: Mark) -> Line2D:
    """Draw a figure against batch, with a bar for its interval; return the line.

    Args:
        axes: where.
        batches: ascending.
        ends: the figure and its interval at each of them.
        mark: how it is drawn.
    """
    centre, low, high = (np.asarray(values, dtype=float) for values in ends)
    drawn: Line2D = axes.errorbar(
        batches,
        centre,
        yerr=np.nan_to_num(np.asarray([centre - low, high - centre])),
        color=mark.colour,
        marker=mark.marker,
        linestyle=mark.line,
        markerfacecolor=mark.face,
        capsize=3,
    ).lines[0]
    return drawn


def set_up_panel(axes: Axes, title: str, batches: Iterable[int]) -> None:
    """Give a panel its title, a tick at each batch on an axis on which doubling is a step, and a logarithmic y axis."""
    axes.set_title(clean(title))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(batches))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_xlabel("batch (images per iteration)")
    axes.set_yscale("log")


def label_log_axis(axis: Axis, low: float, high: float, label: Callable[[float, object], str]) -> None:
    """Label a logarithmic axis, the more finely the fewer decades it spans."""
    decades = log10(high / low)
    subs = next(subs for reach, subs in LABELS_PER_DECADE.items() if decades <= reach)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(label))
    axis.set_minor_formatter(NullFormatter())


def write_title(figure: Figure, title: str) -> None:
    """Write a title over a figure."""
    figure.suptitle(title, x=LEFT, ha="left")


def put_legend(figure: Figure, keys: Sequence[Line2D]) -> None:
    """Put a legend beside the panels of a figure."""
    figure.legend(handles=keys, loc="outside right center", handlelength=3.2)


def group_holes(holes: Iterable[tuple[str, str]], *, what: str) -> list[str]:
    """Return one note for each reason for which something is not drawn, with the cases it holds for.

    Args:
        holes: each case with its reason.
        what: how a note begins, such as ``not measured``.
    """
    cases: dict[str, list[str]] = {}
    for case, reason in holes:
        cases.setdefault(reason, []).append(case)
    notes = [f"{what}, {reason} ({', '.join(names)})" for reason, names in cases.items()]
    more = len(notes) - MAX_NOTES
    return notes if more <= 0 else [*notes[:MAX_NOTES], f"and {more} more reasons: see the table of holes"]


def write_notes(figure: Figure, notes: Iterable[str]) -> None:
    """Write notes under a figure."""
    characters = int(figure.get_figwidth() * CHARACTERS_PER_INCH)
    lines = [line for note in notes for line in textwrap.wrap(note, characters, max_lines=3, placeholder=" …")]
    figure.supxlabel(join_lines(lines), x=LEFT, ha="left", fontsize=SMALL, color=GREY, linespacing=1.35)


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as one text for a figure."""
    return "\n".join(map(clean, lines))


def draw_styled(draw: Callable[[], Figure]) -> Figure:
    """Return what `draw` draws, in the style of all pictures."""
    with style.context(STYLE, after_reset=True):
        return draw()


def picture_output(name: str, draw: Callable[[], Figure]) -> Output:
    """Return a picture as a file for each of SUFFIXES; `draw` raises NothingToDrawError where it has nothing to show.

    The same figure gives the same bytes.
    """
    return Output(names=tuple(f"{name}{suffix}" for suffix in SUFFIXES), make=lambda: _encode(draw()))


def make_inline(draw: Callable[[], Figure], name: str, title: str) -> str:
    """Return a picture as SVG for a page, in which every point that has something to say says it.

    Args:
        draw: makes the figure; raises NothingToDrawError where it has nothing to show.
        name: unique in the page: what its parts are called begins so.
        title: for whoever does not see it.
    """
    content = BytesIO()
    with style.context([STYLE, {"svg.fonttype": "none", "svg.hashsalt": name}], after_reset=True):
        figure = draw()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            print_svg: Any = FigureCanvasSVG(figure).print_svg
            print_svg(content, metadata=METADATA[".svg"])
        points = "".join(_list_points(figure))
    svg = content.getvalue().decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1{name}-", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # it would be the whole page's
    label = f'role="img" aria-label="{escape_page(title)}" stroke-linejoin="round" stroke-linecap="butt"'
    return svg.replace("<svg", f"<svg {label}", 1).replace("</svg>", f"{points}</svg>").strip()


def tell_points(line: Line2D, sayings: Sequence[str]) -> None:
    """Have the points of a line say something where a page shows them."""
    setattr(line, SAYINGS, list(sayings))


SAYINGS = "accelbench_sayings"
"""The attribute of a line that holds what its points say."""


def _list_points(figure: Figure) -> Iterator[str]:
    """Yield a circle that cannot be seen for every point that says something, in the coordinates of the SVG."""
    height = figure.get_figheight() * POINTS_PER_INCH
    for axes in figure.axes:
        for line in axes.lines:
            points = np.asarray(line.get_xydata(), dtype=float)
            for point, saying in zip(points, getattr(line, SAYINGS, ()), strict=False):
                if not np.isfinite(point).all():
                    continue
                across, up = POINTS_PER_INCH * line.get_transform().transform(point) / figure.dpi
                said = escape_page(saying)
                yield (
                    f'<circle cx="{across:.1f}" cy="{height - up:.1f}" r="7" fill="transparent" data-point="{said}">'
                    f"<title>{said}</title></circle>"
                )


POINTS_PER_INCH = 72.0
"""What an SVG of matplotlib counts in."""


def _encode(figure: Figure) -> list[bytes]:
    """Return the content of a file for each of SUFFIXES.

    Each is drawn once, and the layout is found once: `Figure.savefig` does both twice for each format.
    """
    print_as: dict[str, Any] = {".svg": FigureCanvasSVG(figure).print_svg, ".png": FigureCanvasAgg(figure).print_png}
    contents = {}
    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a device may be named in any script
        figure.set_dpi(rcParams["savefig.dpi"])
        for suffix in (".png", ".svg"):  # the layout depends on how text is rounded to pixels, where there are any
            content = BytesIO()
            print_as[suffix](content, metadata=METADATA[suffix])
            contents[suffix] = content.getvalue()
            figure.set_layout_engine("none")
    return [contents[suffix] for suffix in SUFFIXES]
