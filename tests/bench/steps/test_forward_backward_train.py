"""What happens between two reads of the clock, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.devices.clock import Clock
from bench.record.case import BUILTIN_STEPS
from bench.steps.compiling import compile_network
from bench.steps.step import Step
from tests.makers.subjects import BATCH, case_of, step_of

FORWARD_FLOPS = 2 * BATCH * (784 * 512 + 512 * 512 + 512 * 10)
BACKWARD_FLOPS = 2 * BATCH * (784 * 512 + 2 * 512 * 512 + 2 * 512 * 10)
"""The first layer's input, the images, needs no gradient."""


@pytest.mark.parametrize("name", BUILTIN_STEPS)
def test_step_says_itself_how_often_it_reads_the_clock(name: str) -> None:
    """Reports and the driver learn it from what the step says, so that has to be what the step does."""
    stamps = iter(range(100))
    step = step_of(case_of(name), clock=lambda: float(next(stamps)))
    step.timed(5)
    assert next(stamps) == 2 * max(1, 5 * step.clock_pairs_per_iteration)
    assert step.queued == (name in {"forward", "train"})


def tape(*stamps: float) -> tuple[Clock, Iterator[float]]:
    """Return a clock that answers these stamps, and what is left on it."""
    left = iter(stamps)
    return left.__next__, left


@pytest.mark.parametrize("step", ["forward", "train"])
@pytest.mark.parametrize("iterations", [1, 5])
def test_slice_is_one_interval_around_all_iterations(step: str, iterations: int) -> None:
    """Iterations are queued without waiting for each: a pipelined throughput."""
    clock, left = tape(10.0, 13.5)
    assert step_of(case_of(step), clock=clock).timed(iterations) == 3.5
    assert list(left) == []


def test_backward_slice_is_the_sum_of_its_backwards() -> None:
    """Building the graph in between is not timed."""
    clock, left = tape(0.0, 1.0, 10.0, 12.0, 20.0, 24.0)
    assert step_of(case_of("backward"), clock=clock).timed(3) == 1.0 + 2.0 + 4.0
    assert list(left) == []


def watch(step: Step) -> list[str]:
    """Return a log to which the step's network, its loss and its clock write as they are used."""
    log: list[str] = []
    subject = step.subject

    def call(images: Tensor) -> Tensor:
        log.append("call")
        return subject.call(images)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        log.append("loss")
        value = subject.loss(logits, labels)
        if value.requires_grad:
            value.register_hook(lambda _: log.append("backward"))
        return value

    def clock() -> float:
        log.append("clock")
        return float(len(log))

    step.subject = replace(subject, call=call, loss=loss)
    step.clock = clock
    return log


@pytest.mark.parametrize(
    ("name", "warm", "timed"),
    [
        ("forward", ["call"], ["clock", "call", "call", "call", "clock"]),
        ("backward", ["call", "loss", "backward"], ["call", "loss", "clock", "backward", "clock"] * 3),
        ("train", ["call", "loss", "backward"], ["clock", *["call", "loss", "backward"] * 3, "clock"]),
    ],
)
def test_only_the_work_itself_is_timed(name: str, warm: list[str], timed: list[str]) -> None:
    """Read only the lines between the two clock reads."""
    step = step_of(case_of(name))
    log = watch(step)
    step.timed(3)
    assert log == [*warm, *timed]


def test_forward_runs_in_inference_mode() -> None:
    """Neither its first call nor the timed ones may record a graph."""
    step = step_of(case_of("forward"))
    modes: list[bool] = []

    def call(images: Tensor) -> Tensor:
        modes.append(torch.is_inference_mode_enabled())
        return step.subject.network(images)

    step.subject, real = replace(step.subject, call=call), step.subject
    logits, loss = step.iterate()
    step.timed(2)
    assert modes == [True] * 4
    assert logits.is_inference()
    assert loss.is_inference()
    assert not torch.is_inference_mode_enabled()
    assert not real.network.training


def gradients(step: Step) -> list[Tensor | None]:
    """Return the gradients as they stand."""
    return [parameter.grad for parameter in step.subject.network.parameters()]


def test_backward_begins_without_gradients_and_ends_with_all_of_them() -> None:
    """Gradients that accumulate read 20 % too slow."""
    present: list[int] = []
    step = step_of(case_of("backward"), clock=lambda: float(present.append(with_gradients()) or 0))

    def with_gradients() -> int:
        return sum(gradient is not None for gradient in gradients(step))

    step.timed(3)
    assert present == [0, 6] * 3
    step.tidy()
    assert with_gradients() == 0


def test_each_backward_has_a_graph_of_its_own() -> None:
    """A retained graph keeps its buffers, which a real step does not."""
    step = step_of(case_of("backward"))
    losses: list[Tensor] = []

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        losses.append(real.loss(logits, labels))
        return losses[-1]

    step.subject, real = replace(step.subject, loss=loss), step.subject
    step.timed(3)
    assert len({id(loss.grad_fn) for loss in losses}) == len(losses) == 4
    for value in losses:
        with pytest.raises(RuntimeError, match="second time"):
            value.backward()


