"""Why head is slower than base: an outer join of both arms' profiles, and how much of the timed change it explains.

The replicate is a fresh process of each arm; those with the same number ran one after the other, and are a pair. Sums
are of means, so that the parts add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import log
from statistics import fmean, median

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.profile import ModuleTime, Place, Profile, Profiled
from reports.figures.accounts import HOST_WAITS, OUTSIDE, Work, sum_work
from reports.stats.intervals import CONFIDENCE
from reports.stats.ratio import Mean, find_ratio_interval, find_t

LEAST_PAIRS = 6
"""With fewer pairs of processes the standard error of a change is hardly known, and there is no interval."""

SAME_CALLS = 0.01
"""Numbers of calls per iteration that differ by less are the same: an iteration may be counted at its edge."""

Values = Mapping[Work, tuple[float, float]]
"""Calls and seconds per iteration of what is computed, in one process."""


class Kind(StrEnum):
    """In what an operator differs between the arms."""

    ONLY_BASE = "only in base"
    ONLY_HEAD = "only in head"
    COUNT = "other count"
    TIME = "other time"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One operator, or one module, in both arms, per iteration.

    Attributes:
        name: what it computes, or which module it is.
        place: where it runs.
        kind: in what it differs.
        base_calls, head_calls: the median over processes; 0 where it is not there, and of what is not called: a module,
            and the time in no operator.
        base_seconds, head_seconds: its own time, the mean over processes; None where it is not there.
        change: of its time, head less base, over pairs of processes.
    """

    name: str
    place: Place
    kind: Kind
    base_calls: float
    head_calls: float
    base_seconds: float | None
    head_seconds: float | None
    change: Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What changed in a case between the arms.

    Attributes:
        differences: operators that differ, and the time in no operator if it does; the largest change of time first.
        same_seconds: change of the time of all that does not differ: noise, or many changes too small to be told.
        explained: change of the time of all that differs.
        pairs: of processes that it rests on.
        place: where the time is that bounds the case; changes elsewhere are listed, and not added.
        base_seconds, head_seconds: of a profiled iteration.
        timed: the change that was timed without a profiler, in seconds per iteration.
        share: of the timed change that is explained; None where that cannot be told from none.
        low, high: its interval; None where there is none.
        remarks: of the profiles, each a sentence without its full stop.
        modules: of an eager network that differ, by the own times of their operators where they are bound; the largest
            change first.
    """

    differences: tuple[Difference, ...]
    same_seconds: float
    explained: Mean
    pairs: int
    place: Place
    base_seconds: float
    head_seconds: float
    timed: Mean
    share: float | None
    low: float | None
    high: float | None
    remarks: tuple[str, ...]
    modules: tuple[Difference, ...]


def explain(profiles: Iterable[Profiled], case: Case, timed: Mean) -> Explanation | str | None:
    """Return what changed in a case, or why that cannot be told; None if nobody profiled it.

    Args:
        profiles: of a gate.
        case: as base runs it.
        timed: the change of its time, in seconds per iteration.
    """
    own = [profiled for profiled in profiles if profiled.case == case]
    if not own:
        return None
    by_side = {
        side: {
            profiled.replicate: profiled.profile
            for profiled in own
            if profiled.side is side and profiled.profile is not None
        }
        for side in Side
    }
    pairs = sorted(by_side[Side.BASE].keys() & by_side[Side.HEAD].keys())
    if not pairs:
        reasons = [f"not profiled in {profiled.side}: {profiled.reason}" for profiled in own if profiled.reason]
        return next(iter(reasons), "one arm alone was profiled before the gate ended")
    base, head = ([by_side[side][pair] for pair in pairs] for side in Side)
    return _explain(base, head, timed)


def _explain(base: Sequence[Profile], head: Sequence[Profile], timed: Mean) -> Explanation:
    """Return what differs between pairs of profiles."""
    place = _find_place([*base, *head])
    joined = _join(base, head, _values)
    modules = _join(base, head, partial(_module_values, place=place))
    differing = [difference for difference in joined if difference.kind is not Kind.SAME]
    added = [difference for difference in differing if difference.place is place]
    explained = _sum_changes(base, head, added)
    same = [difference for difference in joined if difference.kind is Kind.SAME and difference.place is place]
    told = timed.error is not None and abs(timed.value) > timed.error
    interval = None
    if len(base) >= LEAST_PAIRS and added:
        interval = find_ratio_interval(explained, timed, confidence=CONFIDENCE)
    low, high = interval or (None, None)
    return Explanation(
        differences=_order(differing),
        same_seconds=sum(difference.change.value for difference in same),
        explained=explained,
        pairs=len(base),
        place=place,
        base_seconds=fmean(profile.seconds for profile in base),
        head_seconds=fmean(profile.seconds for profile in head),
        timed=timed,
        share=explained.value / timed.value if told else None,
        low=low,
        high=high,
        remarks=tuple(dict.fromkeys(remark for profile in (*base, *head) for remark in profile.remarks)),
        modules=_order(difference for difference in modules if difference.kind is not Kind.SAME),
    )


def _order(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return differences, the largest change of time first."""
    return tuple(sorted(differences, key=lambda difference: -abs(difference.change.value)))


