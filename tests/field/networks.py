"""``python -m tests.field.networks``: is any right network called wrong, and is any wrong one called right?

Networks of torchvision and the built-in decoder, in forward and train, float32 and bfloat16. Twenty draws of weights
and inputs: eager, channels last and compiled must all pass. Then planted faults, each in a variant and not in the
reference: each must be a wrong result. Writes a line for each question as it goes, and goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import Case
from bench.record.spec import parse_specs
from bench.steps.catalogue import Catalogue
from bench.steps.find_step import find_step
from bench.steps.imported import Project
from bench.steps.recheck import without_dropout
from bench.steps.references import answer_eager, compute_references, draw_eager
from bench.steps.standard import MeasuredStandard
from bench.steps.step import References, Step
from bench.steps.subject import Definition, build, feed_twice
from bench.steps.verify import WrongResultError
from models import MODELS
from tests.field.program import end_with
from tests.makers.subjects import CPU, no_clock

NETWORKS = ("torchvision:resnet18", "torchvision:mobilenet_v3_small", "torchvision:vit_b_16", "gpt")
BATCHES = {"vit_b_16": 2}
BATCH, SEEDS = 4, 20
STEPS, DTYPES = ("forward", "train"), ("float32", "bfloat16")
SHAPE = (3, 64, 64)
"""Smaller images than theirs: rounding does the same."""

MADE_FOR_A_SIZE = ("vit_b_16",)
"""The vision transformer has a position for each patch, so it is built for images of `SHAPE`."""


@dataclass(frozen=True)
class Question:
    """One network in one step and dtype."""

    model: str
    step: str
    dtype: str

    @property
    def case(self) -> Case:
        batch = BATCHES.get(self.model, BATCH)
        return Case(model=self.model, step=self.step, batch=batch, device="cpu", dtype=self.dtype, compile="off")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.field.networks", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the file of one line a question; it is gone on with")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--variants", default="channels_last,compiled")
    parser.add_argument("--models", default=",".join(NETWORKS))
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    options = parser.parse_args(argv)
    specs = parse_specs(options.models.split(","), MODELS)
    asked = [
        Question(spec.id, step, dtype)
        for spec in specs
        for step in options.steps.split(",")
        for dtype in options.dtypes.split(",")
    ]
    catalogue = Catalogue(
        {other.id: other for other in specs if other.id not in MODELS}, Project(folder=Path.cwd(), shape=SHAPE)
    )
    done = {json.loads(line)["question"] for line in options.out.open()} if options.out.exists() else set()
    wrong = 0
    for question in asked:
        model = find_model(catalogue, question.model)
        for kind, ask in (("right", right_networks), ("faults", planted_faults)):
            name = f"{kind} {question.model} {question.step} {question.dtype}"
            if name in done:
                continue
            rows = list(ask(question, model, options))
            bad = [row for row in rows if not row["as_expected"]]
            wrong += len(bad)
            with options.out.open("a") as file:
                file.write(json.dumps({"question": name, "rows": rows}) + "\n")
            print(f"{name}: {len(rows)} asked, {len(bad)} otherwise {[row['what'] for row in bad][:5]}", flush=True)
    return 1 if wrong else 0


def find_model(catalogue: Catalogue, name: str) -> Definition:
    """Return a model's definition, built for images of `SHAPE`."""
    model = catalogue.find(name)
    if name not in MADE_FOR_A_SIZE:
        return model
    return replace(model, build=partial(get_model, name, weights=None, image_size=SHAPE[-1]))


