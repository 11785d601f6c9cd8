"""The suite: one test for each case. What a test reports was timed before it, in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_steps(benchmark: Any, replay_case: Callable[[Any], None]) -> None:
    """The case answers rightly, and its slices are recorded."""
    replay_case(benchmark)
