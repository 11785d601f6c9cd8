"""From a Run to DataFrames in base units and full precision: the only place where columns are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pandas import DataFrame, Series, isna

from bench.record.case import AXES, Case, Variant
from bench.record.observations import PER_SLICE
from bench.record.run import Outcome, Run
from reports.figures.dropped_sets import find_dropped_sets
from reports.figures.evidence import QUICK, Evidence, examine
from reports.figures.metrics import METRICS, Metric
from reports.figures.provenance import provenance
from reports.figures.reference import Reference
from reports.stats.intervals import Summary, speedup

CASE_COLUMNS = ("case", *AXES)
STATE_COLUMNS = ("outcome", "reason", "launches", "slices", "dropped_sets", "unsettled_launches")
PROVENANCE_COLUMNS = ("device_description", "torch_version", "commit", "data")
SLICE_COLUMNS = (
    *CASE_COLUMNS,
    "launch",
    "set_index",
    "kept",
    "iterations",
    *(name for name in PER_SLICE if name != "set_index"),
)
SPEEDUP_COLUMNS = (
    *CASE_COLUMNS,
    "reference",
    "seconds",
    "reference_seconds",
    "speedup",
    "speedup_low",
    "speedup_high",
    "launches",
    "outcome",
    "reason",
    "warnings",
)


def metric_columns(metric: Metric) -> list[str]:
    """Return the columns of a metric: its own, and its interval's two where it has one."""
    return [metric.name, f"{metric.name}_low", f"{metric.name}_high"] if metric.interval else [metric.name]


METRIC_COLUMNS = tuple(column for metric in METRICS.values() for column in metric_columns(metric))
COLUMNS = (*CASE_COLUMNS, *STATE_COLUMNS, *METRIC_COLUMNS, "flops_reason", "warnings", *PROVENANCE_COLUMNS)

COUNTS = frozenset(
    {
        "batch",
        "launches",
        "slices",
        "dropped_sets",
        "unsettled_launches",
        "launch",
        "iterations",
        *(name for name, element in PER_SLICE.items() if element is int),
    }
)
NUMBERS = frozenset(
    {
        *METRIC_COLUMNS,
        *(name for name, element in PER_SLICE.items() if element is float),
        "reference_seconds",
        "speedup",
        "speedup_low",
        "speedup_high",
    }
)


def cases(run: Run) -> DataFrame:
    """Return one row per planned case, in display order.

    Columns:
        case, model, step, batch, device, dtype, compile, layout, threads, ranks: the case's id and its nine axes; batch
            in examples, threads absent where the process's own number is taken.
        outcome, reason: how it ended, and why if it was not measured.
        launches, slices: how many the figures rest on.
        dropped_sets, unsettled_launches: interleaved sets left out; launches whose warm-up did not settle.
        every name in `reports.figures.metrics.METRICS`, some with _low and _high: the 95 % interval over launches.
        flops_reason: why the operations are not counted.
        warnings: a tuple of sentences.
        device_description, torch_version, commit, data: where it was measured, so that runs can be put together.

    ``attrs`` holds the file's name, the environment's facts and whether the run was quick.
    """
    where = provenance(run)
    rows = []
    for case, evidence in examine(run).items():
        row = _case(case) | {
            "outcome": evidence.outcome.value,
            "reason": evidence.reason,
            "launches": evidence.seconds.n if evidence.seconds else 0,
            "slices": evidence.kept.slices,
            "dropped_sets": evidence.kept.dropped_sets,
            "unsettled_launches": evidence.unsettled_launches,
            "flops_reason": evidence.flops_reason,
            "warnings": evidence.warnings,
            "device_description": where.devices.get(case.device),
            "torch_version": where.torch_version,
            "commit": where.commit,
            "data": where.data,
        }
        for metric in METRICS.values():
            row |= figures(metric.name, metric.derive(evidence), interval=metric.interval)
        rows.append(row)
    frame = _frame(rows, COLUMNS)
    frame.attrs = {"source": run.source, "environment": dict(run.environment.facts), "quick": run.settings.quick}
    return frame


def slices(run: Run) -> DataFrame:
    """Return one row per timed slice, in case, launch and run order; the pilot's are left out.

    ``seconds`` is per iteration, ``kept`` is False where its interleaved set was dropped,
    ``yardstick_seconds`` is of the same set, ``stolen_seconds`` is NaN where the system does not tell, as are
    ``latency_seconds`` (of single iterations after the slice) and ``event_seconds`` (by the device's own events).
    A case that was not measured has no rows.
    """
    dropped = find_dropped_sets(run)
    rows = []
    for case, evidence in examine(run).items():
        for measurement in evidence.measurements:
            if measurement.slices is None or measurement.launch == 0:
                continue
            timed = measurement.slices
            columns = {name: getattr(timed, name) or [None] * len(timed.seconds) for name in PER_SLICE}
            for position, index in enumerate(timed.set_index):
                rows.append(
                    _case(case)
                    | {
                        "launch": measurement.launch,
                        "kept": (case.group, measurement.launch, index) not in dropped,
                        "iterations": timed.iterations,
                    }
                    | {name: values[position] for name, values in columns.items()}
                )
    return _frame(rows, SLICE_COLUMNS)


