"""Where the time goes, by torch's own profiler on the CPU, and by made-up events where there is no device."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.devices.clock import clock
from bench.protocol import Open, TakeProfile
from bench.record.profile import Place, Profile
from bench.steps.profile import read_iterations, take_profile
from bench.steps.profiler_events import LEADING, MARK
from bench.worker.worker import Worker
from tests.makers.subjects import CPU, case_of, step_of

OPEN = Open(device="cpu", seed=0, data_root=None, left_out=(), memory_bytes=None)


def seen(profile: Profile) -> dict[str, float]:
    """Return how often each operator of the host was called."""
    return {operator.name: operator.calls for operator in profile.operators if operator.place is Place.HOST}


@pytest.mark.parametrize("name", ["forward", "backward", "train", "predict"])
def test_operators_and_the_time_in_none_are_the_profiled_time(name: str) -> None:
    """Nothing is counted twice and nothing is lost: on one thread the sum is exact."""
    profile = take_profile(step_of(case_of(name), clock=clock(CPU)))
    spent = sum(operator.self_seconds for operator in profile.operators)
    assert spent + profile.outside_seconds == pytest.approx(profile.seconds, rel=1e-6)
    assert profile.outside_seconds > 0
    assert profile.device_seconds is None


def test_operators_of_a_forward_are_counted_per_iteration() -> None:
    """Three layers, two of which are followed by a ReLU."""
    calls = seen(take_profile(step_of(case_of("forward"), clock=clock(CPU))))
    assert (calls["aten::linear"], calls["aten::addmm"], calls["aten::relu"]) == (3, 3, 2)
    assert MARK not in calls


def test_forward_before_a_backward_is_not_of_it() -> None:
    """It is run for each iteration, and timed in none."""
    calls = seen(take_profile(step_of(case_of("backward"), clock=clock(CPU))))
    assert calls["aten::mm"] == 5
    assert "aten::linear" not in calls


def test_clone_that_was_planted_is_one_more_call() -> None:
    """What a gate is to find."""

    def copy_first(_module: object, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (inputs[0].clone(),)

    step = step_of(case_of(), clock=clock(CPU), break_it=lambda network: network.register_forward_pre_hook(copy_first))
    assert seen(take_profile(step))["aten::clone"] == 1


def test_kernel_of_the_compiler_is_seen_by_name() -> None:
    """They would otherwise be time of the graph that calls them, without a name."""
    with (
        torch._dynamo.config.patch(recompile_limit=8),
        torch._inductor.config.patch("cpp.enable_kernel_profile", False),
    ):
        try:
            profile = Worker(OPEN).take_profile(TakeProfile(case=case_of(compile_="on")))
        finally:
            torch.compiler.reset()
    assert any("cpp_fused" in name and "relu" in name for name in seen(profile))
    assert profile.modules == (), "a compiled network calls none"


def test_trace_is_one_that_viewers_open(tmp_path: Path) -> None:
    """Chrome's format: a list of events, the marks of the iterations among them."""
    path = tmp_path / "trace.json"
    profile = take_profile(step_of(case_of(), clock=clock(CPU)), trace=path)
    events = json.loads(path.read_text())["traceEvents"]
    assert sum(event.get("name") == MARK for event in events) >= profile.iterations + LEADING
    assert profile.remarks == ()


def test_trace_that_cannot_be_written_is_a_remark(tmp_path: Path) -> None:
    """The profile is there all the same."""
    profile = take_profile(step_of(case_of(), clock=clock(CPU)), trace=tmp_path / "missing" / "trace.json")
    assert len(profile.remarks) == 1
    assert profile.remarks[0].startswith(f"its trace could not be written to {tmp_path / 'missing' / 'trace.json'}: ")
    assert profile.operators


def test_profiler_that_records_nothing_is_an_error_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend's profiler may be there and see nothing."""
    monkeypatch.setattr(torch.profiler.profile, "events", lambda _: [])
    with pytest.raises(RuntimeError, match="recorded no iteration"):
        take_profile(step_of(case_of(), clock=clock(CPU)))


def test_device_without_kernels_in_the_profile_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's part alone would otherwise pass for all of it."""
    step = step_of(case_of(), clock=clock(CPU))
    asked: list[float] = []
    step.clock = lambda: asked.append(0.0) or 0.0  # type: ignore[func-returns-value]
    step.subject = replace(step.subject, device=torch.device("meta"))
    monkeypatch.setattr("bench.steps.profile.warm_up", lambda _: (0.05, True))
    profile = take_profile(step)
    assert profile.remarks == (
        "torch's profiler sees no kernels of meta in this build: of it there is the host's time alone",
    )
    assert len(asked) >= profile.iterations, "an iteration that was not waited for"


@dataclass
class Event:
    """An event as torch's profiler lists it, in microseconds."""

    name: str
    start: float
    end: float
    self_us: float = 0.0
    device: str = "CPU"
    is_user_annotation: bool = False

    @property
    def device_type(self) -> SimpleNamespace:
        return SimpleNamespace(name=self.device)

    @property
    def time_range(self) -> SimpleNamespace:
        return SimpleNamespace(start=self.start, end=self.end, elapsed_us=lambda: self.end - self.start)

    @property
    def self_cpu_time_total(self) -> float:
        return self.self_us


def test_events_belong_to_the_iteration_that_they_began_in() -> None:
    """Two threads that overlap cover a time once; kernels are the device's; a mark's shadow on it is none."""
    events: list[Any] = [
        Event("aten::early", 0, 5, 5),
        Event(MARK, 10, 110, 40),
        Event("aten::mm", 20, 60, 30),
        Event("aten::empty", 20, 30, 10),
        Event("aten::other_thread", 50, 80, 30),
        Event("gemm", 40, 70, device="CUDA"),
        Event("gemm", 60, 90, device="CUDA"),
        Event(MARK, 10, 110, device="CUDA", is_user_annotation=True),
        Event("between", 115, 118, 3),
        Event(MARK, 120, 130, 10),
    ]
    first, second = read_iterations(events)
    host = Place.HOST
    assert first.calls == {
        (host, "aten::mm"): 1,
        (host, "aten::empty"): 1,
        (host, "aten::other_thread"): 1,
        (Place.DEVICE, "gemm"): 2,
    }
    assert first.self_us[host, "aten::mm"] == 30
    assert first.self_us[Place.DEVICE, "gemm"] == 60
    assert (first.wall_us, first.outside_us, first.device_us) == (100, 40, 50)
    assert (second.calls, second.outside_us) == ({}, 10)


def test_middle_half_of_the_iterations_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One iteration in which the process was taken off its core would be most of a mean."""
    starts = [1000.0 * index for index in range(LEADING + 8)]
    lengths = [1.0] * LEADING + [10.0, 10.0, 900.0, 10.0, 10.0, 12.0, 1.0, 10.0]
    events = [Event(MARK, start, start + length) for start, length in zip(starts, lengths, strict=True)]
    monkeypatch.setattr(torch.profiler.profile, "events", lambda _: events)
    profile = take_profile(step_of(case_of(), clock=clock(CPU)))
    assert (profile.iterations, profile.seconds) == (4, pytest.approx(10e-6))


def test_step_is_marked_only_where_it_is_timed() -> None:
    """`isolated` says what is of an iteration."""
    entered: list[str] = []
    step = step_of(case_of("train"), clock=clock(CPU))
    isolated = step.isolated

    def watched(watch: AbstractContextManager[object]) -> None:
        entered.append("in")
        isolated(watch)

    step.isolated = watched  # type: ignore[method-assign]
    take_profile(step)
    assert len(entered) > LEADING
