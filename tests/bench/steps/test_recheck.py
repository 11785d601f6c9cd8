"""One more short slice after those that were timed: whoever answers wrongly only then is found out."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.host.steadiness import no_gc
from bench.record.case import BUILTIN_STEPS, DTYPES, Case
from bench.steps.prepare import Prepared
from bench.steps.recheck import last_answer, without_dropout
from bench.steps.references import compute_references
from bench.steps.subject import feed_twice
from bench.steps.verify import WrongResultError
from tests.makers.subjects import PERCEPTRON, broken_model, case_of, feeds_of, prepared_of, step_of


def ready(case: Case, break_it: Callable[[nn.Module], None] | None = None) -> Prepared:
    """Return a case made ready, of a network with one thing wrong with it; the reference is of the right one."""
    return prepared_of(case, broken_model(break_it), right_model=PERCEPTRON)


def answering(change: Callable[[Tensor, int], Any]) -> Callable[[nn.Module], None]:
    """Return what makes a network answer otherwise, given its right answer and the number of the call, from 1."""

    def break_it(network: nn.Module) -> None:
        calls = iter(range(1, 10**6))
        network.register_forward_hook(lambda _module, _inputs, output: change(output, next(calls)))

    return break_it


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_right_network_is_right_after_its_slices(step: str, dtype: str) -> None:
    """Whatever was timed before, training included: the slice begins from restored state."""
    prepared = ready(case_of(step, dtype))
    for _ in range(3):
        prepared.step.swap()
        prepared.step.timed(5)
        prepared.step.tidy()
    errors = prepared.recheck()
    assert {"logits", "loss"} <= errors.keys()
    assert ("gradients" in errors, "weights" in errors) == (step in {"backward", "train"}, step == "train")
    assert errors == prepared.recheck()


WRONG_LATER: dict[str, Callable[[Tensor, int], Any]] = {
    "zeros from a call on": lambda output, call: output if call < 10 else torch.zeros_like(output),
    "nothing while the collector is off": lambda output, _: output if gc.isenabled() else torch.zeros_like(output),
    "a parameter": lambda output, call: output if call < 10 else nn.Parameter(output.detach()),
    "another device": lambda output, call: output if call < 10 else output.to("meta"),
    "no tensor": lambda output, call: output if call < 10 else {"logits": output.tolist()},
}


@pytest.mark.parametrize("change", WRONG_LATER.values(), ids=WRONG_LATER)
def test_answer_that_turns_wrong_later_is_wrong(
    change: Callable[[Tensor, int], Any],
) -> None:
    """The first call is right, and so would be a check before the slices."""
    prepared = ready(case_of(), answering(change))
    prepared.step.timed(20)
    with no_gc(), pytest.raises(WrongResultError, match="logits"):
        prepared.recheck()


class Lazy(Tensor):
    """Computes when it is read."""


def test_tensor_of_a_class_of_its_own_is_wrong_by_name() -> None:
    """Nobody knows what it has computed when the clock is read; the first call shows it already."""
    with pytest.raises(WrongResultError, match=r"logits: .*Lazy instead of a plain torch.Tensor"):
        ready(case_of(), answering(lambda output, _: output.as_subclass(Lazy)))


KEYS: dict[str, Callable[[Tensor], object]] = {
    "the tensor": id,
    "its memory": lambda inputs: inputs.data_ptr(),
    "its memory and version": lambda inputs: (inputs.data_ptr(), inputs._version),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_remembered_answer_is_a_wrong_one(key: Callable[[Tensor], object]) -> None:
    """The other of two inputs lies in the same memory, and no version counter tells."""
    remembered: dict[object, Tensor] = {}

    def remember(network: nn.Module) -> None:
        right = network.forward

        def forward(inputs: Tensor) -> Tensor:
            found = key(inputs)
            if found not in remembered:
                remembered[found] = right(inputs)
            return remembered[found]

        network.forward = forward

    prepared = ready(case_of(), remember)
    with pytest.raises(WrongResultError, match="logits: relative error"):
        prepared.recheck()


def test_reference_of_a_network_that_remembers_is_right() -> None:
    """Head's reference is head's own network: it must not be given the first answer for the second input."""
    right = compute_references(case_of(), PERCEPTRON, feeds_of(case_of()), seed=0)

    def remember(network: nn.Module) -> None:
        forward, known = network.forward, {}
        network.forward = lambda inputs: known.setdefault(id(inputs), forward(inputs))

    mine = compute_references(case_of(), broken_model(remember), feeds_of(case_of()), seed=0)
    assert torch.equal(mine.last.output[0], right.last.output[0])


def test_answer_that_is_filled_in_later_is_copied_too_early() -> None:
    """A thread would do it after the clock was read."""
    later: list[Callable[[], object]] = []

    def postpone(output: Tensor, call: int) -> Tensor:
        if call < 2:
            return output
        empty = torch.zeros_like(output)
        later.append(lambda: empty.copy_(output))
        return empty

    prepared = ready(case_of(), answering(postpone))
    with pytest.raises(WrongResultError, match="logits"):
        prepared.recheck()
    assert later


def test_gradients_that_vanish_later_are_wrong() -> None:
    """The output alone would not show it."""

    def vanish(network: nn.Module) -> None:
        calls = iter(range(10**6))
        for parameter in network.parameters():
            parameter.register_hook(lambda gradient: gradient if next(calls) < 60 else torch.zeros_like(gradient))

    prepared = ready(case_of("backward"), vanish)
    prepared.step.timed(20)
    with pytest.raises(WrongResultError, match="gradients of"):
        prepared.recheck()


def test_weights_that_stay_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two steps of training they are somewhere else; the output of the second already is."""
    prepared = ready(case_of("train"))
    monkeypatch.setattr(prepared.step, "optimizer", torch.optim.SGD(prepared.step.subject.network.parameters(), lr=0.0))
    with pytest.raises(WrongResultError, match=r"(logits|weights)"):
        prepared.recheck()


