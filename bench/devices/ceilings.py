"""What a device can do at best, by short sweeps: products of matrices in a dtype, and copies inside its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch.nn.functional import linear

from bench.devices.backend import first_line, is_out_of_memory, release_memory
from bench.devices.clock import Clock
from bench.devices.dtypes import TORCH_DTYPES
from bench.devices.tf32 import NOT_ROUNDED, rounds_products, tf32
from bench.record.case import compute_dtype
from bench.record.observations import Ceiling, Limit

ROWS = (256, 512, 1024, 2048, 4096, 8192)
"""The square matrices have so many rows; the sweep ends before a product that would take too long."""

COPY_BYTES = tuple(1 << power for power in range(18, 29, 2))
"""The tensor that is copied has so many bytes: it fits into a cache first, and into none at last. The best rate is the
ceiling, of whichever level of memory that is, since the network's weights may lie there too."""

COPIED = torch.float32
"""The dtype of the tensor that is copied: every device has it, and torch's default is whatever a model set it to."""

READING_SECONDS = 0.002
"""Calls are timed together until one reading of the clock is that long, so that waiting for a device is no part."""

READINGS = 5
"""The best of so many readings counts: a ceiling is what is reached at best."""

LONGEST_SECONDS = 0.25
"""A size that is expected to take longer for one call is left out."""

Reached = tuple[float, int]
"""A rate per second, and the size at which it was reached."""


def ceilings(
    device: torch.device, clock: Clock, dtypes: Iterable[str], *, name: str, launch: int
) -> tuple[Ceiling, ...]:
    """Return what a device does at best: products in each dtype, and copies.

    Args:
        device: which.
        clock: its clock.
        dtypes: values of the dtype axis; autocast counts as the dtype that it computes in.
        name: what the device is called in the record.
        launch: in which launch this is.
    """
    limits: list[tuple[Limit, str | None]] = [
        (Limit.PRODUCTS, dtype) for dtype in dict.fromkeys(map(compute_dtype, dtypes))
    ]
    ceilings_found: list[Ceiling] = []
    for limit, dtype in [*limits, (Limit.COPIES, None)]:
        rate, size, reason = None, None, None
        try:
            rate, size = copies(device, clock) if dtype is None else products(device, clock, dtype)
        except Exception as error:  # noqa: BLE001  what a device cannot do has no ceiling, and the reason is torch's
            reason = first_line(error)
        ceilings_found.append(
            Ceiling(device=name, launch=launch, limit=limit, dtype=dtype, per_second=rate, size=size, reason=reason)
        )
        release_memory(device)
    return tuple(ceilings_found)


def products(device: torch.device, clock: Clock, dtype: str) -> Reached:
    """Return the best FLOP/s of a product of two square matrices over `ROWS`, in the form in which a layer multiplies.

    Raises:
        RuntimeError: if the device cannot multiply in this dtype.
    """
    compute, rounded = TORCH_DTYPES[dtype].compute, TORCH_DTYPES[dtype].tf32

    def product(rows: int) -> Callable[[], object]:
        left, right = (torch.randn(rows, rows, dtype=torch.float32, device=device).to(compute) for _ in range(2))
        return lambda: linear(left, right)

    with tf32(enabled=rounded):
        if rounded and not rounds_products(device):
            raise RuntimeError(NOT_ROUNDED)
        return _best(product, ROWS, lambda rows: 2 * rows**3, clock)


def copies(device: torch.device, clock: Clock) -> Reached:
    """Return the best bytes per second of a copy over `COPY_BYTES`, bytes read and bytes written both counted.

    Raises:
        RuntimeError: if the device cannot copy.
    """

    def copy(count: int) -> Callable[[], object]:
        source = torch.ones(count // COPIED.itemsize, dtype=COPIED, device=device)
        target = torch.empty_like(source)
        return lambda: target.copy_(source)

    return _best(copy, COPY_BYTES, lambda count: 2 * count, clock)


def _best(
    make: Callable[[int], Callable[[], object]], sizes: Sequence[int], work: Callable[[int], int], clock: Clock
) -> Reached:
    best, seconds, done = (0.0, 0), 0.0, 0
    for size in sizes:
        if done and seconds * work(size) / work(done) > LONGEST_SECONDS:
            break
        try:
            with torch.inference_mode():
                seconds, done = shortest(make(size), clock), size
        except RuntimeError as error:
            if done and is_out_of_memory(error):
                break
            raise
        best = max(best, (work(size) / seconds, size))
    return best


def shortest(call: Callable[[], object], clock: Clock) -> float:
    """Return the seconds of one call at best, over readings that are long beside the clock's own cost."""
    call()
    count, best = 1, float("inf")
    while (reading := _reading(call, count, clock)) < READING_SECONDS:
        count *= 2
        best = min(best, reading / count * 2)
    best = min(best, reading / count)
    for _ in range(READINGS - 1 if reading < LONGEST_SECONDS / READINGS else 0):
        best = min(best, _reading(call, count, clock) / count)
    return best


def _reading(call: Callable[[], object], count: int, clock: Clock) -> float:
    begin = clock()
    for _ in range(count):
        call()
    return clock() - begin
