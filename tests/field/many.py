"""How long comparing many large result files takes: 50 files of 200 cases, made up, compared as a user would.

``python -m tests.field.many [--files 50]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from bench.files.parse_json import SECTION
from bench.files.run import make_run_section
from bench.record.case import Case
from bench.record.run import Run
from tests.field.program import end_with
from tests.field.runs import ROOT
from tests.makers.contenders import run_on
from tests.makers.runs import measured, slices

CASES, LAUNCHES, SLICES = 200, 8, 12


def main(argv: Sequence[str]) -> int:
    """Make the files, compare them, print how long that took; return 1 if it was five seconds or more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=50)
    options = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"machine-{index}.json" for index in range(options.files)]
        for index, path in enumerate(paths):
            path.write_text(json.dumps({SECTION: make_run_section(made(index))}))
        size = sum(path.stat().st_size for path in paths)
        begin = monotonic()
        command = [sys.executable, "-m", "reports", "compare", *map(str, paths)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds = monotonic() - begin
    print(
        f"{options.files} files of {CASES} cases, {size / 1e6:.0f} MB: {seconds:.2f} s, {len(done.stdout)} characters"
    )
    return int(seconds >= 5)


def made(seed: int) -> Run:
    """Return a run of 200 cases as a machine of its own would leave it."""
    random = Random(seed)
    axes = product(
        ("forward", "backward", "train"),
        (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536),
        ("float32", "bfloat16", "float16", "float64"),
        ("off", "on"),
    )
    cases = tuple(
        Case(model="mlp", step=step, batch=batch, device="cpu", dtype=dtype, compile=compile_)
        for step, batch, dtype, compile_ in islice(axes, CASES)
    )
    speed = random.uniform(0.5, 2.0)
    measurements = [
        measured(
            case,
            launch,
            slices([speed * 1e-5 * case.batch**0.7 * random.gauss(1, 0.02) for _ in range(SLICES)]),
            flops=1_337_344 * case.batch,
            minimal_bytes=2_700_000,
        )
        for launch in range(1, LAUNCHES + 1)
        for case in cases
    ]
    small = run_on("cpu", lambda _: 1e-3)
    started = tuple((one.launch, one.case) for one in measurements)
    return replace(small, cases=cases, measurements=tuple(measurements), started=started)


if __name__ == "__main__":
    end_with(main)
