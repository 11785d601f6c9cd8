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
    faulty = (
        {measurement.case.group for measurement in run.measurements if measurement.outcome.fault} if retry else set()
    )
    cut = _cut_through(run)
    kept = [
        measurement
        for measurement in run.measurements
        if measurement.case.group not in faulty
        and (measurement.outcome is not Outcome.MEASURED or (measurement.launch, measurement.case.group) not in cut)
    ]
    stands = {(measurement.launch, measurement.case) for measurement in kept}
    return Resumption(
        kept=tuple(kept),
        dropped=tuple(
            (measurement.launch, measurement.case)
            for measurement in run.measurements
            if (measurement.launch, measurement.case) not in stands
        ),
        pilot={
            measurement.case: measurement.preparation
            for measurement in kept
            if measurement.launch == 0 and measurement.preparation is not None
        },
        ended=frozenset(measurement.case for measurement in kept if measurement.outcome is not Outcome.MEASURED),
        done=frozenset(
            (measurement.launch, measurement.case.group)
            for measurement in kept
            if measurement.launch > 0 and measurement.slices is not None
        ),
    )


def _cut_through(run: Run) -> set[tuple[int, Group]]:
    """Return launches and groups of which some variant is measured and another, still in the run, is not."""
    ended_in: dict[Case, int] = {}
    measured: dict[tuple[int, Group], set[Case]] = defaultdict(set)
    for measurement in run.measurements:
        if measurement.outcome is not Outcome.MEASURED:
            ended_in[measurement.case] = min(measurement.launch, ended_in.get(measurement.case, measurement.launch))
        elif measurement.launch > 0:
            measured[measurement.launch, measurement.case.group].add(measurement.case)
    groups: dict[Group, set[Case]] = defaultdict(set)
    for case in run.cases:
        groups[case.group].add(case)
    return {
        (launch, group)
        for (launch, group), cases in measured.items()
        if any(case not in cases and ended_in.get(case, launch + 1) > launch for case in groups[group])
    }
