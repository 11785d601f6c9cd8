"""Inside a worker: what it answers, and which outcome an exception stands for."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import torch
from torch import nn

from bench.devices import clock as clock_module
from bench.devices.backend import UnknownDeviceError
from bench.devices.yardstick import PRODUCTS, Yardstick
from bench.host.code import digest_file
from bench.protocol import (
    Count,
    Done,
    Drop,
    Exit,
    Failure,
    FindCeilings,
    FootprintTold,
    Open,
    Prepare,
    Probe,
    ReadYardstick,
    Request,
    TellFacts,
    TellFootprint,
    TimeSlice,
    Timing,
    Verify,
    encode_request,
)
from bench.record.observations import Preparation
from bench.record.run import Outcome
from bench.steps.compiling import CompileCounts, SilentEagerError
from bench.steps.find_step import STEPS
from bench.steps.imported import Project, load_file
from bench.steps.support import SkipError
from bench.steps.verify import WrongResultError
from bench.worker import serve as serve_module
from bench.worker import worker as worker_module
from bench.worker.serve import answer, failure_of, serve
from bench.worker.worker import Worker
from tests.makers.backends import FakeEvent
from tests.makers.subjects import CPU, case_of

OPEN = Open(device="cpu", seed=0, data_root=None, left_out=(), memory_bytes=None)


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker in this process, which leaves the compiler as it was."""
    config = torch._dynamo.config
    with config.patch(
        recompile_limit=config.recompile_limit, fail_on_recompile_limit_hit=config.fail_on_recompile_limit_hit
    ):
        yield Worker(OPEN)
    torch.compiler.reset()


def prepare(worker: Worker, **axes: Any) -> Preparation:
    """Make a case ready without warming it up."""
    return worker.prepare(Prepare(case=case_of(**axes), warm=False, probe=False))


def timed(worker: Worker, iterations: int, **changes: Any) -> Timing:
    """Time a slice of the usual case, or of another."""
    return worker.time_slice(TimeSlice(**{"case": case_of(), "iterations": iterations, **changes}))


def test_slice_is_seconds_per_iteration_with_its_circumstances(worker: Worker) -> None:
    """Divided once, here."""
    prepare(worker)
    stamps = iter([5.0, 8.0])
    worker._clock = stamps.__next__
    begin = monotonic()
    timing = timed(worker, 4)
    assert timing.seconds == 3.0 / 4
    assert begin <= timing.started_seconds <= timing.started_seconds + timing.wall_seconds <= monotonic()
    assert (timing.latency_seconds, timing.event_seconds, timing.throttled) == (None, None, ())


