"""Numbers read as a person writes them, and what is absent is never 0."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.show.units import ABSENT, Unit, data_size, duration, percent, seconds, text, tick


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        (Unit.SECONDS, 233.04, "233.0 s"),
        (Unit.SECONDS, 4321.0, "4321 s"),
        (Unit.SECONDS, 0.012345, "12.35 ms"),
        (Unit.SECONDS, 61.2e-6, "61.20 µs"),
        (Unit.SECONDS, 5e-8, "50.00 ns"),
        (Unit.SECONDS, 2e-11, "0.0200 ns"),
        (Unit.SECONDS, 0.99996, "1.000 s"),
        (Unit.SECONDS, 0.0, "0.000 ns"),
        (Unit.IMAGES_PER_SECOND, 130_520.0, "130.5k"),
        (Unit.IMAGES_PER_SECOND, 2_500_000.0, "2.500M"),
        (Unit.IMAGES_PER_SECOND, 12.0, "12.00"),
        (Unit.FLOPS_PER_SECOND, 187.2e9, "187.2 GFLOP/s"),
        (Unit.FLOPS_PER_SECOND, 1.2e12, "1.200 TFLOP/s"),
        (Unit.FLOPS, 1_360_000_000, "1.360G"),
        (Unit.SHARE, 0.123, "12.30 %"),
        (Unit.RATIO, 1.834, "1.834x"),
        (Unit.RATIO, 0.5, "0.500x"),
        (Unit.RATIO, 0.00161, "0.00161x"),
        (Unit.RATIO, 1e-9, "0.000000x"),
        (Unit.SECONDS, None, ABSENT),
        (Unit.SECONDS, nan, ABSENT),
        (Unit.SECONDS, inf, ABSENT),
    ],
)
def test_figure_has_four_digits_and_its_unit(unit: Unit, value: float | None, shown: str) -> None:
    """More digits than the machine repeats would be a lie, and 999.96 ms must not read 1000 ms."""
    assert text(unit, value) == shown


def test_interval_shares_unit_and_decimals_with_its_centre() -> None:
    """A reader compares the three at a glance."""
    assert text(Unit.SECONDS, 0.01231, 0.0121, 0.0126) == "12.31 ms [12.10, 12.60]"
    assert text(Unit.SECONDS, 0.000999, 0.00098, 0.00102) == "999.0 µs [980.0, 1020.0]"


@pytest.mark.parametrize(("low", "high"), [(None, None), (nan, nan), (None, 1.0)])
def test_absent_interval_is_left_out(low: float | None, high: float | None) -> None:
    """Brackets around nothing would look like certainty."""
    assert text(Unit.SECONDS, 1.0, low, high) == "1.000 s"


@given(st.floats(min_value=1e-9, max_value=1e4))
def test_text_is_within_half_a_last_digit_of_the_value(value: float) -> None:
    """The unit that is written is the unit that was divided by."""
    number, unit = seconds(value).split()
    scale = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]
    assert float(number) * scale == pytest.approx(value, rel=1e-3)


def test_percent_and_data_size_say_what_is_absent() -> None:
    """Neither has an empty text."""
    assert percent(None) == data_size(None) == ABSENT
    assert percent(0.0) == "0.0 %"
    assert percent(0.123, 0.119, 0.126) == "12.3 % [11.9, 12.6]"
    assert data_size(8 << 30) == "8.0 GiB"


def test_tick_drops_trailing_zeros() -> None:
    """An axis has no room for them."""
    assert tick(Unit.SECONDS)(0.003, None) == "3 ms"
    assert tick(Unit.IMAGES_PER_SECOND)(3e4, None) == "30k"


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (220, "3m40s"), (3600, "60m00s")]
)
def test_lengths_of_time_are_read_at_a_glance(value: float, shown: str) -> None:
    """Minutes and seconds."""
    assert duration(value) == shown
