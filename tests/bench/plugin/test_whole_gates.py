"""Whole gates, as few and small as can be: exit codes, what is on disk, and what is left running.

They run side by side, so nothing here claims how long anything takes: what is slower is slower several times over.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bench.files.gate import read_gate
from bench.host.folders import ROOT
from bench.record.arm import Side
from bench.record.gate import Contest, Gate
from reports.gate.answer import State, conclude
from tests.field.runs import FLATTEN, changed_checkout
from tests.makers.processes import wait_until_gone

SMALL = (
    *("bench", "-q", "--device", "cpu", "--batch", "1", "--step", "forward", "--dtype", "float32,bfloat16"),
    *("--data", "random", "-o", "addopts=--import-mode=importlib"),
)
OUT = ROOT / "reports" / "out"
PREFIX = f"test-gate-{os.getpid()}-"
SLOW = "mlp-forward-b1-cpu-float32-eager"
CHANGES = {
    "slower": "    x = sum(x + 0 for _ in range(40)) / 40 if x.dtype is torch.float32 else x",
    "crashing": "    x.dtype is torch.float32 and __import__('os').abort()",
    "wrong": "    x = x * (1 + (x.dtype is torch.bfloat16))",
}


@dataclass
class Ended:
    """A gate that has ended."""

    code: int
    said: str
    path: Path

    @property
    def gate(self) -> Gate:
        return read_gate(self.path)


@dataclass
class Running:
    """A gate in a process of its own."""

    process: subprocess.Popen[str]
    path: Path

    def ended(self) -> Ended:
        said, _ = self.process.communicate(timeout=600)
        return Ended(self.process.returncode, said, self.path)


def changed(folder: Path, line: str) -> Path:
    """Return a checkout whose network does something else first."""
    return changed_checkout(folder, f"    {line}\n{FLATTEN}")


def start(path: Path, *arguments: str) -> Running:
    """Start a gate."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *SMALL, *arguments, "--benchmark-json", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": "", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Running(process, path)


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """Every gate that takes real processes, side by side; what they put beside the program is removed again."""
    folder = tmp_path_factory.mktemp("gate")
    eight = ("--launches", "8", "--budget", "10m", "--exhaust")
    short = ("--launches", "8", "--budget", "10m")
    arguments = {
        "same": ("--against", str(ROOT), *eight),
        "base-crashing": ("--against", str(changed(folder / "base", CHANGES["crashing"])), *short),
        **{
            name: ("--arm", f"head=ref={changed(folder / name, line)}", *(eight if name == "slower" else short))
            for name, line in CHANGES.items()
        },
    }
    runs = {name: start(folder / f"{PREFIX}{name}.json", *given) for name, given in arguments.items()}
    yield {name: run.ended() for name, run in runs.items()}
    for left in OUT.glob(f"{PREFIX}*"):
        shutil.rmtree(left)


def test_identical_code_is_not_red(gates: dict[str, Ended]) -> None:
    """Even with other work beside it: nothing fails; whether anything is proved depends on the machine."""
    same = gates["same"]
    result = conclude(same.gate)
    assert result.state in {State.PASS, State.INCONCLUSIVE, State.UNPROVEN}, same.said
    assert same.code == (6 if result.state is State.UNPROVEN else 0)
    assert len(result.rulings) == 2
    assert same.gate.environment["arm.base.models"] == same.gate.environment["arm.head.models"]


def test_record_holds_every_slice_of_every_block(gates: dict[str, Ended]) -> None:
    """One JSON with all raw slices; pytest-benchmark's own part has head's."""
    same = gates["same"]
    assert len(same.gate.blocks) == 8
    assert {pairing.contest for block in same.gate.blocks for pairing in block.pairings} == set(Contest)
    theirs = {entry["extra_info"]["case"]: entry for entry in json.loads(same.path.read_text())["benchmarks"]}
    ours = [
        second
        for block in same.gate.blocks
        for pairing in block.pairings
        if (pairing.case.id, pairing.contest) == (SLOW, Contest.ARMS)
        for second in pairing.head_seconds
    ]
    assert theirs[SLOW]["stats"]["data"] == ours
    assert read_gate(same.path.with_suffix(".jsonl")) == same.gate


def test_answer_is_printed_and_written(gates: dict[str, Ended]) -> None:
    """The same in the terminal and in the files."""
    same = gates["same"]
    text = (OUT / f"{PREFIX}same" / "gate.txt").read_text()
    assert text.splitlines()[0] in same.said
    assert (OUT / f"{PREFIX}same" / "gate.md").read_text().startswith(f"**{text.splitlines()[0]}**")


def test_slower_case_is_a_failed_test_with_its_verdict(gates: dict[str, Ended]) -> None:
    """And the why stands next to it; the other case is not touched."""
    slower = gates["slower"]
    result = conclude(slower.gate)
    assert {case.id for case in result.regressed} == {SLOW}, slower.said
    assert slower.code == (6 if result.state is State.UNPROVEN else 1)  # other work may spoil a control, never the case
    assert "regressed: +" in slower.said
    assert "+80 aten::add.Tensor" in slower.said


@pytest.mark.parametrize(("name", "word"), [("crashing", "crashed in head"), ("wrong", "wrong_result in head")])
def test_fault_in_head_is_a_failed_test(name: str, word: str, gates: dict[str, Ended]) -> None:
    """Whatever the time."""
    ended = gates[name]
    assert conclude(ended.gate).state is State.FAILED
    assert ended.code == 1
    assert word in ended.said
    assert {fault.side for fault in ended.gate.faults} == {Side.HEAD}