def speedups(run: Run, reference: Reference | None = None) -> DataFrame:
    """Return one row per case that is not the reference: how many times faster it is than its group's reference.

    ``speedup`` is above 1 where the case is faster. Per launch it is the median over the interleaved sets that both
    have, paired by set; then the median over launches, with the 95 % interval. Where it is absent, ``outcome`` and
    ``reason`` say why: the case's own, or that its reference is missing.

    Args:
        run: the run.
        reference: float32 without torch.compile if not given.
    """
    named = reference or Reference()
    by_case = examine(run)
    references = named.of(run.cases)
    rows = []
    for case, evidence in by_case.items():
        base_case = references[case]
        if case == base_case:
            continue
        base = by_case.get(base_case)
        ratio = speedup(base.kept.seconds, evidence.kept.seconds) if base else None
        reason = evidence.reason if ratio is None else None
        if ratio is None and reason is None:
            reason = _why_no_ratio(run, base, base_case.variant)
        warnings = () if ratio is None else _ratio_warnings(ratio, evidence, base)
        rows.append(
            _case(case)
            | {
                "reference": str(base_case.variant),
                "seconds": evidence.seconds.centre if evidence.seconds else None,
                "reference_seconds": base.seconds.centre if base and base.seconds else None,
                "launches": ratio.n if ratio else 0,
                "outcome": evidence.outcome.value,
                "reason": reason,
                "warnings": warnings,
            }
            | figures("speedup", ratio, interval=True)
        )
    return _frame(rows, SPEEDUP_COLUMNS)


def _ratio_warnings(ratio: Summary, evidence: Evidence, base: Evidence | None) -> tuple[str, ...]:
    """Return the ratio's own warnings and those of either side, each once; how many launches is the ratio's to say."""
    sides = [side for side in (evidence, base) if side]
    own = {warning for side in sides if side.seconds for warning in side.seconds.warnings}
    inherited = [warning for side in sides for warning in side.warnings if warning not in own]
    return tuple(dict.fromkeys((*ratio.warnings, *inherited)))


def _why_no_ratio(run: Run, base: Evidence | None, named: Variant) -> str:
    if run.settings.quick:
        return "nothing was timed"
    if base is None:
        return f"the reference, {named}, is not in the plan"
    if base.outcome is not Outcome.MEASURED:
        return f"the reference, {named}, is {base.outcome.value}: {base.reason}"
    return f"no interleaved set in common with the reference, {named}"


def _case(case: Case) -> dict[str, Any]:
    return {"case": case.id} | asdict(case)


def figures(name: str, summary: Summary | None, *, interval: bool) -> dict[str, float | None]:
    """Return a figure under its column, with its interval under two more where asked for."""
    centre, low, high = (summary.centre, summary.low, summary.high) if summary else (None, None, None)
    return {name: centre, f"{name}_low": low, f"{name}_high": high} if interval else {name: centre}


def variant_of(row: Mapping[str, Any]) -> Variant:
    """Return the variant of a row."""
    threads = None if isna(row["threads"]) else int(row["threads"])
    return Variant(row["dtype"], row["compile"], row["layout"], threads, row["ranks"])


def list_notes(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what must stand under a table for a row: why it is a hole, and its warnings.

    That a run was quick is left out: the line above all tables says it.
    """
    why = row.get("reason")
    reasons = () if why is None or isna(why) else (explain_hole(row),)
    return tuple(note for note in (*reasons, *row.get("warnings", ())) if note != QUICK)


def explain_hole(row: Mapping[str, Any]) -> str:
    """Return why a row has no figure: its outcome, unless it was measured, and the reason."""
    outcome = [] if row["outcome"] == Outcome.MEASURED.value else [str(row["outcome"])]
    reason = [] if isna(row["reason"]) else [str(row["reason"])]
    return ": ".join(outcome + reason)


def _frame(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> DataFrame:
    """Return rows as a frame whose column types do not depend on what is absent."""
    listed = list(rows)
    return DataFrame({name: Series([row[name] for row in listed], dtype=_dtype(name)) for name in columns})


def _dtype(name: str) -> str:
    if name in COUNTS:
        return "int64"
    if name == "threads":
        return "Int64"  # which has a value for what is absent
    if name == "kept":
        return "bool"
    if name in NUMBERS or name.endswith("_seconds"):
        return "float64"
    return "object" if name == "warnings" else "str"
