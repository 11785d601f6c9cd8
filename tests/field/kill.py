"""Is anything lost by a kill? Runs are killed with SIGKILL at random moments and then resumed.

``python -m tests.field.kill [--runs 100] [--seed 0]``

In half of them the whole process group is killed, in the other half one worker. A measurement counts as finished
once a later launch was announced on the terminal, which the journal does not know of. Prints a table; exits with 1
if a finished measurement was lost, a journal was unreadable, a process was left, or a resumed run ended otherwise
than an uninterrupted one.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from time import monotonic, sleep

import psutil

from bench.read import UnreadableError, read
from bench.record import Outcome, Run
from tests.field.runs import SMALL, Started, start

LAUNCHES = 4
ARGUMENTS = [*SMALL, "--launches", str(LAUNCHES), "-s"]
ANNOUNCED = re.compile(rb"launch (\d+) of")


@dataclass(slots=True)
class Tally:
    """What was seen over all runs; every field but the first two must end at 0."""

    runs_killed: int = 0
    resumed: int = 0
    finished_measurements: int = 0
    finished_measurements_lost: int = 0
    unreadable_journals: int = 0
    processes_left: int = 0
    scratch_folders_left: int = 0
    resumed_runs_that_differ: int = 0
    differences: list[str] = field(default_factory=list)

    def faults(self) -> int:
        """Return the sum of what must be 0."""
        return (
            self.finished_measurements_lost
            + self.unreadable_journals
            + self.processes_left
            + self.scratch_folders_left
            + self.resumed_runs_that_differ
        )


def main(argv: Sequence[str]) -> int:
    """Kill, resume, count; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    random, tally = Random(options.seed), Tally()
    with tempfile.TemporaryDirectory(prefix="field-kill-") as name:
        folder = Path(name)
        begin = monotonic()
        whole = start([*ARGUMENTS, "--benchmark-json", str(folder / "whole.json")], folder / "whole.log")
        if whole.wait() != 0:
            print((folder / "whole.log").read_text())
            return 1
        length = monotonic() - begin
        expected = shape(read(folder / "whole.json"))
        for number in range(options.runs):
            one_run(folder / f"run-{number}.json", random, length, expected, tally, worker=bool(number % 2))
            shutil.rmtree(Path("reports/out") / f"run-{number}", ignore_errors=True)
            if number % 10 == 9:
                print(f"{number + 1} runs, {tally.faults()} faults", flush=True)
    print(table(tally))
    return 1 if tally.faults() else 0


def one_run(path: Path, random: Random, length: float, expected: object, tally: Tally, *, worker: bool) -> None:
    """Start a run, kill it or one of its workers, look at what is left, and resume it."""
    arguments = [*ARGUMENTS, "--benchmark-json", str(path)]
    run = start(arguments, path.with_suffix(".log"))
    moment = monotonic() + random.uniform(0, length)
    while monotonic() < moment and run.process.poll() is None:
        sleep(0.01)
    if worker:
        kill_a_worker(run)
        run.wait()
    elif run.process.poll() is None:
        run.kill_group()
    tally.runs_killed += 1
    tally.processes_left += len(run.left_over())
    journal = path.with_suffix(".jsonl")
    finished = announced(run, worker=worker)
    tally.finished_measurements += len(finished)
    begun = journal.exists() and b"\n" in journal.read_bytes()
    if begun:
        try:
            there = {(one.launch, one.case.id) for one in read(journal).measurements}
            tally.finished_measurements_lost += len(finished - there)
        except UnreadableError as error:
            tally.unreadable_journals += 1
            tally.differences.append(str(error))
    else:
        tally.finished_measurements_lost += len(finished)
    again = start([*arguments, *(["--resume", "--retry"] if begun else [])], path.with_suffix(".again.log"))
    code = again.wait()
    tally.resumed += 1
    tally.processes_left += len(again.left_over())
    tally.scratch_folders_left += len(list(Path(tempfile.gettempdir()).glob("accelbench-*")))
    if code != 0 or shape(read(path)) != expected:
        tally.resumed_runs_that_differ += 1
        tally.differences.append(f"{path.name}: exit code {code}; {again.log.read_text()[-300:]}")


def kill_a_worker(run: Started) -> None:
    """Kill one worker as soon as there is one."""
    while run.process.poll() is None:
        try:
            workers = run.workers()
            if workers:
                workers[0].kill()
                return
        except psutil.NoSuchProcess:
            continue
        sleep(0.005)


def announced(run: Started, *, worker: bool) -> set[tuple[int, str]]:
    """Return the (launch, case id) that must be on record: all of every launch before the last one announced.

    Where a worker was killed, the case it worked on takes no part in later launches, so only its siblings' launches
    are certain; they are compared after the resume instead.
    """
    if worker:
        return set()
    launches = [int(number) for number in ANNOUNCED.findall(run.log.read_bytes())]
    ids = [f"mlp-forward-b{batch}-cpu-{dtype}-eager" for batch in (1, 2) for dtype in ("float32", "bfloat16")]
    return {(launch, case) for launch in range(1, max(launches, default=0)) for case in ids}


def shape(run: Run) -> object:
    """Return what two runs of the same plan must have in common: cases, outcomes, and launches of each."""
    outcomes = run.outcomes()
    return [
        (case.id, outcomes[case][0], [one.launch for one in some if one.outcome is Outcome.MEASURED])
        for case, some in run.by_case().items()
    ]


def table(tally: Tally) -> str:
    """Return the counts as Markdown."""
    rows = [f"| {one.name.replace('_', ' ')} | {getattr(tally, one.name)} |" for one in fields(tally)[:-1]]
    return "\n".join(["| | |", "|---|--:|", *rows, *tally.differences])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
