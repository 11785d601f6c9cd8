"""Which slices count: a disturbed interleaved set is dropped whole, blind to which variant that favours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.record.case import Case, Group
from bench.record.observations import Slices
from bench.record.run import Run

STOLEN_SHARE = 0.02
"""A set is dropped if the hypervisor took more than this share of its slices' time, which is as large as the smallest
difference that a report should show."""

UNKNOWN_STEAL = "this system does not tell how much time the hypervisor took: no disturbed set could be dropped"

SetKey = tuple[Group, int, int]
"""Group, launch and set index: all variants that were timed within seconds of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSlices:
    """What the dropping rule left of one case.

    Attributes:
        seconds: per iteration, by launch from 1, then by interleaved set; the median if a set holds several slices.
        slices: how many slices those are.
        dropped_sets: interleaved sets of this case that were dropped, all their variants together.
        warnings: sentences about what was or could not be dropped.
    """

    seconds: Mapping[int, Mapping[int, float]]
    slices: int
    dropped_sets: int
    warnings: tuple[str, ...]

    @property
    def launch_seconds(self) -> list[float]:
        """Return one value per launch: the median over its sets."""
        return [median(sets.values()) for sets in self.seconds.values()]


def keep_slices(run: Run) -> dict[Case, KeptSlices]:
    """Return what counts of every planned case; a case without slices keeps nothing."""
    timed = _timed(run)
    dropped, spared = _disturbed(timed)
    return {case: _keep_case(case, slices, dropped, spared) for case, slices in timed.items()}


def find_dropped_sets(run: Run) -> set[SetKey]:
    """Return the interleaved sets that do not count."""
    return _disturbed(_timed(run))[0]


Timed = list[tuple[int, Slices]]
"""The slices of a case by launch; the pilot, launch 0, is discarded."""


def _timed(run: Run) -> dict[Case, Timed]:
    return {
        case: [
            (measurement.launch, measurement.slices)
            for measurement in measurements
            if measurement.slices is not None and measurement.launch > 0
        ]
        for case, measurements in run.by_case().items()
    }


def _disturbed(timed: Mapping[Case, Timed]) -> tuple[set[SetKey], set[SetKey]]:
    """Return the sets to drop, and those that are spared because nothing of their launch would be left."""
    by_group: dict[tuple[Group, int], list[Slices]] = defaultdict(list)
    for case, launches in timed.items():
        group = case.group
        for launch, slices in launches:
            by_group[group, launch].append(slices)
    dropped: set[SetKey] = set()
    spared: set[SetKey] = set()
    for (group, launch), variants in by_group.items():
        if any(
            slices.stolen_seconds and any(slices.stolen_seconds) for slices in variants
        ):  # seldom: the rest is quick
            sets, disturbed = _disturbed_sets(variants)
            chosen = spared if sets <= disturbed else dropped
            chosen |= {(group, launch, index) for index in disturbed}
    return dropped, spared


def _disturbed_sets(variants: Sequence[Slices]) -> tuple[set[int], set[int]]:
    """Return all sets of one group in one launch, and those of which the hypervisor took too much."""
    wall: dict[int, float] = defaultdict(float)
    stolen: dict[int, float] = defaultdict(float)
    unknown: set[int] = set()
    for slices in variants:
        for position, index in enumerate(slices.set_index):
            wall[index] += slices.iterations * slices.seconds[position]
            if slices.stolen_seconds is None:
                unknown.add(index)
            else:
                stolen[index] += slices.stolen_seconds[position]
    return set(wall), {index for index in wall.keys() - unknown if stolen[index] > STOLEN_SHARE * wall[index]}


def _keep_case(case: Case, timed: Timed, dropped: set[SetKey], spared: set[SetKey]) -> KeptSlices:
    group = case.group
    seconds: dict[int, dict[int, float]] = {}
    count = gone = 0
    kept_disturbed = []
    for launch, slices in timed:
        mine = set(slices.set_index)
        out = {index for index in mine if (group, launch, index) in dropped} if dropped else set()
        gone += len(out)
        if spared and any((group, launch, index) in spared for index in mine):
            kept_disturbed.append(launch)
        sets: dict[int, list[float]] = defaultdict(list)
        for index, value in zip(slices.set_index, slices.seconds, strict=True):
            if index not in out:
                sets[index].append(value)
                count += 1
        if sets:
            seconds[launch] = {
                index: values[0] if len(values) == 1 else median(values) for index, values in sets.items()
            }
    return KeptSlices(
        seconds=seconds,
        slices=count,
        dropped_sets=gone,
        warnings=tuple(_warnings(timed, gone=gone, disturbed_launches=kept_disturbed)),
    )


def _warnings(timed: Timed, *, gone: int, disturbed_launches: list[int]) -> list[str]:
    warnings = []
    limit = f"{STOLEN_SHARE:.0%}".replace("%", " %")
    if any(slices.stolen_seconds is None for _, slices in timed):
        warnings.append(UNKNOWN_STEAL)
    if gone:
        warnings.append(f"interleaved sets were dropped where the hypervisor took over {limit} of their time")
    if disturbed_launches:
        which = ", ".join(map(str, disturbed_launches))
        warnings.append(
            f"every set of launch {which} was disturbed (over {limit} stolen), so all are kept:"
            " repeat on a calmer machine"
        )
    return warnings
