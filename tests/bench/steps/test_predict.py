"""Predict begins with inputs in the host's memory and ends with classes there, and its logits are verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.devices.clock import clock
from bench.steps import predict as predict_module
from bench.steps.predict import COPY_SLICES, ONE_MEMORY, Predict, find_classes, move
from bench.steps.prepare import prepare
from bench.steps.references import compute_references
from bench.steps.standard import DerivedStandard
from bench.steps.step import NO_COPIES, Step
from bench.steps.subject import Fed, feed_twice
from bench.steps.verify import Nested, WrongResultError
from models import images
from models.mlp import predict
from tests.makers.subjects import (
    BATCH,
    CPU,
    PERCEPTRON,
    broken_model,
    case_of,
    feeds_of,
    prepared_of,
    step_of,
    swapped_classes,
)

META = torch.device("meta")
"""Stands for an accelerator: tensors can be copied to it, and are nowhere afterwards."""


def test_classes_are_those_of_the_tutorial() -> None:
    """The tutorial's own function is in the file of its network."""
    step = step_of(case_of("predict"))
    with torch.inference_mode():
        classes = find_classes(step.subject.call(step.subject.inputs))
        expected = predict(step.subject.network, feeds_of(case_of())[0][0])  # type: ignore[arg-type]
    assert torch.equal(classes, expected)  # type: ignore[arg-type]
    assert len(set(expected.tolist())) > 1, "networks that answer one class for all would pass anything"


@pytest.mark.parametrize("output", [torch.rand(3), torch.rand(()), (torch.rand(2, 3), torch.rand(2, 3))])
def test_answer_without_classes_is_given_back(output: Nested) -> None:
    """Several tensors, or one without a second dimension, have no class that is known to be meant."""
    assert find_classes(output) is output


def test_classes_lie_in_dimension_one() -> None:
    """Pixel by pixel, as torch's cross entropy takes them."""
    assert find_classes(torch.rand(2, 5, 3, 4)).shape == (2, 3, 4)  # type: ignore[union-attr]


