"""What the rules of other tools say of plain runs of identical code, and of a slowdown put into one of them.

``python -m tests.field.rivals FOLDER``, a folder that ``tests.field.repeatability`` has filled, or ``... TAPE``, the
JSON of ``tests.field.calibrate tape``, of which every 16 blocks' slices of base count as one run.

Every pair of runs that followed each other is a job: base, then head, as these tools have it. Rules, not the tools
themselves (those are carried out by ``tests.field.rival_jobs``), on the rounds that pytest-benchmark recorded, or on
our own steadier slices: pytest-benchmark's own ``--benchmark-compare-fail``; pyperf's ``compare_to`` (Student's t at
95 %); benchstat's (Mann and Whitney's U at .05); asv's ``continuous`` (U at .002 and a factor of 1.1); and, on the tape
alone, whose runs have several processes, benchmatrix's ``compare`` (a bootstrap over processes), at its threshold and
at our floor. Its ``compare --paired``, for processes of base and head that took turns, is applied to both arms of every
32 blocks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

import numpy as np
from scipy.stats import binomtest, mannwhitneyu, ttest_ind

from bench.files.gate import read_gate
from bench.record.gate import Block, Contest, Gate
from tests.field.benchmatrix_rule import THRESHOLD, is_regressed
from tests.field.plain_files import read_plain
from tests.field.program import end_with

Rounds = Sequence[float]
SLOWDOWNS = (0.02, 0.03, 0.05, 0.10, 0.25, 0.50)

BLOCKS = 16
"""Of the tape in a run: a job of two runs is then as long as one of ours with 32 blocks, about five minutes."""

Processes = Sequence[Rounds]
"""The rounds of one case, process by process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a rule judges.

    Attributes:
        base: by case.
        head: likewise.
        base_first: of each pair of processes, whether base's was first; None where head followed after all of base.
    """

    base: Mapping[str, Processes]
    head: Mapping[str, Processes]
    base_first: Sequence[bool] | None = None


Rule = Callable[[Job, str, float], bool]
"""Of a job, a case of it, and by what share head's times are to be longer than they are: whether head is slower."""


def pooled(says: Callable[[Rounds, Rounds], bool]) -> Rule:
    """Return a rule on all rounds of base and head, whichever process they are from."""

    def rule(job: Job, case: str, slower: float) -> bool:
        base, head = ([value for one in side[case] for value in one] for side in (job.base, job.head))
        return says(base, [value * (1 + slower) for value in head])

    return rule


def benchmatrix(threshold: float) -> Rule:
    """Return benchmatrix's rule, on the means of processes."""

    def rule(job: Job, case: str, slower: float) -> bool:
        base, head = ([fmean(one) for one in side[case]] for side in (job.base, job.head))
        cases = len(job.base)
        return is_regressed(base, head, cases=cases, threshold=threshold, base_first=job.base_first, slower=slower)

    return rule


RULES: Mapping[str, Rule] = {
    "pytest-benchmark, min 5 %": pooled(lambda base, head: min(head) > 1.05 * min(base)),
    "pytest-benchmark, median 10 %": pooled(lambda base, head: median(head) > 1.10 * median(base)),
    "pytest-benchmark, median 50 %": pooled(lambda base, head: median(head) > 1.50 * median(base)),
    "pyperf's t-test": pooled(
        lambda base, head: np.mean(head) > np.mean(base) and float(ttest_ind(base, head).pvalue) < 0.05
    ),
    "benchstat's U": pooled(
        lambda base, head: median(head) > median(base) and float(mannwhitneyu(base, head).pvalue) < 0.05
    ),
    "asv's U and 1.1": pooled(
        lambda base, head: median(head) > 1.1 * median(base) and float(mannwhitneyu(base, head).pvalue) < 0.002
    ),
}
"""By name."""

OF_PROCESSES: Mapping[str, Rule] = {
    "benchmatrix, 5 %": benchmatrix(THRESHOLD),
    "benchmatrix, threshold 2 %": benchmatrix(0.02),
}
"""Rules that need several processes a side."""

