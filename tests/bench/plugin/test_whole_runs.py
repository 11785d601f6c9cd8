"""Whole runs of ``pytest bench``, as few and small as can be: what is on disk and on the screen when they end.

They run side by side, since nothing here depends on how long anything takes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from bench.files.run import read_run
from bench.host.folders import ROOT
from bench.record.run import Outcome, Run
from tests.makers.processes import wait_until_gone

SMALL = ["--batch", "1", "--step", "forward", "--compile", "off", "--data", "random", "--benchmark-max-time", "0.02"]
FLOAT = "mlp-forward-b1-cpu-float32-eager"


@dataclass
class Started:
    """A run of the suite in a process of its own, with folders of its own."""

    name: str
    folder: Path
    process: subprocess.Popen[str]
    workers: list[psutil.Process] = field(default_factory=list)
    said: str = ""

    @property
    def json_path(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def reports(self) -> Path:
        return ROOT / "reports" / "out" / self.name

    def wait_for(self, words: str) -> None:
        """Read on until the run has said these words."""
        output: IO[str] | None = self.process.stdout
        assert output is not None
        for line in output:
            self.said += line
            if words in line:
                return
        pytest.fail(f"the run ended without saying {words!r}:\n{self.said}")

    def stop(self, number: signal.Signals) -> None:
        """Send a signal to the pytest process alone, and remember whom it must not leave behind."""
        self.workers = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)

    def end(self) -> Started:
        """Wait for its end."""
        self.said += self.process.communicate(timeout=120)[0]
        return self

    def document(self) -> dict[str, Any]:
        """Return its JSON as any reader sees it."""
        document: dict[str, Any] = json.loads(self.json_path.read_text())
        return document

    def runs(self) -> tuple[Run, Run]:
        """Return the run as its JSON and as its journal have it."""
        return read_run(self.json_path), read_run(self.json_path.with_suffix(".jsonl"))


@dataclass
class Runs:
    """Starts runs, and ends whatever a broken test left of them."""

    folder: Path
    begun: list[Started] = field(default_factory=list)

    def start(self, name: str, *arguments: str) -> Started:
        """Start a run."""
        mine = self.folder / name
        (mine / "tmp").mkdir(parents=True)
        run = Started(name=prefix() + name, folder=mine, process=None)  # type: ignore[arg-type]
        own = ["--benchmark-json", str(run.json_path), "--benchmark-storage", f"file://{self.folder / 'storage'}"]
        run.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", *SMALL, *own, *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTEST_ADDOPTS": "",
                "PYTHONUNBUFFERED": "1",
                "OMP_NUM_THREADS": "1",
                "TMPDIR": str(mine / "tmp"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.begun.append(run)
        return run

    def close(self) -> None:
        """Remove what is left of the runs, on disk and in memory."""
        for run in self.begun:
            run.process.kill()
            run.process.communicate()
            shutil.rmtree(run.reports, ignore_errors=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Starts runs; what they put beside the program is removed again."""
    runs = Runs(tmp_path_factory.mktemp("runs"))
    yield runs
    runs.close()


def prefix() -> str:
    """Return what the reports of this test's runs begin with."""
    return f"test-suite-{os.getpid()}-"


@pytest.fixture(scope="module")
def first(runs: Runs) -> dict[str, Started]:
    """Three runs that go through."""
    begun = {
        "measured": runs.start(
            "measured", "--device=cpu", "--dtype=float32,bfloat16", "-k=float32", "--launches=2",
            "--benchmark-autosave",
        ),
        "quick": runs.start("quick", "--quick", "--device=cpu,cuda", "--dtype=float32"),
        "plan": runs.start("plan", "--plan", "--device=cpu,cuda", "--dtype=float32,bfloat16"),
        "required": runs.start("required", "--quick", "--device=cpu", "--dtype=float32", "--require-device=cuda"),
    }  # fmt: skip
    return {name: run.end() for name, run in begun.items()}


@pytest.fixture(scope="module")
def measured(first: dict[str, Started]) -> Started:
    """A run of one case in two launches, selected with -k from two."""
    return first["measured"]


@pytest.fixture(scope="module")
def quick(first: dict[str, Started]) -> Started:
    """A quick pass over the CPU and an accelerator."""
    return first["quick"]


