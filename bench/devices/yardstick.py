"""A fixed piece of work, timed in every set, so that the machine's state is on record next to every figure."""

from __future__ import annotations

import torch

from bench.devices.clock import Clock

SIZE = 256
"""Rows and columns of the two float32 matrices: 34 MFLOP a product, 768 KiB in all, so caches and cores both count."""

PRODUCTS = 24
"""Products in one reading: about 4 ms on two cores; after a shorter one the scheduler has not yet let others in."""


class Yardstick:
    """The product of two fixed matrices on a device."""

    def __init__(self, device: torch.device, clock: Clock) -> None:
        generator = torch.Generator("cpu").manual_seed(0)
        left, right = (
            torch.rand((SIZE, SIZE), generator=generator, dtype=torch.float32, device="cpu") for _ in range(2)
        )
        self._left, self._right = left.to(device), right.to(device)
        self._out = torch.empty_like(self._left)
        self._clock = clock

    def read(self) -> float:
        """Return the seconds of one product."""
        left, right, out, clock = self._left, self._right, self._out, self._clock
        with torch.inference_mode():
            torch.mm(left, right, out=out)
            begin = clock()
            for _ in range(PRODUCTS):
                torch.mm(left, right, out=out)
            return (clock() - begin) / PRODUCTS
