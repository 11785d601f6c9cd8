"""Does one broken case cost the others anything? Real faults inside real workers.

``python -m tests.field.faults``

In a copy of the checkout the network is the tutorial's, but in bfloat16, after some calls, it does something terrible.
Each fault must end in its outcome, and the float32 case of the same group must be measured in all launches.
Prints a table; exits with 1 if one does not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from bench.files.run import read_run
from bench.record.run import Outcome, Run
from tests.field.program import end_with
from tests.field.runs import SMALL, Started, copy_of_checkout, start

LAUNCHES = 3

FAULTS = {
    "segmentation fault": ("ctypes.string_at(0)", Outcome.CRASHED),
    "abort": ("os.abort()", Outcome.CRASHED),
    "silent exit": ("os._exit(0)", Outcome.CRASHED),
    "endless loop": ("all(True for _ in iter(int, 1))", Outcome.TIMEOUT),
    "stopped by a signal": ("os.kill(os.getpid(), signal.SIGSTOP)", Outcome.TIMEOUT),
    "allocation beyond the machine": ("torch.ones(1 << 45, dtype=torch.uint8)", Outcome.OUT_OF_MEMORY),
    "exception": ("(_ for _ in ()).throw(RuntimeError('broken on purpose'))", Outcome.FAILED),
    "wrong answer": ("x.mul_(0)", Outcome.WRONG_RESULT),
}
"""Fault -> what the network does, and the outcome that must follow."""

BROKEN = """

import ctypes, os, signal, time, torch
_forward = NeuralNetwork.forward
_calls = 0
def forward(self, x):
    global _calls
    if x.dtype is torch.bfloat16:
        _calls += 1
        if _calls > {after}:
            {fault}
    return _forward(self, x)
NeuralNetwork.forward = forward
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        fault: what was done.
        seen: what became of it.
        others: what became of the cases beside it.
        right: whether both are as they must be.
    """

    fault: str
    seen: str
    others: str
    right: bool


def main(argv: Sequence[str]) -> int:
    """Break things and print the table; return 1 if something was not contained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAMES", default=",".join(programs()), help="comma list of faults")
    chosen = parser.parse_args(argv).only.split(",")
    if strangers := set(chosen) - programs().keys():
        parser.error(f"unknown fault {min(strangers)!r}; known: {', '.join(programs())}")
    rows = []
    for name, make in programs().items():
        if name in chosen:
            with tempfile.TemporaryDirectory(prefix="field-faults-") as folder:
                rows.append(make(Path(folder)))
                print(f"{'ok ' if rows[-1].right else 'BAD'} {name}: {rows[-1].seen}", flush=True)
    print("| fault | its case | the others | |", "|---|---|---|---|", sep="\n")
    for row in rows:
        print(f"| {row.fault} | {row.seen} | {row.others} | {'as it must be' if row.right else 'WRONG'} |")
    return 0 if rows and all(row.right for row in rows) else 1


def programs() -> dict[str, Callable[[Path], Row]]:
    """Return every fault by name with the program that causes it and looks at what follows."""
    inside = {
        name: lambda folder, name=name, fault=fault, outcome=outcome: in_the_network(folder, name, fault, outcome)
        for name, (fault, outcome) in FAULTS.items()
    }
    return {
        **inside,
        "worker stopped from outside": stopped_from_outside,
        "disk full": disk_full,
        "output folder removed": folder_removed,
    }


def in_the_network(folder: Path, name: str, fault: str, outcome: Outcome) -> Row:
    """Run a copy of the checkout whose network is broken in bfloat16."""
    tree = copy_of_checkout(folder / "tree")
    after = 0 if outcome is Outcome.WRONG_RESULT else 20
    with (tree / "models" / "mlp.py").open("a") as file:
        file.write(BROKEN.format(fault=fault, after=after))
    run, code, left = finished(_start(folder, tree))
    return judge(name, run, outcome, code=code, expected_code=1, left=left)


def stopped_from_outside(folder: Path) -> Row:
    """Stop a worker with SIGSTOP in the middle of a launch: its case times out, the rest goes on."""
    started = _start(folder, None, more=["--benchmark-max-time", "2"])
    _until_groups_are_measured(folder, 1)
    while not (workers := started.workers()):
        sleep(0.005)
    for worker in workers:
        worker.suspend()
    run, code, left = finished(started)
    outcomes = [outcome for outcome, _ in run.outcomes().values()]
    timeouts = outcomes.count(Outcome.TIMEOUT)
    right = timeouts == 1 and outcomes.count(Outcome.MEASURED) == len(outcomes) - 1 and code == 1 and not left
    return Row("worker stopped from outside", f"{timeouts} timeout", _others(run), right)


