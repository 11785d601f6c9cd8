"""A network on its device with what it is fed, and the only door to `models`.

With ``--against``, the workers of today's bench import the `models` of an old commit. A `Model` of the first one has
``summary``, ``build`` and ``loss``; whatever came later is absent there, and gets its default in this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from bench.devices.dtypes import TORCH_DTYPES, Dtype
from bench.record.case import Case, unknown
from bench.steps.compiling import compile_network
from bench.steps.verify import Tensors, Tolerance, derive_tolerance
from models import MODELS, Model
from models.inputs import fashion_mnist, random_images

Answered = TypeVar("Answered", Tensor, Tensors)

Fed = tuple[Tensors, Tensors]
"""What a network is fed, and what its loss compares its output with; on the CPU, floating numbers in float32."""

Feed = Callable[[int, int, Path | None], Fed]
"""Makes both from the batch, the seed and the root of the data, which is None for random ones."""


class UnknownNameError(LookupError):
    """This process has no such model or step; the message lists those that it has."""


def list_models() -> list[str]:
    """Return the names of the models that this process can build."""
    return list(MODELS)


def find_model(name: str) -> Model:
    """Return a model by its name.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in MODELS:
        raise UnknownNameError(unknown("model", name, MODELS))
    return MODELS[name]


def find_feed(model: Model) -> Feed:
    """Return what makes a model's inputs; a `Model` without the field was fed images."""
    return cast("Feed", getattr(model, "inputs", _images))


def _images(batch: int, seed: int, data_root: Path | None) -> Fed:
    return random_images(batch, seed) if data_root is None else fashion_mnist(data_root, batch)


def find_tolerance(model: Model, case: Case) -> Tolerance:
    """Return how far the answer of a case may be off; a `Model` without the field leaves all of it to derivation."""
    dtype = TORCH_DTYPES[case.dtype]
    derived = derive_tolerance(dtype, case.batch)
    own = getattr(model, "tolerance", None)
    return derived if own is None else replace(derived, **own(dtype.roundoff, case.batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A network on its device, in its dtype, compiled or not, with what it is fed.

    Attributes:
        network: the module that owns the weights.
        call: what is timed, of one argument, `inputs`: the module itself, its compiled form, either under autocast,
            or a function that hands several tensors to it.
        inputs: what it is fed, on the device, floating numbers in the storage dtype: images (B, 1, 28, 28).
        target: what the loss compares with, likewise: labels (B,), int64.
        loss: of the output and the target.
    """

    network: nn.Module
    call: Callable[[Tensors], Tensors]
    inputs: Tensors
    target: Tensors
    loss: Callable[[Tensors, Tensors], Tensor]


def build(
    case: Case, model: Model, device: torch.device, inputs: Tensors, target: Tensors, *, seed: int, compiled: bool
) -> Subject:
    """Return the subject of a case.

    Args:
        case: what to build.
        model: its entry in the registry.
        device: where.
        inputs: what the network is fed, on the CPU.
        target: what its loss compares with, on the CPU.
        seed: of the weights: the same for every case, so that all compute the same function.
        compiled: whether to honour the case's compile mode; an eager twin serves to count operations.
    """
    dtype = TORCH_DTYPES[case.dtype]
    torch.manual_seed(seed)
    with torch.device("cpu"):  # whose random numbers the seed fixes
        network = model.build()
    network = network.to(device=device, dtype=dtype.storage)
    call: Callable[..., Tensors] = network
    if compiled and case.compiled:
        call = compile_network(network, case.compile)
    if dtype.amp:
        call = _under_autocast(call, device, dtype)
    return Subject(
        network=network,
        call=call if isinstance(inputs, Tensor) else _spread(call),
        inputs=_place(inputs, device, dtype),
        target=_place(target, device, dtype),
        loss=_under_autocast(model.loss, device, dtype) if dtype.amp else model.loss,
    )


def build_reference(case: Case, inputs: Tensors, target: Tensors, *, seed: int) -> Subject:
    """Return the subject that says what is right: the case's network in float64, eager, on the CPU."""
    exact = replace(case, device="cpu", dtype="float64", compile="off")
    return build(exact, find_model(case.model), torch.device("cpu"), inputs, target, seed=seed, compiled=False)


def _spread(call: Callable[..., Tensors]) -> Callable[[Tensors], Tensors]:
    """Return a function of one tuple; a network of one tensor is called without it, and pays nothing for it."""

    def spread(inputs: Tensors) -> Tensors:
        return call(*inputs)

    return spread


def _place(tensors: Tensors, device: torch.device, dtype: Dtype) -> Tensors:
    """Return tensors on the device, floating numbers in the storage dtype."""
    if isinstance(tensors, tuple):
        return tuple(_place_one(tensor, device, dtype) for tensor in tensors)
    return _place_one(tensors, device, dtype)


def _place_one(tensor: Tensor, device: torch.device, dtype: Dtype) -> Tensor:
    return tensor.to(device=device, dtype=dtype.storage if tensor.is_floating_point() else tensor.dtype)


def _under_autocast(call: Callable[..., Answered], device: torch.device, dtype: Dtype) -> Callable[..., Answered]:
    def cast(*arguments: Tensors) -> Answered:
        with torch.autocast(device.type, dtype=dtype.compute):
            return call(*arguments)

    return cast
