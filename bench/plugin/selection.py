"""Which cases there are to select, and which of them pytest selected."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.record.case import AXES, Case

FLOOR_MARKER = "floor"
"""The name of the marker that gives a test a floor of its own."""


def case_of(item: pytest.Item) -> Case | None:
    """Return the case of a test; None if it is no test of the suite, or marked to be skipped."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or not set(AXES) <= callspec.params.keys() or item.get_closest_marker("skip"):
        return None
    return Case(**{axis: callspec.params[axis] for axis in AXES})


def only_shows(config: pytest.Config) -> bool:
    """Whether pytest was asked to show what it would do: ``--setup-plan`` and ``--setup-only`` measure nothing."""
    return bool(config.getoption("setupplan", default=False) or config.getoption("setuponly", default=False))


def selected(items: Sequence[pytest.Item]) -> list[Case]:
    """Return the cases of the tests that will run, in order, skipped ones left out."""
    return list(dict.fromkeys(case for item in items if (case := case_of(item)) is not None))
