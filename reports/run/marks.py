"""How each variant of a run is drawn, the same in all of its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from bench.record.run import Run
from reports.figures.reference import variant_label
from reports.run.words import caption, headlines
from reports.show.escape import picture as clean
from reports.show.picture import COLOURS, LINES, MARKERS, said_below

Variant = tuple[str, str, str]
"""Device, dtype and compile: what has a line of its own."""


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


def below(figure: Figure, run: Run, notes: Iterable[str], *, width: float) -> None:
    """Write the notes and the provenance under a figure that is `width` inches wide."""
    said_below(figure, [*headlines(run), *notes, caption(run)], width=width)
