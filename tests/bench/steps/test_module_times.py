"""Whose the time of an operator is: of the tutorial's network on the CPU, and of made-up events with a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor, nn

from bench.devices.clock import clock
from bench.record.profile import ModuleTime
from bench.steps.module_times import OUTSIDE, STEPPED, WHOLE, find_module_times, read_module_times
from bench.steps.profile import take_profile
from bench.steps.profiler_events import LEADING, MARK
from tests.makers.subjects import CPU, case_of, step_of

LINEARS = ("linear_relu_stack.0", "linear_relu_stack.2", "linear_relu_stack.4")
RELUS = ("linear_relu_stack.1", "linear_relu_stack.3")


def times_of(name: str, **options: Any) -> dict[tuple[str, bool], ModuleTime]:
    """Return the modules of the tutorial's network in a step, by name and way."""
    step = step_of(case_of(name), clock=clock(CPU), **options)
    return {(module.name, module.backward): module for module in find_module_times(step, 12)}


def test_forward_is_of_its_layers() -> None:
    """In use there is no loss, and no module but those that compute."""
    times = times_of("forward")
    assert list(times) == [(name, False) for name in ("flatten", *sorted((*LINEARS, *RELUS)))]
    assert [times[name, False].kind for name in LINEARS] == ["Linear"] * 3
    assert times[LINEARS[0], False].host_seconds > times["flatten", False].host_seconds > 0


def test_backward_belongs_to_the_module_whose_forward_made_it() -> None:
    """Nothing of the forward before it; the loss is outside the network."""
    times = times_of("backward")
    assert {name for name, backward in times if backward} == {*LINEARS, *RELUS, OUTSIDE, "(keeping gradients)"}
    assert {name for name, backward in times if not backward} <= {OUTSIDE}
    assert times[LINEARS[0], True].host_seconds > times[RELUS[0], True].host_seconds


def test_training_has_both_ways_and_an_optimizer() -> None:
    """All of it is in the iteration."""
    times = times_of("train")
    for name in LINEARS:
        assert {(name, False), (name, True)} <= times.keys()
    assert times[STEPPED, False].kind is None


def test_work_that_was_planted_in_one_module_is_of_that_module() -> None:
    """Both ways: what is added to a forward is differentiated where it was added."""

    def plant(network: nn.Module) -> None:
        def add(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            for _ in range(100):
                output = output + 1
            return output

        network.get_submodule(RELUS[1]).register_forward_hook(add)

    for name, backward in (("forward", False), ("backward", True)):
        times = times_of(name, break_it=plant)
        assert times[RELUS[1], backward].host_seconds > 3 * times[RELUS[0], backward].host_seconds


def test_profile_of_an_eager_case_holds_its_modules() -> None:
    """Beside its operators."""
    assert take_profile(step_of(case_of(), clock=clock(CPU))).modules


def test_modules_that_cannot_be_told_apart_are_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators are there all the same."""

    def fail(*_: object) -> None:
        raise RuntimeError("no hooks here\nand more")

    monkeypatch.setattr("bench.steps.profile.find_module_times", fail)
    profile = take_profile(step_of(case_of(), clock=clock(CPU)))
    assert profile.operators
    assert not profile.modules
    assert profile.remarks == ("its time could not be told apart by module: RuntimeError: no hooks here",)


def test_hooks_are_gone_afterwards() -> None:
    """Whoever uses the network next pays nothing for them."""
    step = step_of(case_of(), clock=clock(CPU))
    find_module_times(step, 12)
    for module in step.subject.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


@dataclass
class Event:
    """An event as torch's profiler lists it, in microseconds."""

    name: str
    start: float
    end: float
    self_us: float = 0.0
    cpu_parent: Event | None = None
    sequence_nr: int = -1
    thread: int = 1
    fwd_thread: int = 0
    kernels: list[SimpleNamespace] = field(default_factory=list)
    device: str = "CPU"

    @property
    def device_type(self) -> SimpleNamespace:
        return SimpleNamespace(name=self.device)

    @property
    def time_range(self) -> SimpleNamespace:
        return SimpleNamespace(start=self.start, end=self.end)

    @property
    def self_cpu_time_total(self) -> float:
        return self.self_us


def iteration_of(begin: float, number: int) -> list[Any]:
    """Return the events of a training on a device whose backward has a thread of its own."""
    mark = Event(MARK, begin, begin + 100)
    root = Event(f"accelbench: module {WHOLE}", begin + 1, begin + 40, 9, mark)
    module = Event("accelbench: module head", begin + 5, begin + 30, 9, root)
    view = Event("aten::view", begin + 6, begin + 7, 1, module, number)
    product = Event("aten::addmm", begin + 10, begin + 14, 4, module, number, kernels=[SimpleNamespace(duration=20.0)])
    total = Event("aten::add", begin + 32, begin + 34, 2, root, number + 1)
    loss = Event("aten::nll_loss", begin + 42, begin + 45, 3, mark, number + 2)
    node = "autograd::engine::evaluate_function: "
    nodes = [
        Event(f"{node}{name}", begin + 50 + 10 * place, begin + 55 + 10 * place, 5, None, number + 2 - place, 2, 1)
        for place, name in enumerate(("NllLossBackward0", "AddBackward0", "AddmmBackward0"))
    ]
    inner = Event("aten::mm", begin + 71, begin + 73, 2, nodes[2], -1, 2, kernels=[SimpleNamespace(duration=30.0)])
    kernels = [Event("gemm", begin + 20, begin + 50, device="CUDA")]
    return [mark, root, module, view, product, total, loss, *nodes, inner, *kernels]


def test_kernels_belong_to_the_module_that_started_them() -> None:
    """Threads have numbers of their own; the last operator with a number is the one that made its node."""
    numbers = count(0, 10)
    events = [event for begin in range(LEADING + 4) for event in iteration_of(1000.0 * begin, next(numbers))]
    times = read_module_times(events, {WHOLE: "Net", "head": "Linear"})
    assert [
        (time.name, time.backward, round(time.host_seconds * 1e6), time.device_seconds * 1e6) for time in times
    ] == [
        (WHOLE, False, 2, 0),
        (WHOLE, True, 5, 0),
        ("head", False, 5, pytest.approx(20)),
        ("head", True, 7, pytest.approx(30)),
        (OUTSIDE, False, 3, 0),
        (OUTSIDE, True, 5, 0),
    ]
