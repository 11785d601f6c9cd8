"""A run inside pytest, without a process: what its hooks do to the session, the tests and the files."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from bench.files.parse_json import SECTION
from bench.files.run import make_run_section, read_run
from bench.host.folders import ROOT, lock
from bench.plugin.replay import Tape
from bench.plugin.run import RunPlugin
from bench.processes.local import LaunchError, WorkerDiedError
from bench.processes.pool import WORKERS_LOG
from bench.protocol import Failure, Prepare, Request, TimeSlice
from bench.record.run import Outcome, Run
from bench.run.schedule import Event
from bench.session import Session
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.plugins import RERUNS, EndedSession, Fixture, made_publication
from tests.makers.requests import RUN, made_request
from tests.makers.runs import TWO, hole, made_run, measured, slices

CASE, OTHER = TWO
FIRST = measured(CASE, 1, slices([0.001, 0.002]))
RUN_OF_ONE = made_run(TWO, [FIRST, hole(OTHER, 0, Outcome.SKIPPED, "no compiler")])


@pytest.fixture
def plugin(tmp_path: Path) -> RunPlugin:
    """A plugin that has measured nothing yet."""
    return RunPlugin(made_request(), RUN, made_publication(tmp_path))


def test_plugin_that_measured_nothing_publishes_nothing(
    plugin: RunPlugin, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """With -k nothing, or after a collection that failed, earlier results stay as they are."""
    document: dict[str, Any] = {}
    plugin.pytest_benchmark_update_json(document)
    session = EndedSession(pytestconfig, pytest.ExitCode.NO_TESTS_COLLECTED)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    plugin.pytest_unconfigure(pytestconfig)
    assert document == {}
    assert session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (tmp_path / "out.json").exists()


def test_run_is_a_section_of_pytest_benchmarks_json(plugin: RunPlugin) -> None:
    """One file has both."""
    plugin.run = RUN_OF_ONE
    document: dict[str, Any] = {"benchmarks": []}
    plugin.pytest_benchmark_update_json(document)
    assert document == {"benchmarks": [], SECTION: make_run_section(RUN_OF_ONE)}


def test_end_of_the_session_publishes_once(plugin: RunPlugin, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """The exit code stays what the tests made of it."""
    plugin.run = RUN_OF_ONE
    session = EndedSession(pytestconfig)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.OK
    assert json.loads((tmp_path / "out.json").read_text()) == {"benchmarks": []}
    assert any((tmp_path / "reports" / "out").iterdir())
    (tmp_path / "out.json").unlink()
    plugin.pytest_unconfigure(pytestconfig)
    assert not (tmp_path / "out.json").exists()


def test_results_that_are_not_where_they_belong_end_the_session_otherwise(
    plugin: RunPlugin, pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CI job that uploads the old file must not be green."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "out.json").mkdir()
    plugin.run = RUN_OF_ONE
    session = EndedSession(pytestconfig)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.INTERRUPTED


def test_run_is_published_when_another_plugin_broke_the_end(
    plugin: RunPlugin, pytestconfig: pytest.Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No figure is lost to somebody else's traceback."""
    plugin.run = RUN_OF_ONE
    plugin.pytest_unconfigure(pytestconfig)
    assert (tmp_path / "out.json").exists()
    assert f"results: {tmp_path / 'out.json'}" in capsys.readouterr().err


def test_test_gets_its_slices(plugin: RunPlugin, request: pytest.FixtureRequest) -> None:
    """As they were timed, in order."""
    plugin.run = RUN_OF_ONE
    tape = Tape()
    fixture = Fixture(tape)
    plugin.replay(CASE, fixture, request.node, tape)
    assert fixture.data == pytest.approx([0.001, 0.002], rel=1e-15)


