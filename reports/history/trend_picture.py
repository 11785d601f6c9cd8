"""The picture of a trend: against the point before, which shows blips, and against the segment's first: steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from reports.history.trends import Trend
from reports.show.escape import page as escape
from reports.show.units import signed_percent
from reports.stats.signflip import Array

WIDTH, HEIGHT, LEFT, MARGIN, FOOT = 640, 92, 92, 8, 30
"""Pixels of a graph; numbers stand to the left, and below both commits and days."""

APART = 70
"""So many pixels a commit takes."""

MOST_COLUMNS = 240
"""Of more points each column shows the range of several, and their median."""

LEAST_REACH = 0.02
"""A graph reaches this share up and down at least: what is less is noise, and shall look like it."""

POINT, GREY, RULE, STEP = "#0072B2", "#999", "#ddd", "#D55E00"


def draw_trend(trend: Trend, number: int) -> str:
    """Return both graphs, as one element that a script finds points in.

    Args:
        trend: what is drawn.
        number: of the trend in the page's data.
    """
    previous, first = compare_points(trend)
    graphs = (("since previous", previous), ("since first", first))
    parts = [_draw_graph(name, logs, trend, top) for (name, logs), top in zip(graphs, (0, HEIGHT), strict=True)]
    parts.append(_draw_commits(trend))
    height = 2 * HEIGHT + FOOT
    said = f"{trend.case}: {len(trend.seconds)} points, {len(trend.list_steps())} steps"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(said)}" data-trend="{number}" data-left="{LEFT}" data-width="{WIDTH - LEFT - MARGIN}" '
        f'font-size="11" fill="currentColor">{"".join(parts)}</svg>'
    )


def compare_points(trend: Trend) -> tuple[Array, Array]:
    """Return ln of each point over the one before it and over its segment's first; 0 for the first of a segment."""
    logs = np.log(trend.seconds)
    previous, first = np.zeros_like(logs), np.zeros_like(logs)
    for segment in trend.segments:
        own = logs[segment.begin : segment.end]
        previous[segment.begin + 1 : segment.end] = np.diff(own)
        first[segment.begin : segment.end] = own - own[0]
    return previous, first


def _draw_graph(name: str, logs: Array, trend: Trend, top: int) -> str:
    """Return one graph: dots or ranges, lines where a segment begins, dashes where it steps."""
    reach = max(float(np.abs(logs).max()), np.log1p(LEAST_REACH))
    middle, half = top + HEIGHT / 2, HEIGHT / 2 - MARGIN
    step = _find_step(trend)

    def across(index: float) -> str:
        return f"{LEFT + step * index:.1f}"

    heights = middle - logs / reach * half
    edges = "".join(_line(across(segment.begin), middle, half) for segment in trend.segments[1:])
    steps = "".join(_line(across(place), middle, half) for segment in trend.segments for place in segment.steps)
    labels = "".join(
        f'<text x="{LEFT - 4}" y="{height + 4:.0f}" text-anchor="end">{escape(text)}</text>'
        for height, text in (
            (middle - half + 4, signed_percent(float(np.expm1(reach)))),
            (middle, name),
            (middle + half - 4, signed_percent(float(np.expm1(-reach)))),
        )
    )
    dots = _draw_points(heights, step)
    return (
        f'<path d="M{LEFT} {middle}H{WIDTH - MARGIN}" stroke="{GREY}"/>'
        f'<path d="{edges}" stroke="{GREY}"/>'
        f'<path d="{steps}" stroke="{STEP}" stroke-dasharray="3 2" stroke-width="1.5"/>{labels}'
        f'<path d="{dots}" stroke="{POINT}" stroke-width="3" stroke-linecap="round" fill="none"/>'
    )


def _find_step(trend: Trend) -> float:
    """Return how many pixels a point takes."""
    return (WIDTH - LEFT - MARGIN) / len(trend.seconds)


def _draw_commits(trend: Trend) -> str:
    """Return commit and day of the first and the last point, and of what begins between them where there is room."""
    last = len(trend.seconds) - 1
    begun = sorted({place for segment in trend.segments for place in (segment.begin, *segment.steps)})
    step = _find_step(trend)
    taken: list[float] = []
    parts: list[str] = []
    for place in dict.fromkeys((0, last, *begun)):
        across = min(max(LEFT + step * (place + 0.5), LEFT + APART / 2), WIDTH - APART / 2)
        if any(abs(across - other) < APART for other in taken):
            continue
        taken.append(across)
        for said, below in ((escape((trend.commits[place] or "")[:SHORT]), 11), (f"{trend.times[place]:%Y-%m-%d}", 24)):
            parts.append(f'<text x="{across:.1f}" y="{2 * HEIGHT + below}" text-anchor="middle">{said}</text>')
    return "".join(parts)


SHORT = 8
"""Characters of a commit below a graph."""


def _line(across: str, middle: float, half: float) -> str:
    return f"M{across} {middle - half}V{middle + half}"


def _draw_points(heights: Array, step: float) -> str:
    """Return a dot for each point, or for each of many columns the range of its points."""
    if len(heights) <= MOST_COLUMNS:
        return "".join(f"M{LEFT + step * (index + 0.5):.1f} {height:.1f}h.01" for index, height in enumerate(heights))
    edges = np.linspace(0, len(heights), MOST_COLUMNS + 1).astype(int)
    columns = [heights[begin:end] for begin, end in pairwise(edges)]
    wide = (WIDTH - LEFT - MARGIN) / MOST_COLUMNS
    return "".join(
        f"M{LEFT + wide * (index + 0.5):.1f} {column.min():.1f}V{column.max() + 0.01:.2f}"
        for index, column in enumerate(columns)
    )
