"""The tables of a compare of contenders: how their rows read, and what a reader must know to read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.record.case import compile_label
from reports.compare.crossings import Course
from reports.compare.rows import Match, best_rows, ceiling_rows, crossover_rows, environment_rows, matched_rows
from reports.figures.frame import list_notes
from reports.show.table import Column, Row, Table, axis_column, read_figure, read_word
from reports.show.units import ABSENT, Unit, data_size, percent, present, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareTable(Table):
    """One question about contenders, and its answer in rows.

    Attributes:
        rows: the numbers, in base units and full precision: what the CSV holds.
        meaning: what a reader must know to read it, in Markdown pages.
    """

    rows: Callable[[Match], list[dict[str, Any]]]
    meaning: str


def _share(row: Row) -> str:
    return percent(row["share_of_attainable"])


def _usd(row: Row) -> str:
    cost = row["usd_per_million_images"]
    return f"{cost:.3g}" if present(cost) else ABSENT


def _latency(row: Row) -> str:
    return ABSENT if row["latency_seconds"] == row["seconds"] else seconds(row["latency_seconds"])


def _where(row: Row) -> str:
    """Return the batch of a crossing with its interval; an end beyond what was measured is open."""
    if not present(row["at"]):
        return ABSENT
    if not row["bounded"]:
        return f"{row['at']:.3g}"
    low = f"{row['low']:.3g}" if present(row["low"]) else f"below {row['smallest']}"
    high = f"{row['high']:.3g}" if present(row["high"]) else f"beyond {row['largest']}"
    return f"{row['at']:.3g} [{low}, {high}]"


def _course(row: Row) -> str:
    if row["course"] in (Course.FASTER, Course.SLOWER):
        return f"{row['course']} from {row['smallest']} to {row['largest']}"
    return str(row["course"])


_MODEL, _STEP, _DTYPE = (axis_column(name) for name in ("model", "step", "dtype"))
_BATCH = axis_column("batch", right=True)
_COMPILE = axis_column("compile", label=compile_label)
_CONTENDER = Column(header="contender", read=read_word("contender"), right=False)
_TIME = Column(header="time", read=read_figure("seconds", Unit.SECONDS, interval=True))
_IMAGES = Column(header="images/s", read=read_figure("images_per_second", Unit.IMAGES_PER_SECOND))
_ATTAINED = Column(header="of attainable", read=_share, optional=True)
_COST = Column(header="USD per million images", read=_usd, optional=True)

COMPARE_TABLES: dict[str, CompareTable] = {
    "best": CompareTable(
        title="The best dtype and compile mode of each",
        rows=best_rows,
        columns=(
            _MODEL,
            _STEP,
            _BATCH,
            _CONTENDER,
            Column(header="best variant", read=read_word("variant"), right=False),
            _TIME,
            _IMAGES,
            Column(header="of the fastest", read=lambda row: percent(row["share_of_best"])),
            _ATTAINED,
            _COST,
        ),
        empty="Nothing was timed.",
        meaning="For each model, step and batch the fastest variant that a contender measured, whatever its precision; "
        "*of the fastest* is the time of the fastest contender over its own.",
    ),
    "matched": CompareTable(
        title="Matched cases, speed-up over {reference}",
        rows=matched_rows,
        columns=(
            _MODEL,
            _STEP,
            _BATCH,
            _DTYPE,
            _COMPILE,
            _CONTENDER,
            _TIME,
            Column(header="latency", read=_latency, optional=True),
            _IMAGES,
            Column(header="speed-up", read=read_figure("speedup", Unit.RATIO, interval=True)),
            _ATTAINED,
            Column(header="peak memory", read=lambda row: data_size(row["peak_bytes"]), optional=True),
            _COST,
        ),
        empty="No case was planned for two contenders.",
        meaning="*Time* is per iteration, the median over launches (fresh processes) of each launch's median over "
        "slices, with its 95 % interval over launches; on an accelerator iterations are queued, and *latency* is that "
        "of a single one that is waited for. *Speed-up* is the ratio of the medians over launches, with the rank-sum "
        "interval (95 %): contenders are not measured in turn, so a difference between the hours of measuring is part "
        "of it.",
        notes=list_notes,
        marked=2,
    ),
    "crossover": CompareTable(
        title="From which batch on, against {reference}",
        rows=crossover_rows,
        columns=(
            _MODEL,
            _STEP,
            _DTYPE,
            _COMPILE,
            Column(header="contender", read=read_word("other"), right=False),
            Column(header="course", read=_course, right=False),
            Column(header="at batch", read=_where),
        ),
        empty="No curve has two batches in common.",
        meaning="Between two measured batches the logarithm of the speed-up is a straight line over the logarithm of "
        "the batch; the interval reaches from where one end of the speed-ups' intervals crosses 1 to where the other "
        "does. An end that lies beyond the measured batches is open.",
    ),
    "ceilings": CompareTable(
        title="What each allows at best",
        rows=ceiling_rows,
        columns=(
            _DTYPE,
            _CONTENDER,
            Column(header="device", read=read_word("description"), right=False),
            Column(header="products", read=read_figure("flops_per_second", Unit.FLOPS_PER_SECOND)),
            Column(header="copies", read=read_figure("bytes_per_second", Unit.BYTES_PER_SECOND)),
            Column(header="ridge", read=read_figure("ridge", Unit.INTENSITY)),
        ),
        empty="No ceiling was measured.",
        meaning="*Products* is the best rate of a product of square matrices over a sweep of sizes, *copies* the best "
        "rate of a copy (bytes read and written), both measured in the same run. *Of attainable* in the other tables "
        "is a case's FLOP rate over the smaller of the products' rate and its arithmetic intensity times the copies' "
        "rate (the roofline); the intensity is exact FLOPs over the bytes that must be read and written at least.",
    ),
    "environment": CompareTable(
        title="Where they differ",
        rows=environment_rows,
        columns=(
            Column(header="fact", read=read_word("fact"), right=False),
            Column(header="value", read=read_word("value"), right=False),
            Column(header="contenders", read=read_word("contenders"), right=False),
        ),
        empty="No fact of the environments differs.",
        meaning="Every recorded fact that is not the same for all contenders, field by field: a difference in time "
        "may be a difference in one of these.",
    ),
}
"""Every table of a compare by name, in display order."""
