"""A small picture of hundreds of values in a row of a table: SVG of its own, since a page may hold many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from reports.show.escape import page as escape

WIDTH, HEIGHT, MARGIN = 480, 72, 6
"""Pixels of a strip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Values in groups from left to right.

    Attributes:
        groups: of each the values in order, and which of them count.
        centre: what a line is drawn at, in the middle.
        title: for whoever does not see it.
        most: what lies further from the centre than this factor stands at the edge.
    """

    groups: tuple[tuple[Sequence[float], Sequence[bool]], ...]
    centre: float
    title: str
    most: float = 2.0


def draw_strip(strip: Strip) -> str:
    """Return the picture: a dot for each value on a logarithmic scale, a line between groups."""
    groups = [(values, kept) for values, kept in strip.groups if values]
    count = sum(len(values) for values, _ in groups) + len(groups)
    step = (WIDTH - 2 * MARGIN) / max(count, 1)
    dots: dict[bool, list[str]] = {True: [], False: []}
    lines, place = [], MARGIN + step / 2
    for values, kept in groups:
        for value, counts in zip(values, kept, strict=True):
            dots[counts].append(f"M{place:.1f} {_height(value, strip):.1f}h.01")
            place += step
        lines.append(f"M{place:.1f} {MARGIN}V{HEIGHT - MARGIN}")
        place += step
    middle = HEIGHT / 2
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(strip.title)}"><path d="M0 {middle}H{WIDTH}" stroke="#999"/>'
        f'<path d="{"".join(lines[:-1])}" stroke="#ddd"/>'
        f'<g stroke-width="4" stroke-linecap="round" fill="none"><path d="{"".join(dots[False])}" stroke="#ccc"/>'
        f'<path d="{"".join(dots[True])}" stroke="#0072B2"/></g></svg>'
    )


def _height(value: float, strip: Strip) -> float:
    reach = max(-1.0, min(1.0, log(value / strip.centre) / log(strip.most)))
    return HEIGHT / 2 - reach * (HEIGHT / 2 - MARGIN)
