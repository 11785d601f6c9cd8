"""Hints: what to do so that the next run says more, each only where it applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.record.case import Case
from bench.record.run import Run
from reports.figures.evidence import Evidence, examine
from reports.show.units import percent
from reports.show.words import name_some
from reports.stats.intervals import LEAST_LAUNCHES

DISAGREEMENT = 0.3
"""Launches whose medians are further apart than this share of their middle are said to disagree."""

WIDE = 0.2
"""So is an interval called wide."""


def list_hints(run: Run) -> list[str]:
    """Return what to do so that the next run says more, each a sentence; none where nothing was timed."""
    if run.settings.quick:
        return []
    evidence = examine(run)
    return [f"Hint: {hint}" for hint in (*_advise_launches(run, evidence), *_advise_more(run, evidence))]


def _advise_launches(run: Run, evidence: Mapping[Case, Evidence]) -> Iterator[str]:
    """Yield what more processes would tell: an interval where there is none, or what processes disagree about."""
    if run.settings.launches < LEAST_LAUNCHES:
        if any(one.seconds is not None for one in evidence.values()):
            yield f"--launches {LEAST_LAUNCHES} or more gives every figure an interval."
        return
    spreads = {case: _spread(one.kept.launch_seconds) for case, one in evidence.items()}
    apart = {case: spread for case, spread in spreads.items() if spread > DISAGREEMENT}
    if apart:
        yield (
            f"launches disagree by up to {percent(max(apart.values()))} in {_name_worst(apart)}: measure on a quiet "
            "machine; if they still do, fresh processes differ there, and more of them "
            f"(--launches {2 * run.settings.launches}) tell more than longer ones."
        )


def _advise_more(run: Run, evidence: Mapping[Case, Evidence]) -> Iterator[str]:
    """Yield how wide intervals are where launches agree; longer slices would not narrow them, since launches differ."""
    wide = {}
    for case, one in evidence.items():
        summary = one.seconds
        if summary is None or summary.low is None or summary.high is None:
            continue
        width = (summary.high - summary.low) / summary.centre
        if width > WIDE and _spread(one.kept.launch_seconds) <= DISAGREEMENT:
            wide[case] = width
    if wide:
        yield (
            f"the interval of {_name_worst(wide)} is up to {percent(max(wide.values()))} wide: "
            f"--launches {2 * run.settings.launches} narrows it."
        )


def _spread(seconds: Sequence[float]) -> float:
    """Return how far launches are apart, as a share of the one in their middle."""
    ordered = sorted(seconds)
    return (ordered[-1] - ordered[0]) / ordered[len(ordered) // 2] if ordered else 0.0


def _name_worst(shares: Mapping[Case, float]) -> str:
    return name_some(case.id for case in sorted(shares, key=lambda case: -shares[case]))
