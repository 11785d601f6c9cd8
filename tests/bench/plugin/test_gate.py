"""A gate inside pytest, without a process: verdicts as tests, the answer as an exit code, and what is published."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from bench.files.gate import GATE_FORMAT, GateLog, make_gate_section, read_gate
from bench.files.journal import Journal
from bench.files.parse_json import GATE_SECTION
from bench.gate.checkout import ArmsCode, Slots
from bench.gate.scope import BUILT_IN, Scope
from bench.gate.tolerance import Tolerance
from bench.host.folders import ROOT
from bench.plugin.gate import OTHER_MEDIANS, GatePlugin, Measured, choose_scope, earlier_gate, exit_code, marked_floor
from bench.plugin.output import Output
from bench.plugin.replay import Tape
from bench.processes.local import LaunchError
from bench.processes.supervisor import Opener
from bench.protocol import TimeSlice
from bench.record.arm import Arm, Side
from bench.record.gate import Acceptance, Fault, Gate, Trees
from bench.record.run import Outcome
from bench.record.spec import parse_specs
from bench.request import Project, SetupError
from reports.gate.answer import State, conclude
from tests.makers.doubles import FakeArms
from tests.makers.gates import CASES, ENDING, events_of, made_gate
from tests.makers.plugins import RERUNS, EndedSession, Fixture, made_publication
from tests.makers.requests import GATE, made_request

CASE = CASES[0]
TOLERANCE = Tolerance(floors={}, accepted=())
FAULT = Fault(block=1, side=Side.HEAD, case=CASE, outcome=Outcome.CRASHED, reason="SIGSEGV")


def made_plugin(folder: Path, *, strict: bool = False, required: tuple[str, ...] = ()) -> GatePlugin:
    """Return a plugin that has measured nothing yet."""
    return GatePlugin(
        made_request(question=GATE, required=required),
        replace(GATE, strict=strict),
        made_publication(folder),
        tolerance=TOLERANCE,
        earlier=None,
    )


@pytest.fixture
def plugin(tmp_path: Path) -> GatePlugin:
    """A plugin that has measured nothing yet."""
    return made_plugin(tmp_path)


def measured(gate: Gate, folder: Path) -> Measured:
    """Return a gate that was carried out, with its journal."""
    begun = replace(
        gate, plan=None, counts=(), blocks=(), looks=(), faults=(), new=(), gone=(), ending=None, wall_seconds=0.0
    )
    with Journal(folder / "out.jsonl") as journal:
        log = GateLog(GATE_FORMAT, begun, journal)
        for event in events_of(gate):
            log.add(event)
    return Measured(log=log, answer=conclude(log.record()))


def test_nothing_that_was_compared_is_not_green(
    plugin: GatePlugin, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """--benchmark-skip skips every test, and pytest would be content."""
    session = EndedSession(pytestconfig)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == 6
    assert not (tmp_path / "out.json").exists()


FOREIGN = Project(folder=Path("/mine"), src=None, own=False, include=("_v.py",), data=("cfg/*",))


def test_what_is_compared_follows_from_the_models_and_the_project() -> None:
    """A built-in network lies in ``models``; what a model of the user's own imports may lie anywhere."""
    mine = parse_specs(("net.py:make", "mlp"), ("mlp",))
    assert choose_scope(made_request(question=GATE), GATE) == BUILT_IN
    assert choose_scope(made_request(question=GATE, models=mine), GATE) == Scope(whole=True, own=True)
    foreign = choose_scope(made_request(question=GATE, models=mine, project=FOREIGN), GATE)
    assert foreign == Scope(whole=True, own=False, include=("_v.py",), data=("cfg/*",))


def test_gate_of_a_project_without_a_model_of_it_is_refused() -> None:
    """Both arms would be the same, unless another interpreter or variable makes them differ."""
    request = made_request(question=GATE, project=FOREIGN)
    with pytest.raises(pytest.UsageError, match="no model is of the project, and mlp would be the same in both arms"):
        choose_scope(request, GATE)
    other = replace(GATE, arms={**GATE.arms, Side.HEAD: Arm(python="python3.99")})
    assert choose_scope(request, other).whole


def test_usage_error_stays_one(plugin: GatePlugin, pytestconfig: pytest.Config) -> None:
    """Exit code 4 says that nothing was measured and why."""
    session = EndedSession(pytestconfig, pytest.ExitCode.USAGE_ERROR)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.USAGE_ERROR


