"""``--nodes``: every node measures the same cases, each case on each node is a test, and one file holds all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.files.fleet import read_fleet
from bench.files.project_settings import ProjectSettings
from bench.host.folders import ROOT
from bench.plugin import fleet as fleet_module
from bench.plugin.node_command import make_gate_command, make_run_command
from bench.plugin.node_gates import NodeGates
from bench.record.arm import Arm, Side
from bench.record.conditions import Settings
from bench.record.run import Outcome
from bench.record.spec import parse_specs
from bench.record.step_spec import StepSpec
from bench.request import GateQuestion, Project, RunQuestion, SetupError
from reports.__main__ import main
from tests.makers.fleets import LOST, FakeEngine, node_gate, node_messages, run_events
from tests.makers.gates import empty, events_of
from tests.makers.repositories import made_repository
from tests.makers.requests import RUN, made_request
from tests.makers.runs import TWO

Suite = Callable[..., pytest.HookRecorder]
SMALL = ("--device=cpu", "--step=forward", "--batch=64", "--compile=off", "--data=random", "--launches=1")


@pytest.fixture
def suite(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Runs ``pytest bench`` for two cases on nodes that are none, in this process."""
    monkeypatch.setattr("bench.plugin.output.Output.__init__.__kwdefaults__", {"reports": tmp_path / "reports"})
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(engine: FakeEngine, *arguments: str) -> pytest.HookRecorder:
        monkeypatch.setattr(fleet_module, "open_engine", lambda *_: engine)
        monkeypatch.setattr(fleet_module.FleetPlugin, "_pack", lambda *_: b"")
        out = f"--benchmark-json={tmp_path / 'out.json'}"
        return pytester.inline_run(
            str(ROOT / "bench"), "-p", "no:cacheprovider", "--nodes=fake", *SMALL, out, *arguments
        )

    return run


def gate_question(ref: str | None = None) -> GateQuestion:
    """Return what a plain gate asks."""
    return GateQuestion(
        arms={Side.BASE: Arm(ref=ref), Side.HEAD: Arm()},
        from_branch_point=True,
        strict=False,
        add_blocks=False,
        exhaust=False,
        detect=None,
        by_scatter=False,
    )


def both() -> FakeEngine:
    """Return two nodes that measure everything."""
    return FakeEngine({name: node_messages(run_events(seconds)) for name, seconds in (("alpha", 1e-3), ("beta", 2e-3))})


