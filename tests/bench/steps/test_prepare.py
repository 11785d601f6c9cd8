"""A case is ready only after its answer was right, and compiled only if something was compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import exp
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from bench.devices.memory import NO_ALLOCATOR
from bench.record.case import BUILTIN_STEPS, Case
from bench.steps import prepare as prepare_module
from bench.steps.compiling import CompileCounts, SilentEagerError, why_nothing_compiles
from bench.steps.find_step import STEPS
from bench.steps.forward_backward_train import Forward
from bench.steps.prepare import NOTHING_TO_COUNT, WARM_LIMIT_SECONDS, Prepared, warm_up
from bench.steps.references import compute_references
from bench.steps.support import SkipError, try_case
from bench.steps.verify import WrongResultError
from tests.makers.subjects import (
    BATCH,
    CPU,
    PERCEPTRON,
    broken_model,
    case_of,
    feeds_of,
    missing_relu,
    prepared_of,
)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Leave no compiled code to other tests."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def ready(case: Case, *, warm: bool = False) -> Prepared:
    """Return a case made ready on random images."""
    return prepared_of(case, warm=warm, counted=True)


@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_eager_case_is_ready_with_what_preparing_it_showed(step: str) -> None:
    """Errors, operations and lengths are on record; nothing is claimed about compiling."""
    prepared = ready(case_of(step))
    assert isinstance(prepared.step, STEPS[step])
    preparation = prepared.preparation
    assert {"logits", "loss"} <= preparation.relative_errors.keys()
    assert preparation.compile_seconds is None
    assert preparation.cache_was_warm is None
    assert preparation.flops is not None
    assert preparation.flops >= 2 * BATCH * (784 * 512 + 512 * 512 + 512 * 10)
    assert preparation.total_seconds >= preparation.first_call_seconds > 0
    assert preparation.estimate_seconds > 0
    assert preparation.clock_seconds == 1e-9
    assert (preparation.queued, preparation.clock_pairs_per_iteration) == {
        "backward": (False, 1),
        "predict": (False, 0),
    }.get(step, (True, 0))


def test_quick_pass_does_not_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no claim about time."""
    monkeypatch.setattr(prepare_module, "warm_up", lambda *_: pytest.fail("warmed up"))
    assert not ready(case_of()).preparation.settled


def test_warm_up_decides_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first calls are slower than all later ones."""
    monkeypatch.setattr(prepare_module, "warm_up", lambda *_: (123.0, True))
    prepared = ready(case_of(), warm=True)
    assert (prepared.preparation.estimate_seconds, prepared.preparation.settled) == (123.0, True)


def test_wrong_answer_is_found_before_anything_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast wrong answer is a wrong result, and has no time."""
    monkeypatch.setattr(prepare_module, "warm_up", lambda *_: pytest.fail("timed"))
    with pytest.raises(WrongResultError, match="relative error"):
        prepared_of(case_of("backward"), broken_model(missing_relu), right_model=PERCEPTRON, warm=True)


@pytest.mark.parametrize("step", ["forward", "backward"])
@pytest.mark.usefixtures("fresh_compiler")
def test_compiled_case_says_what_compiling_took(step: str) -> None:
    """Compile time is a metric of its own; this backend has no disk cache, so nothing is said of one."""
    preparation = ready(case_of(step, compile_="backend:eager")).preparation
    assert preparation.compile_seconds is not None
    assert 0 < preparation.compile_seconds <= preparation.first_call_seconds
    assert preparation.cache_was_warm is None


@pytest.mark.parametrize("compile_", ["on", "backend:eager"])
def test_compiled_case_that_ran_eagerly_is_an_error(compile_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TORCH_COMPILE_DISABLE and a fallback both hand back the network as it is: its time would be a lie."""
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    with pytest.raises(SilentEagerError, match="it ran eagerly"):
        ready(case_of(compile_=compile_))


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.GRU(28, 10, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.rows(x[:, 0])[0][:, -1]  # (B, 1, 28, 28) -> (B, 10)
        return output


@pytest.mark.usefixtures("fresh_compiler")
def test_network_that_torch_compiles_nothing_of_is_a_skip() -> None:
    """It is no fault of the network, and its eager case is measured; where torch traces such layers it is one."""
    assert why_nothing_compiles(nn.Linear(2, 2)) is None
    with torch._dynamo.config.patch(allow_rnn=True):
        assert why_nothing_compiles(nn.GRU(3, 2)) is None
    with pytest.raises(SkipError, match=r"compiles nothing of a network that holds GRU: torch\._dynamo\."):
        prepared_of(case_of(compile_="backend:eager"), replace(PERCEPTRON, build=Recurrent))


def test_eager_twin_counts_the_operations_of_a_compiled_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fused code hides its products from the counter."""
    compiled: list[bool] = []
    real = prepare_module.build

    def build(*arguments: object, **named: object) -> object:
        compiled.append(bool(named["compiled"]))
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare_module, "build", build)
    ready(case_of())
    assert compiled == [True, False]