def test_fault_in_base_proves_nothing(gates: dict[str, Ended]) -> None:
    """Exit code 6, and the reason."""
    ended = gates["base-crashing"]
    assert ended.code == 6
    assert "UNPROVEN" in ended.said
    assert "crashed in base" in ended.said


def test_added_blocks_continue_a_gate(gates: dict[str, Ended]) -> None:
    """The old blocks stay, to the last digit."""
    same = gates["same"]
    before = same.gate
    path = same.path.with_name(f"{PREFIX}more.json")
    path.write_text(same.path.read_text())
    more = start(
        path, "--against", str(ROOT), "--launches", "8", "--budget", "10m", "--exhaust", "--add-blocks"
    ).ended()
    assert more.code in {0, 6}, more.said
    assert more.gate.blocks[:8] == before.blocks
    assert len(more.gate.blocks) == 16
    assert more.gate.looks == (8, 16)


def test_gate_with_other_arms_is_not_continued(gates: dict[str, Ended], tmp_path: Path) -> None:
    """It would be another question."""
    path = tmp_path / f"{PREFIX}other.json"
    path.write_text(gates["same"].path.read_text())
    other = start(path, "--against", str(ROOT), "--launches", "8", "--add-blocks", "--arm", "head=OMP_NUM_THREADS=1")
    ended = other.ended()
    assert ended.code == 4
    assert "cannot be continued here" in ended.said


def test_interrupted_gate_keeps_what_it_has(tmp_path: Path) -> None:
    """Ctrl-C: exit code 2, the blocks so far in the JSON, nothing left running."""
    running = start(tmp_path / f"{PREFIX}stopped.json", "--against", str(ROOT), "--budget", "10m", "--exhaust")
    assert running.process.stdout is not None
    for line in running.process.stdout:
        if line.startswith("block 1:"):
            break
    workers = psutil.Process(running.process.pid).children(recursive=True)
    running.process.send_signal(signal.SIGINT)
    ended = running.ended()
    assert ended.code == 2, ended.said
    assert ended.gate.blocks
    assert ended.gate.ending is not None
    assert ended.gate.ending.stopped
    assert not wait_until_gone(workers)


def test_killed_gate_leaves_nobody_and_is_continued(tmp_path: Path) -> None:
    """SIGKILL, while all workers but one are suspended: none is left stopped, and no finished block is lost."""
    path = tmp_path / f"{PREFIX}killed.json"
    arguments = ("--against", str(ROOT), "--launches", "8", "--budget", "10m", "--exhaust")
    running = start(path, *arguments)
    assert running.process.stdout is not None
    for line in running.process.stdout:
        if line.startswith("block 2:"):
            break
    workers = psutil.Process(running.process.pid).children(recursive=True)
    running.process.kill()
    running.ended()
    assert not wait_until_gone(workers)
    before = read_gate(path.with_suffix(".jsonl"))
    assert len(before.blocks) >= 2
    assert conclude(before).state is State.UNPROVEN
    again = start(path, *arguments, "--add-blocks").ended()
    assert again.code in {0, 6}, again.said
    assert again.gate.blocks[: len(before.blocks)] == before.blocks
    assert len(again.gate.blocks) == len(before.blocks) + 8


def test_nothing_selected_to_compare_is_not_green(tmp_path: Path) -> None:
    """--benchmark-skip skips every test: a gate that measured nothing."""
    ended = start(tmp_path / f"{PREFIX}skipped.json", "--against", str(ROOT), "--benchmark-skip").ended()
    assert ended.code == 6, ended.said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--against", "HEAD", "--lf"], "use --add-blocks"),
        (["--against", "HEAD", "--quick"], "a gate is about time"),
        (["--against", "HEAD", "--resume"], "--add-blocks"),
        (["--against", "HEAD", "--add-blocks"], "other.json"),
        (["--against", ""], "--against is empty"),
        (["--against", "HEAD", "--stepwise"], "use --add-blocks"),
        (["--against", "HEAD", "--benchmark-disable"], "a gate is about time"),
        (["--against", "HEAD", "--unsteady", "interleaved"], "taking turns is what a gate is"),
        (["--against", "HEAD", "--benchmark-max-time", "1"], "its time is --budget"),
        (["--against", "HEAD", "--launches", "7"], "a verdict takes 8"),
        (["--strict-gate"], "--strict-gate goes with --against"),
        (["--detect", "2%"], "--detect goes with --against"),
        (["--against", "HEAD", "--detect", "2"], "'2' is not a share between 0 and 1, such as 2% or 0.02"),
        (["--against", "HEAD", "--plan", "--add-blocks"], "a plan is of a gate that begins"),
        (["--against", "no-such-branch", "--plan"], "no-such-branch: no commit, branch, tag or folder has that name"),
        (["--against-tip"], "--against-tip goes with --against"),
        (["--against-tip", "--arm", "base=ref=HEAD"], "--against-tip goes with --against"),
        (["--against", "no-such-branch"], "no-such-branch: no commit, branch, tag or folder has that name"),
        (["--against", "./no-such-folder"], "./no-such-folder: no such folder"),
        (["--against", "main..HEAD"], "write main...HEAD, or main with --against-tip"),
        (["--arm", "tail=ref=x"], "unknown arm 'tail'"),
        (["--arm", "base=ref=x", "--against", "y"], "ref of base is given twice"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    """One line, exit code 4, before anything is timed."""
    ended = start(tmp_path / f"{PREFIX}other.json", *arguments).ended()
    assert ended.code == 4, ended.said
    assert sentence in ended.said
