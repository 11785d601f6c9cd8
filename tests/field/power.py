"""Draws what a regression check catches against how slow the case became, beside other tools; times nothing.

``python -m tests.field.power TAPE PNG [--old TAPE] [--plain FOLDER] [--jobs LINES]``: the JSON of
``tests.field.calibrate tape`` and where to draw; such a JSON of an older commit; a folder that
``tests.field.repeatability`` has filled, for the rules of other tools; and the lines of ``tests.field.rival_jobs``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from scipy.stats import binomtest

from bench.files.gate import read_gate
from bench.record.gate import Gate
from reports.gate.answer import conclude
from tests.field.calibrate import SLOWDOWNS, WINDOWS, caught_share, window
from tests.field.job_lines import FOLDER, Ended, JobLine, pool, read_lines
from tests.field.program import end_with
from tests.field.rivals import (
    OF_PROCESSES,
    PAIRED,
    RULES,
    Rates,
    eager_rounds,
    in_turn,
    pairs_of_tape,
    rates,
    runs_of_tape,
)
from tests.field.runs import ROOT

MARKERS = "os^Dvp*X"
APART = 1.06
"""Points of several tools at one slowdown stand beside each other by this factor."""


def main(argv: Sequence[str]) -> int:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("tape", "png"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--old", type=Path, help="a tape of an older commit")
    parser.add_argument("--plain", type=Path, help="the folder of tests.field.repeatability")
    parser.add_argument("--jobs", type=Path, default=FOLDER / "rivals.jsonl", help="(default: %(default)s)")
    options = parser.parse_args(argv)
    tape = read_gate(options.tape)
    found = rates(in_turn(runs_of_tape(tape)), OF_PROCESSES) | rates(pairs_of_tape(tape), PAIRED)
    if options.plain is not None:
        runs = [eager_rounds(path) for path in sorted(options.plain.glob("plain-*.json"))]
        found = rates(in_turn(runs), RULES) | found
    old = None if options.old is None else read_gate(options.old)
    picture(tape, old, found, read_lines(options.jobs), options.png)
    return 0


def picture(tape: Gate, old: Gate | None, rules: Mapping[str, Rates], jobs: Sequence[JobLine], path: Path) -> None:
    """Draw the chance to catch one slowed case against its slowdown: on the left on tapes, on the right in whole jobs.

    Args:
        tape: ours.
        old: of an older commit.
        rules: what other tools' rules say.
        jobs: of every tool by its own program.
        path: of the PNG.
    """
    with plt.style.context(ROOT / "reports" / "show" / "style.mplstyle"):
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6.5), layout="constrained", sharey=True)
        draw_tape(left, tape, "--against", "-")
        if old is not None:
            draw_tape(left, old, "--against before", "--")
        for number, (name, one) in enumerate(rules.items()):
            slower, caught = ([100 * value for value in values] for values in zip(*one.caught.items(), strict=True))
            label = f"{name} ({one.red} of {one.jobs} red)"
            left.plot(slower, caught, linestyle=":", marker=MARKERS[number % len(MARKERS)], markersize=3, label=label)
        left.set_title("cut from recorded slices, one case of twelve slower")
        left.set_ylabel("jobs in which it is caught, %")
        draw_jobs(right, jobs)
        right.set_title("whole jobs by each tool's own program, one case of three slower")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_xticks([1, 2, 3, 5, 10, 25, 50], labels=["1", "2", "3", "5", "10", "25", "50"])
            axes.minorticks_off()
            axes.set_xlim(0.9, 55)
            axes.set_xlabel("slowdown, %")
            if axes.has_data():
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize="small")
        figure.suptitle("What a regression check catches, and how often it is red although nothing changed")
        figure.savefig(path, dpi=120)
        plt.close(figure)


def draw_tape(axes: Axes, tape: Gate, name: str, style: str) -> None:
    """Draw our own power, one line for each length of a job."""
    seconds = median(block.wall_seconds for block in tape.blocks)
    for count, marker in zip((one for one in WINDOWS if one <= len(tape.blocks)), MARKERS, strict=False):
        caught = [100 * caught_share(tape, count, share) for share in SLOWDOWNS]
        jobs = len(tape.blocks) // count
        red = sum(bool(conclude(window(tape, first * count, count)).regressed) for first in range(jobs))
        label = f"{name}, {count} blocks in {count * seconds / 60:.1f} min ({red} of {jobs} red)"
        axes.plot([100 * share for share in SLOWDOWNS], caught, style, marker=marker, linewidth=2.0, label=label)


def draw_jobs(axes: Axes, lines: Sequence[JobLine]) -> None:
    """Draw in how many whole jobs each tool caught the slowed case, with the exact 95 % intervals."""
    for number, ((tool, version, *_), jobs) in enumerate(pool(lines).items()):
        points = []
        for share in sorted({job.slower for job in jobs} - {0.0}):
            caught = [job.caught for job in jobs if job.slower == share]
            interval = binomtest(sum(caught), len(caught)).proportion_ci(method="exact")
            points.append((100 * share, 100 * sum(caught) / len(caught), 100 * interval.low, 100 * interval.high))
        equal = [job for job in jobs if not job.slower]
        red = sum(job.answer.ended is Ended.RED for job in equal)
        seconds = median(job.seconds for job in jobs)
        label = f"{tool} {version} in {seconds:.0f} s ({red} of {len(equal)} red)"
        slower, shares, lows, highs = zip(*points, strict=True) if points else ((),) * 4
        errors = [
            [share - low for share, low in zip(shares, lows, strict=True)],
            [high - share for share, high in zip(shares, highs, strict=True)],
        ]
        places = [value * APART ** (number - 1) for value in slower]
        axes.errorbar(places, shares, errors, marker=MARKERS[number % len(MARKERS)], capsize=3, ls="", label=label)


if __name__ == "__main__":
    end_with(main)
