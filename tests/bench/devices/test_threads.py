"""A number of threads holds inside its block only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from bench.devices.threads import threads


@pytest.fixture(autouse=True)
def one() -> Iterator[None]:
    """Have one thread before and behind."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_number_holds_inside_and_the_one_before_behind() -> None:
    """Cases with other numbers are timed within seconds of each other."""
    with threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1


def test_number_is_as_before_after_an_error() -> None:
    """A case that fails must not change the next one."""
    with pytest.raises(RuntimeError, match="wrong"), threads(2):
        raise RuntimeError("wrong")
    assert torch.get_num_threads() == 1


def test_no_number_leaves_the_process_as_it_is() -> None:
    """That is the default of the axis."""
    with threads(None):
        assert torch.get_num_threads() == 1
        torch.set_num_threads(3)
    assert torch.get_num_threads() == 3


def test_what_a_model_sets_inside_stays() -> None:
    """It is the user's program, and the footprint names it."""
    with threads(2):
        torch.set_num_threads(3)
    assert torch.get_num_threads() == 3
