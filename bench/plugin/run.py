"""A run inside pytest: at work unless ``--plan``, ``--against`` or ``--arm`` is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.files.log import keep_aside
from bench.files.parse_json import SECTION
from bench.files.run import RUN_FORMAT, make_run_section
from bench.host.stopping import StopSwitch, stoppable
from bench.plugin.benchmark_storage import check_storage
from bench.plugin.publication import Publication
from bench.plugin.replay import Tape, replay
from bench.plugin.run_progress import Progress
from bench.plugin.selection import only_shows
from bench.plugin.terminal import Terminal, reporter_of, while_it_can_be_seen, width_of
from bench.plugin.to_measure import cases_to_measure
from bench.plugin.traces import open_traces
from bench.plugin.usage import usage_errors
from bench.record.case import Case
from bench.record.run import Outcome, Run
from bench.request import Request, RunQuestion
from bench.run.measure import measure, run_workers
from bench.session import open_session


class RunPlugin:
    """Measures the selected cases, hands them to their tests, and publishes what came of them.

    Args:
        request: what was asked for.
        question: whether this is another part of a run that was cut off.
        publication: where results go.

    Attributes:
        run: what was measured; None before that, and if nothing was selected.
    """

    def __init__(self, request: Request, question: RunQuestion, publication: Publication) -> None:
        self.run: Run | None = None
        self._request = request
        self._question = question
        self._publication = publication

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Measure what was selected, then let the tests replay it."""
        cases = cases_to_measure(session)
        if not cases or only_shows(session.config):
            return (yield)
        check_storage(session.config)
        with usage_errors(), stoppable() as stop:
            self._publication.output.lock()
            self.run = self._measure(reporter_of(session.config), cases, stop)
            result = yield
        if self.run.finish is not None and self.run.finish.stopped:
            raise session.Interrupted(self.run.finish.reason)
        return result

    def _measure(self, reporter: Terminal, cases: Sequence[Case], stop: StopSwitch) -> Run:
        """Measure the cases with progress on the terminal and every event in the journal."""
        progress = Progress(reporter, self._request.settings, cases, describe)
        progress.begin()
        journal_path = self._publication.output.journal_path
        if not self._question.resume and (aside := keep_aside(RUN_FORMAT, journal_path)):
            self._publication.say(
                f"a run that was cut off was there: its journal is kept as {aside}; --resume goes on with one"
            )
        with (
            open_session(self._request, self._publication.output.own) as session,
            run_workers(session, cases, wake=stop.wake) as workers,
        ):
            run = measure(
                session,
                workers,
                replace(self._question, traces=open_traces(self._question.traces, self._publication.say)),
                cases,
                journal_path,
                show=while_it_can_be_seen(progress.show),
                stop=stop,
            )
            if any(outcome is Outcome.CRASHED for outcome, _ in run.outcomes().values()):
                self._publication.keep_log(session)
            return run

    def replay(self, case: Case, benchmark: Any, _node: pytest.Item, tape: Tape) -> None:
        """Hand the case's slices to pytest-benchmark's fixture, or end the test the way the case ended."""
        if self.run is None:
            pytest.fail("nothing was measured, since the collection failed", pytrace=False)
        replay(
            self.run,
            case,
            benchmark,
            tape,
            required=self._request.required,
            compile_named=self._request.compile_named,
        )

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Add our section to everything that pytest-benchmark stores."""
        if self.run is not None:
            output_json[SECTION] = make_run_section(self.run)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Publish the JSON and write the reports; pytest-benchmark has written its part by now."""
        if self.run is not None and not self._publication.publish(session.config, partial(write_reports, self.run)):
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if session.exitstatus == pytest.ExitCode.OK and not self._measured_anything and not only_shows(session.config):
            self._publication.say("nothing was measured: every case was skipped, see the reasons; exit code 4")
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    @property
    def _measured_anything(self) -> bool:
        outcomes = self.run.outcomes().values() if self.run is not None else ()
        return any(outcome is Outcome.MEASURED for outcome, _ in outcomes)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Publish what was measured even if another plugin broke the end of the session."""
        if self.run is not None:
            self._publication.rescue(config, partial(write_reports, self.run))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what came of the run and where it lies."""
        lines = [] if self.run is None else summary(self.run, width_of(terminalreporter))
        self._publication.show(terminalreporter, lines)


def describe(medians: Sequence[float]) -> str:
    """Return launch medians in seconds per iteration as text: centre and interval."""
    from reports.show import units
    from reports.stats import intervals

    summary = intervals.summarize(medians)
    return units.text(units.Unit.SECONDS, summary.centre, summary.low, summary.high)


def write_reports(run: Run, folder: Path) -> str:
    """Write a run's tables and plots into a folder, and say so."""
    from reports.run import write

    write.write_reports(run, folder)
    return "tables and plots"


OTHER_MEDIANS = (
    "Medians further up are others: pytest-benchmark pools all slices of all launches, and the list of finished cases "
    "holds sets that the hypervisor disturbed, which this table leaves out."
)
"""Two medians of one case on a screen want a reason."""


def summary(run: Run, width: int | None) -> list[str]:
    """Return how the cases ended, the table that answers what was asked, and the answer, as lines of text.

    A line has `width` characters; None for as many as there are.
    """
    from reports.figures.reference import Reference
    from reports.run.tables import TABLES
    from reports.run.text import render
    from reports.show.table import Format, pick_look

    counts = Counter(outcome for outcome, _ in run.outcomes().values())
    passes = ("operators", "modules", "layers", "compile_account")
    names = ["summary", *(name for name in passes if TABLES[name].made(run))]
    table = render(run, names, Format.TEXT, Reference(), width=width)
    words = {Outcome.MEASURED: "right, not timed"} if run.settings.quick else {}
    said = ", ".join(f"{count} {words.get(outcome, outcome)}" for outcome, count in counts.items())
    other = [] if run.settings.quick else pick_look(Format.TEXT, width).say(OTHER_MEDIANS).splitlines()
    return [said, *other, "", *table.splitlines()]
