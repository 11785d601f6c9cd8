"""Do ratios repeat from run to run? Ours and a plain pytest-benchmark suite, in turn, at equal wall time.

``python -m tests.field.repeatability [--runs 8] [--seconds 150] [--folder DIR]``

Every finished run leaves its JSON in the folder; started again with the same folder, it goes on where it was cut off.
The coefficient of variation (standard deviation over mean, across runs) is printed for each speed-up ratio, for both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from time import monotonic
from typing import Any

from bench.files.run import read_run
from bench.record.case import Case
from models import dataset
from reports.figures.frame import speedups
from tests.field.plain_files import read_plain
from tests.field.program import end_with

ROOT = Path(__file__).resolve().parents[2]

Ratios = dict[str, float]

PLAIN_OVERHEAD = 15.0
"""Seconds of a plain run that do not grow with the time per case: imports and compiles with a warm disk cache."""


def main(argv: Sequence[str]) -> int:
    """Run both suites in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=150.0, help="wall time of a run; the plain one is matched")
    parser.add_argument("--folder", type=Path, default=ROOT / "reports" / "out" / "repeatability")
    options = parser.parse_args(argv)
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    images = dataset.find(ROOT / "data")
    root = dataset.torchvision_root(images, folder / "data") if images else None
    case_seconds = 1.0
    for number in range(1, options.runs + 1):
        took_ours = ours(folder / f"ours-{number}.json", options.seconds, root)
        took = plain(folder / f"plain-{number}.json", case_seconds, root)
        if took_ours is not None and took is not None:
            print(f"run {number}: ours {took_ours:.0f} s, plain {took:.0f} s", flush=True)
            case_seconds *= min(2.0, max(0.5, (took_ours - PLAIN_OVERHEAD) / (took - PLAIN_OVERHEAD)))
    print(table(folder, options.runs))
    return 0


def ours(path: Path, seconds: float, root: Path | None) -> float | None:
    """Run our suite; return its wall seconds, None if its result was there already."""
    if path.exists():
        return None
    data = ["--data-root", str(root)] if root else []
    command = ["bench", "--device", "cpu", "--budget", f"{seconds}s", *data]
    command += ["--benchmark-json", str(path)]
    return _pytest(command, path.with_suffix(".log"), {})


def plain(path: Path, case_seconds: float, root: Path | None) -> float | None:
    """Run the plain suite; return its wall seconds, None if its result was there already."""
    if path.exists():
        return None
    command = [
        "tests/field/plain_suite.py",
        "--benchmark-json",
        str(path),
        "--benchmark-max-time",
        str(case_seconds),
        "--benchmark-warmup=on",
    ]
    variables = {"FIELD_CASE_SECONDS": str(case_seconds), **({"FIELD_DATA_ROOT": str(root)} if root else {})}
    return _pytest(command, path.with_suffix(".log"), variables)


def _pytest(arguments: Sequence[str], log: Path, variables: Mapping[str, str]) -> float:
    begin = monotonic()
    with log.open("wb") as output:
        subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return monotonic() - begin


def our_ratios(path: Path) -> Ratios:
    """Return the speed-ups over float32 eager as our report has them."""
    frame = speedups(read_run(path))
    return {_name(row.step, row.batch, row.dtype, row.compile): row.speedup for row in frame.itertuples()}


def plain_ratios(path: Path) -> Ratios:
    """Return the same speed-ups out of a plain run: ratio of medians."""
    medians: dict[tuple[Any, ...], float] = {}
    for one in read_plain(path):
        axes = (one.params["step"], one.params["batch"], one.params["dtype"], one.params["compile_"])
        medians[axes] = median(one.seconds)
    return {
        _name(step, batch, dtype, compile_): medians[step, batch, "float32", "off"] / value
        for (step, batch, dtype, compile_), value in medians.items()
        if (dtype, compile_) != ("float32", "off")
    }


def _name(step: str, batch: int, dtype: str, compile_: str) -> str:
    return Case(model="mlp", step=step, batch=batch, device="cpu", dtype=dtype, compile=compile_).id


def table(folder: Path, runs: int) -> str:
    """Return the coefficients of variation of every ratio, ours and plain, as Markdown."""
    ours_all = [our_ratios(folder / f"ours-{number}.json") for number in range(1, runs + 1)]
    plain_all = [plain_ratios(folder / f"plain-{number}.json") for number in range(1, runs + 1)]
    rows = [
        (name, _scatter(ours_all, name), _scatter(plain_all, name), mean(one[name] for one in ours_all))
        for name in ours_all[0]
        if name in plain_all[0]
    ]
    lines = [
        "| speed-up over float32 eager of | mean | CV ours | CV plain | ours / plain |",
        "|---|--:|--:|--:|--:|",
        *(f"| {name} | {centre:.2f} | {a:.1%} | {b:.1%} | {a / b:.2f} |" for name, a, b, centre in rows),
    ]
    for label, pick in (("median", median), ("largest", max)):
        ours_cv, plain_cv, share = (
            pick(column) for column in zip(*((a, b, a / b) for _, a, b, _ in rows), strict=True)
        )
        lines.append(f"| {label} of {len(rows)} | | {ours_cv:.1%} | {plain_cv:.1%} | {share:.2f} |")
    return "\n".join([*lines, "", *machine_state(folder, runs)])


def machine_state(folder: Path, runs: int) -> Iterator[str]:
    """Yield what the yardstick and the hypervisor said of each of our runs."""
    yield "| run | yardstick, median over launches | slowest launch | stolen time in slices |"
    yield "|---|--:|--:|--:|"
    for number in range(1, runs + 1):
        run = read_run(folder / f"ours-{number}.json")
        slices = [one.slices for one in run.measurements if one.slices is not None]
        launches: dict[int, list[float]] = {}
        for one in run.measurements:
            if one.slices is not None:
                launches.setdefault(one.launch, []).extend(one.slices.yardstick_seconds)
        medians = [median(values) for values in launches.values()]
        stolen = sum(sum(some.stolen_seconds or ()) for some in slices)
        wall = sum(sum(some.seconds) * some.iterations for some in slices)
        centre, slowest = median(medians), max(medians)
        yield f"| {number} | {centre * 1e6:.0f} µs | {slowest / centre:.2f} times | {stolen / wall:.2%} |"


def _scatter(runs: Sequence[Ratios], name: str) -> float:
    values = [one[name] for one in runs]
    return stdev(values) / mean(values)


if __name__ == "__main__":
    end_with(main)
