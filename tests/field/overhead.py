"""What does it cost to lose nothing? Time spent on the journal and the locks, as a share of a run.

``python -m tests.field.overhead RUN.json`` writes the events of a finished run into a fresh journal in the same
folder, under the same locks, each line synced as in the run, and prints the seconds against the run's wall seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from time import perf_counter

from bench.files.journal import Journal
from bench.files.run import read
from bench.host.folders import lock


def main(argv: Sequence[str]) -> int:
    """Write, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the JSON of a finished run")
    path: Path = parser.parse_args(argv).file
    run = read(path)
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
            journal.begin(run.environment, run.settings, run.cases)
            for (launch, _), some in groupby(run.measurements, key=lambda one: (one.launch, one.case.group)):
                together = tuple(some)
                journal.started(launch, [one.case for one in together])
                journal.measured(together)
            journal.finish(run.finish)
        seconds = perf_counter() - begin
        lines = (folder / "out.jsonl").read_bytes().count(b"\n")
    share = seconds / run.finish.wall_seconds
    print(f"{lines} lines, each synced, and two locks: {seconds:.3f} s of {run.finish.wall_seconds:.0f} s, {share:.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
