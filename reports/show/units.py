"""From number to text: the only place where seconds, rates and shares get a unit and lose digits."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import floor, isfinite, log10
from typing import TypeGuard

ABSENT = "—"
"""What stands for a value that is not there; never 0."""

DIGITS = 4
"""Significant digits of a figure: one more than the best machine repeats."""

LEAST_DIGITS, MOST_DECIMALS = 3, 6
"""A figure below 1 of its smallest unit has so many significant digits, and no more decimals."""

Steps = tuple[tuple[float, str], ...]

SECOND_STEPS: Steps = ((1.0, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns"))
RATE_STEPS: Steps = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
FLOPS_STEPS: Steps = ((1e15, " PFLOP/s"), (1e12, " TFLOP/s"), (1e9, " GFLOP/s"), (1e6, " MFLOP/s"), (1e3, " kFLOP/s"))
COUNT_STEPS: Steps = ((1e12, "T"), *RATE_STEPS)
BYTE_STEPS: Steps = ((2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B"))
BANDWIDTH_STEPS: Steps = ((1e12, " TB/s"), (1e9, " GB/s"), (1e6, " MB/s"), (1e3, " kB/s"))
INTENSITY_STEPS: Steps = ((1.0, " FLOP/B"),)
PERCENT_STEPS: Steps = ((0.01, " %"),)
RATIO_STEPS: Steps = ((1.0, "x"),)


class Unit(StrEnum):
    """What a figure is counted in, in base units."""

    SECONDS = "s"
    IMAGES_PER_SECOND = "images/s"
    FLOPS_PER_SECOND = "FLOP/s"
    FLOPS = "FLOP"
    BYTES = "B"
    BYTES_PER_SECOND = "B/s"
    INTENSITY = "FLOP/B"
    COUNT = "count"
    SHARE = "share"
    RATIO = "ratio"


STEPS: dict[Unit, Steps] = {
    Unit.SECONDS: SECOND_STEPS,
    Unit.IMAGES_PER_SECOND: RATE_STEPS,
    Unit.FLOPS_PER_SECOND: FLOPS_STEPS,
    Unit.FLOPS: COUNT_STEPS,
    Unit.BYTES: BYTE_STEPS,
    Unit.BYTES_PER_SECOND: BANDWIDTH_STEPS,
    Unit.INTENSITY: INTENSITY_STEPS,
    Unit.COUNT: COUNT_STEPS,
    Unit.SHARE: PERCENT_STEPS,
    Unit.RATIO: RATIO_STEPS,
}


def text(unit: Unit, value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a figure with its interval, such as ``12.31 ms [12.10, 12.60]``.

    The bounds carry the unit and the decimals of the centre.

    Args:
        unit: what the value is counted in.
        value: the figure in base units; None or NaN is absent.
        low: lower bound; the interval is left out unless both are there.
        high: upper bound.
    """
    if not present(value):
        return ABSENT
    scale, suffix, decimals = _fit(value, STEPS[unit])
    centre = f"{value / scale:.{decimals}f}{suffix}"
    if not (present(low) and present(high)):
        return centre
    return f"{centre} [{low / scale:.{decimals}f}, {high / scale:.{decimals}f}]"


def present(value: float | None) -> TypeGuard[float]:
    """Whether there is a number to show: neither None nor NaN nor beyond what a float holds."""
    return value is not None and isfinite(value)


def seconds(value: float | None) -> str:
    """Return a duration such as ``61.20 ms``."""
    return text(Unit.SECONDS, value)


def percent(share: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a share such as 0.123 as ``12.3 % [11.9, 12.6]``, to a tenth of a percent."""
    interval = f" [{100 * low:.1f}, {100 * high:.1f}]" if present(low) and present(high) else ""
    return f"{100 * share:.1f} %{interval}" if present(share) else ABSENT


def signed_percent(share: float, low: float | None = None, high: float | None = None) -> str:
    """Return a change such as 0.052 as ``+5.2 % [+4.0, +6.3]``."""
    interval = f" [{100 * low:+.1f}, {100 * high:+.1f}]" if present(low) and present(high) else ""
    return f"{100 * share:+.1f} %{interval}"


def duration(seconds_: float) -> str:
    """Return a length of time as a person reads it: ``3m40s``."""
    minutes, rest = divmod(round(seconds_), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def data_size(count: float | None) -> str:
    """Return a number of bytes such as ``7.8 GiB``."""
    if not present(count):
        return ABSENT
    scale, suffix, _ = _fit(count, BYTE_STEPS)
    return f"{count / scale:.1f}{suffix}"


def tick(unit: Unit) -> Callable[[float, object], str]:
    """Return how an axis labels its ticks: short, without trailing zeros."""

    def label(value: float, _: object = None) -> str:
        scale, suffix, _ = _fit(value, STEPS[unit])
        return f"{value / scale:.{DIGITS}g}{suffix}"

    return label


def _fit(value: float, steps: Steps) -> tuple[float, str, int]:
    """Return the scale and suffix that leave at least one digit before the point, and the decimals to show."""
    rounded = abs(float(f"{value:.{DIGITS}g}"))  # 999.96 ms is 1.000 s
    scale, suffix = next((step for step in steps if rounded >= step[0]), steps[-1])
    shown = rounded / scale
    if 0 < shown < 1:
        return scale, suffix, min(LEAST_DIGITS - 1 - floor(log10(shown)), MOST_DECIMALS)
    whole = floor(log10(shown)) + 1 if shown >= 1 else 1
    return scale, suffix, max(DIGITS - whole, 0)
