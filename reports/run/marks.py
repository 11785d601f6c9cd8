"""How each variant of a run is drawn, the same in all of its pictures, and what stands below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from bench.record.run import Run
from reports.figures.frame import explain_hole
from reports.figures.reference import variant_label
from reports.run.words import make_caption, make_headlines
from reports.show.picture import Mark, assign_colours, assign_lines, group_holes, write_notes
from reports.show.table import list_rows

Variant = tuple[str, str, str]
"""Device, dtype and compile: what has a line of its own."""


def assign_marks(cases: DataFrame) -> dict[Variant, Mark]:
    """Return how each variant in a frame of cases is drawn, in display order.

    Colour and marker tell device and dtype, line and filling tell the compile mode.
    """
    variants = list(dict.fromkeys(zip(cases["device"], cases["dtype"], cases["compile"], strict=True)))
    looks = assign_colours((device, dtype) for device, dtype, _ in variants)
    modes = {mode for _, _, mode in variants}
    lines: Mapping[str, Any] = assign_lines(sorted(modes, key=lambda mode: (mode != "off", mode != "on", mode)))
    several = len({device for device, _, _ in variants}) > 1
    return {
        (device, dtype, mode): Mark(
            colour=looks[device, dtype][0],
            marker=looks[device, dtype][1],
            line=lines[mode],
            filled=mode == "off",
            label=f"{device} {variant_label(dtype, mode)}" if several else variant_label(dtype, mode),
        )
        for device, dtype, mode in variants
    }


def note_holes(holes: DataFrame, *, what: str) -> list[str]:
    """Return one note for each reason for which rows of a frame have no figure."""
    return group_holes([(str(row["case"]), explain_hole(row)) for row in list_rows(holes)], what=what)


def write_below(figure: Figure, run: Run, notes: Iterable[str]) -> None:
    """Write the notes and where the run was made under a figure."""
    write_notes(figure, [*make_headlines(run), *notes, make_caption(run)])
