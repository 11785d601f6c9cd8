"""Small real subjects: the tutorial's network on the CPU, right or with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from bench.devices.clock import Clock, clock
from bench.record.case import Case
from bench.steps.catalogue import define_built_in
from bench.steps.find_step import STEPS
from bench.steps.prepare import Prepared, prepare
from bench.steps.references import compute_references
from bench.steps.standard import DerivedStandard
from bench.steps.step import Step
from bench.steps.subject import Definition, Fed, Subject, build, feed_twice
from bench.steps.verify import Answer
from models import MODELS, images

torch.set_num_threads(1)
"""These networks are tiny, and the tests may share their cores."""

BATCH = 4
CPU = torch.device("cpu")


def case_of(step: str = "forward", dtype: str = "float32", compile_: str = "off", batch: int = BATCH) -> Case:
    """Return a case of the tutorial's network."""
    return Case(model="mlp", step=step, batch=batch, device="cpu", dtype=dtype, compile=compile_)


def no_clock() -> float:
    """Answer nothing that could be trusted."""
    return 0.0


PERCEPTRON = define_built_in(MODELS["mlp"])
"""The tutorial's network."""


def broken_model(break_it: Callable[[nn.Module], None] | None) -> Definition:
    """Return the tutorial's network with one thing wrong with it; its seed gives the same weights as ever."""

    def make() -> nn.Module:
        network = MODELS["mlp"].build()
        if break_it is not None:
            break_it(network)
        return network

    return replace(PERCEPTRON, build=make)


def step_of(
    case: Case, *, seed: int = 0, clock: Clock = no_clock, break_it: Callable[[nn.Module], None] | None = None
) -> Step:
    """Return the step of a case, on random images."""
    return STEPS[case.step](
        build(case, broken_model(break_it), CPU, feeds_of(case, seed=seed), seed=seed, compiled=False), clock
    )


def subject_of(case: Case, network: nn.Module | None = None) -> Subject:
    """Return the tutorial's network, or another one that is fed the same, on random images."""
    model = PERCEPTRON if network is None else replace(PERCEPTRON, build=lambda: network)
    return build(case, model, CPU, feeds_of(case), seed=0, compiled=False)


def feeds_of(case: Case, *, seed: int = 0) -> tuple[Fed, Fed]:
    """Return random images, twice."""
    return feed_twice(images, case.batch, seed, None)


def right_of(case: Case, *, seed: int = 0) -> Answer:
    """Return the reference's answer to the first feed."""
    first = compute_references(case, PERCEPTRON, feeds_of(case, seed=seed), seed=seed).first
    assert first is not None
    return first


def prepared_of(
    case: Case,
    model: Definition = PERCEPTRON,
    *,
    right_model: Definition | None = None,
    warm: bool = False,
    counted: bool = False,
    first: bool = True,
) -> Prepared:
    """Return a case made ready on random images, held against the answers of the same network or of another one."""
    feeds = feeds_of(case)
    right = compute_references(case, right_model or model, feeds, seed=0, first=first)
    standard = DerivedStandard(tolerance=model.find_tolerance(case))
    return prepare(case, model, CPU, clock(CPU), 1e-9, feeds, right, standard, seed=0, warm=warm, counted=counted)


def answer_of(step: Step) -> Answer:
    """Return what one iteration computes."""
    return step.answer(*step.iterate())


def stack(network: nn.Module) -> nn.Sequential:
    """Return the layers of the tutorial's network."""
    layers = network.linear_relu_stack
    assert isinstance(layers, nn.Sequential)
    return layers


def missing_relu(network: nn.Module) -> None:
    """Compute one layer less."""
    stack(network)[1] = nn.Identity()


def transposed_weight(network: nn.Module) -> None:
    """Read a square matrix the wrong way around."""
    layer = stack(network)[2]
    with torch.no_grad():
        layer.weight.copy_(layer.weight.T.clone())


def dropped_bias(network: nn.Module) -> None:
    """Forget to add the last layer's bias."""
    with torch.no_grad():
        stack(network)[4].bias.zero_()


def dropped_first_bias(network: nn.Module) -> None:
    """Forget to add the first layer's bias."""
    with torch.no_grad():
        stack(network)[0].bias.zero_()


def not_a_number(network: nn.Module) -> None:
    """Hold one weight that is not a number."""
    with torch.no_grad():
        stack(network)[0].weight[0, 0] = torch.nan


def swapped_classes(network: nn.Module) -> None:
    """Answer with two classes exchanged."""

    def swap(_module: nn.Module, _inputs: object, logits: Tensor) -> Tensor:
        return logits[:, [1, 0, *range(2, 10)]]

    network.register_forward_hook(swap)


def first_image_only(network: nn.Module) -> None:
    """Compute one image instead of the batch, which would be fast."""

    def repeat(_module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0][:1].expand_as(inputs[0]),)

    network.register_forward_pre_hook(repeat)
