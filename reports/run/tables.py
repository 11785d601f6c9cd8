"""The tables: each takes its rows from the frame and says how a row reads as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pandas import DataFrame, isna

from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.reference import Reference
from reports.show.table import Column, Row, figure
from reports.show.units import ABSENT, Unit, data_size, percent, present, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One question about a run, and its answer in rows.

    Attributes:
        title: above the table.
        rows: the numbers, in base units and full precision: what the CSV holds.
        columns: how they read, the six axes left out: those stand in front of every table.
        empty: the sentence in place of a table without rows.
        timed: whether it has nothing to say of a run in which nothing was timed.
        marked: after how many of its columns the marks of footnotes stand; 0 for a table without footnotes.
    """

    title: str
    rows: Callable[[Run, Reference], DataFrame]
    columns: tuple[Column, ...]
    empty: str
    timed: bool = True
    marked: int = 0


def _yardstick(row: Row) -> str:
    if not present(row["yardstick_seconds"]):
        return ABSENT
    return f"{text(Unit.SECONDS, row['yardstick_seconds'])}, {percent(row['yardstick_spread'])}"


def _share(row: Row) -> str:
    return percent(row["share_of_best"])


def _latency(row: Row) -> str:
    """Return the latency where it is another figure than the time: on an accelerator, where slices are queued."""
    same = row["latency_seconds"] == row["seconds"]
    return ABSENT if same else text(Unit.SECONDS, *(row[f"latency_seconds{end}"] for end in ("", "_low", "_high")))


def _limited_by(row: Row) -> str:
    """Return which of the two limits is the lower one at this case's intensity."""
    if not present(row["attainable_flops_per_second"]):
        return ABSENT
    return "products" if row["compute_bound"] else "copies"


def _share_of_attainable(row: Row) -> str:
    name = "share_of_attainable"
    if not present(row[name]):
        return ABSENT
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = f" [{100 * low:.1f}, {100 * high:.1f}]" if present(low) and present(high) else ""
    return f"{percent(row[name])}{interval}"


def _memory(row: Row) -> str:
    return data_size(row["peak_bytes"])


def _outcome(row: Row) -> str:
    return str(row["outcome"])


def _reason(row: Row) -> str:
    return ABSENT if isna(row["reason"]) else str(row["reason"])


def _reference(row: Row) -> str:
    return f"{text(Unit.SECONDS, row['reference_seconds'])}"


def _all_cases(run: Run, _: Reference) -> DataFrame:
    return frame.cases(run)


def _holes(run: Run, _: Reference) -> DataFrame:
    """Every case that was not measured, with its outcome and reason."""
    every = frame.cases(run)
    columns = [*frame.CASE_COLUMNS, "outcome", "reason", "warnings"]
    return every.loc[every["outcome"] != Outcome.MEASURED.value, columns]


def _compile(run: Run, _: Reference) -> DataFrame:
    """Cold and warm compile and the first call, which are never inside a slice."""
    every = frame.cases(run)
    figures = ["compile_cold_seconds", "compile_warm_seconds", "first_call_seconds", "seconds"]
    return every.loc[every["first_call_seconds"].notna(), [*frame.CASE_COLUMNS, *figures]]


def _against_limits(run: Run, _: Reference) -> DataFrame:
    """Every case whose operations were counted, with what its device allows."""
    every = frame.cases(run)
    return every.loc[every["flops"].notna(), [*frame.CASE_COLUMNS, *LIMIT_COLUMNS]]


LIMIT_COLUMNS = (
    "flops",
    "minimal_bytes",
    "intensity",
    "flops_per_second",
    "attainable_flops_per_second",
    "compute_bound",
    *("share_of_attainable", "share_of_attainable_low", "share_of_attainable_high"),
    "peak_bytes",
)


_TIME = Column(header="time", read=figure("seconds", Unit.SECONDS, interval=True))

TABLES: dict[str, Table] = {
    "summary": Table(
        title="Summary",
        rows=_all_cases,
        columns=(
            _TIME,
            Column(header="latency", read=_latency, optional=True),
            Column(header="images/s", read=figure("images_per_second", Unit.IMAGES_PER_SECOND)),
            Column(header="FLOP rate", read=figure("flops_per_second", Unit.FLOPS_PER_SECOND)),
            Column(header="of best", read=_share),
            Column(header="yardstick, spread", read=_yardstick),
            Column(header="dropped sets", read=lambda row: str(row["dropped_sets"])),
            Column(header="outcome", read=_outcome, right=False),
        ),
        empty="The plan holds no case.",
        timed=False,
        marked=1,
    ),
    "speedup": Table(
        title="Speed-up over {reference}",
        rows=frame.speedups,
        columns=(
            Column(header="time", read=figure("seconds", Unit.SECONDS)),
            Column(header="reference", read=_reference),
            Column(header="speed-up", read=figure("speedup", Unit.RATIO, interval=True)),
        ),
        empty="No case differs from the reference: there is nothing to compare.",
        marked=3,
    ),
    "roofline": Table(
        title="Against what the device allows",
        rows=_against_limits,
        columns=(
            Column(header="FLOP", read=figure("flops", Unit.FLOPS)),
            Column(header="least traffic", read=lambda row: data_size(row["minimal_bytes"])),
            Column(header="intensity", read=figure("intensity", Unit.INTENSITY)),
            Column(header="FLOP rate", read=figure("flops_per_second", Unit.FLOPS_PER_SECOND)),
            Column(header="attainable", read=figure("attainable_flops_per_second", Unit.FLOPS_PER_SECOND)),
            Column(header="limited by", read=_limited_by, right=False),
            Column(header="share", read=_share_of_attainable),
            Column(header="peak memory", read=_memory, optional=True),
        ),
        empty="No operation was counted.",
    ),
    "compile": Table(
        title="Compiling and first call",
        rows=_compile,
        columns=(
            Column(header="cold compile", read=figure("compile_cold_seconds", Unit.SECONDS)),
            Column(header="warm compile", read=figure("compile_warm_seconds", Unit.SECONDS)),
            Column(header="first call", read=figure("first_call_seconds", Unit.SECONDS)),
            Column(header="then", read=figure("seconds", Unit.SECONDS)),
        ),
        empty="No case was prepared.",
    ),
    "holes": Table(
        title="Not measured",
        rows=_holes,
        columns=(
            Column(header="outcome", read=_outcome, right=False),
            Column(header="reason", read=_reason, right=False),
        ),
        empty="Every case was measured.",
        timed=False,
    ),
}
"""Every table by name, in display order."""
