"""One run from the plan to the Run: images, workers, signals; no fault of theirs is a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import session as images
from bench.files.run import read
from bench.host import stopping
from bench.host.stopping import StopSwitch, stoppable
from bench.plugin import device_names as present
from bench.processes.local import WorkerDiedError, WorkerTimeoutError
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.run import Outcome, Run
from bench.request import SetupError
from bench.run.measure import Session
from bench.session import Images, download, located
from models import dataset
from tests.makers.doubles import FakeCrew, FakeWorker, Reply
from tests.makers.runs import matrix

CASES = matrix(devices=("cpu", "cuda"))


def session(crew: FakeCrew | None = None, **options: Any) -> Session:
    """Return a session with a fake crew and only the options that matter."""
    values = {"settings": Settings(), "data": "auto", "download": False, "unsteady": ()} | options
    return Session(SimpleNamespace(**values), compiled=False, _crew=crew)  # type: ignore[arg-type]


def test_plan_tells_what_each_case_would_be_refused_for() -> None:
    """Found by trying each once, a device that is absent for all of its cases together."""

    def script(_worker: FakeWorker, request: Reply) -> Reply | None:
        if request["do"] == "probe" and request["case"]["dtype"] == "bfloat16":
            return {"outcome": "skipped", "reason": "bfloat16 does not work"}
        return None

    crew = FakeCrew(script, absent={"cuda": "no card"})
    refused = session(crew).refusals(CASES)
    assert {case.id: refused.get(case) for case in CASES} == {
        case.id: "no card" if case.device == "cuda" else {"bfloat16": "bfloat16 does not work"}.get(case.dtype)
        for case in CASES
    }
    assert not any(worker.alive for worker in crew.opened)


@pytest.mark.parametrize("error", [WorkerDiedError("SIGILL"), WorkerTimeoutError("late")], ids=["crash", "timeout"])
def test_plan_survives_a_probe_that_kills_its_worker(error: Exception) -> None:
    """An unsupported instruction is a reason like any other; the other cases are probed in a fresh worker."""

    def script(worker: FakeWorker, request: Reply) -> Exception | None:
        mine = request["do"] == "probe" and request["case"]["dtype"] == "float32"
        return error if mine and worker.device == "cpu" else None

    refused = session(FakeCrew(script)).refusals(CASES)
    assert [case.id for case in refused] == [CASES[0].id]
    assert str(error) in refused[CASES[0]]


def test_facts_come_from_one_worker_of_each_device() -> None:
    """A device that is absent has no description, and the reason why."""
    facts = session(FakeCrew(absent={"cuda": "no card"}))._worker_facts(CASES)
    assert facts == {
        "torch.threads": 2,
        "device.cpu.description": "Imaginary",
        "device.cuda.description": None,
        "device.cuda.description.reason": "no card",
    }


@pytest.mark.parametrize("error", [WorkerDiedError("SIGSEGV"), WorkerTimeoutError("late")], ids=["crash", "timeout"])
def test_worker_that_dies_while_it_is_asked_for_facts_costs_its_facts_only(error: Exception) -> None:
    """A driver that crashes is its cases' outcome, not the run's."""

    def script(worker: FakeWorker, request: Reply) -> Exception | None:
        return error if request["do"] == "facts" and worker.device == "cuda" else None

    facts = session(FakeCrew(script))._worker_facts(CASES)
    assert facts["device.cpu.description"] == "Imaginary"
    assert facts["device.cuda.description"] is None
    assert str(error) in str(facts["device.cuda.description.reason"])


def test_session_that_was_not_entered_has_no_workers() -> None:
    """A mistake of ours, not a hole in a table."""
    with pytest.raises(RuntimeError, match="not been entered"):
        _ = session().crew


def test_auto_takes_random_images_where_there_are_no_real_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says where it looked."""
    monkeypatch.setattr(dataset, "DEBIAN", tmp_path / "debian")
    found = located(session(data_root=tmp_path).options, tmp_path)
    assert found == Images(root=None, source="random", reason=f"no FashionMNIST files in {tmp_path}")
    assert located(session(data="random", data_root=tmp_path).options, tmp_path) == Images(
        root=None, source="random", reason="asked for"
    )


def test_real_images_are_taken_where_they_are(tmp_path: Path) -> None:
    """And the source is on record."""
    raw = tmp_path / dataset.RAW
    raw.mkdir(parents=True)
    for name in dataset.FILES:
        (raw / name).touch()
    found = located(session(data_root=tmp_path).options, tmp_path / "scratch")
    assert found == Images(root=str(tmp_path), source="fashion-mnist", reason=f"found in {raw}")


