"""What was seen of each case, put together from a Run: the ground that every metric derives from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from statistics import median

from bench.record.case import Case, Group
from bench.record.observations import Preparation, Slices
from bench.record.run import Measurement, Outcome, Run
from reports.figures.dropped_sets import KeptSlices, keep_slices
from reports.figures.roofline import Roof, attained, roof_of, roofs
from reports.show.units import percent
from reports.stats.intervals import LEAST_LAUNCHES, Summary, summarize

CLOCK_LIMIT = 0.01
"""The clock may cost this share of a slice; bench sizes slices accordingly."""

EVENT_LIMIT = 0.05
"""Device events and the host's clock time the same slice; further apart, one of them is wrong."""

CEILING_SLACK = 0.05
"""A case may reach this share more than the measured ceiling: both are measured, and each of them scatters."""

ABOVE_CEILING = "it reaches more than the ceiling that was measured: the machine was in another state then"

QUICK = "quick run: every case ran once as a test; nothing was timed and no claim about time is made"
CLOCK_COSTS = f"reading the clock costs more than {percent(CLOCK_LIMIT)} of what it times (clock_share in the CSV)"
NO_FLOPS = "no FLOP rate: {reason}"
CLOCKED_ONE_BY_ONE = "{step} is clocked one by one on an accelerator: its rates are those of latency, no pipeline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was seen of one case.

    Attributes:
        case: the case.
        outcome: how it ended.
        reason: why it was not measured.
        measurements: one per launch, the pilot (launch 0) included; empty unless `outcome` is measured and timed,
            since a case that went wrong in any launch has no time.
        kept: its slices that count.
        seconds: per iteration, the median over launches; None where there is none.
        best_seconds: of the fastest measured case in the same group.
        roof: what its device allows at best in its dtype; None if that was not found.
        warnings: what a reader must know of this case, each a sentence.
    """

    case: Case
    outcome: Outcome
    reason: str | None
    measurements: tuple[Measurement, ...]
    kept: KeptSlices
    seconds: Summary | None
    best_seconds: float | None
    roof: Roof | None
    warnings: tuple[str, ...]

    @property
    def timed(self) -> list[Slices]:
        """Return all slices, dropped ones too, by launch."""
        return _slices(self.measurements)

    def count(self, name: str) -> int | None:
        """Return a count of the preparation by name, the same in all launches that found it; None if none did."""
        return count_of(self.measurements, name)

    @property
    def flops_reason(self) -> str | None:
        """Return why the operations of the case are not counted; None if they are, or if no reason is known."""
        return find_flops_reason(self.measurements)

    @property
    def unsettled_launches(self) -> int:
        """Return in how many launches the warm-up did not settle."""
        return sum(not preparation.settled for preparation in self.prepared)

    @property
    def prepared(self) -> list[Preparation]:
        """Return the preparations of the launches that were timed."""
        timed = (measurement for measurement in self.measurements if measurement.launch > 0)
        return [measurement.preparation for measurement in timed if measurement.preparation]


def examine(run: Run) -> dict[Case, Evidence]:
    """Return the evidence of every planned case, in display order."""
    kept, by_case, outcomes, limits = keep_slices(run), run.by_case(), run.outcomes(), roofs(run)
    nothing = KeptSlices(seconds={}, slices=0, dropped_sets=0, warnings=())
    timed = {case for case, (outcome, _) in outcomes.items() if outcome is Outcome.MEASURED and not run.settings.quick}
    seconds = {case: summarize(kept[case].launch_seconds) for case in run.cases if case in timed and kept[case].seconds}
    best: dict[Group, float] = {}
    for case, summary in seconds.items():
        best[case.group] = min(summary.centre, best.get(case.group, summary.centre))
    evidence = {}
    for case, (outcome, reason) in outcomes.items():
        measurements = tuple(by_case[case]) if case in timed else ()
        evidence[case] = Evidence(
            case=case,
            outcome=outcome,
            reason=reason,
            measurements=measurements,
            kept=kept[case] if case in timed else nothing,
            seconds=seconds.get(case),
            best_seconds=best.get(case.group),
            roof=(roof := roof_of(case, limits)),
            warnings=tuple(
                _warnings(
                    run, case, remarks_of(outcome, by_case[case]), measurements, kept[case], seconds.get(case), roof
                )
            ),
        )
    return evidence


def _warnings(
    run: Run,
    case: Case,
    remarks: Iterable[str],
    measurements: tuple[Measurement, ...],
    kept: KeptSlices,
    seconds: Summary | None,
    roof: Roof | None,
) -> Iterable[str]:
    """Yield what a reader must know of one case, the most important first."""
    if run.settings.quick:
        yield QUICK
    yield from remarks
    if not measurements:
        return
    if seconds:
        yield from seconds.warnings
        if LEAST_LAUNCHES <= seconds.n < run.settings.launches:  # fewer: the missing interval says so already
            yield f"measured in {seconds.n} of the {run.settings.launches} launches asked for"
    yield from kept.warnings
    timed = [measurement for measurement in measurements if measurement.launch > 0]
    if any(measurement.preparation and not measurement.preparation.settled for measurement in timed):
        yield "warm-up did not settle in some launches: the figure may include it"
    yield from _doubts_about_the_clock(case, measurements)
    if reason := find_flops_reason(measurements):
        yield NO_FLOPS.format(reason=reason)
    flops, least = count_of(measurements, "flops"), count_of(measurements, "minimal_bytes")
    if roof and flops and least and seconds and attained(flops, least, seconds.centre, roof) > 1 + CEILING_SLACK:
        yield ABOVE_CEILING
    notes = (dict.fromkeys(measurement.notes) for measurement in timed)
    for note, count in Counter(chain.from_iterable(notes)).items():
        yield note if count == len(timed) else f"{note} (in some launches)"


def remarks_of(outcome: Outcome, measurements: Iterable[Measurement]) -> tuple[str, ...]:
    """Return what is on record of a measured case's model, each sentence once, also where nothing was timed."""
    if outcome is not Outcome.MEASURED:
        return ()
    preparations = (measurement.preparation for measurement in measurements if measurement.preparation)
    return tuple(dict.fromkeys(remark for preparation in preparations for remark in preparation.remarks))


