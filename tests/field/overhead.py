"""What does it cost to lose nothing? Time spent on the journal and the locks, as a share of a run.

``python -m tests.field.overhead RUN.json`` writes the events of a finished run into a fresh journal in the same
folder, under the same locks, each line synced as in the run, and prints the seconds against the run's wall seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from time import perf_counter

from bench.files.journal import Journal
from bench.files.run import RUN_FORMAT, RunLog, read_run
from bench.host.folders import lock
from bench.record.run import Measured, Started
from tests.field.program import end_with


def main(argv: Sequence[str]) -> int:
    """Write, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the JSON of a finished run")
    path: Path = parser.parse_args(argv).file
    run = read_run(path)
    if run.finish is None:
        parser.error(f"{path}: the run did not finish")
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        begin = perf_counter()
        with (
            lock(folder / "one.lock", remove=True),
            lock(folder / "two.lock", remove=True),
            Journal(folder / "out.jsonl") as journal,
        ):
            log = RunLog(RUN_FORMAT, replace(run, measurements=(), started=(), ceilings=(), finish=None), journal)
            for (launch, _), measurements in groupby(run.measurements, key=lambda each: (each.launch, each.case.group)):
                together = tuple(measurements)
                log.add(Started(launch=launch, cases=tuple(measurement.case for measurement in together)))
                log.add(Measured(measurements=together))
            log.add(run.finish)
        seconds = perf_counter() - begin
        lines = (folder / "out.jsonl").read_bytes().count(b"\n")
    share = seconds / run.finish.wall_seconds
    print(f"{lines} lines, each synced, and two locks: {seconds:.3f} s of {run.finish.wall_seconds:.0f} s, {share:.2%}")
    return 0


if __name__ == "__main__":
    end_with(main)
