"""The rules of other tools: written again, they decide as the tools do."""

from __future__ import annotations

import pytest

from tests.field.benchmatrix_rule import find_interval, is_regressed

BASE = (
    *(0.9764, 0.977, 1.0134, 0.9541, 0.9971, 0.9549, 1.022, 1.0041),
    *(1.0271, 0.9899, 1.008, 0.9943, 0.9852, 1.0029, 0.9749, 0.9929),
)
HEAD = (
    *(1.0125, 1.0069, 1.0396, 1.0036, 1.0276, 0.9779, 1.0543, 1.029),
    *(1.054, 1.0161, 1.0587, 1.0244, 1.0165, 1.0397, 1.0238, 1.0205),
)
ORDERS = (True, False) * 8


@pytest.mark.parametrize(
    ("runs", "orders", "level", "low", "high"),
    [
        (16, None, 0.95, 0.015555, 0.050154),
        (16, ORDERS, 0.95, 0.027335, 0.046213),
        (5, None, 0.95, 0.006519, 0.077036),
        (16, None, 1 - 0.05 / 12, 0.008433, 0.061541),
        (16, ORDERS, 1 - 0.05 / 12, 0.024798, 0.049352),
        (5, None, 1 - 0.05 / 12, -0.006414, 0.089613),
    ],
)
def test_interval_is_that_of_benchmatrix(
    runs: int, orders: tuple[bool, ...] | None, level: float, low: float, high: float
) -> None:
    """Its own functions of 1.2.1, on these figures, with its own lots; ours fall otherwise, so a little is allowed."""
    found = find_interval(BASE[:runs], HEAD[:runs], level, orders)
    assert found == pytest.approx((low, high), abs=0.0015)


def test_case_is_regressed_by_benchmatrix_if_its_whole_interval_lies_beyond_the_threshold() -> None:
    """At its own threshold a change of 3 % is none, however well it is known; slower by 5 % more, it is one."""
    assert not is_regressed(BASE, HEAD, cases=1, base_first=ORDERS)
    assert is_regressed(BASE, HEAD, cases=1, base_first=ORDERS, threshold=0.02)
    assert not is_regressed(BASE, HEAD, cases=1, threshold=0.02)
    assert is_regressed(BASE, HEAD, cases=1, base_first=ORDERS, slower=0.05)
    assert not is_regressed(BASE[:4], HEAD[:4], cases=1, slower=9.0)