def test_singles_are_the_mean_of_slices_of_one(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is waited for, after the slice itself; events stand beside it where the device has them."""
    prepare(worker)
    step = worker._ready[case_of()].step
    asked: list[int] = []
    monkeypatch.setattr(step, "timed", lambda iterations, *_: asked.append(iterations) or 0.25 * len(asked))
    timing = timed(worker, 10, singles=3)
    assert asked == [10, 1, 1, 1]
    assert timing.seconds == pytest.approx(0.025)
    assert timing.latency_seconds == pytest.approx((0.5 + 0.75 + 1.0) / 3)
    assert timing.event_seconds is None
    assert timed(worker, 10).latency_seconds is None


def test_events_tell_the_devices_seconds_for_one_iteration_of_the_slice(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave out what the clock waits, which the host's seconds hold, and the singles after the slice."""
    prepare(worker)
    step = worker._ready[case_of()].step
    worker._make_event = lambda: FakeEvent(enable_timing=True)  # type: ignore[assignment,return-value]

    def waited_for() -> float:
        FakeEvent.now += 1.0
        return FakeEvent.now

    def timed(iterations: int, _lead: int = 1) -> float:
        begin = step.clock()
        FakeEvent.now += 0.5 * iterations
        return step.clock() - begin

    worker._clock = waited_for
    monkeypatch.setattr(step, "timed", timed)
    timing = worker.time_slice(TimeSlice(case=case_of(), iterations=4, singles=2))
    assert timing.event_seconds == 0.5
    assert timing.seconds == (4 * 0.5 + 1.0) / 4
    assert timing.latency_seconds == 0.5 + 1.0
    assert worker.time_slice(TimeSlice(case=case_of(), iterations=4)).event_seconds is None


def test_worker_tells_what_its_device_does_at_best(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the device that it opened."""
    monkeypatch.setattr(worker_module, "ceilings", lambda device, _, dtypes, **of: (device, *dtypes, of))
    found = worker.find_ceilings(FindCeilings(launch=3, dtypes=("float32",))).ceilings
    assert found == (CPU, "float32", {"name": "cpu", "launch": 3})


@pytest.mark.parametrize("lead", [0, 1, 5])
def test_lead_is_run_and_not_timed(worker: Worker, lead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was suspended gets going first; one that goes on needs no such iteration."""
    prepare(worker)
    step = worker._ready[case_of()].step
    calls = []
    call = step.subject.call
    step.subject = replace(step.subject, call=lambda inputs: (calls.append(1), call(inputs))[1])
    ticks = iter((10.0, 16.0))
    worker._clock = lambda: (calls.append(0), next(ticks))[1]
    assert timed(worker, 4, lead=lead).seconds == 6.0 / 4
    assert calls == [*[1] * lead, 0, 1, 1, 1, 1, 0]


def test_slowdown_is_inside_the_clock_reads(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a real one would be, by the share that was asked for, and gone with the next slice."""
    prepare(worker)
    step = worker._ready[case_of()].step
    now = 0.0

    def looked_at() -> float:
        nonlocal now
        now += 0.25
        return now

    def iterate(iterations: int, _lead: int) -> float:
        nonlocal now
        begin = step.clock()
        now += 4.0 * iterations
        return step.clock() - begin

    worker._clock = looked_at
    monkeypatch.setattr(clock_module, "perf_counter", looked_at)
    monkeypatch.setattr(step, "timed", iterate)
    usual = timed(worker, 20).seconds
    assert usual == (80 + 0.25) / 20
    assert timed(worker, 20, slowdown=3.0).seconds == pytest.approx(4 * usual, abs=0.5 / 20)
    assert timed(worker, 20).seconds == usual


def test_worker_tells_its_models_and_counts(worker: Worker) -> None:
    """For a gate: what there is, and what a case does exactly."""
    assert "mlp" in worker.list_models().names
    assert worker.count(Count(case=case_of())).counts["aten::linear"] == 3
    compiled = worker.count(Count(case=replace(case_of(), compile="backend:aot_eager"))).counts
    assert compiled["graphs"] == 1


@pytest.mark.parametrize(("left_out", "running"), [([], False), (["no-gc"], True)])
def test_garbage_collector_is_off_during_a_slice_unless_left_out(
    left_out: list[str], *, running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--unsteady no-gc shows what this buys."""
    seen: list[bool] = []
    mine = Worker(replace(OPEN, left_out=tuple(left_out)))
    prepare(mine)
    monkeypatch.setattr(mine._ready[case_of()].step, "timed", lambda n, _lead: float(seen.append(gc.isenabled()) or n))
    timed(mine, 1)
    assert seen == [running]
    assert gc.isenabled()


def test_slice_of_a_case_that_was_not_prepared_is_an_error(worker: Worker) -> None:
    """Nothing is prepared inside a slice."""
    with pytest.raises(KeyError):
        timed(worker, 1)


def test_case_that_compiles_again_inside_a_slice_is_an_error(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time would be a compiler's."""
    prepare(worker)
    graphs = iter([3, 4])
    monkeypatch.setattr(CompileCounts, "now", lambda: CompileCounts(graphs=next(graphs), hits=0, misses=0))
    with pytest.raises(SilentEagerError, match="compiled again inside a timed slice"):
        timed(worker, 1)


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({"step": "sideways"}, "unknown step 'sideways'; known: forward, backward, train"),
        ({"model": "nothing"}, "unknown model 'nothing'; known: mlp, mlp-wide, gpt"),
    ],
    ids=["step", "model"],
)
def test_step_or_model_that_the_worker_lacks_is_a_failure_that_lists_what_it_has(
    axes: dict[str, str], sentence: str
) -> None:
    """The models of another commit, or a record made elsewhere, may name what is not here."""
    case = replace(case_of(), **axes)  # type: ignore[arg-type]
    _, reply = conversation(encode_request(OPEN), encode_request(Prepare(case=case, warm=False, probe=False)))
    answer = reply["failure"]
    assert answer["outcome"] == "failed"
    assert sentence in answer["reason"]


def test_step_of_the_users_own_is_timed_and_is_no_footprint(tmp_path: Path) -> None:
    """Its file is told when the worker opens; that it is loaded is no finding about the model."""
    (tmp_path / "steps.py").write_text("def mine(module, inputs):\n    return module(inputs)\n")
    worker = Worker(replace(OPEN, steps={"mine": f"{tmp_path / 'steps.py'}:mine"}))
    prepare(worker, step="mine")
    assert timed(worker, 2, case=case_of("mine")).seconds > 0
    assert str(tmp_path / "steps.py") not in worker.tell_footprint().outside.values()
    Worker(OPEN)
    with pytest.raises(LookupError, match="unknown step 'mine'"):
        prepare(worker, step="mine", batch=2)


def test_reason_names_the_place_in_a_step_of_the_users_own(tmp_path: Path) -> None:
    """As it does for a model's code."""
    (tmp_path / "steps.py").write_text("def mine(module, inputs):\n    return undefined_name\n")
    worker = Worker(replace(OPEN, steps={"mine": f"{tmp_path / 'steps.py'}:mine"}))
    with pytest.raises(NameError) as caught:
        prepare(worker, step="mine")
    reason = failure_of(caught.value, worker.folders).reason
    assert reason == "NameError: name 'undefined_name' is not defined (steps.py:2)"


def test_dropped_cases_are_gone(worker: Worker) -> None:
    """Memory of one group must not weigh on the next."""
    prepare(worker)
    assert worker.drop() == Done()
    with pytest.raises(KeyError):
        timed(worker, 1)


def test_variants_share_images_and_reference(worker: Worker) -> None:
    """They are compared, so they are fed the same; the reference in float64 is dear."""
    prepare(worker, dtype="float32")
    fed, right = dict(worker._fed), dict(worker._right)
    prepare(worker, dtype="bfloat16")
    assert {key: id(value) for key, value in worker._fed.items()} == {key: id(value) for key, value in fed.items()}
    assert list(worker._right) == list(right)


def test_probe_answers_nothing_or_raises(worker: Worker) -> None:
    """--plan asks it for each case."""
    assert worker.probe(Probe(case=case_of())) == Done()
    with pytest.raises(SkipError):
        worker.probe(Probe(case=case_of(compile_="backend:nonsense")))


def test_prepare_probes_if_asked(worker: Worker) -> None:
    """The pilot finds out what this machine cannot do; it is a skip there, and not a failure."""
    case = case_of(compile_="backend:nonsense")
    with pytest.raises(SkipError):
        worker.prepare(Prepare(case=case, warm=False, probe=True))


def test_yardstick_divides_by_its_products(worker: Worker) -> None:
    """Seconds of one product."""
    stamps = iter([1.0, 1.0 + PRODUCTS])
    assert Yardstick(CPU, stamps.__next__).read() == 1.0
    assert worker.read_yardstick().seconds > 0
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
    assert failure_of(error) == Failure(outcome=outcome, reason=reason)


def conversation(*lines: bytes) -> list[dict[str, Any]]:
    """Return a serving worker's replies as they lie on their lines."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join(lines))
        ours.shutdown(socket.SHUT_WR)
        serve(theirs)
        theirs.close()
        with ours.makefile("rb") as stream:
            return [json.loads(line) for line in stream]


def test_case_runs_on_its_own_threads_and_the_footprint_is_the_models_alone(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this program switches for a case is the process's own again before anyone is asked what was left behind."""
    own, seen = torch.get_num_threads(), []
    case = replace(case_of(), threads=own + 1)
    step = STEPS["forward"]
    iterate, time = step.iterate, step.timed
    monkeypatch.setattr(step, "iterate", lambda *some: (seen.append(torch.get_num_threads()), iterate(*some))[1])
    monkeypatch.setattr(step, "timed", lambda *some: (seen.append(torch.get_num_threads()), time(*some))[1])
    for request in (
        Prepare(case=case, warm=True, probe=True),
        TimeSlice(case=case, iterations=1, lead=1),
        Verify(case=case),
        Count(case=case),
    ):
        answer(worker, request)
    assert set(seen) == {own + 1}
    assert torch.get_num_threads() == own
    told = answer(worker, TellFootprint())
    assert isinstance(told, FootprintTold)
    assert "threads" not in told.state


@pytest.mark.usefixtures("worker")
def test_requests_are_answered_in_order_until_the_other_side_closes() -> None:
    """One JSON line in, one out; an error is an answer."""
    requests: list[Request[Any]] = [
        TellFacts(),
        OPEN,
        Prepare(case=case_of(), warm=False, probe=True),
        TimeSlice(case=case_of(), iterations=1),
        TimeSlice(case=case_of(batch=64), iterations=1),
        ReadYardstick(),
        TellFacts(),
        Drop(),
    ]
    replies = conversation(*map(encode_request, requests))
    failed = [reply["failure"]["outcome"] if "failure" in reply else None for reply in replies]
    assert failed == ["failed", None, None, None, "failed", None, None, None]
    assert "'facts' was asked before a device was opened" in replies[0]["failure"]["reason"]
    assert replies[3]["answer"]["seconds"] > 0


@pytest.mark.parametrize("line", [b"\n", b"[1]\n", b'{"do":"dance"}\n', b'{"do":"drop","now":true}\n'], ids=repr)
def test_line_that_is_no_request_is_answered_with_a_failure(line: bytes) -> None:
    """A worker that died of it would leave the other side without a reason."""
    first, second = conversation(encode_request(OPEN), line)
    assert first == {"answer": {}}
    assert second["failure"]["outcome"] == "failed"


def test_exit_ends_without_an_answer() -> None:
    """Nobody waits for it."""
    assert conversation(encode_request(Exit()), encode_request(TellFacts())) == []


def test_device_that_is_not_there_is_a_skip() -> None:
    """The reason is found by trying."""
    (reply,) = conversation(encode_request(replace(OPEN, device="nonsense")))
    assert reply["failure"]["outcome"] == "skipped"
    assert "nonsense is not usable here" in reply["failure"]["reason"]


def test_worker_keeps_its_input_off_the_terminal_and_its_life_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set before anything else is done; what was imported is no garbage that a collection would look at."""
    log: list[object] = []
    monkeypatch.setattr(serve_module, "die_with_parent", log.append)
    monkeypatch.setattr(serve_module, "die_first", lambda: log.append("die first"))
    monkeypatch.setattr(serve_module, "ignore_terminal", lambda: log.append("terminal"))
    monkeypatch.setattr(serve_module.os, "dup2", lambda _, number: log.append(number))
    monkeypatch.setattr(serve_module.gc, "freeze", lambda: log.append("freeze"))
    monkeypatch.setattr(serve_module, "serve", lambda _: log.append("serve"))
    ours, theirs = socket.socketpair()
    with ours:
        serve_module.main(theirs.detach(), 4711)
    assert log == [4711, "terminal", "die first", 0, "freeze", "serve"]


def test_reason_names_the_place_in_the_models_own_code(tmp_path: Path) -> None:
    """The file and line that a traceback would end in, as far as they are the user's; an error of ours has none."""
    source = "def build():\n    return undefined_name\n"
    folder = tmp_path / "models"
    folder.mkdir()
    namespace: dict[str, Any] = {}
    exec(compile(source, str(folder / "net.py"), "exec"), namespace)
    with pytest.raises(NameError) as caught:
        namespace["build"]()
    assert (
        failure_of(caught.value, [folder]).reason == "NameError: name 'undefined_name' is not defined (models/net.py:2)"
    )
    assert failure_of(caught.value, [tmp_path]).reason.endswith("(models/net.py:2)")  # from the project's folder on
    assert failure_of(ValueError("ours"), [folder]).reason == "ValueError: ours"


def test_place_is_no_installed_package_and_no_frame_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment may lie in the project, and Python's own frames would be files of the working folder."""
    everywhere = [Path(os.path.commonpath([torch.__file__, Path.cwd()]))]
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(2, 2)(torch.zeros(3))
    assert failure_of(caught.value, everywhere).reason.count(".py:") == 1
    assert "test_worker.py:" in failure_of(caught.value, everywhere).reason
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "lacking.py").write_text("import not_there\n")
    with pytest.raises(ModuleNotFoundError) as lacking:
        load_file(tmp_path / "lacking.py", Project(folder=tmp_path))
    assert failure_of(lacking.value, [Path.cwd(), tmp_path]).reason.endswith("(lacking.py:1)")


NET = """
import torch
from tiny_layers import WIDTH


class Net(torch.nn.Linear):
    def forward(self, inputs):
        import tiny_late
        return super().forward(inputs)

    def example_inputs(self, batch):
        return torch.rand(batch, WIDTH)


def make():
    return Net(WIDTH, 1)
"""


def test_files_of_a_project_that_are_loaded_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their content, those that a call imports late among them; a copy from elsewhere is none of them."""
    tree, elsewhere = tmp_path / "tree", tmp_path / "elsewhere"
    for folder, names in ((tree, ("tiny_layers", "tiny_late", "page")), (elsewhere, ("tiny_copied",))):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.py").write_text("WIDTH = 3\n")
    (tree / "src").mkdir()
    (tree / "src" / "tiny_copied.py").write_text("")
    (tree / "net.py").write_text(NET + "import tiny_copied\n")
    (tmp_path / "slot").symlink_to(tree)
    monkeypatch.setattr("sys.path", [*sys.path, str(elsewhere)])
    worker = Worker(replace(OPEN, models={"make": "net.py:make"}, project=str(tmp_path / "slot")))
    worker.count(Count(case=replace(case_of(), model="make")))
    told = worker.tell_footprint()
    loaded = ("net.py", "tiny_late.py", "tiny_layers.py")
    assert told.loaded == {name: digest_file(tree / name) for name in loaded}
    assert told.displaced == ("tiny_copied",)
    assert told.outside == {"tiny_copied": str(elsewhere / "tiny_copied.py")}
    assert "places that modules are found in" not in told.state


def test_process_without_a_model_of_the_users_own_tells_of_no_project(worker: Worker) -> None:
    """The tutorial's networks lie in ``models``, which is compared itself."""
    worker.count(Count(case=case_of()))
    told = worker.tell_footprint()
    assert (told.loaded, told.displaced) == ({}, ())