def test_gate_is_a_section_of_pytest_benchmarks_json(plugin: GatePlugin, tmp_path: Path) -> None:
    """One file has both."""
    plugin.measured = measured(made_gate(blocks=8, looks=(8,)), tmp_path)
    document: dict[str, Any] = {"benchmarks": []}
    plugin.pytest_benchmark_update_json(document)
    assert document == {"benchmarks": [], GATE_SECTION: make_gate_section(plugin.measured.log)}


@pytest.mark.parametrize(
    ("gate", "status", "code"),
    [
        (made_gate(), pytest.ExitCode.OK, 0),
        (made_gate(slower={CASE: 0.1}), pytest.ExitCode.OK, 1),
        (made_gate(slower={CASE: 0.1}), pytest.ExitCode.TESTS_FAILED, 1),
        (made_gate(caught=False), pytest.ExitCode.OK, 6),
        (made_gate(ending=replace(ENDING, stopped=True)), pytest.ExitCode.OK, 2),
        (made_gate(detect=0.05), pytest.ExitCode.OK, 0),
        (made_gate(detect=0.021), pytest.ExitCode.OK, 7),
        (made_gate(detect=0.021, slower={CASE: 0.1}), pytest.ExitCode.TESTS_FAILED, 1),
        (made_gate(detect=0.021, caught=False), pytest.ExitCode.OK, 6),
    ],
    ids=[
        "pass",
        "xfailed",
        "regressed",
        "control-not-caught",
        "stopped",
        "seen",
        "unseen",
        "unseen-regressed",
        "unseen-unproven",
    ],
)
def test_answer_becomes_the_exit_code(
    gate: Gate, status: int, code: int, plugin: GatePlugin, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """Whatever marks the tests carry."""
    plugin.measured = measured(gate, tmp_path)
    session = EndedSession(pytestconfig, status)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == code
    assert json.loads((tmp_path / "out.json").read_text()) == {"benchmarks": []}
    folder = tmp_path / "reports" / "out"
    shown = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    tables, pictures = {"gate.csv", "gate.md", "gate.txt"}, {"disturbance.png", "disturbance.svg"}
    assert {*tables, *pictures, "report.html"} <= set(shown)
    assert set(shown) <= {*tables, *pictures, "report.html", "forest.png", "forest.svg"}, (
        "none of a gate without a verdict"
    )


@pytest.mark.parametrize(
    ("state", "strict", "code"),
    [
        (State.PASS, True, 0),
        (State.INCONCLUSIVE, False, 0),
        (State.INCONCLUSIVE, True, 7),
        (State.UNPROVEN, False, 6),
        (State.REGRESSED, False, 1),
        (State.FAILED, False, 1),
    ],
)
def test_exit_code_follows_the_answer_whatever_the_tests_said(state: State, code: int, *, strict: bool) -> None:
    """An xfail mark must not turn a regression green."""
    assert exit_code(state, strict=strict) == code


def test_answer_that_is_not_where_it_belongs_ends_the_session_otherwise(
    plugin: GatePlugin, pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said where it is instead."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "out.json").mkdir()
    plugin.measured = measured(made_gate(), tmp_path)
    session = EndedSession(pytestconfig)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.INTERRUPTED
    stream = io.StringIO()
    plugin.pytest_terminal_summary(TerminalReporter(pytestconfig, file=stream))
    assert f"they could not be written to {tmp_path / 'out.json'}" in stream.getvalue()
    assert OTHER_MEDIANS in stream.getvalue(), "two medians of one case on a screen want a reason"


def test_gate_is_published_when_another_plugin_broke_the_end(
    plugin: GatePlugin, pytestconfig: pytest.Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No figure is lost to somebody else's traceback."""
    plugin.measured = measured(made_gate(), tmp_path)
    plugin.pytest_unconfigure(pytestconfig)
    assert (tmp_path / "out.json").exists()
    assert f"results: {tmp_path / 'out.json'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gate", "ending", "words"),
    [
        (made_gate(slower={CASE: 0.1}), pytest.fail.Exception, "regressed: "),
        (made_gate(faults=(FAULT,)), pytest.fail.Exception, "crashed in head: SIGSEGV"),
        (made_gate(blocks=2, looks=()), pytest.skip.Exception, "unproven: 2 blocks; a verdict takes 8"),
    ],
    ids=["regressed", "fault", "too-few-blocks"],
)
def test_test_ends_as_its_case_was_ruled(
    gate: Gate,
    ending: type[BaseException],
    words: str,
    plugin: GatePlugin,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """A regression and a fault are failures, what cannot be judged is no pass."""
    plugin.measured = measured(gate, tmp_path)
    tape = Tape()
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception), match=words) as ended:
        plugin.replay(CASE, Fixture(tape), request.node, tape)
    assert ended.type is ending


