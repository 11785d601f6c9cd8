"""Which slices count: a disturbed interleaved set is dropped whole, blind to which variant that favours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from bench.case import Case
from bench.record import Run, Slices

STOLEN_SHARE = 0.02
"""Of a set's slices, what the hypervisor may have taken before the set is dropped: the size of the smallest
difference that a report should show."""

UNKNOWN_STEAL = "this system does not tell how much time the hypervisor took: no disturbed set could be dropped"

SetKey = tuple[tuple[str, str, int, str], int, int]
"""Group, launch and set index: all variants that were timed within seconds of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
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


def keep(run: Run) -> dict[Case, Kept]:
    """Return what counts of every planned case; a case without slices keeps nothing."""
    dropped, spared = _disturbed(run)
    return {
        case: _keep_case(case, [(launch, slices) for launch, slices in timed if slices], dropped, spared)
        for case, timed in _timed(run).items()
    }


def is_dropped(run: Run) -> set[SetKey]:
    """Return the interleaved sets that do not count."""
    return _disturbed(run)[0]


def _timed(run: Run) -> dict[Case, list[tuple[int, Slices]]]:
    """Return the slices of every case by launch; the pilot, launch 0, is discarded."""
    return {
        case: [(one.launch, one.slices) for one in some if one.slices is not None and one.launch > 0]
        for case, some in run.by_case().items()
    }


def _disturbed(run: Run) -> tuple[set[SetKey], set[SetKey]]:
    """Return the sets to drop, and those that are spared because nothing of their launch would be left."""
    wall: dict[SetKey, float] = defaultdict(float)
    stolen: dict[SetKey, float] = defaultdict(float)
    unknown: set[SetKey] = set()
    for case, timed in _timed(run).items():
        for launch, slices in timed:
            for position, index in enumerate(slices.set_index):
                key = (case.group, launch, index)
                wall[key] += slices.iterations * slices.seconds[position]
                if slices.stolen_seconds is None:
                    unknown.add(key)
                else:
                    stolen[key] += slices.stolen_seconds[position]
    disturbed = {key for key in wall.keys() - unknown if stolen[key] > STOLEN_SHARE * wall[key]}
    spared = set()
    for _, keys in groupby(sorted(wall), key=lambda key: key[:2]):
        every = set(keys)
        if every <= disturbed:
            spared |= every
    return disturbed - spared, spared


def _keep_case(case: Case, timed: list[tuple[int, Slices]], dropped: set[SetKey], spared: set[SetKey]) -> Kept:
    seconds: dict[int, dict[int, float]] = {}
    count = 0
    for launch, slices in timed:
        sets: dict[int, list[float]] = defaultdict(list)
        for index, one in zip(slices.set_index, slices.seconds, strict=True):
            if (case.group, launch, index) not in dropped:
                sets[index].append(one)
                count += 1
        if sets:
            seconds[launch] = {index: median(values) for index, values in sets.items()}
    mine = {(launch, index) for launch, slices in timed for index in slices.set_index}
    gone = sum((case.group, *key) in dropped for key in mine)
    kept_disturbed = sorted({launch for launch, index in mine if (case.group, launch, index) in spared})
    return Kept(
        seconds=seconds,
        slices=count,
        dropped_sets=gone,
        warnings=tuple(_warnings(timed, gone=gone, disturbed_launches=kept_disturbed)),
    )


def _warnings(timed: list[tuple[int, Slices]], *, gone: int, disturbed_launches: list[int]) -> list[str]:
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
