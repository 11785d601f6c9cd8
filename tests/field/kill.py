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
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from time import monotonic, sleep

import psutil

from bench.files.parse_json import UnreadableError
from bench.files.run import read_run
from bench.host.folders import sweep
from bench.record.run import Outcome, Run
from tests.field.program import end_with
from tests.field.runs import ROOT, SMALL, Started, start

LAUNCHES = 4
ARGUMENTS = [*SMALL, "--launches", str(LAUNCHES), "-s"]
ANNOUNCED = re.compile(rb"launch (\d+) of")
CRASHED = re.compile(rb"^(mlp-\S+) +crashed:", re.MULTILINE)


@dataclass(slots=True)
class Tally:
    """What was seen over all runs; everything from `finished_measurements_lost` on must be 0."""

    groups_killed: int = 0
    workers_killed: int = 0
    over_before_the_kill: int = 0
    resumed: int = 0
    finished_measurements: int = 0
    finished_measurements_lost: int = 0
    unreadable_journals: int = 0
    processes_left: int = 0
    scratch_folders_left: int = 0
    resumed_runs_that_differ: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def count_left_over(self, path: Path, run: Started) -> None:
        """Count the processes that outlive a run, and say which."""
        for process in run.left_over():
            self.processes_left += 1
            with suppress(psutil.NoSuchProcess):
                self.differences.append(f"{path.name}: left {process.status()} {process.cmdline()}")

    def count_lost(self, path: Path, lost: set[tuple[int, str]]) -> None:
        """Count finished measurements that are not on record, and say which."""
        self.finished_measurements_lost += len(lost)
        self.differences += [f"{path.name}: lost {one}" for one in sorted(lost)]

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
    parser.add_argument("--jobs", type=int, default=3, help="runs at the same time (default: %(default)s)")
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
        expected = shape(read_run(folder / "whole.json"))
        moments = [random.uniform(0, length) for _ in range(options.runs)]
        with ThreadPoolExecutor(options.jobs) as pool:
            jobs = [
                pool.submit(one_run, folder / f"run-{number}.json", moment, expected, worker=bool(number % 2))
                for number, moment in enumerate(moments)
            ]
            for number, job in enumerate(jobs, start=1):
                tally.add(job.result())
                if number % 10 == 0:
                    print(f"{number} runs, {tally.faults()} faults", flush=True)
        tally.scratch_folders_left += len(sweep(Path(tempfile.gettempdir())))
        for left in (ROOT / "reports" / "out").glob("run-*"):
            shutil.rmtree(left)
    print(table(tally))
    return 1 if tally.faults() else 0


def one_run(path: Path, after_seconds: float, expected: object, *, worker: bool) -> Tally:
    """Start a run, kill it or one of its workers, look at what is left, and resume it."""
    tally = Tally()
    arguments = [*ARGUMENTS, "--benchmark-json", str(path)]
    run = start(arguments, path.with_suffix(".log"))
    moment = monotonic() + after_seconds
    while monotonic() < moment and run.process.poll() is None:
        sleep(0.01)
    if worker:
        tally.workers_killed += kill_a_worker(run)
        run.wait()
    elif run.process.poll() is None:
        run.kill_group()
        tally.groups_killed += 1
    else:
        tally.over_before_the_kill += 1
    tally.count_left_over(path, run)
    journal = path.with_suffix(".jsonl")
    finished = announced(run, worker=worker)
    tally.finished_measurements += len(finished)
    begun = journal.exists() and b"\n" in journal.read_bytes()
    if begun:
        try:
            there = {(one.launch, one.case.id) for one in read_run(journal).measurements}
            tally.count_lost(path, finished - there)
        except UnreadableError as error:
            tally.unreadable_journals += 1
            tally.differences.append(str(error))
    else:
        tally.count_lost(path, finished)
    again = start([*arguments, *(["--resume", "--retry"] if begun else [])], path.with_suffix(".again.log"))
    code = again.wait()
    tally.resumed += 1
    tally.count_left_over(path, again)
    if code != 0 or shape(read_run(path)) != expected:
        tally.resumed_runs_that_differ += 1
        tally.differences.append(f"{path.name}: exit code {code}; {again.log.read_text()[-300:]}")
    return tally


def kill_a_worker(run: Started) -> bool:
    """Kill one worker as soon as there is one; return whether there was."""
    while run.process.poll() is None:
        try:
            if workers := run.workers():
                workers[0].kill()
                return True
        except psutil.NoSuchProcess:
            continue
        sleep(0.005)
    return False


def announced(run: Started, *, worker: bool) -> set[tuple[int, str]]:
    """Return the (launch, case id) that must be on record: all of every launch before the last one announced.

    Where a worker was killed the run went on to its end, and every case but the one that was named as crashed must
    be there in all launches.
    """
    text = run.log.read_bytes()
    last = LAUNCHES + 1 if worker else max((int(number) for number in ANNOUNCED.findall(text)), default=0)
    ids = {f"mlp-forward-b{batch}-cpu-{dtype}-eager" for batch in (1, 2) for dtype in ("float32", "bfloat16")}
    crashed = {match.decode() for match in CRASHED.findall(text)}
    return {(launch, case) for launch in range(1, last) for case in ids - crashed}


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
    end_with(main)
