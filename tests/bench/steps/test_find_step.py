"""Steps are found by their names."""

from __future__ import annotations

import pytest

from bench.record.case import BUILTIN_STEPS
from bench.steps.find_step import STEPS, find_step
from bench.steps.subject import UnknownNameError


def test_every_step_that_the_options_name_is_known() -> None:
    """The record lists the names, since it is read where torch is absent, and here is where a forgotten one shows."""
    assert tuple(STEPS) == BUILTIN_STEPS


def test_unknown_step_lists_the_known_ones() -> None:
    """A record may hold any step, so it is the worker that refuses what it cannot do."""
    with pytest.raises(UnknownNameError, match="unknown step 'sideways'; known: forward, backward, train, predict"):
        find_step("sideways")