@pytest.mark.parametrize("step", ["backward", "train"])
def test_iteration_starts_with_cleared_gradients(step: str) -> None:
    """The same images give the same gradients, however often they are computed."""
    mine = step_of(case_of(step))
    mine.iterate()
    first = [gradient.clone() for gradient in gradients(mine) if gradient is not None]
    if step == "train":
        mine.restore()  # type: ignore[attr-defined]
    mine.iterate()
    for before, after in zip(first, gradients(mine), strict=True):
        assert torch.equal(before, after)


def test_every_training_slice_starts_from_the_same_weights() -> None:
    """Otherwise later slices would train another network, down to one whose numbers overflow."""
    step = step_of(case_of("train"))
    initial = [parameter.detach().clone() for parameter in step.subject.network.parameters()]

    def after_slice() -> list[Tensor]:
        step.timed(4)
        return [parameter.detach().clone() for parameter in step.subject.network.parameters()]

    first, second = after_slice(), after_slice()
    for begin, once, again in zip(initial, first, second, strict=True):
        assert torch.equal(once, again)
        assert not torch.equal(begin, once)


@pytest.mark.parametrize("step", ["forward", "backward"])
def test_forward_and_backward_leave_the_weights_alone(step: str) -> None:
    """Only an optimiser changes them."""
    mine = step_of(case_of(step))
    before = [parameter.detach().clone() for parameter in mine.subject.network.parameters()]
    mine.iterate()
    mine.timed(2)
    for weight, parameter in zip(before, mine.subject.network.parameters(), strict=True):
        assert torch.equal(weight, parameter)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "amp-bfloat16"])
@pytest.mark.parametrize(
    ("step", "expected"),
    [("forward", FORWARD_FLOPS), ("backward", BACKWARD_FLOPS), ("train", FORWARD_FLOPS + BACKWARD_FLOPS)],
)
def test_flops_are_those_of_the_matrix_products(step: str, expected: int, dtype: str) -> None:
    """GFLOP/s are derived from them, so they count exactly what is timed."""
    assert step_of(case_of(step, dtype)).flops() == (expected, None)


@pytest.mark.parametrize(
    ("dtype", "storage", "compute"),
    [
        ("float32", torch.float32, torch.float32),
        ("bfloat16", torch.bfloat16, torch.bfloat16),
        ("float64", torch.float64, torch.float64),
        ("amp-bfloat16", torch.float32, torch.bfloat16),
        ("amp-float16", torch.float32, torch.float16),
    ],
)
@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_dtype_axis_means_what_it_says(step: str, dtype: str, storage: torch.dtype, compute: torch.dtype) -> None:
    """A cast holds weights and images in the dtype, autocast only computes in it."""
    mine = step_of(case_of(step, dtype))
    logits, _ = mine.iterate()
    assert logits.dtype == compute
    assert mine.subject.inputs.dtype == storage
    assert {parameter.dtype for parameter in mine.subject.network.parameters()} == {storage}


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ("on", {"mode": None}),
        ("reduce-overhead", {"mode": "reduce-overhead"}),
        ("max-autotune", {"mode": "max-autotune"}),
        ("backend:aot_eager", {"backend": "aot_eager"}),
    ],
)
def test_compile_axis_means_what_it_says(
    value: str, arguments: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words of torch.compile's own documentation, and never a dynamic shape."""
    monkeypatch.setattr(torch, "compile", lambda network, **given: (network, given))
    network = torch.nn.Linear(1, 1)
    assert compile_network(network, value) == (network, {"dynamic": False, **arguments})  # type: ignore[gate-overlap]


def test_every_case_computes_the_same_function() -> None:
    """Weights depend on the seed alone, whatever was drawn before."""
    first = step_of(case_of("forward"), seed=3)
    torch.rand(7)
    second = step_of(case_of("train"), seed=3)
    other = step_of(case_of("forward"), seed=4)
    weights = [next(step.subject.network.parameters()).detach() for step in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


PARAMETERS = 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        ("forward", 4 * (PARAMETERS + BATCH * (784 + 10))),
        # weights of the last two layers, images, two activations, log-softmax, labels, their total weight; gradients
        ("backward", 4 * (512 * 512 + 512 * 10 + BATCH * (784 + 2 * 512 + 10 + 2) + 1 + PARAMETERS)),
        ("train", 4 * (3 * PARAMETERS + BATCH * 784) + 8 * BATCH),
    ],
)
def test_least_traffic_is_everything_in_once_and_everything_out_once(step: str, kept: int) -> None:
    """By hand: the first layer's weight is not kept, since images need no gradient."""
    assert step_of(case_of(step)).minimal_bytes() == kept


def test_least_traffic_halves_with_the_dtype() -> None:
    """Two bytes each instead of four."""
    assert 2 * step_of(case_of("forward", dtype="bfloat16")).minimal_bytes() == step_of(case_of()).minimal_bytes()
