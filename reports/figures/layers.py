"""What each layer of a network takes, which share of the whole that is, and what the layers together are off by.

The replicate is a fresh process: shares and sums are taken within one, and their medians over all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.record.case import Case
from bench.record.layers import Layer, Layers, Pass
from bench.record.run import Run
from reports.figures.roofline import Roof, attained, roof_of, roofs
from reports.stats.intervals import Summary, summarize

OTHER_LAYERS = "its layers differ from process to process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One way through a layer, over all processes.

    Attributes:
        seconds: per iteration.
        share: of the whole network the same way.
        flops: floating-point operations; None where they cannot be counted.
        flops_reason: why they cannot.
        least_bytes: what must be read and written at least.
        attained: share of what the device allows at its intensity; None where no operation or no ceiling is known.
    """

    seconds: Summary
    share: Summary
    flops: int | None
    flops_reason: str | None
    least_bytes: int
    attained: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFigures:
    """One call of a layer.

    Attributes:
        layer: as the first process saw it.
        forward, backward: None where that way is not timed, or nothing is differentiated.
    """

    layer: Layer
    forward: Part | None
    backward: Part | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The whole network one way, and all its layers that way, one by one.

    Attributes:
        seconds: of the whole, per iteration.
        layers_seconds: what all of them take, added up in each process.
        layers_share: that as a share of the whole.
    """

    seconds: Summary
    layers_seconds: Summary
    layers_share: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A network layer by layer.

    Attributes:
        case: in eager, its step ``forward``.
        rows: in the order of the forward; the loss last.
        forward: the whole.
        backward: likewise; None where nothing is differentiated.
        backward_reason: why there is no backward.
        processes: that it rests on.
        remarks: what a reader must know, each a sentence without its full stop.
    """

    case: Case
    rows: tuple[LayerFigures, ...]
    forward: Whole
    backward: Whole | None
    backward_reason: str | None
    processes: int
    remarks: tuple[str, ...]


def list_walks(run: Run) -> Mapping[Case, Walk | str]:
    """Return each network that was timed layer by layer, or why it could not be, in the order of the run."""
    limits = roofs(run)
    walks: dict[Case, Walk | str] = {}
    for case in dict.fromkeys(layered.case for layered in run.layers):
        own = [layered for layered in run.layers if layered.case == case]
        seen = [layered.layers for layered in own if layered.layers is not None]
        if not seen:
            walks[case] = str(own[0].reason)
        elif len({tuple((layer.name, layer.kind) for layer in layers.layers) for layers in seen}) > 1:
            walks[case] = OTHER_LAYERS
        else:
            walks[case] = _walk(case, seen, roof_of(case, limits))
    return walks


def _walk(case: Case, seen: Sequence[Layers], roof: Roof | None) -> Walk:
    forwards = [layers.forward_seconds for layers in seen]
    backwards = [layers.backward_seconds for layers in seen if layers.backward_seconds is not None]
    both = len(backwards) == len(seen)
    rows = [
        LayerFigures(
            layer=seen[0].layers[index],
            forward=_find_part([layers.layers[index].forward for layers in seen], forwards, roof),
            backward=_find_part([layers.layers[index].backward for layers in seen], backwards, roof) if both else None,
        )
        for index in range(len(seen[0].layers))
    ]
    return Walk(
        case=case,
        rows=tuple(rows),
        forward=_find_whole(seen, forwards, lambda layer: layer.forward),
        backward=_find_whole(seen, backwards, lambda layer: layer.backward) if both else None,
        backward_reason=next((layers.backward_reason for layers in seen if layers.backward_reason), None),
        processes=len(seen),
        remarks=tuple(dict.fromkeys(remark for layers in seen for remark in layers.remarks)),
    )


def _find_part(passes: Sequence[Pass | None], wholes: Sequence[float], roof: Roof | None) -> Part | None:
    timed = [one for one in passes if one is not None]
    if len(timed) < len(passes):
        return None
    first, seconds = timed[0], summarize([one.seconds for one in timed])
    known = roof is not None and first.flops and first.least_bytes
    return Part(
        seconds=seconds,
        share=summarize([one.seconds / whole for one, whole in zip(timed, wholes, strict=True)]),
        flops=first.flops,
        flops_reason=first.flops_reason,
        least_bytes=first.least_bytes,
        attained=attained(first.flops, first.least_bytes, seconds.centre, roof) if known else None,  # type: ignore[arg-type]
    )


def _find_whole(seen: Sequence[Layers], wholes: Sequence[float], way: Callable[[Layer], Pass | None]) -> Whole:
    sums = [sum(one.seconds for layer in layers.layers if (one := way(layer)) is not None) for layers in seen]
    return Whole(
        seconds=summarize(wholes),
        layers_seconds=summarize(sums),
        layers_share=summarize([layers / whole for layers, whole in zip(sums, wholes, strict=True)]),
    )
