"""The picture of layers: for each network a bar forward and one backward, a piece for each layer."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.record.run import Run
from reports.figures.layers import Walk, list_walks
from reports.figures.reference import Reference
from reports.run.layers import name_network
from reports.run.marks import write_below
from reports.show.escape import picture as clean
from reports.show.files import NothingToDrawError
from reports.show.picture import COLOURS, GREY, SMALL, group_holes, write_title
from reports.show.units import Unit, percent, text

WIDTH, BAR_HEIGHT = 9.0, 0.34
"""Inches of the picture, and of a bar with the gap below it."""

MOST_PIECES = 6
"""So many layers have a colour of their own, the largest; all others share one."""

CHARACTERS = 95
"""So many characters of a layer's name fit the width of all bars."""

LEAST_CHARACTERS = 5
"""A name of which fewer fit is left out."""

OTHERS, REST = "#bbbbbb", "#f4f4f4"
"""All smaller layers together, and what is in no layer."""

Piece = tuple[str, float]
"""A layer's name, and its share of the whole."""


def draw_layers(run: Run, _: Reference) -> Figure:
    """Return which share of a network's forward and backward each of its layers takes alone."""
    walks = {name_network(case): walk for case, walk in list_walks(run).items()}
    bars = [(name, way, walk) for name, walk in walks.items() if isinstance(walk, Walk) for way in _list_ways(walk)]
    if not bars:
        raise NothingToDrawError("no network was timed layer by layer")
    pieces = [list(_list_pieces(walk, way)) for _, way, walk in bars]
    reach = max(1.0, *(sum(share for _, share in bar) for bar in pieces))
    colours = _assign_colours(pieces)
    figure = Figure(figsize=(WIDTH, BAR_HEIGHT * len(bars) + 1.7))
    axes = figure.subplots()
    labels = []
    for name, way, walk in bars:
        whole = walk.forward if way == "forward" or walk.backward is None else walk.backward
        labels.append(clean(f"{name}, {way}: {text(Unit.SECONDS, whole.seconds.centre)}"))
    for place, bar in enumerate(pieces):
        _draw_bar(axes, place, bar, colours, reach)
    axes.set_xlim(0, 1.02 * reach)
    axes.set_yticks(range(len(bars)), labels=labels, fontsize=SMALL)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.axvline(1, color="black", linewidth=1.0)
    axes.xaxis.set_major_formatter(lambda value, _: percent(value))
    axes.set_xlabel("share of the whole, each layer timed alone")
    axes.grid(visible=False, axis="y")
    write_title(figure, "Layer by layer: what each takes of the whole network")
    holes = [(name, walk) for name, walk in walks.items() if isinstance(walk, str)]
    meaning = (
        f"The {MOST_PIECES} largest layers have a colour each, all others are grey. The line at 100 % is the whole "
        "network: what a bar lacks is in no layer, and what is beyond is saved where layers run in a row."
    )
    write_below(figure, run, [meaning, *group_holes(holes, what="not timed")])
    return figure


def _list_ways(walk: Walk) -> list[str]:
    return ["forward", *(["backward"] if walk.backward is not None else [])]


def _list_pieces(walk: Walk, way: str) -> Iterator[Piece]:
    """Yield the layers of one way that were timed, in the order of the forward."""
    for row in walk.rows:
        part = row.forward if way == "forward" else row.backward
        if part is not None:
            yield row.layer.name or row.layer.kind, part.share.centre


def _assign_colours(bars: list[list[Piece]]) -> dict[str, str]:
    """Return the colour of each of the largest layers, the same in every bar."""
    largest: dict[str, float] = {}
    for name, share in (piece for bar in bars for piece in bar):
        largest[name] = max(share, largest.get(name, 0.0))
    named = sorted(largest, key=lambda name: -largest[name])[:MOST_PIECES]
    return dict(zip((name for name in largest if name in named), COLOURS, strict=False))


def _draw_bar(axes: Axes, place: int, pieces: list[Piece], colours: dict[str, str], reach: float) -> None:
    left = 0.0
    for name, share in pieces:
        axes.barh(
            place, share, left=left, height=0.72, color=colours.get(name, OTHERS), edgecolor="white", linewidth=0.6
        )
        fits = int(CHARACTERS * share / reach)
        if fits >= LEAST_CHARACTERS and name in colours:
            short = name if len(name) <= fits else f"…{name[1 - fits :]}"
            axes.text(left + share / 2, place, clean(short), ha="center", va="center", fontsize=SMALL, color="white")
        left += share
    if left < 1:
        axes.barh(place, 1 - left, left=left, height=0.72, facecolor=REST, hatch="////", edgecolor=GREY, linewidth=0)
