"""A network on its device with what it is fed, and the only door to `models`.

`models` is imported when it is first asked for: by then the process knows what it was like before.
With ``--against``, the workers of today's bench import the `models` of an old commit. A `Model` of the first one has
``summary``, ``build`` and ``loss``; whatever came later is absent there, and gets its default in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor, nn

from bench.devices.dtypes import TORCH_DTYPES, Dtype
from bench.record.case import Case, unknown
from bench.steps.compiling import compile_network
from bench.steps.verify import Tensors, Tolerance, derive_tolerance, list_tensors

if TYPE_CHECKING:
    from models import Model

Answered = TypeVar("Answered", Tensor, Tensors)

Fed = tuple[Tensors, Tensors]
"""What a network is fed, and what its loss compares its output with; on the CPU, floating numbers in float32."""

Feed = Callable[[int, int, Path | None], Fed]
"""Makes both from the batch, the seed and the root of the data, which is None for random ones."""


class UnknownNameError(LookupError):
    """This process has no such model or step; the message lists those that it has."""


def list_models() -> list[str]:
    """Return the names of the models that this process can build."""
    return list(_registry())


def _registry() -> Mapping[str, Model]:
    from models import MODELS

    return MODELS


def find_model(name: str) -> Model:
    """Return a model by its name.

    Raises:
        UnknownNameError: if there is none.
    """
    models = _registry()
    if name not in models:
        raise UnknownNameError(unknown("model", name, models))
    return models[name]


def find_feed(model: Model) -> Feed:
    """Return what makes a model's inputs; a `Model` without the field was fed images."""
    return cast("Feed", getattr(model, "inputs", _images))


def feed_twice(feed: Feed, batch: int, seed: int, data_root: Path | None) -> tuple[Fed, Fed]:
    """Return two different feeds of equal shapes, so that an answer to one is wrong for the other.

    They are the halves of a feed of twice the batch; where something in it has no such dimension in front, the feeds
    of two seeds; where those are equal, the first in another order. Inputs that are all alike stay equal, and there an
    answer that is remembered is a right one.
    """
    try:
        both = feed(2 * batch, seed, data_root)
    except Exception:  # noqa: BLE001  what is fed may know one size only, whatever it raises at another
        both = None
    if both is not None and all(_is_batched(tensor, 2 * batch) for part in both for tensor in list_tensors(part)):
        first, second = (
            cast("Fed", tuple(_slice(part, half) for part in both))
            for half in (slice(0, batch), slice(batch, 2 * batch))
        )
    else:
        first, second = feed(batch, seed, data_root), feed(batch, seed + 1, data_root)
    if _are_equal(first, second):  # the data begin again, or know no seed: the same in another order
        second = cast("Fed", tuple(_roll(part) for part in first))
    return first, second


def _are_equal(first: Fed, second: Fed) -> bool:
    """Whether a network is fed the same twice."""
    pairs = zip(list_tensors(first[0]), list_tensors(second[0]), strict=True)
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


def _roll(tensors: Tensors) -> Tensors:
    """Return tensors with the last of a batch put first; one without a batch as it is."""
    if isinstance(tensors, tuple):
        return tuple(tensor.roll(1, 0) if tensor.dim() else tensor for tensor in tensors)
    return tensors.roll(1, 0) if tensors.dim() else tensors


def _is_batched(tensor: Tensor, batch: int) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == batch


def _slice(tensors: Tensors, rows: slice) -> Tensors:
    if isinstance(tensors, tuple):
        return tuple(tensor[rows] for tensor in tensors)
    return tensors[rows]


def _images(batch: int, seed: int, data_root: Path | None) -> Fed:
    from models.inputs import fashion_mnist, random_images

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
        feeds: two of them, on the CPU, which take turns in the memory of `inputs` and `target`; see `take`.
        device: where all of it is.
    """

    network: nn.Module
    call: Callable[[Tensors], Tensors]
    inputs: Tensors
    target: Tensors
    loss: Callable[[Tensors, Tensors], Tensor]
    feeds: tuple[Fed, Fed]
    device: torch.device

    def take(self, which: int) -> None:
        """Put one of the two feeds in place: other values in the same memory, which no version counter tells of."""
        for part, fed in zip((self.inputs, self.target), self.feeds[which], strict=True):
            for tensor, values in zip(list_tensors(part), list_tensors(fed), strict=True):
                tensor.data.copy_(values)


def build(
    case: Case, model: Model, device: torch.device, feeds: tuple[Fed, Fed], *, seed: int, compiled: bool
) -> Subject:
    """Return the subject of a case.

    Args:
        case: what to build.
        model: its entry in the registry.
        device: where.
        feeds: what the network is fed, and what its loss compares with, twice, on the CPU; the first is in place.
        seed: of the weights: the same for every case, so that all compute the same function.
        compiled: whether to honour the case's compile mode; an eager twin serves to count operations.
    """
    dtype = TORCH_DTYPES[case.dtype]
    first, second = (tuple(_place(part, torch.device("cpu"), dtype) for part in fed) for fed in feeds)
    inputs, target = first
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
        inputs=_place(inputs, device, dtype, copy=True),
        target=_place(target, device, dtype, copy=True),
        loss=_under_autocast(model.loss, device, dtype) if dtype.amp else model.loss,
        feeds=(cast("Fed", first), cast("Fed", second)),
        device=device,
    )


def build_reference(case: Case, feeds: tuple[Fed, Fed], *, seed: int) -> Subject:
    """Return the subject that says what is right: the case's network in float64, eager, on the CPU."""
    exact = replace(case, device="cpu", dtype="float64", compile="off")
    return build(exact, find_model(case.model), torch.device("cpu"), feeds, seed=seed, compiled=False)


def _spread(call: Callable[..., Tensors]) -> Callable[[Tensors], Tensors]:
    """Return a function of one tuple; a network of one tensor is called without it, and pays nothing for it."""

    def spread(inputs: Tensors) -> Tensors:
        return call(*inputs)

    return spread


def _place(tensors: Tensors, device: torch.device, dtype: Dtype, *, copy: bool = False) -> Tensors:
    """Return tensors on the device, floating numbers in the storage dtype, in memory of their own if `copy`."""
    if isinstance(tensors, tuple):
        return tuple(_place_one(tensor, device, dtype, copy=copy) for tensor in tensors)
    return _place_one(tensors, device, dtype, copy=copy)


def _place_one(tensor: Tensor, device: torch.device, dtype: Dtype, *, copy: bool) -> Tensor:
    storage = dtype.storage if tensor.is_floating_point() else tensor.dtype
    return tensor.to(device=device, dtype=storage, copy=copy)


def _under_autocast(call: Callable[..., Answered], device: torch.device, dtype: Dtype) -> Callable[..., Answered]:
    def cast(*arguments: Tensors) -> Answered:
        with torch.autocast(device.type, dtype=dtype.compute):
            return call(*arguments)

    return cast
