"""How each variant of a run is drawn, the same in all of its pictures, and what stands below them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

from matplotlib.figure import Figure
from pandas import DataFrame

from bench.record.case import Variant, compile_label
from bench.record.run import Run
from reports.figures.frame import explain_hole, variant_of
from reports.run.words import make_caption, make_headlines
from reports.show.picture import MARKERS, Mark, assign_colours, assign_lines, group_holes, write_notes
from reports.show.table import list_rows

Curve = tuple[str, Variant]
"""Device and variant: what has a line of its own."""


def list_curves(cases: DataFrame) -> list[Curve]:
    """Return of which curve each row of a frame of cases is a point."""
    return [(row["device"], variant_of(row)) for row in list_rows(cases)]


def assign_marks(cases: DataFrame) -> dict[Curve, Mark]:
    """Return how each curve in a frame of cases is drawn, in display order.

    Colour is the device, line the dtype, marker the compile mode with layout, threads and ranks; eager is hollow.
    """
    curves = list(dict.fromkeys(list_curves(cases)))
    colours = assign_colours(device for device, _ in curves)
    lines = assign_lines(variant.dtype for _, variant in curves)
    modes = sorted(
        {name_mode(variant): variant for _, variant in curves}.items(), key=lambda item: item[1].compile != "off"
    )
    markers = dict(zip((name for name, _ in modes), cycle(MARKERS), strict=False))
    return {
        (device, variant): Mark(
            colour=colours[device][0],
            marker=markers[name_mode(variant)],
            line=lines[variant.dtype],
            filled=variant.compile != "off",
            label=name_mode(variant),
        )
        for device, variant in curves
    }


def name_mode(variant: Variant) -> str:
    """Return what tells a variant from others of its dtype: ``eager``, ``compiled 2 threads``."""
    return " ".join((compile_label(variant.compile), *variant.extras))


def note_holes(holes: DataFrame, *, what: str) -> list[str]:
    """Return one note for each reason for which rows of a frame have no figure."""
    return group_holes([(str(row["case"]), explain_hole(row)) for row in list_rows(holes)], what=what)


def write_below(figure: Figure, run: Run, notes: Iterable[str]) -> None:
    """Write the notes and where the run was made under a figure."""
    write_notes(figure, [*make_headlines(run), *notes, make_caption(run)])