def test_slice_keeps_nothing_and_leaves_the_step_as_it_was() -> None:
    """A kept output would be memory, and a subject left in place would be timed."""
    prepared = ready(case_of("backward"))
    before = prepared.step.subject
    inputs = before.inputs.clone()
    last_answer(prepared.step)
    assert prepared.step.subject is before
    assert torch.equal(before.inputs, inputs)
    assert all(parameter.grad is None for parameter in before.network.parameters())


@pytest.fixture
def dropping() -> nn.Module:
    """A network with dropout."""
    return nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))


def test_dropout_is_off_for_the_check_alone(dropping: nn.Module) -> None:
    """It stays on while it is timed, as in training."""
    with without_dropout(dropping):
        assert [module.training for module in dropping] == [True, False]
    assert [module.training for module in dropping] == [True, True]
    dropping.eval()
    with without_dropout(dropping):
        pass
    assert not any(module.training for module in dropping)


def test_feeds_take_turns_in_the_same_memory() -> None:
    """The other values are no other tensor, and no version counter tells."""
    step = step_of(case_of())
    inputs = step.subject.inputs
    seen = [(inputs.data_ptr(), inputs._version, float(inputs.sum()))]
    for _ in range(2):
        step.swap()
        assert step.subject.inputs is inputs
        seen.append((inputs.data_ptr(), inputs._version, float(inputs.sum())))
    assert seen[0] == seen[2] != seen[1]
    assert seen[0][:2] == seen[1][:2]


def test_feeds_are_halves_or_of_two_seeds() -> None:
    """A feed that knows one size, or holds something without a batch, is asked with another seed."""

    def halves(batch: int, seed: int, _root: object) -> tuple[Tensor, Tensor]:
        return torch.arange(batch) + seed, torch.arange(batch)

    def fixed(batch: int, seed: int, _root: object) -> tuple[Tensor, Tensor]:
        if batch != 3:
            raise ValueError("three alone")
        return torch.full((3,), seed), torch.ones(())

    (first, _), (second, labels) = feed_twice(halves, 3, 5, None)
    assert (first.tolist(), second.tolist(), labels.tolist()) == ([5, 6, 7], [8, 9, 10], [3, 4, 5])
    (first, _), (second, _) = feed_twice(fixed, 3, 5, None)
    assert (first.tolist(), second.tolist()) == ([5] * 3, [6] * 3)


def test_feeds_that_would_be_equal_are_in_another_order() -> None:
    """Real images begin again after 10,000, and a feed may know no seed: a remembered answer would be right."""

    def again(batch: int, _seed: int, _root: object) -> tuple[Tensor, Tensor]:
        return torch.arange(batch) % 3, torch.arange(batch) % 3

    (first, _), (second, labels) = feed_twice(again, 3, 0, None)
    assert (first.tolist(), second.tolist(), labels.tolist()) == ([0, 1, 2], [2, 0, 1], [2, 0, 1])


class Dropping(nn.Module):
    """Drops half of its numbers in three places, one of which is no layer of dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.attention = nn.MultiheadAttention(784, 4, dropout=0.5, batch_first=True)
        self.out = nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.drop(images.flatten(1)).unsqueeze(1)  # (B, 1, 784)
        return self.out(self.attention(x, x, x, need_weights=False)[0].squeeze(1))  # (B, 10)


@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_network_with_dropout_is_right(step: str) -> None:
    """From its first answer to its last: it is off for both checks, and for the reference, and on for the time."""
    prepared = prepared_of(case_of(step), replace(PERCEPTRON, build=Dropping))
    network = prepared.step.subject.network
    assert isinstance(network, Dropping)
    prepared.step.timed(2)
    prepared.recheck()
    assert network.drop.training is (step in {"backward", "train"})  # the others answer as in use
    assert network.attention.dropout == 0.5
