"""A gate inside pytest: at work when ``--against`` or ``--arm`` is given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.files.gate import GateLog, make_gate_section
from bench.files.parse_json import GATE_SECTION
from bench.files.project_settings import ProjectSettings, share_of
from bench.gate.checkout import ArmsCode
from bench.gate.measure import Part, Terms, gate_workers, measure
from bench.gate.origin import find_kept_origins, find_origins
from bench.gate.scope import BUILT_IN, Scope
from bench.gate.tolerance import Tolerance, tolerance_of
from bench.host.folders import ROOT
from bench.host.stopping import StopSwitch, stoppable
from bench.plugin.benchmark_storage import check_storage
from bench.plugin.busy import tell_busy
from bench.plugin.device_names import meets
from bench.plugin.gate_progress import GateProgress
from bench.plugin.output import Output
from bench.plugin.publication import Publication
from bench.plugin.replay import Tape, record
from bench.plugin.selection import FLOOR_MARKER, case_of, only_shows, selected
from bench.plugin.stored_gates import latest, read_parts
from bench.plugin.terminal import Terminal, reporter_of, while_it_can_be_seen, width_of
from bench.plugin.to_measure import cases_to_measure
from bench.plugin.traces import open_traces
from bench.plugin.usage import usage_errors
from bench.record.arm import Side
from bench.record.case import Case
from bench.record.gate import Block
from bench.record.looks import Design
from bench.record.run import Outcome
from bench.request import GateQuestion, Request, SetupError
from bench.session import open_session

if TYPE_CHECKING:
    from reports.gate.answer import Answer, State

UNPROVEN, STRICTLY_INCONCLUSIVE = 6, 7
"""A gate's exit codes begin where pytest's own, 0 to 5, end."""

OTHER_MEDIANS = (
    "Medians further up are others: pytest-benchmark pools head's slices of all blocks, and its table knows nothing of "
    "base."
)
"""Two medians of one case on a screen want a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A gate that has been carried out.

    Attributes:
        log: all its events.
        answer: what they say.
    """

    log: GateLog
    answer: Answer


class GatePlugin:
    """Measures head against base, ends each test with its case's verdict, and publishes the answer.

    Args:
        request: what was asked for.
        question: which arms, and what their answer means.
        publication: where results go.
        scope: what of the project is compared.
        tolerance: what the project's file says.
        earlier: the stored gate that is continued; None to begin one.

    Attributes:
        measured: what was measured; None before that, and if nothing was selected.
    """

    def __init__(
        self,
        request: Request,
        question: GateQuestion,
        publication: Publication,
        *,
        scope: Scope = BUILT_IN,
        tolerance: Tolerance,
        earlier: Part | None,
    ) -> None:
        self.measured: Measured | None = None
        self._request = request
        self._question = question
        self._publication = publication
        self._scope = scope
        self._tolerance = tolerance
        self._earlier = earlier
        self._collected: list[Case] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the whole matrix, before anything is deselected from it."""
        self._collected = selected(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Measure what was selected, then let the tests say its verdicts."""
        cases = cases_to_measure(session)
        if not cases or only_shows(session.config):
            return (yield)
        check_storage(session.config)
        with usage_errors(), stoppable() as stop:
            self._publication.output.lock()
            terms = Terms(
                cases=cases,
                floors=floors_of(session.items, self._tolerance, self._question.detect),
                accepted=self._tolerance.accepted,
                idle_patterns=self._tolerance.find_idle(self._collected),
                earlier=self._earlier,
                detect=self._question.detect,
                target=self._find_target(),
                gates=self._question.gates,
                traces=open_traces(self._question.traces, self._publication.say),
            )
            self.measured = self._measure(reporter_of(session.config), terms, stop)
            return (yield)

    def _find_target(self) -> int | None:
        """Return after how many blocks in all an added part ends; None if nothing but its settings says so."""
        from reports.gate.planning import foresee_from_gate

        if self._earlier is None or self._question.detect is None or not self._question.by_scatter:
            return None
        gate = self._earlier[0]
        done, asked = len(gate.blocks), None if gate.plan is None else gate.plan.blocks
        prospect = foresee_from_gate(gate, gate.live, gate.floors)
        if prospect is not None:
            asked = prospect.find_blocks(self._question.detect) or gate.design.most_looked
        return max(asked or 0, gate.design.next_look(done + 1))

    def _foresee(
        self, say: Callable[[str], None], floors: Mapping[str, float], pilot: Block, seconds: float
    ) -> int | None:
        """Say what the pilot's scatter lets a gate see; return after how many blocks to end, None if that is not asked.

        What is said and chosen depends on how the pilot scatters, never on which arm was faster in it.
        """
        from reports.gate.planning import CAREFUL, foresee_from_pilot
        from reports.gate.planning_text import describe_detection, describe_prospect

        settings, detect = self._request.settings, self._question.detect
        budget = settings.budget_seconds
        assert budget is not None, "a gate has a budget"
        design = Design(self._question.gates)
        prospect = foresee_from_pilot(pilot, floors, seconds, design)
        for line in describe_prospect(prospect, budget, settings.launches):
            say(f"by the pilot's scatter, {line}")
        if detect is None:
            return None
        blocks = prospect.find_blocks(detect, careful=CAREFUL)
        say(f"by the pilot's scatter, {describe_detection(prospect, detect, blocks, budget)}")
        return (blocks or design.most_looked) if self._question.by_scatter else None

    def _measure(self, reporter: Terminal, terms: Terms, stop: StopSwitch) -> Measured:
        """Compare the cases with progress on the terminal and every event in the journal."""
        from reports.gate.answer import conclude
        from reports.gate.answer_text import make_headline

        progress = GateProgress(
            lambda text: reporter.write(text + "\n", flush=True),
            len(terms.cases),
            self._request.settings.budget_seconds,
            lambda gate: make_headline(conclude(gate, finished=False)),
        )
        if busy := tell_busy():
            reporter.write(busy + "\n", flush=True)
        arms = self._question.arms
        scope, project = self._scope, self._request.project
        branch_point = self._question.from_branch_point
        origins = (
            find_origins(project.folder, arms, from_branch_point=branch_point, scope=scope)
            if self._earlier is None
            else find_kept_origins(project.folder, arms, self._earlier[0].environment, scope=scope)
        )
        own = self._publication.output.own
        with open_session(self._request, own) as session:
            code = ArmsCode.freeze(
                project.folder,
                arms,
                origins,
                session.scratch,
                tolerance=self._tolerance,
                own=own,
                scope=scope,
                engine=ROOT,
            )
            with gate_workers(session, code, arms, terms.cases, wake=stop.wake) as workers:
                log = measure(
                    session,
                    workers,
                    terms,
                    self._publication.output.journal_path,
                    show=while_it_can_be_seen(progress.show),
                    say=self._publication.say,
                    settled=lambda gate: conclude(gate, finished=False).settled and not self._question.exhaust,
                    foresee=partial(self._foresee, while_it_can_be_seen(progress.say), terms.floors),
                    find_changed=lambda gate: conclude(gate, finished=False).find_changed(every=self._question.explain),
                    stop=stop,
                )
            if any(fault.outcome is Outcome.CRASHED for fault in log.record().faults):
                self._publication.keep_log(session)
        return Measured(log=log, answer=conclude(log.record()))

    def replay(self, case: Case, benchmark: Any, node: pytest.Item, tape: Tape) -> None:
        """Hand head's slices to pytest-benchmark, and end the test with the case's verdict."""
        if self.measured is None:
            pytest.fail("nothing was measured, since the collection failed", pytrace=False)
        replay_verdict(self.measured.answer, case, benchmark, node, tape, required=self._request.required)

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Add our section to everything that pytest-benchmark stores."""
        if self.measured is not None:
            output_json[GATE_SECTION] = make_gate_section(self.measured.log)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Publish the JSON and the answer, and turn what pytest cannot know into an exit code."""
        if self.measured is None:
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = UNPROVEN  # nothing was selected that could be compared
            return
        answer = self.measured.answer
        published = self._publication.publish(session.config, partial(write_answer, answer))
        if not published or (answer.gate.ending is not None and answer.gate.ending.stopped):
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = exit_code(answer.state, strict=self._question.strict or answer.blind)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Publish what was measured even if another plugin broke the end of the session."""
        if self.measured is not None:
            self._publication.rescue(config, partial(write_answer, self.measured.answer))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the answer lies, the answer, and once more its headline, last."""
        from reports.gate.answer_text import ANSWER_LOOKS, make_headline, render_answer
        from reports.show.table import Format, pick_look

        lines: list[str] = []
        if self.measured is not None:
            answer, width = self.measured.answer, width_of(terminalreporter)
            look = pick_look(Format.TEXT, width, ANSWER_LOOKS)
            other = [look.say(OTHER_MEDIANS), ""] if answer.rulings else []
            said = [render_answer(answer, Format.TEXT, width=width), *other, look.stress(make_headline(answer))]
            lines = "\n".join(said).splitlines()
        self._publication.show(terminalreporter, lines)


def replay_verdict(
    answer: Answer, case: Case, benchmark: Any, item: pytest.Item, tape: Tape, *, required: Collection[str]
) -> None:
    """Hand head's slices of a case to pytest-benchmark, and end its test with its verdict.

    Args:
        answer: of the gate.
        case: as base runs it.
        benchmark: pytest-benchmark's fixture.
        item: the test.
        tape: what the fixture calls.
        required: devices whose absence is a failure.
    """
    from reports.gate.answer import find_pairings
    from reports.gate.answer_text import explain_missing, make_verdict_line
    from reports.stats.verdict import Verdict

    if timed := find_pairings(answer.gate, case):
        iterations = next(pairing.iterations for pairing in timed.values())
        head = {block: pairing.head_seconds for block, pairing in timed.items()}
        record(benchmark, case, iterations, head, tape)
    if case in answer.failed:
        fault = answer.failed[case]
        pytest.fail(f"{fault.outcome} in head: {fault.reason}", pytrace=False)
    if case in answer.skipped and any(meets(case.device, name) for name in required):
        pytest.fail(f"{case.device} is required: {answer.skipped[case]}", pytrace=False)
    if case not in answer.rulings:
        pytest.skip(explain_missing(answer, case))
    line = make_verdict_line(answer, case)
    item.user_properties.append(("verdict", line))
    if answer.rulings[case].verdict is Verdict.REGRESSED and case not in answer.accepted and not answer.problems:
        pytest.fail(line, pytrace=False)


def make_gate_plugin(
    request: Request, question: GateQuestion, publication: Publication, settings: ProjectSettings
) -> GatePlugin:
    """Return a gate that tolerates what the project's settings say, and goes on where that was asked for.

    Raises:
        pytest.UsageError: if both arms would be the same, or the stored gate cannot be read.
    """
    scope = choose_scope(request, question)
    earlier = earlier_gate(publication.output) if question.add_blocks else None
    if earlier is not None and question.detect is None:  # what an earlier part was to see follows from its floors, too
        question = replace(question, detect=earlier[0].detect)
    return GatePlugin(request, question, publication, scope=scope, tolerance=tolerance_of(settings), earlier=earlier)


def choose_scope(request: Request, question: GateQuestion) -> Scope:
    """Return what of the project is compared: all of it, if it is not this checkout or has models of the user's own.

    Raises:
        pytest.UsageError: if no model is of the project, so that nothing of it would be timed.
    """
    own_models = any(spec.is_own for spec in request.models)
    alike = question.arms[Side.BASE].runs_like(question.arms[Side.HEAD])
    if not request.project.own and not own_models and alike:
        names = ", ".join(spec.text for spec in request.models)
        raise pytest.UsageError(
            f"--project {request.project.folder}: no model is of the project, and {names} would be the same in both "
            "arms; name one by --model, such as net.py:make, or as models under [tool.accelbench] of its pyproject.toml"
        )
    if request.project.own and not own_models:
        return BUILT_IN
    return Scope(whole=True, own=request.project.own, include=request.project.include, data=request.project.data)


def exit_code(state: State, *, strict: bool) -> int:
    """Return the exit code of a session whose tests all passed or were skipped, whoever marked them.

    Args:
        state: what the gate says.
        strict: whether inconclusive is a failure: it was asked to be, or the gate could not see what it was to see.
    """
    from reports.gate.answer import State

    match state:
        case State.FAILED | State.REGRESSED:
            return pytest.ExitCode.TESTS_FAILED
        case State.UNPROVEN:
            return UNPROVEN
        case State.INCONCLUSIVE:
            return STRICTLY_INCONCLUSIVE if strict else pytest.ExitCode.OK
        case State.PASS:
            return pytest.ExitCode.OK


def write_answer(answer: Answer, folder: Path) -> str:
    """Write an answer as text, Markdown and CSV into a folder, and say so."""
    from reports.gate import write

    write.write_answer(answer, folder)
    return "the same as Markdown and CSV"


def earlier_gate(output: Output) -> Part:
    """Return the stored gate that is to be continued: a part that was killed is in the journal only.

    Raises:
        pytest.UsageError: if it cannot be read.
    """
    parts, troubles = read_parts((output.json_path, output.journal_path))
    if not parts:
        raise pytest.UsageError(f"--add-blocks: {troubles[0]}")
    return latest(parts)


def floors_of(items: Sequence[pytest.Item], tolerance: Tolerance, detect: float | None) -> dict[str, float]:
    """Return the smallest change that counts of each test's case, by the case's id.

    Args:
        items: the tests.
        tolerance: what the project's file says.
        detect: the slowdown that is to be seen; None if none was named.

    Raises:
        SetupError: if a test's marker gives none, or a floor is not below what is to be seen.
    """
    return {
        case.id: tolerance.floor(case, marked_floor(item), detect)
        for item in items
        if (case := case_of(item)) is not None
    }


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
