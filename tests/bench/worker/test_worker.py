"""Inside a worker: what it answers, and which outcome an exception stands for."""

from __future__ import annotations

import gc
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.devices.backend import UnknownDeviceError
from bench.devices.yardstick import PRODUCTS, Yardstick
from bench.record.case import as_params
from bench.record.run import Outcome
from bench.steps.compiling import CompileCounts, SilentEagerError
from bench.steps.support import SkipError
from bench.steps.verify import WrongResultError
from bench.worker import serve as serve_module
from bench.worker import worker as worker_module
from bench.worker.serve import classify, serve
from bench.worker.worker import Worker
from tests.makers.backends import FakeEvent
from tests.makers.subjects import CPU, case_of

OPEN = {"device": "cpu", "seed": 0, "data_root": None, "left_out": [], "memory_bytes": None}


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker in this process, which leaves the compiler as it was."""
    config = torch._dynamo.config
    with config.patch(
        recompile_limit=config.recompile_limit, fail_on_recompile_limit_hit=config.fail_on_recompile_limit_hit
    ):
        yield Worker(**OPEN)  # type: ignore[arg-type]
    torch.compiler.reset()


def prepare(worker: Worker, **axes: Any) -> dict[str, Any]:
    """Make a case ready without warming it up."""
    return worker.prepare(as_params(case_of(**axes)), warm=False, probe=False)


def test_slice_is_seconds_per_iteration_with_its_circumstances(worker: Worker) -> None:
    """Divided once, here."""
    prepare(worker)
    stamps = iter([5.0, 8.0])
    worker._clock = stamps.__next__
    answer = worker.slice(case_of().id, iterations=4)
    assert answer["seconds"] == 3.0 / 4
    assert answer.keys() == {
        "seconds",
        "started",
        "wall_seconds",
        "stolen_seconds",
        "minor_faults",
        "involuntary_switches",
        "latency_seconds",
        "event_seconds",
        "throttled",
    }


def test_singles_are_the_mean_of_slices_of_one(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is waited for, after the slice itself; events stand beside it where the device has them."""
    prepare(worker)
    step = worker._ready[case_of().id].step
    asked: list[int] = []
    monkeypatch.setattr(step, "timed", lambda iterations: asked.append(iterations) or 0.25 * len(asked))
    reply = worker.slice(case_of().id, iterations=10, singles=3)
    assert asked == [10, 1, 1, 1]
    assert reply["seconds"] == pytest.approx(0.025)
    assert reply["latency_seconds"] == pytest.approx((0.5 + 0.75 + 1.0) / 3)
    assert reply["event_seconds"] is None
    assert worker.slice(case_of().id, iterations=10)["latency_seconds"] is None


