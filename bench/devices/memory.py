"""Device memory: how much a device has, and how much of it a piece of work needed at most; absent, never 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench.devices.backend import offers

NO_ALLOCATOR = "a CPU has no allocator that counts by case"
NOT_TOLD = "the device's allocator does not tell a peak"
NOTHING_COUNTED = "the device's allocator counted nothing"

Names = tuple[str, ...]
ALLOCATED: Names = ("memory_allocated", "current_allocated_memory")
PEAK: Names = ("max_memory_allocated",)
RESET: Names = ("reset_peak_memory_stats", "reset_max_memory_allocated")


def allocated_bytes(device: torch.device) -> int | None:
    """Return what tensors hold on a device now; None where nobody tells."""
    return _count(device, ALLOCATED)


def peak_bytes(device: torch.device, work: Callable[[], object], before: int | None) -> tuple[int | None, str | None]:
    """Do a piece of work; return how much device memory was held at most meanwhile, or None and why.

    Args:
        device: where.
        work: what to do.
        before: what other tensors of this process hold, which is not counted.
    """
    if device.type == "cpu":
        return None, NO_ALLOCATOR
    if before is None or not _reset(device):
        return None, NOT_TOLD
    work()
    peak = _count(device, PEAK)
    if peak is None:
        return None, NOT_TOLD
    return (peak - before, None) if peak > before else (None, NOTHING_COUNTED)


def total_bytes(device: torch.device) -> int | None:
    """Return how much memory a device has; None where nobody tells."""
    for name in ("get_memory_info", "mem_get_info"):
        answer = _ask(device, (name,))
        if isinstance(answer, tuple) and isinstance(answer[-1], int) and answer[-1] > 0:
            return answer[-1]
    answer = getattr(_ask(device, ("get_device_properties",)), "total_memory", None) or _ask(
        device, ("recommended_max_memory",)
    )
    return answer if isinstance(answer, int) and answer > 0 else None


def _count(device: torch.device, names: Names) -> int | None:
    answer = _ask(device, names)
    return answer if isinstance(answer, int) and answer >= 0 else None


def _reset(device: torch.device) -> bool:
    return _ask(device, RESET, silent=True) is not None


def _ask(device: torch.device, names: Names, *, silent: bool = False) -> Any:
    """Return what the first function of these names answers, torch's own before the backend's; None if none does.

    Args:
        device: whom to ask.
        names: of functions that take the device, or nothing.
        silent: whether a function that returns nothing has answered by that.
    """
    for name in names:
        for ask in offers(device, name):
            try:
                answer = ask()
            except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError):
                continue  # its owner does not know this backend, or asks for something else
            if answer is not None or silent:
                return True if answer is None else answer
    return None