def right_networks(question: Question, model: Definition, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Ask of each variant whether it passes, in each draw."""
    case, dtype = question.case, TORCH_DTYPES[question.dtype]
    variants = {name: VARIANTS[name](case, model) for name in options.variants.split(",") if name}
    for seed in range(options.seeds):
        feeds = feed_twice(model.feed, case.batch, seed, None)
        right = compute_references(case, model, feeds, seed=seed)
        draw = partial(draw_eager, case, model, CPU, no_clock, feeds, right, seed=seed)
        itself = MeasuredStandard(dtype=dtype, draws=())
        standard = MeasuredStandard(dtype=dtype, draws=draw(), draw_more=partial(draw, more=True))
        yield verdict(
            seed,
            "eager",
            partial(judge, answer_eager(case, model, CPU, no_clock, feeds, seed=seed, draw=0), right, itself),
        )
        for name, step in variants.items():
            if step is None:
                continue
            mine = answers_of(renewed(step, case, model, seed))
            yield verdict(seed, name, partial(judge, mine, right, standard))


def verdict(seed: int, what: str, ask: Callable[[], Mapping[str, float]]) -> dict[str, object]:
    try:
        return {"what": what, "seed": seed, "as_expected": True, "errors": ask()}
    except WrongResultError as error:
        return {"what": what, "seed": seed, "as_expected": False, "errors": {}, "reason": str(error)}


def judge(mine: References, right: References, standard: MeasuredStandard) -> dict[str, float]:
    """Return the errors of the last answer, after the first was held against its own."""
    assert mine.first is not None
    assert right.first is not None
    standard.check_first(mine.first, right.first)
    return standard.check_last(mine.last, right.last, 2)


def answers_of(step: Step) -> References:
    """Return what a step answers to its two feeds, one after the other."""
    with without_dropout(step.subject.network):
        first = step.answer(*step.iterate())
        step.swap()
        return References(first=first, last=step.answer(*step.iterate()))


def compiled(case: Case, model: Definition) -> Step:
    """Return a step whose network is compiled at its first call, and never again."""
    return step_of(replace(case, compile="on"), model, 0)


def channels_last(case: Case, model: Definition) -> Step | None:
    """Return a step whose network and images lie in memory channel by channel; None without images."""
    step = step_of(case, model, 0)
    if not isinstance(step.subject.inputs, Tensor) or step.subject.inputs.dim() != 4:
        return None
    step.subject.network.to(memory_format=torch.channels_last)
    images = step.subject.inputs.contiguous(memory_format=torch.channels_last)
    step.subject = replace(step.subject, inputs=images)
    return step


VARIANTS: Mapping[str, Callable[[Case, Definition], Step | None]] = {
    "channels_last": channels_last,
    "compiled": compiled,
}


def step_of(case: Case, model: Definition, seed: int) -> Step:
    feeds = feed_twice(model.feed, case.batch, seed, None)
    return find_step(case.step)(build(case, model, CPU, feeds, seed=seed, compiled=case.compiled), no_clock)


def renewed(step: Step, case: Case, model: Definition, seed: int) -> Step:
    """Return a step of the same network, compiled code and all, with the weights and inputs of another draw."""
    fresh = step_of(replace(case, compile="off"), model, seed)
    state = fresh.subject.network.state_dict()
    with torch.no_grad():
        for name, tensor in step.subject.network.state_dict().items():
            tensor.copy_(state[name])
    step.subject.network.zero_grad(set_to_none=True)
    subject = replace(step.subject, feeds=fresh.subject.feeds)
    subject.take(0)
    return type(step)(subject, no_clock)


def planted_faults(question: Question, model: Definition, _options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Ask of each planted fault whether it is a wrong result, in three draws."""
    case, dtype = question.case, TORCH_DTYPES[question.dtype]
    for seed in range(3):
        feeds = feed_twice(model.feed, case.batch, seed, None)
        right = compute_references(case, model, feeds, seed=seed)
        draw = partial(draw_eager, case, model, CPU, no_clock, feeds, right, seed=seed)
        standard = MeasuredStandard(dtype=dtype, draws=draw(), draw_more=partial(draw, more=True))
        for name, plant in FAULTS.items():
            if question.step == "forward" and (name in IN_TRAINING or question.model in BEGINS_WITH_ZEROS):
                continue
            step = step_of(case, model, seed)
            if plant(step.subject.network) is False:
                continue
            try:
                judge(answers_of(step), right, standard)
                yield {"what": name, "seed": seed, "as_expected": False}
            except WrongResultError as error:
                yield {"what": name, "seed": seed, "as_expected": True, "reason": str(error)}


def layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    """Return a network's layers of these kinds, in order."""
    return [module for module in network.modules() if isinstance(module, kinds)]


def wrong_weight(network: nn.Module) -> None:
    """Read one layer, in the middle, with weights that are a third too large."""
    found = layers(network, nn.Linear, nn.Conv2d)
    with torch.no_grad():
        found[len(found) // 2].weight *= 1.33


def lost_layer(network: nn.Module) -> None:
    """Leave the result of a layer in the middle out; one that attention reads the weights of is never called."""
    found = [module for module in layers(network, nn.Linear, nn.Conv2d) if type(module) in (nn.Linear, nn.Conv2d)]
    found[len(found) // 2].register_forward_hook(lambda _module, _inputs, output: output * 0)


def lost_gradient(network: nn.Module) -> None:
    """Return no gradient of the first layer's weights."""
    layers(network, nn.Linear, nn.Conv2d, nn.Embedding)[0].weight.register_hook(torch.zeros_like)


def frozen(network: nn.Module) -> None:
    """Do not differentiate by the last layer at all."""
    layers(network, nn.Linear)[-1].weight.requires_grad_(False)


def twice_the_gradient(network: nn.Module) -> None:
    """Accumulate one gradient."""
    layers(network, nn.Linear)[-1].weight.register_hook(lambda gradient: 2 * gradient)


def swapped_classes(network: nn.Module) -> bool | None:
    """Answer with two classes exchanged."""
    last = layers(network, nn.Linear)[-1]
    if not last.weight.any():  # the vision transformer begins with equal scores
        return False
    network.register_forward_hook(lambda _module, _inputs, output: output.roll(1, -1))
    return None


def stale_buffer(network: nn.Module) -> bool | None:
    """Keep the running means as they were."""
    found = layers(network, nn.BatchNorm2d)
    for layer in found:
        layer.momentum = 0.0
    return None if found else False


def other_epsilon(network: nn.Module) -> None:
    """Normalise by another constant."""
    for layer in layers(network, nn.BatchNorm2d, nn.LayerNorm):
        layer.eps = 0.5


def first_example_only(network: nn.Module) -> None:
    """Compute one example in place of the batch."""
    network.register_forward_pre_hook(lambda _module, inputs: (inputs[0][:1].expand_as(inputs[0]),))


def remembered(network: nn.Module) -> None:
    """Give the first answer again."""
    known: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        known.append(output)
        return known[0] if not output.requires_grad else output * 0 + known[0].detach()

    network.register_forward_hook(hook)


def zeros(network: nn.Module) -> None:
    """Answer nothing from the second call on."""
    calls = iter(range(10**6))
    network.register_forward_hook(lambda _module, _inputs, output: output * 0 if next(calls) else output)


FAULTS: Mapping[str, Callable[[nn.Module], bool | None]] = {
    "a layer's weights are a third too large": wrong_weight,
    "a layer is left out": lost_layer,
    "a gradient is zero": lost_gradient,
    "a gradient is missing": frozen,
    "a gradient is doubled": twice_the_gradient,
    "classes are exchanged": swapped_classes,
    "running means stay": stale_buffer,
    "another epsilon": other_epsilon,
    "one example in place of the batch": first_example_only,
    "the first answer again": remembered,
    "zeros from the second call on": zeros,
}
IN_TRAINING = ("a gradient is zero", "a gradient is missing", "a gradient is doubled", "running means stay")
"""A forward has nothing of it."""

BEGINS_WITH_ZEROS = ("vit_b_16",)
"""The head of a fresh vision transformer is zero: its scores are equal whatever the layers before it compute. Forward
shows no fault, and in training the gradients do."""


if __name__ == "__main__":
    end_with(main)
