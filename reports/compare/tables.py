"""The tables of a comparison of contenders: how their rows read, and what a reader must know to read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reports.compare.crossings import Course
from reports.compare.rows import Match, best_rows, ceiling_rows, crossover_rows, environment_rows, matched_rows
from reports.show.table import Column, Row, figure
from reports.show.units import ABSENT, Unit, data_size, percent, present, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One question about contenders, and its answer in rows.

    Attributes:
        title: above the table; ``{reference}`` stands for the reference's name.
        rows: the numbers, in base units and full precision: what the CSV holds.
        columns: how they read, after the axes.
        empty: the sentence in place of a table without rows.
        meaning: what a reader must know to read it, in Markdown pages.
        marked: after how many columns the marks of footnotes stand.
    """

    title: str
    rows: Callable[[Match], list[dict[str, Any]]]
    columns: tuple[Column, ...]
    empty: str
    meaning: str
    marked: int = 0


def _said(name: str) -> Callable[[Row], str]:
    return lambda row: str(row[name])


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


_CONTENDER = Column(header="contender", read=_said("contender"), right=False)
_TIME = Column(header="time", read=figure("seconds", Unit.SECONDS, interval=True))
_IMAGES = Column(header="images/s", read=figure("images_per_second", Unit.IMAGES_PER_SECOND))
_ATTAINED = Column(header="of attainable", read=_share, optional=True)
_COST = Column(header="USD per million images", read=_usd, optional=True)

SHEETS: dict[str, Sheet] = {
    "best": Sheet(
        title="The best dtype and compile mode of each",
        rows=best_rows,
        columns=(
            _CONTENDER,
            Column(header="best variant", read=_said("variant"), right=False),
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
    "matched": Sheet(
        title="Matched cases, speed-up over {reference}",
        rows=matched_rows,
        columns=(
            _CONTENDER,
            _TIME,
            Column(header="latency", read=_latency, optional=True),
            _IMAGES,
            Column(header="speed-up", read=figure("speedup", Unit.RATIO, interval=True)),
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
        marked=2,
    ),
    "crossover": Sheet(
        title="From which batch on, against {reference}",
        rows=crossover_rows,
        columns=(
            Column(header="contender", read=_said("other"), right=False),
            Column(header="course", read=_course, right=False),
            Column(header="at batch", read=_where),
        ),
        empty="No curve has two batches in common.",
        meaning="Between two measured batches the logarithm of the speed-up is a straight line over the logarithm of "
        "the batch; the interval reaches from where one end of the speed-ups' intervals crosses 1 to where the other "
        "does. An end that lies beyond the measured batches is open.",
    ),
    "ceilings": Sheet(
        title="What each allows at best",
        rows=ceiling_rows,
        columns=(
            _CONTENDER,
            Column(header="device", read=_said("description"), right=False),
            Column(header="products", read=figure("flops_per_second", Unit.FLOPS_PER_SECOND)),
            Column(header="copies", read=figure("bytes_per_second", Unit.BYTES_PER_SECOND)),
            Column(header="ridge", read=figure("ridge", Unit.INTENSITY)),
        ),
        empty="No ceiling was measured.",
        meaning="*Products* is the best rate of a product of square matrices over a sweep of sizes, *copies* the best "
        "rate of a copy (bytes read and written), both measured in the same run. *Of attainable* in the other tables "
        "is a case's FLOP rate over the smaller of the products' rate and its arithmetic intensity times the copies' "
        "rate (the roofline); the intensity is exact FLOPs over the bytes that must be read and written at least.",
    ),
    "environment": Sheet(
        title="Where they differ",
        rows=environment_rows,
        columns=(
            Column(header="fact", read=_said("fact"), right=False),
            Column(header="value", read=_said("value"), right=False),
            Column(header="contenders", read=_said("contenders"), right=False),
        ),
        empty="No fact of the environments differs.",
        meaning="Every recorded fact that is not the same for all contenders, field by field: a difference in time "
        "may be a difference in one of these.",
    ),
}
"""Every table of a comparison by name, in display order."""