def watch(step: Step, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a log to which copies, the network, its classes and the clock write as they are used."""
    log: list[str] = []

    def logged(word: str, function: Callable[..., Nested]) -> Callable[..., Nested]:
        def call(*arguments: Nested) -> Nested:
            log.append(word)
            return function(*arguments)

        return call

    def copy(tensors: Nested, device: torch.device) -> Nested:
        log.append(f"copy to {device}")
        return move(tensors, device)

    def read() -> float:
        log.append("clock")
        return float(len(log))

    monkeypatch.setattr(predict_module, "move", copy)
    monkeypatch.setattr(predict_module, "find_classes", logged("classes", find_classes))
    step.subject.network.register_forward_hook(lambda *_: log.append("network"))
    step.clock = read
    return log


def test_every_iteration_goes_from_the_host_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both copies lie between the two reads of the clock, and so does whatever waits for the last of them."""
    step = step_of(case_of("predict"))
    log = watch(step, monkeypatch)
    step.timed(3)
    iteration = ["copy to cpu", "network", "classes", "copy to cpu"]
    assert log == [*iteration, "clock", *iteration * 3, "clock"]


def test_inputs_begin_in_the_hosts_memory_whatever_the_device() -> None:
    """The subject holds them on its device; a step that began there would copy nothing."""
    subject = step_of(case_of()).subject
    received: list[Nested] = []

    def call(inputs: Nested) -> Nested:
        received.append(inputs)
        return torch.rand(BATCH, 10)

    away = replace(subject, device=META, inputs=move(subject.inputs, META), call=call)
    step = Predict(away, lambda: 0.0)
    step.timed(1)
    first, second = step.subject.feeds
    assert [tensor.device for tensor in received if isinstance(tensor, Tensor)] == [META, META]
    assert isinstance(step.subject.inputs, Tensor)
    assert step.subject.inputs.device == CPU
    assert torch.equal(step.subject.inputs, first[0])  # type: ignore[arg-type]
    step.swap()
    assert torch.equal(step.subject.inputs, second[0])  # type: ignore[arg-type]
    assert not torch.equal(step.subject.feeds[0][0], second[0]), "the feeds themselves were written to"  # type: ignore[arg-type]


def test_network_is_in_eval_and_inference_mode() -> None:
    """It is used, not trained."""
    step = step_of(case_of("predict"))
    modes: list[tuple[bool, bool]] = []
    step.subject.network.register_forward_hook(
        lambda network, *_: modes.append((network.training, torch.is_inference_mode_enabled()))
    )
    step.iterate()
    step.timed(2)
    assert modes == [(False, True)] * 4


class Normalised(nn.Module):
    """Answers otherwise in eval mode than in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(784)
        self.out = nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.norm(images.flatten(1)))  # type: ignore[no-any-return]


def test_reference_is_in_eval_mode_too() -> None:
    """A network that normalises over its batch in training answers something else there."""
    errors = prepared_of(case_of("predict"), replace(PERCEPTRON, build=Normalised)).recheck()
    assert errors["logits"] < 1e-5


def test_two_classes_exchanged_are_wrong_although_few_classes_change() -> None:
    """The logits that led to the classes are verified."""
    with pytest.raises(WrongResultError, match="logits: relative error"):
        prepared_of(case_of("predict"), broken_model(swapped_classes), right_model=PERCEPTRON)


def test_logits_that_turn_wrong_later_are_wrong_although_every_class_stays() -> None:
    """Twice the logits have the same classes: the last answer's logits come from the code that was timed."""
    calls = iter(range(10**6))

    def double_later(network: nn.Module) -> None:
        network.register_forward_hook(lambda _module, _inputs, output: output * (1 + (next(calls) > 12)))

    prepared = prepared_of(case_of("predict"), broken_model(double_later), right_model=PERCEPTRON)
    prepared.step.timed(20)
    with pytest.raises(WrongResultError, match="logits: relative error"):
        prepared.recheck()


def test_copies_are_timed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Per iteration, both ways, without the network between them."""
    subject = step_of(case_of()).subject
    step = Predict(replace(subject, device=META, call=lambda _inputs: torch.rand(BATCH, 10)), lambda: 0.0)
    log = watch(step, monkeypatch)
    seconds, reason = step.time_copies(2)
    assert reason is None
    assert log == ["copy to meta", "classes", *["clock", *["copy to meta", "copy to cpu"] * 2, "clock"] * COPY_SLICES]
    assert seconds == 5 / 2, "the clock of this test goes on by one with each line of the log"


def test_loss_that_takes_the_inputs_gets_those_that_were_fed() -> None:
    """It has no target of its own, and the inputs that it compares with change with the feed."""

    def feed(batch: int, seed: int, root: Path | None) -> Fed:
        return images(batch, seed, root)[0], None

    def loss(output: Nested, inputs: Nested) -> Tensor:
        return output.mean() + inputs.mean()

    model = replace(PERCEPTRON, feed=feed, find_loss=lambda _: (loss, None))
    case = case_of("predict")
    feeds = feed_twice(feed, BATCH, 0, None)
    right = compute_references(case, model, feeds, seed=0)
    standard = DerivedStandard(tolerance=model.find_tolerance(case))
    prepared = prepare(case, model, CPU, clock(CPU), 1e-9, feeds, right, standard, seed=0, warm=False, counted=False)
    assert prepared.recheck()["loss"] < 1e-4


def test_cpu_and_steps_that_stay_on_the_device_copy_nothing() -> None:
    """The reason is on record with the other figures of the pilot."""
    preparation = prepared_of(case_of("predict"), counted=True).preparation
    assert (preparation.copy_seconds, preparation.copy_reason) == (None, ONE_MEMORY)
    for name in ("forward", "backward", "train"):
        assert step_of(case_of(name)).time_copies(1) == (None, NO_COPIES)


def test_operations_are_those_of_forward_and_traffic_ends_with_classes() -> None:
    """Softmax and argmax are no products; of the answer only the classes are left, eight bytes each."""
    forward, step = step_of(case_of()), step_of(case_of("predict"))
    assert step.flops() == forward.flops()
    assert step.minimal_bytes() == forward.minimal_bytes() - 4 * BATCH * 10 + 8 * BATCH
