"""What compiling takes and what torch tells of it, by torch's own compiler without its last phase, which is slow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch._dynamo.utils as dynamo
from torch import Tensor, nn

from bench.devices.clock import clock
from bench.record.compiling import Compiling
from bench.steps import compile_account
from bench.steps.compile_account import account_compiling, import_compiler, list_breaks
from bench.steps.compiling import SilentEagerError, allow_variants
from bench.steps.find_step import STEPS
from bench.steps.subject import build
from tests.makers.subjects import CPU, PERCEPTRON, case_of, feeds_of


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    """A worker has compiled nothing before; this process has."""

    def forget() -> None:
        torch.compiler.reset()
        dynamo.clear_compilation_metrics()
        dynamo.counters.clear()

    forget()
    yield
    forget()


def account(step: str = "forward", network: type[nn.Module] | None = None) -> Compiling:
    """Return the account of the tutorial's network, or of another one that is fed images."""
    allow_variants()
    case = case_of(step, compile_="backend:aot_eager")
    model = PERCEPTRON if network is None else replace(PERCEPTRON, build=network)
    subject = build(case, model, CPU, feeds_of(case), seed=0, compiled=True)
    return account_compiling(STEPS[step](subject, clock(CPU)), import_compiler())


class Breaking(nn.Module):
    """A network that the compiler gives up on in one place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Flatten(), nn.Linear(784, 8))
        self.last = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images)
        torch._dynamo.graph_break()
        return self.last(hidden)


class Changing(nn.Module):
    """A network that is compiled again at each of its first calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return self.layers(images) * (2 if self.calls % 3 else 1)


def test_forward_is_one_graph_and_one_frame() -> None:
    """Its first call takes longer than later ones by what compiling takes."""
    seen = account()
    assert (seen.graphs, seen.recompiles, seen.breaks, seen.backward_seconds) == (1, 0, (), None)
    assert seen.forward_seconds > 0.01
    (frame,) = seen.frames
    assert frame.dynamo_seconds is not None
    assert 0 < frame.dynamo_seconds <= 1.05 * seen.forward_seconds
    assert frame.guards is not None
    assert frame.guards > 0
    assert frame.recompile_reason is None


@pytest.mark.parametrize("step", ["backward", "train"])
def test_backward_is_compiled_when_it_is_first_called(step: str) -> None:
    """Its seconds are its own."""
    seen = account(step)
    assert seen.backward_seconds is not None
    assert seen.graphs == 1
    assert seen.seconds == seen.forward_seconds + seen.backward_seconds


def test_break_is_told_with_its_place() -> None:
    """The line is the user's."""
    seen = account(network=Breaking)
    assert seen.graphs == 2
    (broken,) = seen.breaks
    assert broken.place is not None
    assert broken.place.startswith("test_compile_account.py:")
    assert "graph_break" in broken.reason.lower() or "break" in broken.reason.lower()


def test_recompile_is_told_with_its_cause() -> None:
    """The condition that failed is of the network's own counter."""
    seen = account(network=Changing)
    assert seen.recompiles > 0
    causes = [frame.recompile_reason for frame in seen.frames if frame.recompile_reason]
    assert causes
    assert any("calls" in cause for cause in causes)


def test_what_does_not_compile_is_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would pay off at once."""
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    with pytest.raises(SilentEagerError, match="compiled no graph"):
        account()


def test_torch_that_tells_nothing_costs_its_frames_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are private to it."""
    monkeypatch.delattr(dynamo, "get_compilation_metrics")
    seen = account()
    assert seen.frames == ()
    assert "get_compilation_metrics" in str(seen.frames_reason)
    assert seen.graphs == 1


def test_metrics_without_fields_are_absent_and_not_zero() -> None:
    """Another release may call them otherwise."""
    frame = compile_account._read_frame(SimpleNamespace())
    assert {getattr(frame, name) for name in frame.__dataclass_fields__} == {None}


def test_break_without_a_place_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older releases count reasons alone."""
    monkeypatch.delattr(dynamo, "graph_break_reasons")
    dynamo.counters["graph_break"]["call to\nprint"] = 2
    told: list[Any] = list(list_breaks())
    assert [(one.reason, one.place) for one in told] == [("call to", None)]
