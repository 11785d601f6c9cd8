"""The switch for TF32 is on inside its block only, and whether it does anything is found by trying."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from bench.devices import tf32 as tf32_module
from bench.devices.tf32 import SWITCHES, rounds_products, tf32
from tests.makers.subjects import CPU


def read() -> tuple[str, list[str]]:
    """Return torch's older switch and its newer ones."""
    return torch.get_float32_matmul_precision(), [switch.fp32_precision for switch in SWITCHES]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the switches of this process as they were."""
    named, before = read()
    yield
    torch.set_float32_matmul_precision(named)
    for switch, precision in zip(SWITCHES, before, strict=True):
        switch.fp32_precision = precision


def test_every_switch_is_on_inside_and_as_before_behind() -> None:
    """The compiler reads the older one, and gets an error where the two contradict each other."""
    before = read()
    with tf32(enabled=True):
        assert read() == ("high", ["tf32"] * len(SWITCHES))
        with tf32(enabled=True):
            pass
        assert read() == ("high", ["tf32"] * len(SWITCHES))
    assert read() == before


def test_switches_are_as_before_after_an_error() -> None:
    """A case that fails must not round the products of the next one."""
    before = read()
    with pytest.raises(RuntimeError, match="wrong"), tf32(enabled=True):
        raise RuntimeError("wrong")
    assert read() == before


def test_block_of_another_dtype_changes_nothing() -> None:
    """Whatever a model's code has set is what its other cases are timed with."""
    torch.set_float32_matmul_precision("medium")
    before = read()
    with tf32(enabled=False):
        assert read() == before


def test_newer_switch_of_a_model_is_there_again() -> None:
    """Torch refuses to tell the older one then."""
    SWITCHES[0].fp32_precision = "tf32"
    before = [switch.fp32_precision for switch in SWITCHES]
    with tf32(enabled=True):
        pass
    assert [switch.fp32_precision for switch in SWITCHES] == before


def test_what_a_model_sets_inside_stays() -> None:
    """It is the user's program, and the footprint names it."""
    with tf32(enabled=True):
        torch.set_float32_matmul_precision("medium")
    assert torch.get_float32_matmul_precision() == "medium"


@pytest.mark.parametrize(
    ("bits", "rounded"), [(23, False), (12, False), (10, True), (7, False)], ids=["float32", "more", "tf32", "bfloat16"]
)
def test_product_that_keeps_ten_bits_and_no_more_is_rounded(
    bits: int, *, rounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other precisions that a device may choose for the same switch are not TF32."""
    monkeypatch.setattr(tf32_module, "linear", rounding(bits))
    assert rounds_products(CPU) == rounded


def rounding(bits: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a product whose factors, between 1 and 2, are cut off behind so many bits of mantissa."""
    return lambda left, right: torch.floor(left * 2.0**bits) / 2.0**bits @ right