def _doubts_about_the_clock(case: Case, measurements: tuple[Measurement, ...]) -> Iterable[str]:
    share = clock_share(measurements)
    if share is not None and share > CLOCK_LIMIT:
        yield CLOCK_COSTS
    if count_of(measurements, "clock_pairs_per_iteration") and not case.on_cpu:
        yield CLOCKED_ONE_BY_ONE.format(step=case.step)
    if (share := event_share(_slices(measurements))) is not None and abs(share - 1) > EVENT_LIMIT:
        yield f"device events read {percent(share)} of what the host's clock reads: believe neither"


def clock_share(measurements: Iterable[Measurement]) -> float | None:
    """Return the clock's cost over a slice's seconds, the median of the launches; None where it is not known.

    One pair of reads stands around a slice, unless the step reads the clock in every iteration.
    """
    shares = []
    for measurement in measurements:
        slices, preparation = measurement.slices, measurement.preparation
        if slices and preparation and measurement.launch > 0:
            pairs_per_iteration = preparation.clock_pairs_per_iteration or 1 / slices.iterations
            shares.append(slices.clock_seconds * pairs_per_iteration / median(slices.seconds))
    return median(shares) if shares else None


def count_of(measurements: Iterable[Measurement], name: str) -> int | None:
    """Return what the first launch that counted something found; None if none did."""
    preparations = (measurement.preparation for measurement in measurements if measurement.preparation)
    counts = (getattr(preparation, name) for preparation in preparations)
    return next((int(count) for count in counts if count), None)


def find_flops_reason(measurements: Iterable[Measurement]) -> str | None:
    """Return why no launch counted operations, as the first that tried says; None if one did, or if none says why."""
    preparations = [measurement.preparation for measurement in measurements if measurement.preparation]
    if any(preparation.flops for preparation in preparations):
        return None
    return next((preparation.flops_reason for preparation in preparations if preparation.flops_reason), None)


def event_share(timed: list[Slices]) -> float | None:
    """Return the seconds by device events over those by the host's clock: the median over all slices; None without."""
    shares = [
        event / host
        for slices in timed
        if slices.event_seconds is not None
        for event, host in zip(slices.event_seconds, slices.seconds, strict=True)
    ]
    return median(shares) if shares else None


def _slices(measurements: Iterable[Measurement]) -> list[Slices]:
    return [measurement.slices for measurement in measurements if measurement.slices and measurement.launch > 0]
