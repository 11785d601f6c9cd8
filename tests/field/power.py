"""Draws what a regression check catches against how slow the case became, beside other tools' rules; times nothing.

``python -m tests.field.power TAPE PLAIN PNG``: the JSON of ``tests.field.calibrate tape``, a folder that
``tests.field.repeatability`` has filled, and where to draw.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from bench.files.gate import read_gate
from bench.record.gate import Gate
from reports.gate.answer import conclude
from tests.field.calibrate import SLOWDOWNS, WINDOWS, caught_share, window
from tests.field.rivals import eager_rounds, rates
from tests.field.runs import ROOT


def main(argv: Sequence[str]) -> int:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("tape", "plain", "png"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args(argv)
    picture(read_gate(options.tape), options.plain, options.png)
    return 0


def picture(job: Gate, plain_runs: Path, path: Path) -> None:
    """Draw the chance to catch one slowed case of twelve against its slowdown: ours, and rules of other tools.

    Args:
        job: the tape.
        plain_runs: the folder of `tests.field.repeatability`.
        path: of the PNG.
    """
    runs = [eager_rounds(one) for one in sorted(plain_runs.glob("plain-*.json"))]
    with plt.style.context(ROOT / "reports" / "show" / "style.mplstyle"):
        figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
        for count, marker in zip((one for one in WINDOWS if one <= len(job.blocks)), "os^", strict=False):
            caught = [100 * caught_share(job, count, share) for share in SLOWDOWNS]
            jobs_ = len(job.blocks) // count
            red = sum(bool(conclude(window(job, first * count, count)).regressed) for first in range(jobs_))
            label = f"--against, {count} blocks ({red} of {jobs_} red on identical code)"
            axes.plot([100 * share for share in SLOWDOWNS], caught, marker=marker, linewidth=2.5, label=label)
        for name, found in rates(runs).items():
            label = f"{name} ({found.red} of {found.jobs} red)"
            slower = [100 * share for share in found.caught]
            axes.plot(slower, [100 * share for share in found.caught.values()], linestyle=":", marker=".", label=label)
        axes.set_xscale("log")
        axes.set_xticks([1, 2, 3, 5, 10, 25, 50], labels=["1", "2", "3", "5", "10", "25", "50"])
        axes.minorticks_off()
        axes.set_xlabel("slowdown of one case of twelve, %")
        axes.set_ylabel("jobs in which it is caught, %")
        axes.set_title("What a regression check catches, and how often it is wrong")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
        figure.savefig(path, dpi=120)
        plt.close(figure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
