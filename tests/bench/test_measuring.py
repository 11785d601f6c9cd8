"""One run from the plan to the Run: images, workers, signals; no fault of theirs is a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import measuring
from bench.launch import WorkerDiedError, WorkerTimeoutError
from bench.measuring import Session, SetupError, StopSwitch, download, probe_devices, stoppable
from bench.record import Settings
from models import dataset
from tests.bench.doubles import FakeCrew, FakeWorker, Reply
from tests.reports.runs import matrix

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
    found = session(data_root=tmp_path)._locate(tmp_path)
    assert found == (None, "random", f"no FashionMNIST files in {tmp_path}")
    assert session(data="random", data_root=tmp_path)._locate(tmp_path) == (None, "random", "asked for")


def test_real_images_are_taken_where_they_are(tmp_path: Path) -> None:
    """And the source is on record."""
    raw = tmp_path / dataset.RAW
    raw.mkdir(parents=True)
    for name in dataset.FILES:
        (raw / name).touch()
    found = session(data_root=tmp_path)._locate(tmp_path / "scratch")
    assert found == (str(tmp_path), "fashion-mnist", f"found in {raw}")


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
    monkeypatch.setattr(measuring.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(SetupError, match=f"^{sentence}$"):
        download(Path("data"))


def probe_as(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the probe process run this program instead."""
    real = subprocess.run
    monkeypatch.setattr(measuring.subprocess, "run", lambda given, **rest: real([given[0], "-c", code], **rest))


def test_probe_process_is_believed_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backends print what they like when they are imported."""
    probe_as(monkeypatch, """print('hello'); print('{"found": ["cpu"], "refused": {"x": "no"}}')""")
    assert probe_devices(["x"]) == (["cpu"], {"x": "no"})


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
        probe_devices([])


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
    monkeypatch.setattr(measuring.os, "_exit", codes.append)
    switch = StopSwitch()
    switch.turn(signal.SIGINT, None)
    assert codes == []
    switch.turn(signal.SIGTERM, None)
    assert codes == [2]