@pytest.fixture(scope="module")
def stopped(runs: Runs, measured: Started) -> dict[str, Started]:
    """Two runs that were stopped in their second launch, and one that came in between."""
    assert measured.process.returncode == 0
    arguments = ("--device=cpu", "--dtype=float32", "--launches=500")
    begun = {
        "SIGINT": runs.start("SIGINT", *arguments, "--benchmark-compare"),
        "SIGTERM": runs.start("SIGTERM", *arguments),
    }
    for run in begun.values():
        run.wait_for("launch 2 of 500")
    intruder = runs.start("intruder", *arguments, f"--benchmark-json={begun['SIGINT'].json_path}").end()
    for name, run in begun.items():
        run.stop(signal.Signals[name])
    return {"intruder": intruder} | {name: run.end() for name, run in begun.items()}


def ours(run: Run) -> list[float]:
    """Return every slice of a run's only case, in the order in which they were timed."""
    (measurements,) = run.by_case().values()
    return [
        seconds
        for measurement in measurements
        if measurement.slices is not None
        for seconds in measurement.slices.seconds
    ]


def test_run_passes_and_says_where_everything_lies(measured: Started) -> None:
    """From the command to the report."""
    assert measured.process.returncode == 0, measured.said
    assert "1 measured" in measured.said
    assert f"results: {measured.json_path}" in measured.said
    assert str(measured.reports) in measured.said
    assert any(measured.reports.iterdir())


def test_journal_and_json_hold_the_same_run(measured: Started) -> None:
    """The one is the write-ahead log of the other."""
    from_json, from_journal = measured.runs()
    assert from_json == from_journal
    assert from_json.finish is not None
    assert from_json.finish.complete


def test_selection_comes_before_measuring(measured: Started) -> None:
    """-k leaves nothing to be timed that is not asked for."""
    run, _ = measured.runs()
    assert [case.id for case in run.cases] == [FLOAT]
    assert "1 deselected" in measured.said


def test_every_launch_has_its_slices(measured: Started) -> None:
    """At least three each, at least five together, in a process of its own."""
    run, _ = measured.runs()
    launches = [measurement for measurement in run.measurements if measurement.slices is not None]
    assert [measurement.launch for measurement in launches] == [1, 2]
    assert len({measurement.slices.iterations for measurement in launches if measurement.slices}) == 1
    assert all(measurement.slices is not None and len(measurement.slices.seconds) >= 3 for measurement in launches)


def test_json_holds_the_slices_that_were_timed(measured: Started) -> None:
    """In order, and to the last digit."""
    (benchmark,) = measured.document()["benchmarks"]
    slices = ours(measured.runs()[0])
    assert benchmark["stats"]["data"] == slices
    assert benchmark["stats"]["rounds"] == len(slices)


def test_stored_result_explains_itself(measured: Started) -> None:
    """A scalar for each axis, the group, and the launch of each slice."""
    (benchmark,) = measured.document()["benchmarks"]
    assert benchmark["params"] == {
        "model": "mlp",
        "step": "forward",
        "batch": 1,
        "device": "cpu",
        "dtype": "float32",
        "compile": "off",
        "layout": "contiguous",
        "threads": None,
        "ranks": "1",
    }
    assert benchmark["name"] == f"test_steps[{FLOAT}]"
    assert benchmark["group"] == "mlp forward 1 cpu"
    assert set(benchmark["extra_info"]["launch_of_round"]) == {1, 2}
    assert benchmark["extra_info"]["case"] == FLOAT


