"""Two stored runs compared: what can be said when base and head were not measured in turn, which is little.

The machine's own drift between the runs is not separated from the change of the code. So a case is called slower or
faster only by what exceeds an allowance for drift, and unchanged never: that takes `pytest bench --against REF`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import expm1, log, log1p
from statistics import median

import numpy as np

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.how_many import how_many
from bench.record.run import Outcome, Run
from reports.figures.evidence import Evidence, examine
from reports.figures.unsteadiness import find_unsteadiness
from reports.stats.intervals import CONFIDENCE, LEAST_LAUNCHES, shift_interval
from reports.stats.shuffle import permutation_p
from reports.stats.signflip import Array
from reports.stats.verdict import Verdict

ALPHA = 0.01
"""So often may any case be called slower when nothing changed and the machine drifted within the allowance."""

DRIFT = 0.30
"""A machine is taken to drift by so much between two runs, as a share: see METHODOLOGY.md, "Two stored runs"."""

Logs = Mapping[int, float]
"""ln of seconds per iteration, by launch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What two runs say of one case.

    Attributes:
        case: the case.
        verdict: never UNCHANGED.
        change: of the median over launches, as a share of base's time.
        low: lower end of the interval over launches, drift not included; None if there are too few.
        high: upper end; None together with `low`.
        p: of head being slower, or faster if the change is negative, adjusted for all cases.
        launches: of base and of head.
    """

    case: Case
    verdict: Verdict
    change: float
    low: float | None
    high: float | None
    p: float
    launches: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What two stored runs say.

    Attributes:
        changes: of every case that both measured in enough launches.
        faults: cases that went wrong in head where base measured them, and how.
        missing: cases that cannot be compared, and why.
        drift: the allowance.
        unsteadiness: what says that a machine was busy or changed, each with whose it is.
    """

    changes: tuple[Change, ...]
    faults: Mapping[str, str]
    missing: Mapping[str, str]
    drift: float
    unsteadiness: tuple[str, ...] = ()

    def count(self, verdict: Verdict) -> int:
        """Return how many cases have a verdict."""
        return sum(change.verdict is verdict for change in self.changes)


def compare_stored(base: Run, head: Run, drift: float = DRIFT) -> StoredAnswer:
    """Return what two stored runs say.

    Args:
        base: the earlier run.
        head: the later one.
        drift: allowance for the machine's drift, as a share.
    """
    before, after = examine(base), examine(head)
    logs: dict[Case, tuple[Logs, Logs]] = {}
    faults, missing = {}, {}
    for case in dict.fromkeys((*before, *after)):
        ours, theirs = before.get(case), after.get(case)
        if ours is None or theirs is None:
            missing[case.id] = f"only {'head' if ours is None else 'base'} has it"
        elif ours.outcome is Outcome.MEASURED and theirs.outcome is not Outcome.MEASURED:
            faults[case.id] = f"{theirs.outcome}: {theirs.reason}"
        elif ours.seconds is None or theirs.seconds is None:
            missing[case.id] = "not timed in both"
        else:
            pair = tuple(_list_logs(evidence) for evidence in (ours, theirs))
            if min(map(len, pair)) < LEAST_LAUNCHES:
                missing[case.id] = f"{how_many(min(map(len, pair)), 'launch')}; it takes {LEAST_LAUNCHES} in each run"
            else:
                logs[case] = (pair[0], pair[1])
    if (common := _count_common(logs)) < LEAST_LAUNCHES:
        missing |= {
            case.id: f"{how_many(common, 'launch')} in which every case was measured; it takes {LEAST_LAUNCHES}"
            for case in logs
        }
        logs = {}
    return StoredAnswer(
        changes=tuple(_judge_changes(logs, drift)),
        faults=faults,
        missing=missing,
        drift=drift,
        unsteadiness=tuple(
            f"{side}: {'; '.join(found)}"
            for side, run in zip(Side, (base, head), strict=True)
            if (found := find_unsteadiness(run))
        ),
    )


def _count_common(logs: Mapping[Case, tuple[Logs, Logs]]) -> int:
    """Return in how many launches of each run every case was measured; the fewer of both."""
    return min((len(_make_table([pair[side] for pair in logs.values()])) for side in range(2) if logs), default=0)


def _list_logs(evidence: Evidence) -> Logs:
    """Return ln of a case's seconds by launch."""
    return {launch: log(median(sets.values())) for launch, sets in evidence.kept.seconds.items()}


def _make_table(sides: Sequence[Logs]) -> Array:
    """Return launches by cases: whole launches, those in which every case was measured."""
    common = sorted(set.intersection(*map(set, sides)))
    return np.array([[logs[launch] for logs in sides] for launch in common]).reshape(len(common), len(sides))


def _judge_changes(logs: Mapping[Case, tuple[Logs, Logs]], drift: float) -> list[Change]:
    if not logs:
        return []
    before, after = (_make_table([pair[side] for pair in logs.values()]) for side in range(2))
    slower, faster = permutation_p(before, after), permutation_p(after, before)
    changes = []
    for index, (case, pair) in enumerate(logs.items()):
        ours, theirs = (list(side.values()) for side in pair)
        effect = median(theirs) - median(ours)
        p = slower[index] if effect >= 0 else faster[index]
        bounds = shift_interval(ours, theirs, confidence=CONFIDENCE)
        verdict = Verdict.INCONCLUSIVE
        if bounds is not None and p <= ALPHA and bounds[0] > log1p(drift):
            verdict = Verdict.REGRESSED
        elif bounds is not None and p <= ALPHA and bounds[1] < -log1p(drift):
            verdict = Verdict.IMPROVED
        low, high = (None, None) if bounds is None else map(expm1, bounds)
        changes.append(
            Change(
                case=case,
                verdict=verdict,
                change=expm1(effect),
                low=low,
                high=high,
                p=p,
                launches=(len(ours), len(theirs)),
            )
        )
    return changes
