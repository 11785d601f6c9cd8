"""A network on its device with what it is fed: what a step iterates over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_map

from bench.devices.dtypes import TORCH_DTYPES, Dtype
from bench.record.case import Case, Variant
from bench.steps.compiling import compile_network
from bench.steps.layout import lay_out_inputs, lay_out_weights
from bench.steps.verify import Nested, Tolerance, derive_tolerance, list_tensors

Answered = TypeVar("Answered")

Fed = tuple[Nested, Nested]
"""What a network is fed, and what its loss compares its output with; on the CPU, floating numbers in float32."""

Feed = Callable[[int, int, Path | None], Fed]
"""Makes both from the batch, the seed and the root of the data, which is None for random ones."""


class UnknownNameError(LookupError):
    """This process has no such model or step; the message lists those that it has."""


Loss = Callable[[Nested, Nested], Tensor]
"""(a network's output, what it is compared with) -> scalar."""


Wrap = Callable[[nn.Module, torch.device], DistributedDataParallel]
"""Makes what several ranks call of a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How a model's network, its inputs and its loss are made, wherever the model comes from.

    Attributes:
        build: makes the network with fresh weights on the CPU; seed torch before.
        feed: makes what the network is fed, and what its loss compares with. Of the latter None stands for the inputs
            themselves, which a loss of the user's own takes.
        find_loss: of a network, and what a reader must know of it, if anything.
        is_perceptron: whether the tolerance that is derived for a perceptron of three layers holds. Otherwise the
            errors of eager in the same dtype say what rounding does here.
        tolerance: (unit roundoff of the dtype that products are computed in, batch) -> how far an answer of a
            perceptron may be off, by quantity; None for what is derived.
        remarks: what a reader of its figures must know, each a sentence without its full stop.
    """

    build: Callable[[], nn.Module]
    feed: Feed
    find_loss: Callable[[nn.Module], tuple[Loss, str | None]]
    is_perceptron: bool = False
    tolerance: Callable[[float, int], Mapping[str, float]] | None = None
    remarks: tuple[str, ...] = ()

    def find_tolerance(self, case: Case) -> Tolerance:
        """Return how far the answer of a case of a perceptron may be off."""
        dtype = TORCH_DTYPES[case.dtype]
        derived = derive_tolerance(dtype, case.batch)
        return derived if self.tolerance is None else replace(derived, **self.tolerance(dtype.roundoff, case.batch))


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
    if both is not None and all(_is_batched(tensor, 2 * batch) for tensor in list_tensors(both)):
        first, second = (map_fed(partial(_take_rows, rows=rows), both) for rows in _halves(batch))
    else:
        first, second = feed(batch, seed, data_root), feed(batch, seed + 1, data_root)
    if _are_equal(first, second):  # the data begin again, or know no seed: the same in another order
        second = map_fed(lambda tensor: tensor.roll(1, 0) if tensor.dim() else tensor, first)
    return first, second


def _halves(batch: int) -> tuple[slice, slice]:
    return slice(0, batch), slice(batch, 2 * batch)


def _take_rows(tensor: Tensor, *, rows: slice) -> Tensor:
    return tensor[rows]


def map_fed(change: Callable[[Tensor], Tensor], fed: Fed) -> Fed:
    """Return what a network is fed with each tensor of it changed."""
    inputs, target = (map_tensors(change, part) for part in fed)
    return inputs, target


def _are_equal(first: Fed, second: Fed) -> bool:
    """Whether a network is fed the same twice."""
    mine, theirs = list_tensors(first[0]), list_tensors(second[0])
    return len(mine) == len(theirs) and all(map(torch.equal, mine, theirs))


def _is_batched(tensor: Tensor, batch: int) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == batch


def map_tensors(change: Callable[[Tensor], Tensor], nested: Nested) -> Nested:
    """Return nested tensors with each of them changed, and all else as it is."""
    if isinstance(nested, Tensor):
        return change(nested)
    return tree_map(lambda leaf: change(leaf) if isinstance(leaf, Tensor) else leaf, nested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A network on its device, in its dtype, compiled or not, with what it is fed.

    Attributes:
        network: the module that owns the weights.
        call: what is timed, of one argument, `inputs`: the module itself, its compiled form, either under autocast,
            or a function that spreads a tuple or list of arguments, or a dict of named ones.
        module: the network or its compiled form, of as many arguments as it takes: what a step of the user's own gets.
        autocast: puts a function under the case's autocast; gives it back as it is where the dtype has none.
        inputs: what it is fed, on the device, floating numbers in the storage dtype: images (B, 1, 28, 28).
        target: what the loss compares with, likewise: labels (B,), int64. A loss of the user's own takes the inputs.
        loss: of the output and the target.
        remarks: what a reader of its figures must know.
        feeds: two of them, on the CPU, which take turns in the memory of `inputs` and `target`; see `take`.
        device: where all of it is.
        exchanging: the network as several ranks call it, whose backward exchanges gradients; None in one process.
    """

    network: nn.Module
    call: Callable[[Nested], Nested]
    module: Callable[..., Nested]
    autocast: Callable[[Callable[..., Any]], Callable[..., Any]]
    inputs: Nested
    target: Nested
    loss: Loss
    remarks: tuple[str, ...]
    feeds: tuple[Fed, Fed]
    device: torch.device
    exchanging: DistributedDataParallel | None = None

    @property
    def compiled(self) -> bool:
        """Return whether a compiled form of the network is called."""
        return self.module is not (self.exchanging or self.network)

    def take(self, which: int) -> None:
        """Put one of the two feeds in place: other values in the same memory, which no version counter tells of."""
        inputs, target = self.feeds[which]
        pairs = [(self.inputs, inputs)] if target is None else [(self.inputs, inputs), (self.target, target)]
        for part, fed in pairs:
            for tensor, values in zip(list_tensors(part), list_tensors(fed), strict=True):
                tensor.data.copy_(values)


def build(
    case: Case,
    model: Definition,
    device: torch.device,
    feeds: tuple[Fed, Fed],
    *,
    seed: int,
    compiled: bool,
    wrap: Wrap | None = None,
) -> Subject:
    """Return the subject of a case.

    Args:
        case: what to build.
        model: its definition.
        device: where.
        feeds: what the network is fed, and what its loss compares with, twice, on the CPU; the first is in place.
        seed: of the weights: the same for every case, so that all compute the same function.
        compiled: whether to honour the case's compile mode; an eager twin serves to count operations.
        wrap: makes what several ranks call of the network; None in one process.
    """
    dtype = TORCH_DTYPES[case.dtype]
    cpu = torch.device("cpu")
    placed = (map_fed(partial(_place, device=cpu, dtype=dtype), fed) for fed in feeds)
    first, second = ((lay_out_inputs(inputs, case.layout), target) for inputs, target in placed)
    torch.manual_seed(seed)
    with torch.device("cpu"):  # whose random numbers the seed fixes
        network = model.build()
    network = network.to(device=device, dtype=dtype.storage)
    lay_out_weights(network, case.layout)
    exchanging = None if wrap is None else wrap(network, device)
    called: nn.Module = network if exchanging is None else exchanging
    call: Callable[..., Nested] = called
    if compiled and case.compiled:
        call = compile_network(called, case.compile)
    module, autocast = call, partial(_under_autocast, device=device, dtype=dtype) if dtype.amp else _leave
    call = autocast(call)
    inputs, target = map_fed(partial(_place, device=device, dtype=dtype, copy=True), first)
    loss, remark = model.find_loss(network)
    return Subject(
        network=network,
        call=_spread(call, inputs),
        module=module,
        autocast=autocast,
        inputs=inputs,
        target=inputs if target is None else target,
        loss=autocast(loss),
        remarks=model.remarks if remark is None else (*model.remarks, remark),
        feeds=(first, second),
        device=device,
        exchanging=exchanging,
    )


def build_reference(
    case: Case, model: Definition, feeds: tuple[Fed, Fed], *, seed: int, dtype: str = "float64"
) -> Subject:
    """Return the subject that says what is right: the case's network, eager, on the CPU, in float64 if it can."""
    exact = replace(case, device="cpu", **Variant(dtype, "off")._asdict())
    return build(exact, model, torch.device("cpu"), feeds, seed=seed, compiled=False)


def _spread(call: Callable[..., Nested], inputs: Nested) -> Callable[[Nested], Nested]:
    """Return a function of all inputs; a network of one tensor is called without it, and pays nothing for it."""
    match inputs:
        case tuple() | list():
            return lambda arguments: call(*arguments)
        case dict():
            return lambda arguments: call(**arguments)
        case _:
            return call


def _place(tensor: Tensor, *, device: torch.device, dtype: Dtype, copy: bool = False) -> Tensor:
    """Return a tensor on the device, floating numbers in the storage dtype, in memory of its own if `copy`."""
    storage = dtype.storage if tensor.is_floating_point() else tensor.dtype
    return tensor.to(device=device, dtype=storage, copy=copy)


def _leave(call: Callable[..., Answered]) -> Callable[..., Answered]:
    return call


def _under_autocast(call: Callable[..., Answered], device: torch.device, dtype: Dtype) -> Callable[..., Answered]:
    def cast(*arguments: Any, **named: Any) -> Answered:
        with torch.autocast(device.type, dtype=dtype.compute):
            return call(*arguments, **named)

    return cast
