"""What each layer of a network takes by itself, and the whole network beside it, in a pass of its own.

Observations only; shares, sums and ceilings are computed in `reports`. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.record.case import Case
from bench.record.observations import not_negative, positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One way through a layer, forward or backward.

    Attributes:
        seconds: per iteration, the median of the slices of this process.
        flops: floating-point operations; None where they cannot be counted.
        flops_reason: why they cannot; None exactly if they are counted.
        least_bytes: what must be read and written at least.
    """

    seconds: float
    flops: int | None
    flops_reason: str | None
    least_bytes: int

    def __post_init__(self) -> None:
        positive(self, "seconds")
        not_negative(self, "flops", "least_bytes")
        if (self.flops is None) != (self.flops_reason is not None):
            raise ValueError("operations are counted, or there is a reason why not")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One call of a layer in the order of the forward.

    Attributes:
        name: of the module in the network, such as ``linear_relu_stack.0``.
        kind: the module's class; for what is no module, such as the loss, what it is.
        inputs, output: the shape of each tensor, as text, such as ``(64, 784)``.
        parameters: that the module owns itself, numbers and not tensors.
        forward: None where it is not timed, such as a loss in a forward that has none.
        backward: None where nothing in it is differentiated.
    """

    name: str
    kind: str
    inputs: str
    output: str
    parameters: int
    forward: Pass | None
    backward: Pass | None

    def __post_init__(self) -> None:
        not_negative(self, "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """A network layer by layer, in one process.

    Attributes:
        layers: every call of one, in the order of the forward; the loss last.
        forward_seconds: of the whole network, timed in turn with its layers.
        backward_seconds: of the whole network, the loss included; None where nothing is differentiated.
        backward_reason: why there is no backward; None exactly if there is one.
        remarks: what a reader must know, each a sentence without its full stop.
    """

    layers: tuple[Layer, ...]
    forward_seconds: float
    backward_seconds: float | None
    backward_reason: str | None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        positive(self, "forward_seconds", "backward_seconds")
        if (self.backward_seconds is None) != (self.backward_reason is not None):
            raise ValueError("there is a backward, or the reason why there is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """A network was timed layer by layer in one fresh process, or could not be.

    Attributes:
        case: in eager, its step ``forward``, whatever steps of it were measured; its layers' backward is here, too.
        replicate: which process, counted from 1.
        layers: what was seen; None if it failed.
        reason: why it failed, one line; None exactly if there are layers.
    """

    case: Case
    replicate: int
    layers: Layers | None
    reason: str | None

    def __post_init__(self) -> None:
        positive(self, "replicate")
        if (self.layers is None) != (self.reason is not None):
            raise ValueError(f"{self.case.id} has layers, or the reason why there are none")


def keep_latest_layers(layered: Iterable[Layered]) -> tuple[Layered, ...]:
    """Return what was timed layer by layer, without what a later part of the run timed again."""
    return tuple({(one.case, one.replicate): one for one in layered}.values())
