"""What a case has switched on in its process while it is prepared, verified, counted or timed, and no other has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from bench.devices.dtypes import TORCH_DTYPES
from bench.devices.tf32 import tf32
from bench.devices.threads import threads
from bench.record.case import Case
from bench.steps.support import SkipError


@contextmanager
def surroundings(case: Case, device: torch.device, import_model: Callable[[], object]) -> Iterator[None]:
    """Have the case's number of threads and its precision of products inside the block, and what was before behind it.

    Args:
        case: which.
        device: of its worker.
        import_model: imports the case's model, if that was not done before: what its code sets is the user's, and must
            not pass for ours.

    Raises:
        SkipError: if the case names a number of threads and the device is none that has them.
    """
    rounded = TORCH_DTYPES[case.dtype].tf32
    if case.threads is None and not rounded:
        yield
        return
    if case.threads is not None and device.type != "cpu":
        raise SkipError(f"threads={case.threads}: only operators of the CPU run on threads, not those of {device}")
    import_model()
    with threads(case.threads), tf32(enabled=rounded):
        yield