PAIRED: Mapping[str, Rule] = {f"{name}, paired": rule for name, rule in OF_PROCESSES.items()}


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=Path, metavar="FOLDER or TAPE")
    options = parser.parse_args(argv)
    if options.place.is_dir():
        found = rates(in_turn([eager_rounds(path) for path in sorted(options.place.glob("plain-*.json"))]), RULES)
    else:
        tape = read_gate(options.place)
        found = rates(in_turn(runs_of_tape(tape)), {**RULES, **OF_PROCESSES}) | rates(pairs_of_tape(tape), PAIRED)
    if not all(one.jobs for one in found.values()):
        parser.error(f"{options.place} holds fewer than two runs; tests.field.repeatability and calibrate make them")
    print(table(found))
    return 0


def eager_rounds(path: Path) -> dict[str, Processes]:
    """Return the rounds of the twelve eager cases of a plain run, which is one process, in seconds."""
    return {one.fullname: (one.seconds,) for one in read_plain(path) if one.params["compile_"] == "off"}


def in_turn(runs: Sequence[Mapping[str, Processes]]) -> list[Job]:
    """Return a job for every two runs that followed each other."""
    return [Job(base=base, head=head) for base, head in pairwise(runs)]


def runs_of_tape(tape: Gate) -> list[dict[str, Processes]]:
    """Return base's slices of every so many blocks as if they were a run, each block a process, in seconds."""
    return [_take(tape.blocks[first : first + BLOCKS], "base_seconds") for first in _begins(tape, BLOCKS)]


def pairs_of_tape(tape: Gate) -> list[Job]:
    """Return both arms of as many blocks as two runs have as a job, each block a pair of processes."""
    parts = [tape.blocks[first : first + 2 * BLOCKS] for first in _begins(tape, 2 * BLOCKS)]
    return [
        Job(
            base=_take(part, "base_seconds"),
            head=_take(part, "head_seconds"),
            base_first=[block.base_first for block in part],
        )
        for part in parts
    ]


def _begins(tape: Gate, count: int) -> range:
    return range(0, len(tape.blocks) - count + 1, count)


def _take(blocks: Sequence[Block], seconds: str) -> dict[str, Processes]:
    rounds: dict[str, list[Rounds]] = {}
    for block in blocks:
        for pairing in block.pairings:
            if pairing.contest is Contest.ARMS:
                rounds.setdefault(pairing.case.id, []).append(getattr(pairing, seconds))
    return dict(rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How a rule does: red jobs on identical code, and the chance to catch one slowed case, by slowdown."""

    jobs: int
    red: int
    caught: Mapping[float, float]


def rates(jobs: Sequence[Job], rules: Mapping[str, Rule]) -> dict[str, Rates]:
    """Return how rules do on jobs in which nothing changed."""
    return {
        name: Rates(
            jobs=len(jobs),
            red=sum(any(rule(job, case, 0.0) for case in job.base) for job in jobs),
            caught={share: _caught(rule, jobs, share) for share in SLOWDOWNS},
        )
        for name, rule in rules.items()
    }


def _caught(rule: Rule, jobs: Sequence[Job], share: float) -> float:
    seen = [rule(job, case, share) for job in jobs for case in job.base]
    return sum(seen) / max(len(seen), 1)


def table(found: Mapping[str, Rates]) -> str:
    """Return false alarms of a job and the chance to catch one slowed case, for each rule, as Markdown."""
    columns = " | ".join(f"{share:.0%} caught" for share in SLOWDOWNS)
    lines = [
        f"| rule | red jobs, identical code | 95 % interval | {columns} |",
        f"|---|--:|---|{'--:|' * len(SLOWDOWNS)}",
    ]
    for name, one in found.items():
        interval = binomtest(one.red, one.jobs).proportion_ci(method="exact")
        caught = " | ".join(f"{share:.0%}" for share in one.caught.values())
        lines.append(f"| {name} | {one.red} of {one.jobs} | {interval.low:.0%} to {interval.high:.0%} | {caught} |")
    return "\n".join(lines)


if __name__ == "__main__":
    end_with(main)
