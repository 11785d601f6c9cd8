"""TF32: products of float32 numbers that the device rounds to ten bits of mantissa first, and the switch for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import linear

HELD, NOT_HELD = 1 + 2**-10, 1 + 2**-12
"""The first number has ten bits of mantissa behind the leading one, the second would take twelve."""

ROWS = 128
"""A device's library has a product of square matrices of this size on its units for TF32."""


NOT_ROUNDED = "products of float32 numbers are not rounded to TF32, though the switch for it is on"

_CUDNN: Any = torch.backends.cudnn
_MKLDNN: Any = torch.backends.mkldnn

SWITCHES: Sequence[Any] = (torch.backends.cuda.matmul, _MKLDNN.matmul, _CUDNN.conv, _CUDNN.rnn, _MKLDNN.conv)
"""torch has a switch ``fp32_precision`` for each library and kind of operation; the first two are for products."""


@contextmanager
def tf32(*, enabled: bool) -> Iterator[None]:
    """Let every device that can round products and convolutions of float32 to TF32 inside the block, if `enabled`.

    What was before is there again behind the block, unless somebody else changed it inside.
    """
    if not enabled:
        yield
        return
    named, before = _name_precision(), _read()
    torch.set_float32_matmul_precision("high")  # products alone, and also for those who read this older switch
    _write(["tf32"] * len(SWITCHES))
    ours = _read()
    try:
        yield
    finally:
        if _read() == ours:
            if named is not None:
                torch.set_float32_matmul_precision(named)
            _write(before)


def rounds_products(device: torch.device) -> bool:
    """Whether a product of float32 numbers is rounded to TF32 on the device as it is switched now, found by trying."""
    unit = torch.eye(ROWS, dtype=torch.float32, device="cpu").to(device)

    def survives(number: float) -> bool:
        factor = torch.full((ROWS, ROWS), number, dtype=torch.float32, device="cpu")
        return bool((linear(factor.to(device), unit).cpu() == factor).all())

    return survives(HELD) and not survives(NOT_HELD)


def _name_precision() -> str | None:
    """Return the precision of products by its older name; None where a newer switch says otherwise."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


def _read() -> list[str]:
    return [switch.fp32_precision for switch in SWITCHES]


def _write(precisions: Sequence[str]) -> None:
    for switch, precision, now in zip(SWITCHES, precisions, _read(), strict=True):
        if now != precision:
            switch.fp32_precision = precision