def _find_place(profiles: Sequence[Profile]) -> Place:
    """Return where the time is that bounds a case: on the device only if that is busy for most of it."""
    busy = median((profile.device_seconds or 0.0) / profile.seconds for profile in profiles)
    return Place.DEVICE if busy >= HOST_WAITS else Place.HOST


def _join(base: Sequence[Profile], head: Sequence[Profile], read: Callable[[Profile], Values]) -> list[Difference]:
    """Return every part of either arm's time with its change; pairs have the same index.

    It has another time only if the ratio of its times is beyond chance for any of so many parts, at 5 % for all
    together.
    """
    befores, afters = ([read(profile) for profile in side] for side in (base, head))
    works = list(dict.fromkeys(work for values in (*befores, *afters) for work in values))
    if not works:
        return []
    confidence = 1 - (1 - CONFIDENCE) / len(works)
    return [_compare(work, befores, afters, confidence) for work in works]


def _values(profile: Profile) -> Values:
    return {**sum_work(profile), (Place.HOST, OUTSIDE): (0.0, profile.outside_seconds)}


def _module_values(profile: Profile, *, place: Place) -> Values:
    """Return the time of each module where the case is bound, its forward and its backward apart."""
    return {
        (place, name_way(module)): (0.0, module.device_seconds if place is Place.DEVICE else module.host_seconds)
        for module in profile.modules
    }


def name_way(module: ModuleTime) -> str:
    """Return what a module is called in one direction."""
    kind = "" if module.kind is None else f" ({module.kind})"
    return f"{module.name}{kind}, {'backward' if module.backward else 'forward'}"


def _compare(work: Work, befores: Sequence[Values], afters: Sequence[Values], confidence: float) -> Difference:
    """Return what an operator is in both arms; where it is not, it takes no time."""
    place, name = work
    absent = (0.0, 0.0)
    before, after = ([values.get(work, absent) for values in side] for side in (befores, afters))
    base_calls, head_calls = (median(calls for calls, _ in side) for side in (before, after))
    in_base, in_head = (any(work in values for values in side) for side in (befores, afters))
    change = Mean.of([late - early for (_, early), (_, late) in zip(before, after, strict=True)])
    known = _is_beyond_chance([seconds for _, seconds in before], [seconds for _, seconds in after], confidence)
    if not in_base or not in_head:
        kind = Kind.ONLY_BASE if in_base else Kind.ONLY_HEAD
    elif abs(head_calls - base_calls) > SAME_CALLS:
        kind = Kind.COUNT
    else:
        kind = Kind.TIME if known else Kind.SAME
    return Difference(
        name=name,
        place=place,
        kind=kind,
        base_calls=base_calls,
        head_calls=head_calls,
        base_seconds=fmean(seconds for _, seconds in before) if in_base else None,
        head_seconds=fmean(seconds for _, seconds in after) if in_head else None,
        change=change,
    )


def _is_beyond_chance(before: Sequence[float], after: Sequence[float], confidence: float) -> bool:
    """Whether a time changed over pairs of processes, by Student's t of the logarithms of its ratios.

    A disturbance makes a time longer by a factor: of differences, one such pair would hide a fourfold time.
    """
    if len(before) < LEAST_PAIRS or min(*before, *after) <= 0:
        return False
    ratio = Mean.of([log(late / early) for early, late in zip(before, after, strict=True)])
    return ratio.is_beyond(find_t(ratio.n - 1, confidence=confidence))


def _sum_changes(base: Sequence[Profile], head: Sequence[Profile], differences: Sequence[Difference]) -> Mean:
    """Return the change of several operators together, over pairs: their errors are not independent."""
    works = [(difference.place, difference.name) for difference in differences]
    sums = [
        [sum(values[work][1] for work in works if work in values) for values in map(_values, side)]
        for side in (base, head)
    ]
    return Mean.of([after - before for before, after in zip(*sums, strict=True)])