def test_pytest_benchmark_reads_the_json(measured: Started) -> None:
    """Other readers of such files are as strict as its own command."""
    command = [Path(sys.executable).with_name("pytest-benchmark"), "compare", str(measured.json_path)]
    done = subprocess.run(command, cwd=measured.folder / "tmp", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert FLOAT in done.stdout


def test_environment_says_where_and_on_what(measured: Started) -> None:
    """A figure without them compares nothing."""
    run, _ = measured.runs()
    for name in ("torch.version", "machine.cpu", "machine.cores", "python.version", "torch.threads", "run.started"):
        assert run.environment[name]
    assert run.environment["data.source"] == "random"
    assert run.environment["data.reason"] == "asked for"


def test_summary_is_shown_at_the_end(measured: Started) -> None:
    """The table answers what was asked; fewer than six launches have no interval and say so."""
    assert "it takes 6 launches" in measured.said


def test_nothing_is_left_beside_the_results(measured: Started, quick: Started) -> None:
    """No scratch folder, no lock, no half-written file."""
    for run in (measured, quick):
        assert sorted(path.name for path in run.folder.iterdir()) == sorted(
            [run.json_path.name, run.json_path.with_suffix(".jsonl").name, "tmp"]
        )
        assert list((run.folder / "tmp").glob("accelbench-*")) == []
        assert not (run.reports / ".lock").exists()


def test_quick_pass_times_nothing_and_says_so(quick: Started) -> None:
    """Every case runs once as a test; no claim about time, in any output."""
    assert quick.process.returncode == 0, quick.said
    assert "quick" in quick.said.lower()
    assert "right answer; not timed" in quick.said
    run, from_journal = quick.runs()
    assert run == from_journal
    assert run.settings.quick
    assert all(measurement.slices is None for measurement in run.measurements)
    assert all("data" not in entry.get("stats", {}) for entry in quick.document()["benchmarks"])


def test_plan_prints_the_cases_and_measures_nothing(first: dict[str, Started], quick: Started) -> None:
    """Which would be skipped and why, how many are left, and how long that would take."""
    plan = first["plan"]
    assert plan.process.returncode == 0, plan.said
    assert re.search(rf"^{FLOAT} +measured$", plan.said, flags=re.MULTILINE)
    has_card = quick.runs()[0].outcomes()[quick.runs()[0].cases[-1]][0] is Outcome.MEASURED
    assert ("skipped: cuda is not usable here" in plan.said) != has_card
    planned = re.search(r"^(\d) of 4 cases, 8 launches, about \d+", plan.said, flags=re.MULTILINE)
    assert planned is not None, plan.said
    assert planned[1] == ("4" if has_card else "2")
    assert not plan.json_path.exists()
    assert not plan.json_path.with_suffix(".jsonl").exists()


def test_absent_device_is_skipped_with_its_reason(quick: Started) -> None:
    """Found by trying; the CPU's case is unharmed."""
    run, _ = quick.runs()
    if run.outcomes()[run.cases[-1]][0] is Outcome.MEASURED:
        pytest.skip("this machine has a CUDA device")
    (cpu, (absent, reason)) = run.outcomes().values()
    assert cpu == (Outcome.MEASURED, None)
    assert absent is Outcome.SKIPPED
    assert reason is not None
    assert reason.startswith("cuda is not usable here: ")
    assert "1 passed, 1 skipped" in quick.said


def test_required_device_that_is_absent_is_a_failure(first: dict[str, Started], quick: Started) -> None:
    """Also where the plan would not have come to it: a run that never looked must not pass."""
    run, _ = quick.runs()
    if run.outcomes()[run.cases[-1]][0] is Outcome.MEASURED:
        pytest.skip("this machine has a CUDA device")
    required = first["required"]
    assert required.process.returncode in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR}
    assert "cuda" in required.said


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopped_run_keeps_what_it_measured(stopped: dict[str, Started], name: str) -> None:
    """Replayed into the JSON, the reports and pytest's own exit code."""
    run = stopped[name]
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED, run.said
    from_json, from_journal = run.runs()
    assert from_json == from_journal
    assert from_json.finish is not None
    assert not from_json.finish.complete
    assert from_json.finish.reason == f"stopped by {name}"
    (benchmark,) = run.document()["benchmarks"]
    assert len(benchmark["stats"]["data"]) == len(ours(from_json)) > 0
    assert from_json.outcomes()[from_json.cases[0]] == (Outcome.MEASURED, None)
    assert any(run.reports.iterdir())
    assert "Traceback" not in run.said


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopped_run_leaves_no_process_and_no_folder(stopped: dict[str, Started], name: str) -> None:
    """Only pytest was told; launcher and worker go with it."""
    run = stopped[name]
    assert len(run.workers) >= 1
    assert wait_until_gone(run.workers) == []
    assert list((run.folder / "tmp").glob("accelbench-*")) == []


def test_stored_run_is_compared_with(stopped: dict[str, Started]) -> None:
    """--benchmark-autosave and --benchmark-compare work as their users know them."""
    said = stopped["SIGINT"].said
    assert "Comparing against benchmarks from" in said
    assert f"{FLOAT}] (0001" in said
    assert f"{FLOAT}] (NOW)" in said


def test_second_run_in_the_same_place_is_refused(stopped: dict[str, Started]) -> None:
    """Two runs in one folder do not mix."""
    intruder = stopped["intruder"]
    assert intruder.process.returncode == pytest.ExitCode.USAGE_ERROR, intruder.said
    assert "another run is writing to" in intruder.said
