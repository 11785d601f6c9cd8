"""What is derived from a Run: each Metric in METRICS says its unit, which direction is better, and how it derives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from statistics import median

from reports.figures.evidence import Evidence, clock_share, event_share
from reports.show.units import Unit
from reports.stats.intervals import Summary, relative_spread, summarize


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure that is derived from observations.

    Attributes:
        name: its column, with the unit.
        unit: what it is counted in.
        direction: which way is better.
        exact: whether it is a count that repeats to the last digit; others are noisy.
        interval: whether its interval is shown beside it.
        derive: how; None where the evidence does not hold it.
    """

    name: str
    unit: Unit
    direction: Direction
    exact: bool = False
    interval: bool = False
    derive: Callable[[Evidence], Summary | None]


def _point(value: float | None, n: int) -> Summary | None:
    return None if value is None else Summary(centre=value, n=n)


def _middle(values: Iterable[float | None]) -> Summary | None:
    """Return the median of what is there, one value per launch, without an interval."""
    known = [value for value in values if value is not None]
    return Summary(centre=median(known), n=len(known)) if known else None


def _seconds(evidence: Evidence) -> Summary | None:
    """Seconds per iteration."""
    return evidence.seconds


def _images_per_second(evidence: Evidence) -> Summary | None:
    """Batch divided by seconds per iteration."""
    return evidence.seconds and evidence.seconds.per(evidence.case.batch)


def _latency_seconds(evidence: Evidence) -> Summary | None:
    """Seconds of one iteration that is waited for: where slices are queued its own, otherwise those of the slices."""
    single = [median(slices.latency_seconds) for slices in evidence.timed if slices.latency_seconds]
    return summarize(single) if single else evidence.seconds


def _count(evidence: Evidence, name: str) -> Summary | None:
    """Return a count of the preparation: exact, so that how often it was found does not matter."""
    return _point(evidence.count(name), len(evidence.measurements))


def _flops(evidence: Evidence) -> Summary | None:
    """Floating-point operations per iteration."""
    return _count(evidence, "flops")


def _minimal_bytes(evidence: Evidence) -> Summary | None:
    """Bytes that one iteration must read and write at least."""
    return _count(evidence, "minimal_bytes")


def _compile_count(name: str) -> Callable[[Evidence], Summary | None]:
    """Return how to derive a count of the compiler's, the most over launches; None where nothing was compiled."""

    def derive(evidence: Evidence) -> Summary | None:
        preparations = (measurement.preparation for measurement in evidence.measurements if measurement.preparation)
        counts = [count for preparation in preparations if (count := getattr(preparation, name)) is not None]
        return Summary(centre=max(counts), n=len(counts)) if counts else None

    return derive


def _peak_bytes(evidence: Evidence) -> Summary | None:
    """Device memory that the case needed at most."""
    return _count(evidence, "peak_bytes")


def _copy_share(evidence: Evidence) -> Summary | None:
    """Seconds of the copies alone between host and device, as the pilot found them, over seconds per iteration."""
    prepared = (measurement.preparation for measurement in evidence.measurements if measurement.preparation)
    copies = _middle(preparation.copy_seconds for preparation in prepared)
    return _point(copies.centre / evidence.seconds.centre, copies.n) if copies and evidence.seconds else None


def _intensity(evidence: Evidence) -> Summary | None:
    """Arithmetic intensity: operations over least bytes."""
    flops, least = _flops(evidence), _minimal_bytes(evidence)
    return _point(flops.centre / least.centre, flops.n) if flops and least else None


def _attainable_flops_per_second(evidence: Evidence) -> Summary | None:
    """FLOP/s that the device allows at the case's arithmetic intensity."""
    intensity = _intensity(evidence)
    if intensity is None or evidence.roof is None:
        return None
    return _point(evidence.roof.attainable(intensity.centre), intensity.n)


def _compute_bound(evidence: Evidence) -> Summary | None:
    """1 if products are the lower limit at the case's arithmetic intensity, 0 if copies are."""
    intensity = _intensity(evidence)
    if intensity is None or evidence.roof is None:
        return None
    return _point(float(intensity.centre >= evidence.roof.ridge), intensity.n)


def _share_of_attainable(evidence: Evidence) -> Summary | None:
    """FLOP/s over those that are attainable."""
    rate, most = _flops_per_second(evidence), _attainable_flops_per_second(evidence)
    return rate.over(most.centre) if rate and most else None


def _clock_seconds(evidence: Evidence) -> Summary | None:
    """Seconds that one pair of clock reads costs, waiting for an idle device included."""
    return _middle(slices.clock_seconds for slices in evidence.timed)


def _event_share(evidence: Evidence) -> Summary | None:
    """Seconds by device events over seconds by the host's clock."""
    return _point(event_share(evidence.timed), len(evidence.timed))


def _flops_per_second(evidence: Evidence) -> Summary | None:
    counted = _flops(evidence)
    return evidence.seconds.per(counted.centre) if evidence.seconds and counted else None


def _share_of_best(evidence: Evidence) -> Summary | None:
    """Seconds of the fastest measured variant of the same group over this one's: 1 is the fastest itself.

    A group is what variants share: model, step, batch and device; they differ in the fields of `Variant`.
    """
    if evidence.seconds is None or evidence.best_seconds is None:
        return None
    return _point(evidence.best_seconds / evidence.seconds.centre, evidence.seconds.n)


