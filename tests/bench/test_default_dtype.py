"""torch's default dtype and device belong to the user: what is measured and fed is the same whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.devices import backend, ceilings
from bench.devices.yardstick import Yardstick
from bench.processes import launcher
from bench.steps.support import _refusal, try_case
from models import __main__ as models_main
from models import inputs
from tests.makers.subjects import CPU, case_of, no_clock, step_of


@pytest.fixture(params=["float64", "float16", "meta"])
def changed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set another default dtype, or a default device that holds no numbers, as a model's import may."""
    if request.param == "meta":
        torch.set_default_device("meta")
    else:
        torch.set_default_dtype(getattr(torch, request.param))
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.usefixtures("changed")
def test_yardstick_is_a_product_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product in float64 takes twice as long: the machine would seem to be in another state."""
    multiplied: list[torch.Tensor] = []
    monkeypatch.setattr(torch, "mm", lambda left, right, *, out: multiplied.extend((left, right, out)))
    Yardstick(CPU, no_clock).read()
    assert {(tensor.dtype, tensor.device) for tensor in multiplied} == {(torch.float32, CPU)}


@pytest.mark.usefixtures("changed")
def test_copied_tensor_has_as_many_bytes_as_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate of the copies is in bytes per second."""
    copied: list[int] = []
    monkeypatch.setattr(ceilings, "COPY_BYTES", (1 << 18, 1 << 20))

    def shortest(call: object, _: object) -> float:
        source = call.__closure__[0].cell_contents  # type: ignore[attr-defined]
        copied.append(source.numel() * source.element_size())
        return 1 / 64

    monkeypatch.setattr(ceilings, "shortest", shortest)
    assert ceilings.copies(CPU, no_clock) == (64 * (2 << 20), 1 << 20)
    assert copied == [1 << 18, 1 << 20]


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_products_are_in_the_dtype_that_is_asked_for(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the matrices are on the device that is asked for."""
    multiplied: list[torch.Tensor] = []
    monkeypatch.setattr(ceilings, "linear", lambda *matrices: multiplied.extend(matrices))
    monkeypatch.setattr(ceilings, "ROWS", (64,))
    monkeypatch.setattr(ceilings, "shortest", lambda call, _: call() or 1.0)
    ceilings.products(CPU, no_clock, dtype)
    assert {(tensor.dtype, tensor.device) for tensor in multiplied} == {(getattr(torch, dtype), CPU)}


@pytest.mark.usefixtures("changed")
def test_device_is_tried_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some accelerators have no float64, and are there nevertheless."""
    ones, made = torch.ones, []
    monkeypatch.setattr(torch, "ones", lambda *size, **how: made.append(how) or ones(*size, **how))
    assert backend.load("cpu") == CPU
    assert [how["dtype"] for how in made] == [torch.float32]


@pytest.mark.usefixtures("changed")
def test_support_is_tried_where_and_in_what_the_case_says() -> None:
    """Nothing that works is skipped."""
    _refusal.cache_clear()
    for dtype in ("float32", "bfloat16", "float64"):
        try_case(case_of(dtype=dtype), CPU)
    _refusal.cache_clear()


@pytest.mark.usefixtures("changed")
def test_compiler_is_warmed_up_in_float32_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fork inherits is then the same for every user."""
    seen: list[torch.Tensor] = []

    def compile_(network: torch.nn.Module) -> object:
        return lambda x: seen.extend((x, *network.parameters()))

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    launcher.warm(compiled=True)
    assert {(tensor.dtype, tensor.device) for tensor in seen} == {(torch.float32, CPU)}


@pytest.mark.usefixtures("changed")
def test_random_images_are_the_same_numbers() -> None:
    """Their values are the seed's alone."""
    images, labels = inputs.random_images(3, 0)
    assert (images.dtype, images.device, labels.dtype, labels.device) == (torch.float32, CPU, torch.int64, CPU)
    assert images.flatten()[:2].tolist() == pytest.approx([0.4962566, 0.7682218])


@pytest.mark.usefixtures("changed")
def test_images_of_the_data_set_are_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte over 255, in float32."""

    class TwoImages:
        def __init__(self, *_: object, **__: object) -> None:
            self.data = torch.tensor([51, 102], dtype=torch.uint8, device="cpu").reshape(2, 1, 1).expand(2, 28, 28)
            self.targets = torch.tensor([0, 1], device="cpu")

        def __len__(self) -> int:
            return 2

    monkeypatch.setattr(inputs, "_open_test_images", TwoImages)
    images, labels = inputs.fashion_mnist(Path(), 3)
    assert (images.dtype, images.device, tuple(images.shape)) == (torch.float32, CPU, (3, 1, 28, 28))
    assert images[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.4, 0.2])
    assert (labels.tolist(), labels.dtype) == ([0, 1, 0], torch.int64)


@pytest.mark.usefixtures("changed")
def test_walk_feeds_a_network_in_the_dtype_of_its_inputs() -> None:
    """`python -m models` shows shapes and first values whatever the default is."""
    assert "669,706" in models_main.walk("mlp")


@pytest.mark.usefixtures("changed")
def test_case_is_built_in_its_dtype_on_its_device() -> None:
    """Its weights are drawn on the processor, and so are the same for each device."""
    subject = step_of(case_of()).subject
    tensors = [*subject.network.parameters(), subject.inputs]
    assert {(tensor.dtype, tensor.device) for tensor in tensors} == {(torch.float32, CPU)}  # type: ignore[union-attr]
