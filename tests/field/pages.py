"""``python -m tests.field.pages``: how long does a page of 24, 200 and 2,000 cases take to make, and how large is it?

Runs are made up; each becomes a page as a user would make it, in a process of its own. Prints a table; returns 1 if a
page takes longer or is larger than it may.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from bench.record.run import Run
from tests.field.program import end_with
from tests.field.runs import ROOT
from tests.makers.contenders import stored
from tests.makers.runs import made_run, matrix, measured, slices

LAUNCHES, SLICES = 8, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A run of so many cases.

    Attributes:
        cases: how many.
        seconds: that its page may take.
        megabytes: that it may have; None for any.
    """

    cases: int
    seconds: float
    megabytes: float | None = None


SIZES = (
    Size(cases=24, seconds=3.0, megabytes=3.0),
    Size(cases=200, seconds=6.0, megabytes=3.0),
    Size(cases=2000, seconds=30.0),
)


def main(argv: Sequence[str]) -> int:
    """Make the pages, print the table; return 1 if one is over a limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="a folder for the pages")
    options = parser.parse_args(argv)
    over = 0
    print("| cases | result | page | seconds |", "|--:|--:|--:|--:|", sep="\n")
    with TemporaryDirectory() as scratch:
        for size in SIZES:
            folder = (options.keep or Path(scratch)) / str(size.cases)
            result = stored(made(size.cases), Path(scratch) / f"run{size.cases}.json")
            begin = monotonic()
            command = [sys.executable, "-m", "reports", "page", str(result), "--out", str(folder)]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            seconds = monotonic() - begin
            page, held = (path.stat().st_size / 1e6 for path in (folder / "report.html", result))
            over += seconds > size.seconds or (size.megabytes is not None and page > size.megabytes)
            print(f"| {size.cases} | {held:.1f} MB | {page:.2f} MB | {seconds:.2f} |", flush=True)
    return 1 if over else 0


def made(count: int) -> Run:
    """Return a run of so many cases whose times scatter by a hundredth."""
    random = Random(count)
    cases = matrix(
        steps=("forward", "backward", "train"),
        batches=tuple(2**power for power in range(21)),
        dtypes=("float32", "bfloat16", "float16", "float64"),
        compiles=("off", "on"),
        layouts=("contiguous", "channels_last"),
        threads=(None, 1),
    )[:count]
    assert len(cases) == count
    return made_run(
        cases,
        [
            measured(case, launch, slices([1e-5 * case.batch * (1 + 0.01 * random.random()) for _ in range(SLICES)]))
            for case in cases
            for launch in range(1, LAUNCHES + 1)
        ],
    )


if __name__ == "__main__":
    end_with(main)
