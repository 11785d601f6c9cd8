"""Right answers are computed once in a run, read by whoever has the same weights; in float32 where float64 fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.record.case import BUILTIN_STEPS, Case
from bench.steps import references
from bench.steps import stored as stored_module
from bench.steps.find_step import know_steps
from bench.steps.references import OTHER_WEIGHTS, Right, compute_references, find_references
from bench.steps.stored import write_answers
from bench.steps.subject import Definition, feed_twice
from bench.steps.support import NOTHING_TO_DIFFERENTIATE, OUTPUT_WITHOUT_GRADIENT, SkipError
from bench.steps.verify import Answer
from tests.makers.networks import BATCH, NORMED, Normed, mean_of
from tests.makers.subjects import PERCEPTRON


@pytest.fixture(autouse=True)
def worth_storing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have small networks stored as large ones are."""
    monkeypatch.setattr(references, "WORTH_STORING_SECONDS", 0.0)


def case_of(step: str = "train") -> Case:
    """Return a case of the network with a BatchNorm."""
    return Case(model="normed", step=step, batch=BATCH, device="cpu", dtype="float32", compile="off")


def found(folder: Path | None, case: Case, model: Definition = NORMED, *, seed: int = 0) -> Right:
    """Return the right answers of a case."""
    feeds = feed_twice(model.feed, case.batch, 0, None)
    return find_references(case, model, feeds, seed=seed, first=True, folder=folder)


def tensors(answer: Answer | None) -> list[Tensor]:
    """Return everything that an answer holds."""
    assert answer is not None
    named = [mapping for mapping in (answer.gradients, answer.weights, answer.buffers) if mapping is not None]
    losses = [] if answer.loss is None else [answer.loss]
    return [*answer.output, *losses, *(tensor for mapping in named for tensor in mapping.values())]


@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_second_process_reads_what_the_first_computed(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, gradients, weights and buffers among it."""
    case = case_of(step)
    mine = found(tmp_path, case).answers
    monkeypatch.setattr(references, "compute_references", lambda *_, **__: pytest.fail("computed again"))
    read = found(tmp_path, case).answers
    for answer, same in ((mine.first, read.first), (mine.last, read.last)):
        pairs = list(zip(tensors(answer), tensors(same), strict=True))
        assert all(left.dtype == right.dtype and torch.equal(left, right) for left, right in pairs)
    assert (read.last.gradients is None, read.last.weights is None) == (
        step in {"forward", "predict"},
        step != "train",
    )


def test_answer_without_a_loss_is_stored_without_one(tmp_path: Path) -> None:
    """A step of the user's own has none."""
    (tmp_path / "steps.py").write_text("def mine(module, inputs):\n    return module(inputs)\n")
    know_steps({"mine": f"{tmp_path / 'steps.py'}:mine"})
    try:
        mine, stored = (found(tmp_path, case_of("mine")).answers for _ in range(2))
    finally:
        know_steps({})
    assert list(tmp_path.glob("*.answers"))
    assert stored.last.loss is None
    assert all(map(torch.equal, tensors(mine.last), tensors(stored.last)))


def test_other_weights_are_other_answers_and_said(tmp_path: Path) -> None:
    """A factory that draws on more than torch's seed makes another network in each process."""
    found(tmp_path, case_of())
    other = found(tmp_path, case_of(), seed=1)  # the seed is part of the question
    assert other.remarks == ()
    drawn = iter(range(1, 10**6))

    def make() -> nn.Module:
        network = Normed()
        with torch.no_grad():
            network.out.bias += float(next(drawn))
        return network

    restless = replace(NORMED, build=make)
    assert found(tmp_path, case_of(), restless).remarks == (OTHER_WEIGHTS,)


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_damaged_file_is_computed_again(damage: str, tmp_path: Path) -> None:
    """Whole or not at all; it never becomes a reference."""
    right = found(tmp_path, case_of()).answers
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-5], "text": b"nothing\n", "empty": b""}[damage])
    assert torch.equal(found(tmp_path, case_of()).answers.last.loss, right.last.loss)


def test_folder_that_takes_nothing_costs_nothing(tmp_path: Path) -> None:
    """A full disk is no fault of the network."""
    (tmp_path / "file").write_text("")
    assert found(tmp_path / "file", case_of()).remarks == ()
    assert found(None, case_of()).remarks == ()