def test_each_case_on_each_node_is_a_test_and_a_contender(
    suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file holds all, and a compare puts the nodes side by side."""
    engine = both()
    result = suite(engine)
    result.assertoutcome(passed=4)
    assert result.ret == pytest.ExitCode.OK
    assert engine.closed
    fleet = read_fleet(tmp_path / "out.json")
    assert [one.node.name for one in fleet.nodes] == ["alpha", "beta"]
    assert fleet.nodes == read_fleet(tmp_path / "out.jsonl").nodes
    groups = [entry["group"] for entry in json.loads((tmp_path / "out.json").read_text())["benchmarks"]]
    assert groups == ["mlp forward 64 cpu alpha"] * 2 + ["mlp forward 64 cpu beta"] * 2
    assert "alpha: 2 measured" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "out.json"), "--table", "matched"]) == 0
    assert {"alpha", "beta"} <= set(capsys.readouterr().out.split())
    assert (tmp_path / "reports" / "out" / "compare.md").exists()
    assert (tmp_path / "reports" / "out" / "alpha" / "summary.md").exists()


def test_node_that_dies_fails_its_tests_and_is_resumed(
    suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other's are whole; what is missing is measured by the same command with --resume."""
    messages = {"alpha": node_messages(run_events()), "beta": [*node_messages(run_events())[:3], LOST]}
    result = suite(FakeEngine(messages))
    result.assertoutcome(passed=2, failed=2)
    assert "beta: NodeDiedError: it was unplugged" in capsys.readouterr().out
    rest = FakeEngine({"alpha": [], "beta": node_messages(run_events())[:1] + node_messages(run_events())[3:]})
    suite(rest, "--resume").assertoutcome(passed=4)
    assert list(rest.tasks) == ["beta"], "alpha is whole"
    earlier = [json.loads(line)["event"] for line in rest.tasks["beta"].earlier.splitlines()]
    assert earlier == ["begin", "started"]
    assert "--resume" in rest.tasks["beta"].command
    assert all(one.whole for one in read_fleet(tmp_path / "out.json").nodes)


def test_result_of_other_nodes_takes_the_place_of_an_earlier_one(suite: Suite, tmp_path: Path) -> None:
    """The folder of a node that is no more is no file that could be in the way."""
    suite(both()).assertoutcome(passed=4)
    other = suite(FakeEngine({"gamma": node_messages(run_events())}))
    assert other.ret == pytest.ExitCode.OK
    assert [one.node.name for one in read_fleet(tmp_path / "out.json").nodes] == ["gamma"]
    assert not (tmp_path / "reports" / "out" / "compare.md").exists(), "one node is compared with nobody"
    assert (tmp_path / "reports" / "out" / "gamma" / "summary.md").exists()


def test_fleet_that_is_gone_on_with_is_the_same(
    suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other cases, other nodes or another kind of result are refused in one line, and nothing is overwritten."""
    suite(FakeEngine({"alpha": node_messages(run_events())}))
    before = (tmp_path / "out.jsonl").read_bytes()
    for engine, arguments, words in (
        (FakeEngine({"alpha": []}), ("-k", "bfloat16"), "other cases than before are asked of alpha"),
        (FakeEngine({"gamma": []}), (), r"of its nodes (alpha) none is there now: gamma"),
    ):
        assert suite(engine, "--resume", *arguments).ret == pytest.ExitCode.USAGE_ERROR
        said = capsys.readouterr()
        assert words in said.out + said.err
        assert (tmp_path / "out.jsonl").read_bytes() == before


def test_devices_are_what_each_node_says_that_it_has(suite: Suite, tmp_path: Path) -> None:
    """This machine's are not the nodes'."""
    has = {"alpha": ["cpu", "mps"], "beta": ["cpu"]}
    messages = {name: [json.dumps({"ended": 0, "said": [json.dumps({"found": found})]})] for name, found in has.items()}
    suite(FakeEngine(messages), "--device=auto")
    assert {case.device for one in read_fleet(tmp_path / "out.json").nodes for case in one.cases} == {"cpu", "mps"}


def test_node_that_does_not_say_which_devices_it_has_is_named(suite: Suite, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    engine = FakeEngine({"alpha": [json.dumps({"ended": 1, "said": ["No module named 'torch'"]})]})
    assert suite(engine, "--device=all").ret == pytest.ExitCode.USAGE_ERROR
    said = capsys.readouterr()
    assert "alpha does not say which devices it has (No module named 'torch'); name them with --device" in (
        said.out + said.err
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nodes", "cloud"], "--nodes cloud: unknown engine 'cloud'; known: local:N, ray"),
        (["--nodes="], "--nodes is empty; name an engine: local:N"),
        (["--nodes", "local:x"], "name how many nodes, such as local:2"),
        (["--nodes", "local:1", "--node-count", "0"], "--node-count: '0' is not a whole number"),
        (["--nodes", "local:1", "--node-labels", "gpu"], "--node-labels: 'gpu' is not NAME=VALUE"),
        (["--node-labels", "gpu=h100"], "--node-labels goes with --nodes"),
        (["--nodes", "local:1", "--plan"], "--plan with --nodes"),
        (["--nodes", "local:1", "--against", "HEAD", "--launches=9", "--one-of=2"], "--one-of with --nodes"),
        (
            ["--nodes=local:1", "--against=HEAD", "--launches=9", "--add-blocks", "--benchmark-json=x.json"],
            "--add-blocks with --nodes",
        ),
        (["--one-of=2"], "--one-of goes with --against or --arm"),
        (["--against=HEAD", "--launches=9", "--one-of=0"], "--one-of: '0' is not a whole number from 1 to 100"),
        (["--against=HEAD", "--launches=8", "--one-of=2"], "a verdict takes 9"),
        (["--nodes", "local:1", "--trace-dir", "traces"], "traces stay on their nodes"),
    ],
)
def test_what_cannot_be_asked_of_a_fleet_is_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Pytest's usage error, before anything is measured."""
    command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", *SMALL, "--reports", str(tmp_path)]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_command_of_a_node_says_what_and_how() -> None:
    """All that was asked for, and the tests of its own cases."""
    request = made_request(settings=Settings(launches=2, budget_seconds=90.0), unsteady=("no-gc",), download=True)
    run = RunQuestion(resume=True, retry=True, operators=True, layers=True, compiling=True)
    words = make_run_command(request, run, TWO, resume=True)
    text = " ".join(words)
    for said in (
        "--model mlp --step forward --batch 64 --device cpu --dtype float32,bfloat16 --compile off",
        "--launches 2 --seed 0 --budget 90.0s",
        "--unsteady no-gc",
        "--operators --layers --compile-account --resume --retry --download",
        "--benchmark-json {json} --reports {reports}",
    ):
        assert said in text
    assert words[-2:] == [f"bench/test_steps.py::test_steps[{case.id}]" for case in TWO]
    assert "--retry" not in make_run_command(request, run, TWO, resume=False)
    assert "--threads" not in text


@pytest.mark.parametrize(
    ("slower", "code", "outcomes"),
    [(0.0, 0, {"passed": 4}), (0.1, 1, {"passed": 3, "failed": 1})],
    ids=["the-same", "slower-on-beta"],
)
def test_gates_on_nodes_are_one_decision(
    slower: float,
    code: int,
    outcomes: dict[str, int],
    suite: Suite,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A verdict for each case on each node, and one answer, in the tests, on the terminal and any time later."""
    gates = {"alpha": node_gate(), "beta": node_gate(seed=1, slower=slower)}
    engine = FakeEngine({name: node_messages(events_of(gate), begun=empty(gate)) for name, gate in gates.items()})
    result = suite(engine, "--against=HEAD", "--against-tip", "--launches=16")
    result.assertoutcome(**outcomes)
    assert result.ret == code
    command = " ".join(engine.tasks["alpha"].command)
    assert "--one-of 2" in command
    assert "--arm base=ref=../arm-base" in command
    assert "--against" not in command
    headline = "REGRESSED · regressed on beta · pass on alpha" if slower else "PASS · pass on alpha, beta"
    assert capsys.readouterr().out.count(headline) == 2, "first and last"
    fleet = read_fleet(tmp_path / "out.json")
    assert fleet.facts["arm.base.commit"] == fleet.facts["commit.id"]
    assert main(["gate", str(tmp_path / "out.json")]) == code
    assert capsys.readouterr().out.startswith(headline)
    assert main(["compare", str(tmp_path / "out.json")]) == 2
    assert "gates on several nodes, and no runs; `python -m reports gate` says their answer" in capsys.readouterr().err
    assert (tmp_path / "reports" / "out" / "nodes.md").exists()
    assert (tmp_path / "reports" / "out" / "beta" / "report.html").exists()


def test_gate_on_nodes_that_would_compare_nothing_is_refused(tmp_path: Path) -> None:
    """As on one machine it is never a pass: there an arm is a folder, which knows of no commit."""
    made_repository(tmp_path)
    request = made_request(project=Project(folder=tmp_path, src=None, own=True), settings=Settings(launches=60))
    work = NodeGates(request, gate_question(ref="HEAD"), ProjectSettings(), ())
    with pytest.raises(SetupError, match="nothing would be compared: head is"):
        work.find_travelling(2)
    (tmp_path / "models" / "__init__.py").write_text("CHANGED = True\n")
    travelling = work.find_travelling(2)
    assert list(travelling.trees) == ["arm-base"]
    assert any("HEAD" in remark for remark in travelling.remarks)


@pytest.mark.parametrize(
    ("nodes", "launches", "fault"),
    [
        (2, 8, "--launches 8 is the most blocks of each gate: on 2 nodes a verdict takes 9"),
        (101, 60, "at most 100 gates"),
    ],
)
def test_gates_that_would_never_come_to_a_verdict_are_refused_here(nodes: int, launches: int, fault: str) -> None:
    """And not by each node, when everything has travelled."""
    request = made_request(settings=Settings(launches=launches))
    with pytest.raises(SetupError, match=fault):
        NodeGates(request, gate_question(ref="HEAD"), ProjectSettings(), ()).find_travelling(nodes)


def test_node_without_a_gate_proves_nothing(suite: Suite, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no regression: exit code 6, as everywhere."""
    messages = {"alpha": node_messages(events_of(node_gate()), begun=empty(node_gate())), "beta": [LOST]}
    result = suite(FakeEngine(messages), "--against=HEAD", "--against-tip", "--launches=16")
    result.assertoutcome(passed=2, skipped=2)
    assert result.ret == 6
    assert "UNPROVEN · unproven on beta · pass on alpha" in capsys.readouterr().out


def test_command_of_a_gate_says_both_arms() -> None:
    """What a reference names has travelled; all else an arm says is said on the node."""
    arms = {
        Side.BASE: Arm(ref="main", dtype="float32"),
        Side.HEAD: Arm(dtype="bfloat16", variables={"OMP_NUM_THREADS": "1"}),
    }
    gate = replace(gate_question(), arms=arms, exhaust=True, detect=0.02, by_scatter=True, explain=True)
    text = " ".join(make_gate_command(made_request(), gate, TWO, 3))
    assert "--one-of 3 --detect 0.02" in text
    assert "--arm base=ref=../arm-base,dtype=float32 --arm head=dtype=bfloat16,OMP_NUM_THREADS=1" in text
    assert "--exhaust --explain" in text
    for absent in ("--dtype", "--budget", "--benchmark-max-time", "--against"):
        assert absent not in text


def test_project_and_steps_of_the_users_own_travel(tmp_path: Path) -> None:
    """A step that does not is refused."""
    project = Project(folder=tmp_path, src="src", own=False)
    inside = StepSpec(id="adamw", text="x", file=ROOT / "tests" / "steps.py", function="adamw")
    request = made_request(
        models=parse_specs(("net.py:make",), ("mlp",)),
        project=project,
        shape=(3, 4),
        steps=("forward", "adamw"),
        own_steps=(inside,),
    )
    text = " ".join(make_run_command(request, RUN, TWO, resume=False))
    assert "--model net.py:make --step forward,tests/steps.py:adamw" in text
    assert "--project ../project --src src --shape 3,4" in text
    outside = StepSpec(id="adamw", text="../steps.py:adamw", file=tmp_path / "steps.py", function="adamw")
    with pytest.raises(pytest.UsageError, match=r"with --nodes it must lie in .*, which travels"):
        make_run_command(made_request(steps=("adamw",), own_steps=(outside,)), RUN, TWO, resume=False)


def test_two_real_nodes_on_this_machine(tmp_path: Path) -> None:
    """From the command line to the page: both measure, one after the other, and leave nothing behind."""
    command = [
        *(sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", "--nodes", "local:2"),
        *("--device", "cpu", "--step", "forward", "--batch", "1", "--dtype", "float32", "--compile", "off"),
        *("--data", "random", "--launches", "1", "--benchmark-max-time", "0.02"),
        *("--benchmark-json", str(tmp_path / "out.json"), "--reports", str(tmp_path / "reports")),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    fleet = read_fleet(tmp_path / "out.json")
    assert [one.node.name for one in fleet.nodes] == ["local-1", "local-2"]
    assert all(one.whole for one in fleet.nodes)
    assert all(outcome is Outcome.MEASURED for one in fleet.nodes for outcome, _ in one.outcomes().values())
    assert "local-2  done" in done.stdout
    assert (tmp_path / "reports" / "out" / "report.html").exists()