def _compile_cold_seconds(evidence: Evidence) -> Summary | None:
    """Seconds compiling where the compiler's disk cache was cold, which is the pilot's first call."""
    made = [measurement.preparation for measurement in evidence.measurements if measurement.preparation]
    return _middle(preparation.compile_seconds for preparation in made if preparation.cache_was_warm is False)


def _compile_warm_seconds(evidence: Evidence) -> Summary | None:
    """Seconds compiling where the disk cache was warm, in the launches after the pilot."""
    return _middle(
        preparation.compile_seconds for preparation in evidence.prepared if preparation.cache_was_warm is True
    )


def _first_call_seconds(evidence: Evidence) -> Summary | None:
    """Seconds of the very first iteration in a fresh process, the pilot left out."""
    return _middle(preparation.first_call_seconds for preparation in evidence.prepared)


def _yardstick_seconds(evidence: Evidence) -> Summary | None:
    """Seconds of the fixed yardstick in this case's sets, dropped ones too: the median over launches."""
    return _middle(median(slices.yardstick_seconds) for slices in evidence.timed)


def _yardstick_spread(evidence: Evidence) -> Summary | None:
    """Interquartile range over median of the yardstick, over all slices: how restless the machine was."""
    seconds = list(chain.from_iterable(slices.yardstick_seconds for slices in evidence.timed))
    return _point(relative_spread(seconds), len(seconds))


def _yardstick_launch_spread(evidence: Evidence) -> Summary | None:
    """Interquartile range over median of the yardstick's launch medians: how far its state moved between launches."""
    seconds = [median(slices.yardstick_seconds) for slices in evidence.timed]
    return _point(relative_spread(seconds), len(seconds))


def _clock(evidence: Evidence) -> Summary | None:
    return _point(clock_share(evidence.measurements), len(evidence.timed))


_SECONDS, _SHARE = Unit.SECONDS, Unit.SHARE
_HIGHER, _LOWER, _NONE = Direction.HIGHER, Direction.LOWER, Direction.NONE

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="seconds", unit=_SECONDS, direction=_LOWER, interval=True, derive=lambda evidence: evidence.seconds
        ),
        Metric(
            name="images_per_second",
            unit=Unit.IMAGES_PER_SECOND,
            direction=_HIGHER,
            interval=True,
            derive=_images_per_second,
        ),
        Metric(name="latency_seconds", unit=_SECONDS, direction=_LOWER, interval=True, derive=_latency_seconds),
        Metric(name="copy_share", unit=_SHARE, direction=_NONE, derive=_copy_share),
        Metric(name="flops", unit=Unit.FLOPS, direction=_NONE, exact=True, derive=_flops),
        Metric(name="minimal_bytes", unit=Unit.BYTES, direction=_NONE, exact=True, derive=_minimal_bytes),
        Metric(name="peak_bytes", unit=Unit.BYTES, direction=_LOWER, exact=True, derive=_peak_bytes),
        Metric(
            name="graph_breaks",
            unit=Unit.COUNT,
            direction=_LOWER,
            exact=True,
            derive=_compile_count("graph_breaks"),
        ),
        Metric(name="recompiles", unit=Unit.COUNT, direction=_LOWER, exact=True, derive=_compile_count("recompiles")),
        Metric(name="intensity", unit=Unit.INTENSITY, direction=_NONE, exact=True, derive=_intensity),
        Metric(
            name="flops_per_second",
            unit=Unit.FLOPS_PER_SECOND,
            direction=_HIGHER,
            interval=True,
            derive=_flops_per_second,
        ),
        Metric(
            name="attainable_flops_per_second",
            unit=Unit.FLOPS_PER_SECOND,
            direction=_NONE,
            derive=_attainable_flops_per_second,
        ),
        Metric(name="compute_bound", unit=_SHARE, direction=_NONE, derive=_compute_bound),
        Metric(name="share_of_attainable", unit=_SHARE, direction=_HIGHER, interval=True, derive=_share_of_attainable),
        Metric(name="share_of_best", unit=_SHARE, direction=_HIGHER, derive=_share_of_best),
        Metric(name="compile_cold_seconds", unit=_SECONDS, direction=_LOWER, derive=_compile_cold_seconds),
        Metric(name="compile_warm_seconds", unit=_SECONDS, direction=_LOWER, derive=_compile_warm_seconds),
        Metric(name="first_call_seconds", unit=_SECONDS, direction=_LOWER, derive=_first_call_seconds),
        Metric(name="yardstick_seconds", unit=_SECONDS, direction=_NONE, derive=_yardstick_seconds),
        Metric(name="yardstick_spread", unit=_SHARE, direction=_LOWER, derive=_yardstick_spread),
        Metric(name="yardstick_launch_spread", unit=_SHARE, direction=_LOWER, derive=_yardstick_launch_spread),
        Metric(name="clock_share", unit=_SHARE, direction=_LOWER, derive=_clock),
        Metric(name="clock_seconds", unit=_SECONDS, direction=_LOWER, derive=_clock_seconds),
        Metric(name="event_share", unit=_SHARE, direction=_NONE, derive=_event_share),
    )
}
"""Every derived figure by name, in display order."""
