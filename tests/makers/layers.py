"""Networks layer by layer that nobody timed: made up, so that what is derived from them can be told to the letter."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.case import Case
from bench.record.layers import Layer, Layered, Layers, Pass

LINEAR, RELU, LOSS = ("0", 30e-6, 60e-6), ("1", 5e-6, 10e-6), ("(loss)", None, 10e-6)
"""Name, seconds forward and seconds backward of the layers of a small network."""


def made_pass(seconds: float, flops: int | None = 1000) -> Pass:
    """Return one way through a layer."""
    why = None if flops is not None else "no formula counts the operations of aten::odd"
    return Pass(seconds=seconds, flops=flops, flops_reason=why, least_bytes=2000)


def made_layers(
    layers: Sequence[tuple[str, float | None, float | None]] = (LINEAR, RELU, LOSS),
    *,
    forward: float = 40e-6,
    backward: float | None = 80e-6,
    flops: int | None = 1000,
    remarks: tuple[str, ...] = (),
) -> Layers:
    """Return a network layer by layer.

    Args:
        layers: name, seconds forward and seconds backward of each; None where that way is not timed.
        forward: seconds of the whole.
        backward: likewise; None where nothing is differentiated.
        flops: of each layer each way; None where no formula counts them.
        remarks: on it.
    """
    return Layers(
        layers=tuple(
            Layer(
                name=name,
                kind="loss" if name == "(loss)" else "Linear",
                inputs="(64, 784)",
                output="(64, 512)",
                parameters=0 if name == "(loss)" else 401920,
                forward=None if there is None else made_pass(there, flops),
                backward=None if back is None else made_pass(back, flops),
            )
            for name, there, back in layers
        ),
        forward_seconds=forward,
        backward_seconds=backward,
        backward_reason="nothing in it is differentiated" if backward is None else None,
        remarks=remarks,
    )


def layered(case: Case, *several: Layers) -> tuple[Layered, ...]:
    """Return a network that was timed layer by layer, in a process for each of these."""
    return tuple(
        Layered(case=case, replicate=replicate, layers=layers, reason=None)
        for replicate, layers in enumerate(several, start=1)
    )
