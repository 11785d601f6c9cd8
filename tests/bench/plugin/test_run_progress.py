"""A person sees what is going on, on a terminal and in a log."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from _pytest.terminal import TerminalReporter

from bench.plugin import run_progress as progress_module
from bench.plugin.run_progress import REDRAW_SECONDS, Progress
from bench.record.compiling import Compiled
from bench.record.conditions import Settings
from bench.record.layers import Layered
from bench.record.profile import Profiled
from bench.record.run import Measured, Outcome, Started
from bench.run import compiling, layers
from bench.run.schedule import Sliced
from tests.makers.runs import FINISH, TWO, hole, measured, slices

CASE, OTHER = TWO


class Terminal(io.StringIO):
    """A stream that may be a terminal."""

    def __init__(self, *, live: bool) -> None:
        super().__init__()
        self._live = live

    def isatty(self) -> bool:
        return self._live


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that is wide enough for every line."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that progress reads."""
    clock = Clock()
    monkeypatch.setattr(progress_module, "monotonic", clock)
    return clock


def described(medians: Sequence[float]) -> str:
    """Return medians as the report would show them."""
    return " ".join(f"{1e3 * value:g}ms" for value in medians)


def progress(config: pytest.Config, stream: io.TextIOBase, *, launches: int = 3, quick: bool = False) -> Progress:
    """Return the progress of a run of two cases."""
    reporter = TerminalReporter(config, file=stream)  # type: ignore[arg-type]
    return Progress(reporter, Settings(launches=launches, quick=quick), TWO, described)


def test_log_has_a_line_for_each_launch_and_each_finished_case(pytestconfig: pytest.Config, clock: Clock) -> None:
    """Readable without a terminal: nothing is redrawn."""
    stream = Terminal(live=False)
    shown = progress(pytestconfig, stream, launches=2)
    shown.show(Started(launch=0, cases=TWO))
    shown.show(Measured(measurements=(hole(OTHER, 0, Outcome.SKIPPED, "no compiler"),)))
    shown.show(Measured(measurements=(measured(CASE, 0, None),)))
    for launch in (1, 2):
        clock.now += 60
        shown.show(Started(launch=launch, cases=(CASE,)))
        shown.show(Sliced(launch=launch, case=CASE, seconds=0.001))
        shown.show(Measured(measurements=(measured(CASE, launch, slices([0.001 * launch])),)))
    shown.show(FINISH)
    width = max(len(case.id) for case in TWO)
    assert stream.getvalue().splitlines() == [
        "pilot: verify, compile, fix iterations · 2 cases · after 0s",
        f"{OTHER.id:<{width}}  skipped: no compiler",
        "launch 1 of 2 · 2 cases · after 1m00s",
        "launch 2 of 2 · 2 cases · after 2m00s · about 1m00s left",
        f"{CASE.id:<{width}}  1ms 2ms",
        "done in 3m20s",
    ]


def test_each_line_of_a_log_is_there_at_once(pytestconfig: pytest.Config) -> None:
    """A CI log that shows nothing for four minutes looks like a hang."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(io.BufferedWriter(raw))  # type: ignore[arg-type]
    progress(pytestconfig, stream).show(Started(launch=0, cases=TWO))
    assert b"pilot" in raw.getvalue()


def test_live_line_shows_case_number_median_and_time_left(pytestconfig: pytest.Config, clock: Clock) -> None:
    """Redrawn in place, and only now and then, since drawing costs time too."""
    stream = Terminal(live=True)
    shown = progress(pytestconfig, stream)
    clock.now = 30.0
    shown.show(Started(launch=1, cases=TWO))
    shown.show(Measured(measurements=(measured(CASE, 1, slices([0.004])),)))
    clock.now = 60.0
    shown.show(Started(launch=2, cases=TWO))
    before = stream.tell()
    for seconds in (0.001, 0.002, 0.003):
        clock.now += REDRAW_SECONDS
        shown.show(Sliced(launch=2, case=CASE, seconds=seconds))
    drawn = stream.getvalue()[before:]
    assert drawn.count("\r") == 3
    assert "\n" not in drawn
    last = drawn.rpartition("\r")[2]
    assert re.fullmatch(rf"━{{4}}─{{8}} launch 2/3 · 1 of 2 · about \S+ left · {CASE.id} · 4ms 2ms", last.rstrip())
    before = stream.tell()
    shown.show(Sliced(launch=2, case=CASE, seconds=0.001))
    assert stream.getvalue()[before:] == ""


def test_quick_pass_claims_no_time(pytestconfig: pytest.Config) -> None:
    """In any output."""
    stream = Terminal(live=False)
    progress(pytestconfig, stream, quick=True).show(Measured(measurements=(measured(CASE, 0, None),)))
    assert stream.getvalue() == f"{CASE.id:<{max(len(case.id) for case in TWO)}}  right answer; not timed\n"


def test_live_line_is_cut_at_the_edge_of_the_terminal(
    pytestconfig: pytest.Config, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A longer one would wrap, and rewriting would leave its first half standing."""
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal(live=True)
    shown = progress(pytestconfig, stream)
    shown.show(Started(launch=1, cases=TWO))
    before = stream.tell()
    clock.now += REDRAW_SECONDS
    shown.show(Sliced(launch=1, case=CASE, seconds=0.001))
    assert stream.getvalue()[before:].rpartition("\r")[2].rstrip() == f"launch 1/3 · 1 of 2 · {CASE.id}"[:19].rstrip()


def test_profiles_are_announced_once_and_a_failed_one_is_named(pytestconfig: pytest.Config) -> None:
    """They take a while, in which nothing else is shown."""
    stream = Terminal(live=False)
    shown = progress(pytestconfig, stream)
    for case in TWO:
        shown.show(Profiled(case=case, side=None, replicate=1, profile=None, reason="no profiler"))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "operators: every case once more under a profiler, in processes that nothing is timed in"
    assert [line.split() for line in lines[1:]] == [[case.id, "not", "profiled:", "no", "profiler"] for case in TWO]


def test_layers_are_announced_for_each_process_and_a_failed_one_is_named(pytestconfig: pytest.Config) -> None:
    """They take longer than profiles, so each process is told."""
    stream = Terminal(live=False)
    shown = progress(pytestconfig, stream)
    for replicate in (1, 2):
        for case in TWO:
            shown.show(Layered(case=case, replicate=replicate, layers=None, reason="no layer"))
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if line.startswith("layers")] == [
        f"layers, process {replicate} of {layers.REPLICATES}: each network layer by layer" for replicate in (1, 2)
    ]
    assert lines[1].split() == [CASE.id, "not", "timed", "layer", "by", "layer:", "no", "layer"]


def test_compiles_are_announced_for_each_pair_and_a_failed_one_is_named(pytestconfig: pytest.Config) -> None:
    """Each of them takes seconds."""
    stream = Terminal(live=False)
    shown = progress(pytestconfig, stream)
    for replicate in (1, 2):
        for cold in (True, False):
            shown.show(Compiled(case=CASE, replicate=replicate, cold=cold, compiling=None, reason="no compiler"))
    lines = stream.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines if line.startswith("compiling")] == [
        f"compiling, pair of processes {replicate} of {compiling.REPLICATES}" for replicate in (1, 2)
    ]
    assert lines[1].split() == [CASE.id, "not", "compiled:", "no", "compiler"]