@pytest.mark.parametrize(
    ("done", "sentence"),
    [
        (
            subprocess.CompletedProcess([], 2, "", "noise\ndownload failed (no route)\n"),
            r"download failed \(no route\)",
        ),
        (subprocess.CompletedProcess([], -9, "", ""), "the download failed"),
    ],
    ids=["said", "silent"],
)
def test_download_that_fails_is_a_sentence(
    done: subprocess.CompletedProcess[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is timed."""
    monkeypatch.setattr(images.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(SetupError, match=f"^{sentence}$"):
        download(Path("data"))


def probe_as(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the probe process run this program instead."""
    real = subprocess.run
    monkeypatch.setattr(present.subprocess, "run", lambda given, **rest: real([given[0], "-c", code], **rest))


def test_probe_process_is_believed_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backends print what they like when they are imported."""
    probe_as(monkeypatch, """print('hello'); print('{"found": ["cpu"], "refused": {"x": "no"}}')""")
    assert present.probe_devices(["x"]) == (["cpu"], {"x": "no"})


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise ImportError('libcudart.so.12')", "torch does not come up in a probe process: ImportError: libcudart"),
        ("import os; os.abort()", "torch does not come up in a probe process: it said nothing"),
        ("print('hello')", "no probe process answers"),
        ("pass", "no probe process answers"),
    ],
    ids=["raises", "aborts", "talks", "silent"],
)
def test_probe_process_that_breaks_is_a_sentence(code: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be measured, and the reason is in one line."""
    probe_as(monkeypatch, code)
    with pytest.raises(SetupError, match=sentence):
        present.probe_devices([])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signal_turns_the_switch_and_nothing_else(number: signal.Signals) -> None:
    """The run ends in order, between two requests; afterwards the signal means what it meant before."""
    before = signal.getsignal(number)
    with stoppable() as switch:
        assert switch() is None
        os.kill(os.getpid(), number)
        assert switch() == f"stopped by {number.name}"
    assert signal.getsignal(number) is before


def test_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has it all."""
    codes: list[int] = []
    monkeypatch.setattr(stopping.os, "_exit", codes.append)
    switch = StopSwitch()
    switch.turn(signal.SIGINT, None)
    assert codes == []
    switch.turn(signal.SIGTERM, None)
    assert codes == [2]


def measure(crew: FakeCrew, path: Path, *, show: Any = None, cases: tuple[Case, ...] = CASES, **options: Any) -> Run:
    """Carry out a whole run on a fake crew, with a real journal."""
    values = {"settings": Settings(launches=2), "resume": False, "retry": False} | options
    mine = session(crew, **values)
    mine._images = Images(root=None, source="random", reason="asked for")
    return mine.measure(cases, path, show or (lambda _: None), lambda: None)


def test_run_and_journal_say_the_same(tmp_path: Path) -> None:
    """Each event is on disk before it is shown."""
    path = tmp_path / "out.jsonl"
    shown: list[object] = []
    run = measure(FakeCrew(absent={"cuda": "no card"}), path, show=shown.append)
    assert read(path) == run
    assert shown[-1] == run.finish
    assert run.environment["data.source"] == "random"
    assert {outcome for outcome, _ in run.outcomes().values()} == {Outcome.MEASURED, Outcome.SKIPPED}


def test_journal_that_breaks_ends_the_run_which_keeps_what_it_has(tmp_path: Path) -> None:
    """A removed folder or a full disk costs no figure that is in memory, and leaves no worker."""
    path = tmp_path / "out.jsonl"
    crew = FakeCrew()
    shown: list[object] = []

    def show(event: object) -> None:
        shown.append(event)
        if isinstance(event, tuple) and event[0].launch == 1:
            path.unlink(missing_ok=True)

    run = measure(crew, path, show=show)
    assert run.finish is not None
    assert (run.finish.complete, run.finish.stopped) == (False, True)
    assert run.finish.reason == (
        f"the journal cannot be written: the journal was removed while the run was writing it ({path})"
    )
    assert [one.launch for one in run.measurements if one.slices] == [1] * 2
    assert not any(worker.alive for worker in crew.opened)


def test_cut_off_run_is_resumed(tmp_path: Path) -> None:
    """What is finished stays, the rest is measured, and the journal tells both parts as one run."""
    path = tmp_path / "out.jsonl"
    cases = CASES[:2]
    whole = measure(FakeCrew(), path, cases=cases)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]) + lines[-3][:20])
    cut = read(path)
    assert max(one.launch for one in cut.measurements) == 1
    crew = FakeCrew()
    run = measure(crew, path, cases=cases, resume=True)
    assert {worker.launch for worker, _ in crew.requests("slice")} == {2}
    assert read(path) == run
    assert [(one.launch, one.case) for one in run.measurements] == [
        (one.launch, one.case) for one in whole.measurements
    ]
    assert run.measurements[: len(cut.measurements)] == cut.measurements
    assert run.finish is not None
    assert run.finish.complete


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": Settings(launches=2, seed=1)}, "cannot be continued here: seed was 0, is 1"),
        ({"cases": CASES[:1]}, "was planned and is not selected"),
        ({"unsteady": ("no-gc",)}, "steady.no_gc was True, is False"),
    ],
    ids=["seed", "matrix", "steadiness"],
)
def test_run_that_was_made_otherwise_is_not_resumed(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    """Field by field, and its journal stays as it is."""
    path = tmp_path / "out.jsonl"
    measure(FakeCrew(), path)
    before = path.read_bytes()
    with pytest.raises(SetupError, match=f"--resume: {path} .*{sentence}"):
        measure(FakeCrew(), path, **({"resume": True} | changes))
    assert path.read_bytes() == before


def test_journal_that_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    """The name is wrong, or there was no run."""
    with pytest.raises(SetupError, match=r"--resume: .*out\.jsonl: No such file"):
        measure(FakeCrew(), tmp_path / "out.jsonl", resume=True)
