"""Going on with a journal: what is kept, what is measured again, and when going on is refused.

Standard library only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.record.case import Case, Group
from bench.record.observations import Preparation
from bench.record.run import Measurement, Outcome, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What an earlier part of a run leaves to do; empty for a run that starts from nothing.

    Attributes:
        kept: measurements that stand.
        dropped: (launch, case) of measurements that do not: of a set that was cut through, or to be tried again.
        pilot: what the pilot saw of the cases it finished.
        ended: cases that take no further part: skipped, or with a fault.
        done: launches and groups that are finished.
    """

    kept: tuple[Measurement, ...] = ()
    dropped: tuple[tuple[int, Case], ...] = ()
    pilot: Mapping[Case, Preparation] = field(default_factory=dict)
    ended: frozenset[Case] = frozenset()
    done: frozenset[tuple[int, Group]] = frozenset()


def resumption(run: Run, *, retry: bool) -> Resumption:
    """Return what is kept of a run that did not end.

    Args:
        run: as its journal has it.
        retry: whether cases with a fault are tried again; their whole group is then measured again, since variants
            that are compared are measured together.
    """
    faulty = {one.case.group for one in run.measurements if one.outcome.fault} if retry else set()
    cut = _cut_through(run)
    kept = [
        one
        for one in run.measurements
        if one.case.group not in faulty
        and (one.outcome is not Outcome.MEASURED or (one.launch, one.case.group) not in cut)
    ]
    stands = {(one.launch, one.case) for one in kept}
    return Resumption(
        kept=tuple(kept),
        dropped=tuple((one.launch, one.case) for one in run.measurements if (one.launch, one.case) not in stands),
        pilot={one.case: one.preparation for one in kept if one.launch == 0 and one.preparation is not None},
        ended=frozenset(one.case for one in kept if one.outcome is not Outcome.MEASURED),
        done=frozenset((one.launch, one.case.group) for one in kept if one.launch > 0 and one.slices is not None),
    )


def _cut_through(run: Run) -> set[tuple[int, Group]]:
    """Return launches and groups of which some variant is measured and another, still in the run, is not."""
    ended_in: dict[Case, int] = {}
    seen: dict[tuple[int, Group], set[Case]] = defaultdict(set)
    for one in run.measurements:
        if one.outcome is not Outcome.MEASURED:
            ended_in[one.case] = min(one.launch, ended_in.get(one.case, one.launch))
        elif one.launch > 0:
            seen[one.launch, one.case.group].add(one.case)
    groups: dict[Group, set[Case]] = defaultdict(set)
    for case in run.cases:
        groups[case.group].add(case)
    return {
        (launch, group)
        for (launch, group), cases in seen.items()
        if any(case not in cases and ended_in.get(case, launch + 1) > launch for case in groups[group])
    }