def test_test_whose_device_is_required_and_absent_fails(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """--require-device makes a hole a failure."""
    plugin = RunPlugin(made_request(required=("cpu",)), RUN, made_publication(tmp_path))
    plugin.run = RUN_OF_ONE
    with pytest.raises(pytest.fail.Exception, match="cpu is required: no compiler"):
        plugin.replay(OTHER, Fixture(Tape()), request.node, Tape())


def test_test_without_a_run_fails(plugin: RunPlugin, request: pytest.FixtureRequest) -> None:
    """With --continue-on-collection-errors tests run although nothing was measured."""
    with pytest.raises(pytest.fail.Exception, match="nothing was measured"):
        plugin.replay(CASE, Fixture(Tape()), request.node, Tape())


def test_summary_counts_outcomes_and_shows_the_table(plugin: RunPlugin, pytestconfig: pytest.Config) -> None:
    """The evening's answer, without opening a file."""
    plugin.run = RUN_OF_ONE
    stream = io.StringIO()
    plugin.pytest_terminal_summary(TerminalReporter(pytestconfig, file=stream))
    lines = stream.getvalue().splitlines()
    assert " accelbench " in lines[0]
    assert lines[1] == "1 measured, 1 skipped"
    assert any(line.startswith("float32 ") and "1.500 ms" in line for line in lines)
    assert lines[-1].startswith("  The run took")


def test_places_stand_before_the_answer(plugin: RunPlugin, pytestconfig: pytest.Config) -> None:
    """What is printed last is what is read."""
    plugin.run = RUN_OF_ONE
    plugin._publication.say("results: out.json")
    stream = io.StringIO()
    plugin.pytest_terminal_summary(TerminalReporter(pytestconfig, file=stream))
    assert stream.getvalue().splitlines()[1:4] == ["results: out.json", "", "1 measured, 1 skipped"]


Suite = Callable[..., pytest.HookRecorder]


@pytest.fixture
def suite(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Runs ``pytest bench`` for one case in this process, with workers that are none."""
    monkeypatch.setattr("bench.plugin.output.Output.__init__.__kwdefaults__", {"reports": tmp_path / "reports"})
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(pool: FakePool, *arguments: str) -> pytest.HookRecorder:
        monkeypatch.setattr("bench.plugin.run.run_workers", lambda *_, **__: nullcontext(pool))
        small = ("--device=cpu", "--step=forward", "--batch=64", "--compile=off", "--data=random", "--launches=2")
        return pytester.inline_run(
            str(ROOT / "bench"),
            "-p",
            "no:cacheprovider",
            *small,
            f"--benchmark-json={tmp_path / 'out.json'}",
            *arguments,
        )

    return run


def test_whole_session_measures_replays_and_publishes(suite: Suite, tmp_path: Path) -> None:
    """From the command line to the file."""
    result = suite(FakePool())
    result.assertoutcome(passed=2)
    assert result.ret == pytest.ExitCode.OK
    run = read_run(tmp_path / "out.json")
    assert run == replace(read_run(tmp_path / "out.jsonl"), source=run.source)
    assert [case.id for case in run.cases] == [case.id for case in TWO]
    document = json.loads((tmp_path / "out.json").read_text())
    assert [entry["extra_info"]["case"] for entry in document["benchmarks"]] == [case.id for case in TWO]


def test_pytest_benchmarks_table_is_narrow_and_in_our_order(suite: Suite, capsys: pytest.CaptureFixture[str]) -> None:
    """As words, 1024 is before 64; whoever names columns has those."""
    suite(FakePool(), "--batch=1,64,1024")
    printed = capsys.readouterr().out
    assert re.findall(r"benchmark 'mlp forward (\d+) cpu'", printed) == ["1", "64", "1024"]
    assert re.findall(r"^Name .*", printed, re.MULTILINE)[0].split()[-3:] == ["Median", "IQR", "Rounds"]
    suite(FakePool(), "--benchmark-columns=min,max")
    assert re.findall(r"^Name .*", capsys.readouterr().out, re.MULTILINE)[0].split()[-2:] == ["Min", "Max"]


def test_run_in_which_everything_was_skipped_is_not_green(suite: Suite, tmp_path: Path) -> None:
    """Nothing was measured, whatever the reasons are."""
    result = suite(FakePool(absent={"cpu": "no such device"}))
    result.assertoutcome(skipped=2)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert read_run(tmp_path / "out.json").measurements


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_plan_of_set_up_measures_nothing(option: str, suite: Suite, tmp_path: Path) -> None:
    """Pytest shows there what it would do."""
    pool = FakePool()
    suite(pool, option)
    assert not pool.asked
    assert not (tmp_path / "out.json").exists()


def test_session_without_a_terminal_is_measured(suite: Suite, tmp_path: Path) -> None:
    """Other plugins take the terminal's place."""
    suite(FakePool(), "-p", "no:terminal")
    assert len(read_run(tmp_path / "out.json").measurements) > 2


def test_what_workers_printed_is_kept_where_one_crashed(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have said why; its own folder is removed."""

    def keep(session: Session, target: Path) -> Path | None:
        (session.scratch / WORKERS_LOG).write_text("Fatal: no licence\n")
        return kept(session, target)

    kept = Session.keep_log
    monkeypatch.setattr(Session, "keep_log", keep)
    suite(FakePool(lambda _, request: WorkerDiedError("SIGSEGV") if isinstance(request, Prepare) else None))
    assert (tmp_path / "out.workers.log").read_text() == "Fatal: no licence\n"


def test_test_that_is_run_again_has_one_result(suite: Suite, pytester: pytest.Pytester, tmp_path: Path) -> None:
    """A plugin for flaky tests repeats them in their place, where nothing can be seen before."""
    pytester.makepyfile(reruns=RERUNS)
    pytester.syspathinsert()
    suite(FakePool(), "-p", "reruns").assertoutcome(passed=2)
    benchmarks = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert [entry["extra_info"]["case"] for entry in benchmarks] == [case.id for case in TWO]


def test_only_what_was_selected_is_measured(suite: Suite, tmp_path: Path) -> None:
    """A deselected case costs no time."""
    suite(FakePool(), "-k", "bfloat16").assertoutcome(passed=1)
    assert [case.dtype for case in read_run(tmp_path / "out.json").cases] == ["bfloat16"]


def test_stopped_run_is_replayed_and_ends_as_interrupted(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured before the signal is in the file."""

    class Switch:
        reason: str | None = None
        wake = None

        def __call__(self) -> str | None:
            return self.reason

    switch = Switch()
    monkeypatch.setattr("bench.plugin.run.stoppable", lambda: nullcontext(switch))

    def script(worker: FakeWorker, request: Request[Any]) -> None:
        if isinstance(request, TimeSlice) and worker.launch == 2:
            switch.reason = "stopped by SIGINT"

    result = suite(FakePool(script))
    assert result.ret == pytest.ExitCode.INTERRUPTED
    run = read_run(tmp_path / "out.json")
    assert run.finish is not None
    assert run.finish.reason == "stopped by SIGINT"
    assert any(measurement.slices for measurement in run.measurements)


def test_launcher_that_does_not_come_up_is_a_usage_error(suite: Suite, tmp_path: Path) -> None:
    """One sentence, exit code 4, no file."""

    class Broken(FakePool):
        def open(self, device: str, launch: int) -> FakeWorker | Failure:
            raise LaunchError(f"torch does not come up for {device} in launch {launch}")

    assert suite(Broken()).ret == pytest.ExitCode.USAGE_ERROR
    assert not (tmp_path / "out.json").exists()
    assert not (tmp_path / "out.jsonl").exists()


def test_place_where_another_run_writes_is_a_usage_error(suite: Suite, tmp_path: Path) -> None:
    """Two runs in one file do not mix."""
    pool = FakePool()
    with lock(tmp_path / ".out.json.lock", remove=True):
        assert suite(pool).ret == pytest.ExitCode.USAGE_ERROR
    assert pool.opened == []


def test_terminal_that_is_gone_costs_no_figure(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is not worth a run."""

    def show(_progress: object, _event: Event) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("bench.plugin.run.Progress.show", show)
    assert suite(FakePool()).ret == pytest.ExitCode.OK
    assert_complete(read_run(tmp_path / "out.json"))


def test_journal_of_a_run_that_was_cut_off_is_kept(suite: Suite, tmp_path: Path) -> None:
    """Forgetting --resume must not cost an hour."""
    (tmp_path / "out.jsonl").write_text("the only copy")
    assert suite(FakePool()).ret == pytest.ExitCode.OK
    assert (tmp_path / "out.jsonl.1").read_text() == "the only copy"
    assert_complete(read_run(tmp_path / "out.jsonl"))


def test_run_that_was_cut_off_is_resumed_from_its_journal(suite: Suite, tmp_path: Path) -> None:
    """The second launch is measured, the first is not measured again."""
    assert suite(FakePool()).ret == pytest.ExitCode.OK
    journal = tmp_path / "out.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-3]))
    (tmp_path / "out.json").unlink()
    pool = FakePool()
    assert suite(pool, "--resume").ret == pytest.ExitCode.OK
    assert {worker.launch for worker, _ in pool.requests(TimeSlice)} == {2}
    assert_complete(read_run(tmp_path / "out.json"))
    assert not (tmp_path / "out.jsonl.1").exists()


def assert_complete(run: Run) -> None:
    """A run has come to its end."""
    assert run.finish is not None
    assert run.finish.complete
