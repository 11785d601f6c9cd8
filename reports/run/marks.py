"""How each variant of a run is drawn, the same in all of its pictures, and what stands below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from bench.record.case import Variant
from bench.record.run import Run
from reports.figures.frame import explain_hole, variant_of
from reports.run.words import make_caption, make_headlines
from reports.show.picture import Mark, assign_colours, assign_lines, group_holes, write_notes
from reports.show.table import list_rows

Curve = tuple[str, Variant]
"""Device and variant: what has a line of its own."""


def list_curves(cases: DataFrame) -> list[Curve]:
    """Return of which curve each row of a frame of cases is a point."""
    return [(row["device"], variant_of(row)) for row in list_rows(cases)]


def assign_marks(cases: DataFrame) -> dict[Curve, Mark]:
    """Return how each curve in a frame of cases is drawn, in display order.

    Line and filling tell the compile mode, colour and marker everything else.
    """
    curves = list(dict.fromkeys(list_curves(cases)))
    looks = assign_colours((device, variant.without_compile) for device, variant in curves)
    modes = {variant.compile for _, variant in curves}
    lines: Mapping[str, Any] = assign_lines(sorted(modes, key=lambda mode: (mode != "off", mode != "on", mode)))
    several = len({device for device, _ in curves}) > 1
    return {
        (device, variant): Mark(
            colour=looks[device, variant.without_compile][0],
            marker=looks[device, variant.without_compile][1],
            line=lines[variant.compile],
            filled=variant.compile == "off",
            label=f"{device} {variant}" if several else str(variant),
        )
        for device, variant in curves
    }


def note_holes(holes: DataFrame, *, what: str) -> list[str]:
    """Return one note for each reason for which rows of a frame have no figure."""
    return group_holes([(str(row["case"]), explain_hole(row)) for row in list_rows(holes)], what=what)


def write_below(figure: Figure, run: Run, notes: Iterable[str]) -> None:
    """Write the notes and where the run was made under a figure."""
    write_notes(figure, [*make_headlines(run), *notes, make_caption(run)])
