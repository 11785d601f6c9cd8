"""On how many threads of the CPU an operator runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Run each operator inside the block on so many threads; None leaves the number that the process has.

    That number is there again behind the block, unless somebody else changed it inside.
    """
    if number is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        if torch.get_num_threads() == number:
            torch.set_num_threads(before)