def test_peak_memory_is_of_one_iteration_beside_what_was_held_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network and its images are counted, since they were made after the device was asked what it holds."""
    case = case_of("forward")
    asked: list[str] = []

    def held(device: torch.device) -> int:
        assert device == CPU
        asked.append("held")
        return 1000

    def peak(device: torch.device, work: Callable[[], object], before: int | None) -> tuple[int | None, str | None]:
        assert (device, before) == (CPU, 1000)
        asked.append("peak")
        work()
        return 4096, None

    monkeypatch.setattr(prepare_module, "allocated_bytes", held)
    monkeypatch.setattr(prepare_module, "peak_bytes", peak)
    made = prepare_module.build
    monkeypatch.setattr(prepare_module, "build", lambda *given, **named: asked.append("build") or made(*given, **named))
    preparation = ready(case).preparation
    assert asked == ["held", "build", "peak", "build"]
    assert (preparation.peak_bytes, preparation.peak_bytes_reason) == (4096, None)


def test_processor_has_no_peak_memory_and_says_why() -> None:
    """Absent is None with a reason, never 0."""
    preparation = ready(case_of("forward")).preparation
    assert (preparation.peak_bytes, preparation.peak_bytes_reason) == (None, NO_ALLOCATOR)


def test_right_answer_depends_on_model_step_batch_and_seed_only() -> None:
    """It is computed once for all variants of a group."""
    data = feeds_of(case_of())
    first = compute_references(case_of(dtype="float32"), PERCEPTRON, data, seed=0)
    second = compute_references(case_of(dtype="bfloat16", compile_="on"), PERCEPTRON, data, seed=0)
    other = compute_references(case_of(), PERCEPTRON, data, seed=1)
    assert torch.equal(first.last.output[0], second.last.output[0])
    assert not torch.equal(first.last.output[0], other.last.output[0])
    assert first.first is not None
    assert not torch.equal(first.first.output[0], first.last.output[0])


class Pretended(Forward):
    """A step that takes as long as a formula says, on a clock of its own."""

    def __init__(self, seconds: Callable[[float], float]) -> None:
        nothing = torch.zeros(1)
        super().__init__(SimpleNamespace(inputs=nothing, network=nn.Identity()), lambda: 0.0)  # type: ignore[arg-type]
        self.now = 0.0
        self.seconds = seconds

    def timed(self, iterations: int, lead: int = 1) -> float:
        self.now += lead * self.seconds(self.now)
        taken = iterations * self.seconds(self.now)
        self.now += taken
        return taken

    def read(self) -> float:
        return self.now


@pytest.mark.parametrize("seconds", [1e-6, 1e-4, 3e-3, 0.03, 0.05, 1.0])
def test_steady_step_is_warm_at_once(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Medians that agree end the warm-up, well before its limit for a fast case."""
    step = Pretended(lambda _: seconds)
    monkeypatch.setattr(prepare_module, "perf_counter", step.read)
    estimate, settled = warm_up(step)
    assert settled
    assert estimate == pytest.approx(seconds)
    assert step.now < max(WARM_LIMIT_SECONDS, 13 * seconds)
    assert step.now <= 4 * seconds or seconds < 0.05


def test_step_that_gets_faster_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor raises its clock, an allocator fills its lists."""
    step = Pretended(lambda now: 1e-4 * (1 + 4 * exp(-now / 0.02)))
    monkeypatch.setattr(prepare_module, "perf_counter", step.read)
    estimate, settled = warm_up(step)
    assert settled
    assert estimate == pytest.approx(1e-4, rel=0.1)


def test_step_that_never_settles_ends_at_the_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement is then marked, not waited for."""
    step = Pretended(lambda now: 1e-4 * 2 ** (10 * now))
    monkeypatch.setattr(prepare_module, "perf_counter", step.read)
    estimate, settled = warm_up(step)
    assert not settled
    assert estimate > 1e-4
    assert WARM_LIMIT_SECONDS < step.now < 3 * WARM_LIMIT_SECONDS


