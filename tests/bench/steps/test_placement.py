"""Moving a network: other memory, the same answers, and nothing that anybody shares."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.protocol import Open, Prepare, TimeSlice
from bench.steps import placement as placement_module
from bench.steps.placement import HELD, Placement
from bench.steps.step import Step
from bench.worker.worker import Worker
from tests.makers.subjects import CPU, answer_of, case_of, step_of

OPEN = Open(device="cpu", seed=0, data_root=None, left_out=(), memory_bytes=None)


def places(step: Step) -> list[int]:
    """Return where a step's weights and inputs lie."""
    return [tensor.data_ptr() for tensor in (*step.subject.network.parameters(), step.subject.inputs)]


def test_weights_and_inputs_are_elsewhere_after_each_move() -> None:
    """In none of the places of the last moves."""
    step = step_of(case_of())
    placement = Placement(step.subject)
    seen = [places(step)]
    for _ in range(2 * HELD):
        placement.move()
        seen.append(places(step))
    for number in range(1, len(seen)):
        for before in seen[max(0, number - HELD) : number]:
            assert not set(seen[number]) & set(before)


@pytest.mark.parametrize("name", ["forward", "backward", "train"])
def test_answers_are_the_same_wherever_it_lies(name: str) -> None:
    """Weights that a step trains are those that moved, and so is what it starts from again."""
    step, other = step_of(case_of(name)), step_of(case_of(name))
    Placement(step.subject).move()
    first, second = answer_of(step), answer_of(other)
    assert torch.equal(first.output[0], second.output[0])
    step.restore()
    other.restore()
    step.swap()
    other.swap()
    assert torch.equal(answer_of(step).output[0], answer_of(other).output[0])


def test_view_of_weights_keeps_them_where_they_are() -> None:
    """It would read what they were before."""
    kept: list[torch.Tensor] = []

    def look(network: nn.Module) -> None:
        kept.append(next(network.parameters()).data.view(-1))

    step = step_of(case_of(), break_it=look)
    before = places(step)
    Placement(step.subject).move()
    after = places(step)
    assert after[0] == before[0] == kept[0].data_ptr()
    assert after[1] != before[1]


def test_large_network_is_moved_to_and_fro(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is held twice, not five times."""
    monkeypatch.setattr(placement_module, "MOST_BYTES", 1000)
    step = step_of(case_of())
    placement = Placement(step.subject)
    for _ in range(3):
        placement.move()
    assert len(placement._held) == 1


def test_nothing_moves_on_an_accelerator() -> None:
    """Its memory has other pages, and a graph of kernels knows addresses."""
    step = step_of(case_of())
    before = places(step)
    object.__setattr__(step.subject, "device", torch.device("meta"))
    Placement(step.subject).move()
    assert places(step) == before
    assert step.subject.device != CPU


def test_worker_moves_only_where_it_is_asked_to() -> None:
    """Before the iterations that are not timed."""
    worker = Worker(OPEN)
    case = case_of(batch=2)
    worker.prepare(Prepare(case=case, warm=False, probe=False))
    step = worker._ready[case].step
    before = places(step)
    worker.time_slice(TimeSlice(case=case, iterations=1))
    assert places(step) == before
    worker.time_slice(TimeSlice(case=case, iterations=1, moved=True))
    assert not set(places(step)) & set(before)


def test_nothing_moves_where_torch_does_not_tell_who_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts owners is private to torch, and an arm may have any."""
    monkeypatch.delattr(torch._C, "_storage_Use_Count")
    monkeypatch.setattr(placement_module, "ALONE", placement_module.count_owners(torch.empty(1)))
    step = step_of(case_of())
    before = places(step)
    Placement(step.subject).move()
    assert places(step) == before
