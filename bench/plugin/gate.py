"""pytest wiring of a comparison: the other half of the main(), at work when --against or --arm is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from bench.files.gate import JobLog, job_section, read_job
from bench.files.parse import GATE_SECTION, UnreadableError
from bench.files.whole import write_whole
from bench.gate.measure import Comparison, Part
from bench.gate.tolerance import Tolerance, read_tolerance, share_of
from bench.host.stopping import StopSwitch
from bench.plugin.document import JsonTarget, empty_document
from bench.plugin.gate_progress import GateProgress
from bench.plugin.output import Output
from bench.plugin.replay import Tape, meets, record
from bench.plugin.selection import case_of
from bench.record.case import Case
from bench.request import Options, SetupError

if TYPE_CHECKING:
    from reports.gate.answer import Answer, State

UNPROVEN, STRICTLY_INCONCLUSIVE = 6, 7
"""Exit codes beside pytest's own."""

FLOOR_MARKER = "floor"


class Gate:
    """One comparison inside pytest.

    Args:
        config: pytest's.
        options: the command line, which says what is compared.
        output: where results go.
        target: where pytest-benchmark writes.
    """

    def __init__(self, config: pytest.Config, options: Options, output: Output, target: JsonTarget) -> None:
        self._config = config
        self._options = options
        self._output = output
        self._target = target
        self._log: JobLog | None = None
        self._found: Answer | None = None
        self._messages: list[str] = []
        self._published = False
        self._tolerance = tolerance_of(config)
        self._earlier = earlier_of(options, output)

    def measure(self, items: Sequence[pytest.Item], cases: Sequence[Case], stop: StopSwitch) -> None:
        """Compare the cases, with progress on the terminal and every event in the journal.

        Raises:
            SetupError: if a stored comparison cannot be continued here.
            OSError: if the journal cannot be begun.
        """
        from reports.gate.answer import answer
        from reports.gate.text import headline

        gate = self._options.gate
        assert gate is not None, "there is nothing to compare"
        floors = {}
        for item in items:
            case = case_of(item)
            if case is not None:
                floors[case.id] = self._tolerance.floor(case, marked_floor(item))
        progress = GateProgress(
            self._write,
            len(cases),
            self._options.settings.budget_seconds,
            lambda job: headline(answer(job, finished=False)),
        )
        with Comparison(self._options, cases, stop) as comparison:
            self._log = comparison.carry_out(
                self._tolerance,
                floors,
                self._output.journal_path,
                show=progress.show,
                settled=lambda job: answer(job, finished=False).settled and not gate.exhaust,
                earlier=self._earlier,
            )
            if comparison.aside is not None:
                self._messages.append(f"an earlier journal that is in no JSON is kept as {comparison.aside}")

    def found(self) -> Answer:
        """Return the answer of the comparison, which has been carried out by now."""
        from reports.gate.answer import answer

        if self._found is None:
            assert self._log is not None, "nothing was compared"
            self._found = answer(self._log.job())
        return self._found

    def replay(self, case: Case, benchmark: Any, node: pytest.Item, tape: Tape) -> None:
        """Hand head's slices to pytest-benchmark, and end the test with the case's verdict."""
        from reports.gate.answer import pairings
        from reports.gate.text import verdict_line, why_not
        from reports.stats.verdict import Verdict

        found = self.found()
        if timed := pairings(found.job, case):
            iterations = next(one.iterations for one in timed.values())
            record(benchmark, case, iterations, {block: one.head_seconds for block, one in timed.items()}, tape)
        if case in found.failed:
            fault = found.failed[case]
            pytest.fail(f"{fault.outcome} in head: {fault.reason}", pytrace=False)
        if case in found.skipped and any(meets(case.device, name) for name in self._options.required):
            pytest.fail(f"{case.device} is required: {found.skipped[case]}", pytrace=False)
        if case not in found.rulings:
            pytest.skip(why_not(found, case))
        line = verdict_line(found, case)
        node.user_properties.append(("verdict", line))
        if found.rulings[case].verdict is Verdict.REGRESSED and case not in found.accepted and not found.problems:
            pytest.fail(line, pytrace=False)

    @pytest.hookimpl
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Add our section to everything that pytest-benchmark stores."""
        if self._log is not None:
            output_json[GATE_SECTION] = job_section(self._log)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Publish the JSON and the answer, and turn what pytest cannot know into an exit code."""
        if self._log is None:
            if session.exitstatus == pytest.ExitCode.OK and not self._config.option.collectonly:
                session.exitstatus = UNPROVEN  # nothing was selected that could be compared
            return
        found = self.found()
        if not self._publish() or (found.job.ending is not None and found.job.ending.stopped):
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = self._code(found.state)

    def _code(self, state: State) -> int:
        """Return the exit code of a session whose tests all passed or were skipped, whoever marked them."""
        from reports.gate.answer import State

        gate = self._options.gate
        match state:
            case State.FAILED | State.REGRESSED:
                return pytest.ExitCode.TESTS_FAILED
            case State.UNPROVEN:
                return UNPROVEN
            case State.INCONCLUSIVE:
                return STRICTLY_INCONCLUSIVE if gate is not None and gate.strict else pytest.ExitCode.OK
            case State.PASS:
                return pytest.ExitCode.OK

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """Publish even if another plugin broke the end of the session."""
        if self._log is not None and not self._published:
            self._publish()
            print(*self._messages, sep="\n", file=sys.stderr)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say the answer, its first line first, and where it lies."""
        from reports.gate.text import as_text

        if self._log is None:
            return
        terminalreporter.section("accelbench")
        for line in (*as_text(self.found()).splitlines(), *self._messages):
            terminalreporter.write_line(line)

    def _publish(self) -> bool:
        """Write the JSON and the answer; return whether all is where it was asked for."""
        self._published = True
        from reports.gate.text import as_csv, as_markdown, as_text

        try:
            written = self._target.publish(lambda: empty_document(self._config))
            self._messages.append(f"results: {written}  (journal: {self._output.journal_path})")
            found = self.found()
            for name, form in {"gate.txt": as_text, "gate.md": as_markdown, "gate.csv": as_csv}.items():
                write_whole(self._output.folder / name, form(found).encode())
            self._messages.append(f"the same as Markdown and CSV: {self._output.folder}")
        except OSError as error:
            self._messages.append(f"{error.filename}: {error.strerror}; see {self._output.journal_path}")
            return False
        return written == self._output.json_path

    def _write(self, text: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        assert isinstance(terminal, pytest.TerminalReporter)
        terminal.write(text + "\n", flush=True)


def tolerance_of(config: pytest.Config) -> Tolerance:
    """Return what the project's pyproject.toml says is tolerated.

    Raises:
        pytest.UsageError: if it says something unknown or impossible.
    """
    try:
        return read_tolerance(config.rootpath / "pyproject.toml")
    except SetupError as error:
        raise pytest.UsageError(str(error)) from error


def earlier_of(options: Options, output: Output) -> Part | None:
    """Return the stored comparison that is to be continued; None to begin one.

    Raises:
        pytest.UsageError: if it cannot be read.
    """
    if options.gate is None or not options.gate.add_blocks:
        return None
    parts, troubles = [], []
    for path in (output.json_path, output.journal_path):  # a part that was killed is in the journal only
        try:
            parts.append(read_job(path))
        except UnreadableError as error:
            troubles.append(str(error))
    if not parts:
        raise pytest.UsageError(f"--add-blocks: {troubles[0]}")
    return max(parts, key=lambda part: (str(part[0].environment.get("run.started")), len(part[0].blocks)))


def marked_floor(item: pytest.Item) -> float | None:
    """Return the floor that a test's marker gives it, such as ``@pytest.mark.floor(0.05)``; None if it has none.

    Raises:
        SetupError: if it is not a share.
    """
    marker = item.get_closest_marker(FLOOR_MARKER)
    if marker is None:
        return None
    try:
        (share,) = marker.args
        return share_of(share, item.name)
    except (TypeError, ValueError) as error:
        raise SetupError(f"{item.nodeid}: {error}") from error