@pytest.mark.parametrize(
    ("hits", "misses", "warm"), [(0, 0, None), (3, 0, True), (0, 3, False), (2, 1, False)], ids=str
)
def test_cache_was_warm_only_if_everything_came_from_it(hits: int, misses: int, *, warm: bool | None) -> None:
    """A cold and a warm compile are two metrics."""
    assert CompileCounts(graphs=1, hits=hits, misses=misses).cache_was_warm is warm


@pytest.mark.usefixtures("fresh_compiler")
def test_graphs_are_counted_as_they_are_compiled() -> None:
    """The count tells a compiled case from one that ran eagerly, and a recompile inside a slice."""
    before = CompileCounts.now()
    call = torch.compile(nn.Linear(2, 2), backend="eager", dynamic=False)
    call(torch.ones(1, 2))
    call(torch.ones(1, 2))
    assert CompileCounts.now().since(before).graphs == 1
    call(torch.ones(3, 2))
    assert CompileCounts.now().since(before).graphs == 2


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64", "amp-bfloat16", "amp-float16"])
def test_probe_lets_pass_what_works(dtype: str) -> None:
    """Every dtype works on this device."""
    try_case(case_of(dtype=dtype), CPU)


@pytest.mark.usefixtures("fresh_compiler")
def test_probe_lets_a_working_compiler_pass() -> None:
    """Found by trying."""
    try_case(case_of(compile_="backend:eager"), CPU)


def test_unknown_backend_is_a_skip_that_says_what_torch_said() -> None:
    """A missing compiler is no fault of the case."""
    with pytest.raises(SkipError, match=r"torch.compile \(backend:nonsense\) does not work on cpu: .*nonsense"):
        try_case(case_of(compile_="backend:nonsense"), CPU)


def test_compiler_that_runs_eagerly_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """TORCH_COMPILE_DISABLE is the user's choice, and the table says so."""
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    with pytest.raises(SkipError, match="it compiled nothing and ran eagerly"):
        try_case(case_of(compile_="max-autotune-no-cudagraphs"), CPU)


def test_device_that_refuses_is_a_skip_of_the_dtype() -> None:
    """The meta device computes no numbers at all."""
    with pytest.raises(SkipError, match="float64 does not work on meta: RuntimeError"):
        try_case(case_of(dtype="float64"), torch.device("meta"))


def test_numbers_that_are_not_finite_are_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that answers with garbage does not work."""
    real = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *shape, **named: real(*shape, **named) * torch.inf)
    device = torch.device("cpu", 0)  # not yet asked about: answers are remembered
    with pytest.raises(SkipError, match="numbers that are not finite"):
        try_case(replace(case_of(), device="cpu:0"), device)


def test_operations_are_counted_only_when_asked() -> None:
    """They are the same in every launch, and an eager twin costs memory and time."""
    assert prepared_of(case_of()).preparation.flops is None


def test_operations_that_are_not_counted_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """None and not 0, where an operator has no formula and where there is nothing to count."""
    monkeypatch.setattr(Forward, "flops", lambda _: (None, "no formula"))
    found = ready(case_of(), warm=False).preparation
    assert (found.flops, found.flops_reason) == (None, "no formula")
    monkeypatch.setattr(Forward, "flops", lambda _: (0, None))
    found = ready(case_of(), warm=False).preparation
    assert (found.flops, found.flops_reason) == (None, NOTHING_TO_COUNT)


def test_nothing_was_compiled_where_the_compiler_was_never_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eager run does not pay the second that loading it takes."""
    monkeypatch.delitem(sys.modules, "torch._dynamo.utils", raising=False)
    assert CompileCounts.now() == CompileCounts(graphs=0, hits=0, misses=0)
    assert "torch._dynamo.utils" not in sys.modules


@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_first_answer_is_verified_only_where_it_is_asked_for(step: str) -> None:
    """In a block of a gate the last one is enough, and a reference less is computed."""
    case = case_of(step)
    right = compute_references(case, PERCEPTRON, feeds_of(case), seed=0, first=False)
    assert (right.first is None) is (step != "train")
    prepared = prepared_of(case, first=False)
    assert bool(prepared.preparation.relative_errors) is (step == "train")
    assert prepared.recheck()["logits"] < 1e-5
