"""What the rules of other tools say of plain runs of identical code, and of a slowdown put into one of them.

``python -m tests.field.rivals FOLDER``, a folder that ``tests.field.repeatability`` has filled, or ``... TAPE``, the
JSON of ``tests.field.calibrate tape``, of which every 16 blocks' slices of base count as one run.

Every pair of runs that followed each other is a job: base, then head, as these tools have it. Rules, not the tools
themselves, on the rounds that pytest-benchmark recorded, or on our own steadier slices: pytest-benchmark's own
``--benchmark-compare-fail``; pyperf's ``compare_to`` (Student's t at 95 %); benchstat's (Mann and Whitney's U at .05);
asv's ``continuous`` (U at .002 and a factor of 1.1).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from scipy.stats import binomtest, mannwhitneyu, ttest_ind

from bench.files.gate import read_gate
from bench.record.gate import Contest, Gate
from tests.field.plain_files import read_plain

Rounds = Sequence[float]
SLOWDOWNS = (0.02, 0.03, 0.05, 0.10, 0.25, 0.50)

BLOCKS = 16
"""Of the tape in a run: a job of two runs is then as long as one of ours with 32 blocks, about five minutes."""

Rule = Callable[[Rounds, Rounds], bool]
"""Of base's and head's rounds: whether head is called slower."""

RULES: Mapping[str, Rule] = {
    "pytest-benchmark, min 5 %": lambda base, head: min(head) > 1.05 * min(base),
    "pytest-benchmark, median 10 %": lambda base, head: median(head) > 1.10 * median(base),
    "pytest-benchmark, median 50 %": lambda base, head: median(head) > 1.50 * median(base),
    "pyperf's t-test": lambda base, head: np.mean(head) > np.mean(base) and float(ttest_ind(base, head).pvalue) < 0.05,
    "benchstat's U": lambda base, head: median(head) > median(base) and float(mannwhitneyu(base, head).pvalue) < 0.05,
    "asv's U and 1.1": lambda base, head: (
        median(head) > 1.1 * median(base) and float(mannwhitneyu(base, head).pvalue) < 0.002
    ),
}
"""By name."""


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=Path, metavar="FOLDER or TAPE")
    options = parser.parse_args(argv)
    if options.place.is_dir():
        runs = [eager_rounds(path) for path in sorted(options.place.glob("plain-*.json"))]
    else:
        runs = runs_of_tape(read_gate(options.place))
    if len(runs) < 2:
        parser.error(f"{options.place} holds fewer than two runs; tests.field.repeatability and calibrate make them")
    print(table(runs))
    return 0


def eager_rounds(path: Path) -> dict[str, Rounds]:
    """Return the rounds of the twelve eager cases, in seconds."""
    return {one.fullname: one.seconds for one in read_plain(path) if one.params["compile_"] == "off"}


def runs_of_tape(job: Gate) -> list[dict[str, Rounds]]:
    """Return base's slices of every so many blocks as if they were a run, in seconds."""
    found = []
    for first in range(0, len(job.blocks) - BLOCKS + 1, BLOCKS):
        rounds: dict[str, list[float]] = {}
        for block in job.blocks[first : first + BLOCKS]:
            for pairing in block.pairings:
                if pairing.contest is Contest.ARMS:
                    rounds.setdefault(pairing.case.id, []).extend(pairing.base_seconds)
        found.append(dict(rounds))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How a rule does: red jobs on identical code, and the chance to catch one slowed case, by slowdown."""

    jobs: int
    red: int
    caught: Mapping[float, float]


def rates(runs: Sequence[Mapping[str, Rounds]]) -> dict[str, Rates]:
    """Return how every rule does on runs that followed each other."""
    pairs = list(pairwise(runs))
    return {
        name: Rates(
            jobs=len(pairs),
            red=sum(any(rule(base[case], head[case]) for case in base) for base, head in pairs),
            caught={share: _caught(rule, pairs, share) for share in SLOWDOWNS},
        )
        for name, rule in RULES.items()
    }


def _caught(rule: Rule, pairs: Sequence[tuple[Mapping[str, Rounds], Mapping[str, Rounds]]], share: float) -> float:
    seen = [rule(base[case], [value * (1 + share) for value in head[case]]) for base, head in pairs for case in base]
    return sum(seen) / len(seen)


def table(runs: Sequence[Mapping[str, Rounds]]) -> str:
    """Return false alarms of a job and the chance to catch one slowed case, for each rule, as Markdown."""
    columns = " | ".join(f"{share:.0%} caught" for share in SLOWDOWNS)
    lines = [
        f"| rule | red jobs, identical code | 95 % interval | {columns} |",
        f"|---|--:|---|{'--:|' * len(SLOWDOWNS)}",
    ]
    for name, found in rates(runs).items():
        interval = binomtest(found.red, found.jobs).proportion_ci(method="exact")
        caught = " | ".join(f"{share:.0%}" for share in found.caught.values())
        lines.append(f"| {name} | {found.red} of {found.jobs} | {interval.low:.0%} to {interval.high:.0%} | {caught} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
