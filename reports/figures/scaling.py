"""What several ranks give over one process: speed-ups, efficiency and the time of the exchange of gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median

from bench.record.case import DEFAULT_RANKS, Case
from bench.record.run import Run
from reports.figures.evidence import Evidence, examine
from reports.stats.intervals import Sets, Summary, speedup, summarize

ONE_RANK = "ddp:1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How a case of several ranks compares with fewer.

    Attributes:
        case: which.
        ideal: how many times the throughput of one process the same would be at best: the number of ranks where each
            has a device of its own, 1 on a CPU, whose cores ranks share out.
        strong: its throughput over that of one process with the same batch, taken within sets.
        strong_of_ranks: the same over ``ddp:1``.
        weak: its throughput over that of one process with one rank's share of the batch, over launches.
        weak_of_ranks: the same over ``ddp:1``.
        exchange: the share of an iteration that is saved if no gradients are exchanged; None without a backward.
    """

    case: Case
    ideal: int
    strong: Summary | None
    strong_of_ranks: Summary | None
    weak: Summary | None
    weak_of_ranks: Summary | None
    exchange: Summary | None

    def efficiency(self, gain: Summary | None) -> Summary | None:
        """Return a gain in throughput over the ideal one."""
        return None if gain is None else gain.over(self.ideal)


def list_scalings(run: Run) -> dict[Case, Scaling]:
    """Return how every case of several ranks that was measured compares with fewer."""
    by_case = examine(run)
    return {
        case: _compare(case, evidence, by_case)
        for case, evidence in by_case.items()
        if case.distributed and evidence.seconds is not None
    }


def _compare(case: Case, evidence: Evidence, by_case: Mapping[Case, Evidence]) -> Scaling:
    share = case.batch // case.processes

    def strong(ranks: str) -> Summary | None:
        other = by_case.get(replace(case, ranks=ranks))
        return speedup(other.kept.seconds, evidence.kept.seconds) if other is not None and ranks != case.ranks else None

    def weak(ranks: str) -> Summary | None:
        other = by_case.get(replace(case, ranks=ranks, batch=share))
        if other is None or share == case.batch:
            return None
        gain = speedup(_per_launch(other.kept.seconds), _per_launch(evidence.kept.seconds))
        return None if gain is None else gain.over(1 / case.processes)

    return Scaling(
        case=case,
        ideal=1 if case.on_cpu else case.processes,
        strong=strong(DEFAULT_RANKS),
        strong_of_ranks=strong(ONE_RANK),
        weak=weak(DEFAULT_RANKS),
        weak_of_ranks=weak(ONE_RANK),
        exchange=_exchange(evidence),
    )


def _per_launch(sets: Sets) -> Sets:
    """Return one value for each launch: cases of different batches have no set in common."""
    return {launch: {0: median(seconds.values())} for launch, seconds in sets.items()}


def _exchange(evidence: Evidence) -> Summary | None:
    """Return the share of an iteration that is saved without an exchange, with its interval over launches."""
    shares = [
        median(_divide(slices.local_seconds, slices.seconds)) for slices in evidence.timed if slices.local_seconds
    ]
    if not shares:
        return None
    left = summarize(shares)
    low, high = (None if end is None else 1 - end for end in (left.high, left.low))
    return Summary(centre=1 - left.centre, low=low, high=high, n=left.n, warnings=left.warnings)


def _divide(parts: Iterable[float], wholes: Iterable[float]) -> list[float]:
    return [part / whole for part, whole in zip(parts, wholes, strict=True)]