def test_events_tell_the_devices_seconds_for_one_iteration_of_the_slice(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave out what the clock waits, which the host's seconds hold, and the singles after the slice."""
    prepare(worker)
    step = worker._ready[case_of().id].step
    worker._make_event = lambda: FakeEvent(enable_timing=True)  # type: ignore[assignment,return-value]

    def waited_for() -> float:
        FakeEvent.now += 1.0
        return FakeEvent.now

    def timed(iterations: int) -> float:
        begin = step.clock()
        FakeEvent.now += 0.5 * iterations
        return step.clock() - begin

    worker._clock = waited_for
    monkeypatch.setattr(step, "timed", timed)
    reply = worker.slice(case_of().id, iterations=4, singles=2)
    assert reply["event_seconds"] == 0.5
    assert reply["seconds"] == (4 * 0.5 + 1.0) / 4
    assert reply["latency_seconds"] == 0.5 + 1.0
    assert worker.slice(case_of().id, iterations=4)["event_seconds"] is None


def test_worker_tells_what_its_device_does_at_best(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the device that it opened."""
    monkeypatch.setattr(worker_module, "ceilings", lambda device, _, dtypes: [(device, *dtypes)])
    assert worker.ceilings(["float32"]) == {"ceilings": [(CPU, "float32")]}


def test_lead_is_run_and_not_timed(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was suspended gets going first."""
    prepare(worker)
    timed: list[int] = []
    monkeypatch.setattr(worker._ready[case_of().id].step, "timed", lambda n: float(timed.append(n) or 6.0))
    assert worker.slice(case_of().id, iterations=4, lead=2)["seconds"] == 6.0 / 4
    assert timed == [2, 4]


def test_slowdown_is_inside_the_clock_reads(worker: Worker) -> None:
    """Where a real one would be, and by the share that was asked for."""
    prepare(worker, batch=64)
    usual = sorted(worker.slice(case_of(batch=64).id, iterations=20)["seconds"] for _ in range(5))
    slowed = sorted(worker.slice(case_of(batch=64).id, iterations=20, slowdown=3.0)["seconds"] for _ in range(5))
    assert slowed[0] > 2 * usual[0]
    after = sorted(worker.slice(case_of(batch=64).id, iterations=20)["seconds"] for _ in range(5))
    assert after[0] < slowed[0] / 2


def test_worker_tells_its_models_and_counts(worker: Worker) -> None:
    """For a comparison: what there is, and what a case does exactly."""
    assert "mlp" in worker.models()["models"]
    assert worker.counts(as_params(case_of()))["counts"]["aten::linear"] == 3
    compiled = worker.counts(as_params(replace(case_of(), compile="backend:aot_eager")))["counts"]
    assert compiled["graphs"] == 1


@pytest.mark.parametrize(("left_out", "running"), [([], False), (["no-gc"], True)])
def test_garbage_collector_is_off_during_a_slice_unless_left_out(
    left_out: list[str], *, running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--unsteady no-gc shows what this buys."""
    seen: list[bool] = []
    mine = Worker(device="cpu", seed=0, data_root=None, left_out=left_out, memory_bytes=None)
    prepare(mine)
    monkeypatch.setattr(mine._ready[case_of().id].step, "timed", lambda n: float(seen.append(gc.isenabled()) or n))
    mine.slice(case_of().id, iterations=1)
    assert seen == [running]
    assert gc.isenabled()


def test_slice_of_a_case_that_was_not_prepared_is_an_error(worker: Worker) -> None:
    """Nothing is prepared inside a slice."""
    with pytest.raises(KeyError):
        worker.slice(case_of().id, iterations=1)


def test_case_that_compiles_again_inside_a_slice_is_an_error(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time would be a compiler's."""
    prepare(worker)
    graphs = iter([3, 4])
    monkeypatch.setattr(CompileCounts, "now", lambda: CompileCounts(graphs=next(graphs), hits=0, misses=0))
    with pytest.raises(SilentEagerError, match="compiled again inside a timed slice"):
        worker.slice(case_of().id, iterations=1)


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({"step": "sideways"}, "unknown step 'sideways'; known: forward, backward, train"),
        ({"model": "nothing"}, "unknown model 'nothing'; known: mlp, mlp-wide"),
    ],
    ids=["step", "model"],
)
def test_step_or_model_that_the_worker_lacks_is_a_failure_that_lists_what_it_has(
    axes: dict[str, str], sentence: str
) -> None:
    """The models of another commit, or a record made elsewhere, may name what is not here."""
    case = replace(case_of(), **axes)  # type: ignore[arg-type]
    _, answer = conversation(
        {"do": "open", **OPEN}, {"do": "prepare", "case": as_params(case), "warm": False, "probe": False}
    )
    assert answer["outcome"] == "failed"
    assert sentence in answer["reason"]


def test_dropped_cases_are_gone(worker: Worker) -> None:
    """Memory of one group must not weigh on the next."""
    prepare(worker)
    assert worker.drop() == {}
    with pytest.raises(KeyError):
        worker.slice(case_of().id, iterations=1)


def test_variants_share_images_and_reference(worker: Worker) -> None:
    """They are compared, so they are fed the same; the reference in float64 is dear."""
    prepare(worker, dtype="float32")
    fed, right = dict(worker._fed), dict(worker._right)
    prepare(worker, dtype="bfloat16")
    assert {key: id(value) for key, value in worker._fed.items()} == {key: id(value) for key, value in fed.items()}
    assert list(worker._right) == list(right)


def test_probe_answers_nothing_or_raises(worker: Worker) -> None:
    """--plan asks it for each case."""
    assert worker.probe(as_params(case_of())) == {}
    with pytest.raises(SkipError):
        worker.probe(as_params(case_of(compile_="backend:nonsense")))


def test_prepare_probes_if_asked(worker: Worker) -> None:
    """The pilot finds out what this machine cannot do; it is a skip there, and not a failure."""
    case = as_params(case_of(compile_="backend:nonsense"))
    with pytest.raises(SkipError):
        worker.prepare(case, warm=False, probe=True)


def test_yardstick_divides_by_its_products(worker: Worker) -> None:
    """Seconds of one product."""
    stamps = iter([1.0, 1.0 + PRODUCTS])
    assert Yardstick(CPU, stamps.__next__).read() == 1.0
    assert worker.yardstick()["seconds"] > 0
    assert worker._yardstick is not None


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (SkipError("no compiler"), Outcome.SKIPPED, "no compiler"),
        (UnknownDeviceError("no card"), Outcome.SKIPPED, "no card"),
        (WrongResultError("logits: off"), Outcome.WRONG_RESULT, "logits: off"),
        (torch.OutOfMemoryError("CUDA out of memory"), Outcome.OUT_OF_MEMORY, "OutOfMemoryError: CUDA out of memory"),
        (MemoryError(), Outcome.OUT_OF_MEMORY, "MemoryError"),
        (SilentEagerError("it ran eagerly"), Outcome.FAILED, "SilentEagerError: it ran eagerly"),
        (RuntimeError("first\nsecond"), Outcome.FAILED, "RuntimeError: first"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_exception_stands_for_an_outcome_and_a_line(error: Exception, outcome: Outcome, reason: str) -> None:
    """Each fault is an outcome of the case, never of the run."""
    assert classify(error) == (outcome, reason)


def conversation(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a serving worker's answers."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
        ours.shutdown(socket.SHUT_WR)
        serve(theirs)
        theirs.close()
        with ours.makefile("rb") as stream:
            return [json.loads(line) for line in stream]


@pytest.mark.usefixtures("worker")
def test_requests_are_answered_in_order_until_the_other_side_closes() -> None:
    """One JSON line in, one out; an error is an answer."""
    case = as_params(case_of())
    answers = conversation(
        {"do": "facts"},
        {"do": "open", **OPEN},
        {"do": "prepare", "case": case, "warm": False, "probe": True},
        {"do": "slice", "case_id": case_of().id, "iterations": 1},
        {"do": "slice", "case_id": "unknown", "iterations": 1},
        {"do": "yardstick"},
        {"do": "facts"},
        {"do": "drop"},
    )
    assert [answer.get("outcome") for answer in answers] == ["failed", None, None, None, "failed", None, None, None]
    assert "before a device was opened" in answers[0]["reason"]
    assert answers[3]["seconds"] > 0


def test_exit_ends_without_an_answer() -> None:
    """Nobody waits for it."""
    assert conversation({"do": "exit"}, {"do": "facts"}) == []


def test_device_that_is_not_there_is_a_skip() -> None:
    """The reason is found by trying."""
    (answer,) = conversation({"do": "open", **OPEN, "device": "nonsense"})
    assert answer["outcome"] == "skipped"
    assert "nonsense is not usable here" in answer["reason"]


def test_worker_keeps_its_input_off_the_terminal_and_its_life_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set before anything else is done."""
    log: list[object] = []
    monkeypatch.setattr(serve_module, "die_with_parent", log.append)
    monkeypatch.setattr(serve_module, "die_first", lambda: log.append("die first"))
    monkeypatch.setattr(serve_module, "ignore_terminal", lambda: log.append("terminal"))
    monkeypatch.setattr(serve_module.os, "dup2", lambda _, number: log.append(number))
    monkeypatch.setattr(serve_module, "serve", lambda _: log.append("serve"))
    ours, theirs = socket.socketpair()
    with ours:
        serve_module.main(theirs.detach(), 4711)
    assert log == [4711, "terminal", "die first", 0, "serve"]