def test_perceptron_is_computed_where_it_is_asked_for(tmp_path: Path) -> None:
    """Hashing its weights would take as long."""
    case = replace(case_of("forward"), model="mlp")
    feeds = feed_twice(PERCEPTRON.feed, case.batch, 0, None)
    right = find_references(case, PERCEPTRON, feeds, seed=0, first=False, folder=tmp_path)
    assert right.answers.first is None
    assert list(tmp_path.iterdir()) == []


class OnlySingle(nn.Linear):
    """A network that knows one precision."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype is torch.float64:
            raise TypeError("no kernel for double")
        return super().forward(x)


def test_network_that_knows_no_float64_is_held_against_float32(tmp_path: Path) -> None:
    """And a footnote says so, also where another device of the run has the same answers from the folder."""
    single = Definition(
        build=lambda: OnlySingle(3, 2),
        feed=lambda batch, seed, _root: (torch.randn(batch, 3, generator=torch.Generator().manual_seed(seed)), None),
        find_loss=mean_of,
    )
    right = found(tmp_path, case_of("forward"), single)
    assert found(tmp_path, case_of("forward"), single).remarks == right.remarks
    assert len(list(tmp_path.iterdir())) == 1, "it was read, not computed again"
    (remark,) = right.remarks
    assert remark.startswith("it is held against float32 in place of float64, since it cannot compute in float64: ")
    assert remark.endswith("no kernel for double")


class Chooses(nn.Linear):
    """A network whose output is whole numbers alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).argmax(dim=1)


def frozen() -> nn.Module:
    """Return a network whose every parameter is fixed."""
    return nn.Linear(3, 2).requires_grad_(requires_grad=False)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: nn.Softmax(dim=1), NOTHING_TO_DIFFERENTIATE),
        (frozen, NOTHING_TO_DIFFERENTIATE),
        (lambda: Chooses(3, 2), OUTPUT_WITHOUT_GRADIENT),
    ],
    ids=["no parameters", "frozen", "whole numbers"],
)
@pytest.mark.parametrize("step", ["backward", "train"])
def test_nothing_to_differentiate_is_a_skip(step: str, build: Callable[[], nn.Module], reason: str) -> None:
    """It is no fault of the network, whose forward is measured; torch's own error names no parameter."""
    model = Definition(build=build, feed=lambda batch, _seed, _root: (torch.randn(batch, 3), None), find_loss=mean_of)
    with pytest.raises(SkipError) as skipped:
        found(None, case_of(step), model)
    assert str(skipped.value) == reason
    assert found(None, case_of("forward"), model).answers.first is not None


def test_network_that_is_slow_is_held_against_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """float64 would take several times as long in each process."""
    monkeypatch.setattr(references, "SLOW_SECONDS", -1.0)
    right = found(None, case_of("forward"))
    assert right.remarks == ("it is held against float32 in place of float64, since one call takes 0 s",)


def test_buffers_of_the_second_answer_follow_those_of_the_first() -> None:
    """As in a slice, where one iteration comes after the other."""
    case = case_of("backward")
    feeds = feed_twice(NORMED.feed, case.batch, 0, None)
    right = compute_references(case, NORMED, feeds, seed=0, first=False)
    assert right.first is not None
    assert int(right.first.buffers["norm.num_batches_tracked"]) == 1
    assert int(right.last.buffers["norm.num_batches_tracked"]) == 2


def test_answers_that_are_not_stored_have_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a gate, the other arm's could not be compared with them, and nobody was told."""
    answers = found(None, case_of()).answers
    assert write_answers(tmp_path / "a" / "small", answers) is None
    (tmp_path / "file").touch()
    assert "right answers cannot be stored: " in str(write_answers(tmp_path / "file" / "x", answers))
    odd = replace(answers, last=replace(answers.last, output=(torch.zeros(2, dtype=torch.complex64),)))
    assert write_answers(tmp_path / "odd", odd) == "right answers of torch.complex64 are not stored"
    monkeypatch.setattr(stored_module, "MOST_BYTES", 10)
    assert str(write_answers(tmp_path / "large", answers)).startswith(
        "right answers of 0.0 GiB are not stored; at most "
    )
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]