def test_required_device_that_neither_arm_has_is_a_failure(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """--require-device makes a hole a failure."""
    holes = tuple(Fault(block=0, side=side, case=CASE, outcome=Outcome.SKIPPED, reason="no card") for side in Side)
    plugin = made_plugin(tmp_path, required=("cpu",))
    plugin.measured = measured(made_gate(faults=holes), tmp_path)
    tape = Tape()
    with pytest.raises(pytest.fail.Exception, match="cpu is required: no card"):
        plugin.replay(CASE, Fixture(tape), request.node, tape)


def test_test_of_an_unchanged_case_passes_with_heads_slices(
    plugin: GatePlugin, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """And its verdict is one of the test's properties."""
    plugin.measured = measured(made_gate(blocks=8, looks=(8,)), tmp_path)
    tape = Tape()
    fixture = Fixture(tape)
    node = Node()
    plugin.replay(CASE, fixture, node, tape)  # type: ignore[arg-type]
    assert len(fixture.data) == 8 * 6
    assert fixture.extra_info["launches"] == 8
    assert [name for name, _ in node.user_properties] == ["verdict"]


KNOWN = Acceptance(case=CASE.id, up_to=0.5, reason="the new loss is stabler", until="2999-01-01")


@pytest.mark.parametrize(
    "gate",
    [made_gate(slower={CASE: 0.1}, accepted=(KNOWN,)), made_gate(slower={CASE: 0.1}, caught=False)],
    ids=["accepted", "unproven"],
)
def test_regression_that_is_known_or_not_proved_fails_no_test(gate: Gate, plugin: GatePlugin, tmp_path: Path) -> None:
    """The first is not news, the second may be chance; its verdict is noted all the same."""
    plugin.measured = measured(gate, tmp_path)
    tape = Tape()
    node = Node()
    plugin.replay(CASE, Fixture(tape), node, tape)  # type: ignore[arg-type]
    ((name, line),) = node.user_properties
    assert name == "verdict"
    assert line.startswith("regressed")


@dataclass
class Node:
    """What a verdict is noted on."""

    user_properties: list[tuple[str, str]] = field(default_factory=list)


@pytest.mark.parametrize("arguments", [(), (1.5,), ("5 %",), (0.1, 0.2)], ids=str)
def test_floor_that_is_no_share_is_refused(arguments: tuple[object, ...], request: pytest.FixtureRequest) -> None:
    """A typo would let everything pass."""
    request.node.add_marker(pytest.MarkDecorator(pytest.Mark("floor", arguments, {}, _ispytest=True), _ispytest=True))
    with pytest.raises(SetupError, match="test_floor_that_is_no_share_is_refused"):
        marked_floor(request.node)


def test_gate_that_was_killed_is_found_in_its_journal(tmp_path: Path) -> None:
    """The JSON holds an earlier part then, or there is none."""
    output = Output(tmp_path / "out.json", reports=tmp_path / "reports")
    with pytest.raises(pytest.UsageError, match=r"--add-blocks: .*out\.json"):
        earlier_gate(output)
    gate = made_gate(blocks=8, looks=(8,))
    measured(gate, tmp_path)
    assert earlier_gate(output)[0].blocks == gate.blocks


@dataclass
class FakeGateWorkers(FakeArms):
    """Makes fake workers of two arms whose code is there."""

    code: ArmsCode = field(
        default_factory=lambda: ArmsCode(
            repository=Path(),
            slots=Slots(folder=Path(), engine=Path()),
            folders={},
            facts={"arm.head.models": "abc"},
            trees=Trees(differences=(), left_out={}, remarks=()),
            trouble=None,
        )
    )
    arms: dict[Side, Arm] = field(default_factory=lambda: {side: Arm() for side in Side})


Suite = Callable[..., pytest.HookRecorder]


@pytest.fixture
def suite(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Runs ``pytest bench --against`` in this process, with workers that are none."""
    monkeypatch.setattr("bench.plugin.output.Output.__init__.__kwdefaults__", {"reports": tmp_path / "reports"})
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(workers: FakeGateWorkers, *arguments: str) -> pytest.HookRecorder:
        workers.budget_seconds = 300.0
        monkeypatch.setattr("bench.plugin.gate.gate_workers", lambda *_, **__: nullcontext(workers))
        monkeypatch.setattr(ArmsCode, "freeze", lambda *_, **__: workers.code)
        small = ("--device=cpu", "--step=forward", "--batch=64", "--data=random", "--launches=8", "--against=HEAD")
        json_path = f"--benchmark-json={tmp_path / 'out.json'}"
        return pytester.inline_run(str(ROOT / "bench"), "-p", "no:cacheprovider", *small, json_path, *arguments)

    return run


def test_whole_session_compares_replays_and_publishes(suite: Suite, tmp_path: Path) -> None:
    """From the command line to the files."""
    result = suite(FakeGateWorkers())
    gate = read_gate(tmp_path / "out.json")
    assert len(gate.blocks) == 8
    assert gate.environment["arm.head.models"] == "abc"
    assert gate.environment["arm.base.device.cpu.description"] == "Imaginary"
    assert result.ret == exit_code(conclude(gate).state, strict=False)
    assert gate == replace(read_gate(tmp_path / "out.jsonl"), source=gate.source)
    assert (tmp_path / "reports" / "out" / "gate.txt").exists()


def test_pattern_is_idle_only_if_it_fits_no_case_that_was_collected(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case that was deselected is in the matrix; one that is misspelt is not."""
    tolerance = Tolerance(floors={"*-bfloat16-*": 0.1, "mpl-*": 0.1}, accepted=())
    monkeypatch.setattr("bench.plugin.gate.tolerance_of", lambda _: tolerance)
    suite(FakeGateWorkers(), "-k", "float32 and not bfloat16")
    gate = read_gate(tmp_path / "out.json")
    assert not any("bfloat16" in case.id for case in gate.cases)
    assert gate.idle_patterns == ("mpl-*",)


def test_pilot_chooses_how_many_blocks_it_takes_to_see(
    suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slowdown of 4 % beside a scatter of a tenth of a percent takes the first look, and is then seen."""
    result = suite(FakeGateWorkers(), "--detect=4%", "--launches=60")
    gate = read_gate(tmp_path / "out.json")
    assert (gate.detect, len(gate.blocks), gate.looks) == (0.04, 8, (8,))
    assert gate.plan is not None
    assert gate.plan.blocks == 8
    assert gate.settings.budget_seconds == 1800.0
    assert result.ret == 0
    assert "by the pilot's scatter, a slowdown of 4.0 % takes about 8 blocks, " in capsys.readouterr().out


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same coins and orders each time: how far eight blocks scatter depends on them."""
    monkeypatch.setattr("bench.gate.measure.SystemRandom", lambda: Random(0))


@pytest.mark.usefixtures("drawn")
def test_gate_that_ends_without_having_seen_enough_has_exit_code_7(suite: Suite, tmp_path: Path) -> None:
    """Its workers scatter by more from process to process than inside one, which no pilot of one block can know."""
    result = suite(FakeGateWorkers(scatter=0.01), "--detect=1%", "--budget=5m", "--exhaust")
    gate = read_gate(tmp_path / "out.json")
    assert (gate.detect, len(gate.blocks)) == (0.01, 8)
    assert list(gate.floors.values()) == pytest.approx([0.0075, 0.0075])
    answer = conclude(gate)
    assert (answer.blind, answer.problems, result.ret) == (True, (), 7)


@pytest.mark.usefixtures("drawn")
def test_added_blocks_see_what_the_first_were_to_see(suite: Suite, tmp_path: Path) -> None:
    """Nobody names it again; named, their scatter says how many are added."""
    suite(FakeGateWorkers(scatter=0.004), "--detect=1%", "--budget=5m", "--exhaust")
    suite(FakeGateWorkers(scatter=0.004), "--budget=5m", "--exhaust", "--add-blocks")
    gate = read_gate(tmp_path / "out.json")
    assert (gate.detect, len(gate.blocks), gate.looks) == (0.01, 16, (8, 16))
    suite(FakeGateWorkers(scatter=0.004), "--detect=1%", "--launches=210", "--add-blocks")
    more = read_gate(tmp_path / "out.json")
    assert len(more.blocks) in {32, 60, 90}
    assert more.looks[-1] == len(more.blocks)
    assert more.ending is not None
    assert "are what their scatter asks for" in more.ending.reason or more.ending.reason == "every case is settled"


def test_slower_head_is_a_failed_test(suite: Suite, tmp_path: Path) -> None:
    """The other case is not touched."""
    slow = "mlp-forward-b64-cpu-float32-eager"
    result = suite(FakeGateWorkers(slower={slow: 0.2}))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assertoutcome(passed=1, failed=1)
    assert {case.id for case in conclude(read_gate(tmp_path / "out.json")).regressed} == {slow}


def test_failed_test_that_is_run_again_has_one_result_and_fails_again(
    suite: Suite, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    """Asking a verdict again must not change it, nor tell its slices twice."""
    pytester.makepyfile(reruns=RERUNS)
    pytester.syspathinsert()
    slow = "mlp-forward-b64-cpu-float32-eager"
    suite(FakeGateWorkers(slower={slow: 0.2}), "-p", "reruns").assertoutcome(passed=1, failed=1)
    benchmarks = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    cases = [case.id for case in read_gate(tmp_path / "out.json").cases]
    assert [entry["extra_info"]["case"] for entry in benchmarks] == cases


def test_code_that_cannot_be_exported_proves_nothing(suite: Suite, tmp_path: Path) -> None:
    """It is the gate's ending, and no worker is asked."""
    workers = FakeGateWorkers()
    workers.code = replace(workers.code, trouble="base cannot be exported: git rev-parse: no such branch")
    assert suite(workers).ret == 6
    ending = read_gate(tmp_path / "out.json").ending
    assert ending is not None
    assert ending.broken
    assert ending.reason == "base cannot be exported: git rev-parse: no such branch"
    assert workers.opened == []


def test_launcher_that_does_not_come_up_proves_nothing(suite: Suite, tmp_path: Path) -> None:
    """An arm's interpreter may be broken: its reason is the ending, and stands beside what the arm is."""

    class Broken(FakeGateWorkers):
        def make_opener(self, side: Side, *, first: bool) -> Opener:
            raise LaunchError(f"no torch in {side}, slot {first}")

    assert suite(Broken()).ret == 6
    gate = read_gate(tmp_path / "out.json")
    assert gate.ending is not None
    assert gate.ending.broken
    assert "no torch in" in gate.ending.reason
    assert gate.environment["arm.head.device.cpu.description.reason"] == "no torch in head, slot False"


def test_added_blocks_continue_a_gate(suite: Suite, tmp_path: Path) -> None:
    """The old blocks stay, to the last digit."""
    suite(FakeGateWorkers())
    before = read_gate(tmp_path / "out.json")
    suite(FakeGateWorkers(), "--add-blocks")
    after = read_gate(tmp_path / "out.json")
    assert after.blocks[:8] == before.blocks
    assert len(after.blocks) == 16
    assert not (tmp_path / "out.jsonl.1").exists()


def test_gate_with_other_arms_is_not_continued(suite: Suite, tmp_path: Path) -> None:
    """It would be another question; what is stored stays as it is."""
    suite(FakeGateWorkers())
    before = (tmp_path / "out.json").read_bytes()
    workers = FakeGateWorkers()
    workers.arms = {Side.BASE: Arm(), Side.HEAD: Arm(variables={"OMP_NUM_THREADS": "1"})}
    assert suite(workers, "--add-blocks").ret == pytest.ExitCode.USAGE_ERROR
    assert (tmp_path / "out.json").read_bytes() == before
    assert not workers.requests(TimeSlice)


def test_journal_of_a_gate_that_was_killed_is_kept_and_named(
    suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forgetting --add-blocks must not cost its blocks."""
    (tmp_path / "out.jsonl").write_text("the only copy")
    suite(FakeGateWorkers())
    aside = tmp_path / "out.jsonl.1"
    assert aside.read_text() == "the only copy"
    assert f"an earlier journal that is in no JSON is kept as {aside}" in capsys.readouterr().out


def test_terminal_that_is_gone_costs_no_block(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is not worth a gate."""

    def show(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("bench.plugin.gate.GateProgress.show", show)
    suite(FakeGateWorkers())
    assert len(read_gate(tmp_path / "out.json").blocks) == 8