def disk_full(folder: Path) -> Row:
    """Let the journal's disk fill up: the run ends in order, and what was measured is rescued."""
    limit = 16_384
    out = folder / "small"
    out.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={limit}", "tmpfs", str(out)], check=False, capture_output=True
        ).returncode
    )
    try:
        started = _start(folder, None, out, wrap=[] if mounted else ["prlimit", f"--fsize={limit}"])
        code = started.wait()
        text = started.log.read_text()
        rescued = [word for word in text.split() if "rescued-" in word and word.endswith(".json")]
        run = read_run(Path(rescued[0])) if rescued else None
        counted = len([one for one in run.measurements if one.slices]) if run else 0
        right = code == 2 and counted > 0 and "Traceback" not in text and not started.left_over()
        how = "tmpfs" if mounted else "file-size limit"
        for name in rescued[:1]:
            shutil.rmtree(Path(name).parent)
        return Row(f"disk full ({how})", f"exit code {code}", f"{counted} measurements rescued", right)
    finally:
        if mounted:
            subprocess.run(["umount", str(out)], check=False)


def folder_removed(folder: Path) -> Row:
    """Remove the output folder while the run writes into it: the run ends in order, and the JSON is written anyway."""
    out = folder / "gone"
    out.mkdir()
    started = _start(folder, None, out)
    _until_groups_are_measured(out, 2)
    shutil.rmtree(out)
    code = started.wait()
    path = out / "run.json"
    counted = len([one for one in read_run(path).measurements if one.slices]) if path.exists() else 0
    right = code == 2 and counted > 0 and "Traceback" not in started.log.read_text() and not started.left_over()
    return Row("output folder removed", f"exit code {code}", f"{counted} measurements in the JSON", right)


def judge(name: str, run: Run, outcome: Outcome, *, code: int, expected_code: int, left: int) -> Row:
    """Return the row of a fault in bfloat16: its outcome, and float32 measured in every launch."""
    seen = {ended for case, (ended, _) in run.outcomes().items() if case.dtype == "bfloat16"}
    reason = next(reason for case, (_, reason) in run.outcomes().items() if case.dtype == "bfloat16")
    launches = {
        len([one for one in some if one.slices]) for case, some in run.by_case().items() if case.dtype == "float32"
    }
    right = seen == {outcome} and launches == {LAUNCHES} and code == expected_code and not left
    return Row(
        name,
        f"{', '.join(sorted(seen))}: {str(reason)[:70]}",
        f"measured in {' or '.join(map(str, sorted(launches)))} of {LAUNCHES} launches",
        right,
    )


def finished(started: Started) -> tuple[Run, int, int]:
    """Wait for a run; return it, its exit code, and how many processes it left."""
    code = started.wait()
    return read_run(started.log.with_name("run.json")), code, len(started.left_over())


def _start(
    folder: Path, tree: Path | None, out: Path | None = None, wrap: Sequence[str] = (), more: Sequence[str] = ()
) -> Started:
    arguments = [*SMALL, "-s", "--launches", str(LAUNCHES), "--case-timeout", "8s"]
    arguments += ["--benchmark-json", str((out or folder) / "run.json"), *more]
    started = start(arguments, folder / "run.log", **({"root": tree} if tree else {}))
    if wrap:
        subprocess.run([*wrap, "--pid", str(started.process.pid)], check=True)
    return started


def _until_groups_are_measured(folder: Path, count: int) -> None:
    """Return as soon as the run's journal holds so many groups with slices; the pilot's lines have none."""
    deadline = monotonic() + 120
    journal = folder / "run.jsonl"
    while monotonic() < deadline:
        if journal.exists() and journal.read_bytes().count(b'"slices": {"iterations"') >= 2 * count:
            return
        sleep(0.02)
    raise TimeoutError(f"{journal} never held {count} measured groups")


def _others(run: Run) -> str:
    measured = sum(outcome is Outcome.MEASURED for outcome, _ in run.outcomes().values())
    return f"{measured} of {len(run.cases)} measured"


if __name__ == "__main__":
    end_with(main)
