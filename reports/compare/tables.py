"""The tables of a compare of contenders: how their rows read, and what a reader must know to read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.record.case import DEFAULT_LAYOUT, DEFAULT_RANKS, compile_label
from reports.compare.crossings import NO_INTERVAL, Course
from reports.compare.rows import (
    Match,
    best_rows,
    ceiling_rows,
    crossover_rows,
    environment_rows,
    matched_rows,
    yardstick_rows,
)
from reports.figures.frame import list_notes
from reports.show.table import Column, Row, Table, axis_column, label_number, read_figure, read_word
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
    """Return the batch of a crossing with its interval."""
    return f"{row['at']:.3g} [{row['low']:.3g}, {row['high']:.3g}]" if present(row["at"]) else ABSENT


def _course(row: Row) -> str:
    if row["course"] in (Course.FASTER, Course.SLOWER):
        return f"{row['course']} from {row['smallest']} to {row['largest']}"
    if row["course"] != Course.UNTOLD:
        return str(row["course"])
    elsewhere = f"; {row['elsewhere']} elsewhere" if row["elsewhere"] else ""
    return f"{row['course']} at {row['untold']}{elsewhere}"


def _explain_course(row: Row) -> tuple[str, ...]:
    """Return why a course cannot be told where that is for want of intervals."""
    return () if row["bounded"] else (NO_INTERVAL,)


def _share_of_best(row: Row) -> str:
    low, high = row["share_of_best_low"], row["share_of_best_high"]
    interval = f" [{100 * low:.1f}, {100 * high:.1f}]" if present(low) and present(high) else ""
    return f"{percent(row['share_of_best'])}{interval}"


def _yardstick(row: Row) -> str:
    spread = "" if row["yardstick_spread"] is None else f", {percent(row['yardstick_spread'])}"
    figure = read_figure("yardstick_seconds", Unit.SECONDS, interval=True)(row)
    return f"{figure}{spread}" if present(row["yardstick_seconds"]) else ABSENT


def _load(row: Row) -> str:
    return ABSENT if row["load_at_start"] is None else str(row["load_at_start"])


_MODEL, _STEP, _DTYPE = (axis_column(name) for name in ("model", "step", "dtype"))
_BATCH = axis_column("batch", right=True)
_COMPILE = axis_column("compile", label=compile_label)
_LAYOUT = axis_column("layout", usual=DEFAULT_LAYOUT)
_THREADS = axis_column("threads", label=label_number, right=True, usual=ABSENT)
_RANKS = axis_column("ranks", usual=DEFAULT_RANKS)
_CONTENDER = Column(header="contender", read=read_word("contender"), right=False)
_TIME = Column(header="time", read=read_figure("seconds", Unit.SECONDS, interval=True))
_IMAGES = Column(header="images/s", read=read_figure("images_per_second", Unit.IMAGES_PER_SECOND))
_ATTAINED = Column(header="of attainable", read=_share, optional=True)
_COST = Column(header="USD per million images", read=_usd, optional=True)

COMPARE_TABLES: dict[str, CompareTable] = {
    "best": CompareTable(
        title="The best variant of each",
        rows=best_rows,
        columns=(
            _MODEL,
            _STEP,
            _BATCH,
            _CONTENDER,
            Column(header="best variant", read=read_word("variant"), right=False),
            _TIME,
            _IMAGES,
            Column(header="of the fastest", read=_share_of_best),
            _ATTAINED,
            _COST,
        ),
        empty="Nothing was timed.",
        meaning="For each model, step and batch the fastest variant that a contender measured, whatever its precision; "
        "*of the fastest* is the time of the fastest contender over its own, with the rank-sum interval (95 %). "
        "Best and fastest are by the medians; a note names what cannot be told from them.",
        notes=list_notes,
        marked=3,
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
            _LAYOUT,
            _THREADS,
            _RANKS,
            _CONTENDER,
            _TIME,
            Column(header="latency", read=_latency, optional=True),
            Column(header="copies", read=lambda row: percent(row["copy_share"]), optional=True),
            _IMAGES,
            Column(header="speed-up", read=read_figure("speedup", Unit.RATIO, interval=True)),
            _ATTAINED,
            Column(header="peak memory", read=lambda row: data_size(row["peak_bytes"]), optional=True),
            _COST,
        ),
        empty="No case was planned for two contenders.",
        meaning="*Time* is per iteration, the median over launches (fresh processes) of each launch's median over "
        "slices, with its 95 % interval over launches; on an accelerator iterations are queued, and *latency* is that "
        "of a single one that is waited for. *Copies* is the share of the time that copying between host and device "
        "takes by itself. *Speed-up* is the ratio of the medians over launches, with the rank-sum "
        "interval (95 %): contenders are not measured in turn, so a difference between the hours of measuring is part "
        "of it; the reference has none over itself. *Of attainable* is against a contender's own limits, so that a "
        "slow device may reach more of them.",
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
            _LAYOUT,
            _THREADS,
            _RANKS,
            Column(header="contender", read=read_word("other"), right=False),
            Column(header="course", read=_course, right=False),
            Column(header="at batch", read=_where),
        ),
        empty="No curve has two batches in common.",
        meaning="Between two measured batches the logarithm of the speed-up is a straight line over the logarithm of "
        "the batch; the interval reaches from where one end of the speed-ups' intervals crosses 1 to where the other "
        "does. A contender *overtakes* only if its whole interval lies below 1 at one batch and above 1 at a later "
        "one, and it is *faster* only if the whole interval lies above 1 at every batch. Otherwise the course *cannot "
        "be told*, at the batches at which the interval includes 1 or at which there is none.",
        notes=_explain_course,
        marked=3,
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
    "yardstick": CompareTable(
        title="In which state each machine was",
        rows=yardstick_rows,
        columns=(
            _CONTENDER,
            Column(header="yardstick, spread", read=_yardstick),
            Column(header="load at start", read=_load),
        ),
        empty="Nothing was timed.",
        meaning="*Yardstick* is the time of one product of two fixed matrices on the device, read in every set: the "
        "median over launches with its 95 % interval, and the relative interquartile range of all readings. Where the "
        "yardsticks of one device differ between two runs, its state differed, and so may all times. *Load at start* "
        "is the mean number of processes that ran or waited in the minute before.",
    ),
    "environment": CompareTable(
        title="Where they differ",
        rows=environment_rows,
        columns=(
            Column(header="fact", read=read_word("fact"), right=False),
            Column(header="value", read=read_word("value"), right=False),
            Column(header="contenders", read=read_word("contenders"), right=False),
        ),
        empty="No recorded property differs. States, such as the load, are in the table yardstick.",
        meaning="Every recorded fact that is not the same for all contenders, field by field: a difference in time "
        "may be a difference in one of these. States, such as the load, differ between any two runs and are left out; "
        "the yardsticks and the load at start are in the table before.",
    ),
}
"""Every table of a compare by name, in display order."""
