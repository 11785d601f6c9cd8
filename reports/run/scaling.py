"""The table of ranks: what several processes give over one, and what their exchange of gradients takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pandas import DataFrame

from bench.record.case import AXES
from bench.record.run import Run
from reports.figures.evidence import examine
from reports.figures.frame import figures
from reports.figures.scaling import list_scalings
from reports.show.table import Row
from reports.show.units import percent
from reports.stats.intervals import Summary

TITLE = "Ranks under DistributedDataParallel"

NOTHING = "No case was run by several ranks: pytest bench --ranks 1,ddp:2 does that."

EFFICIENCIES = ("strong", "strong_of_ranks", "weak", "weak_of_ranks")
"""The columns of efficiency: the same batch, or the same for each rank; over one process, or over one rank."""

COLUMNS = (
    "case",
    *AXES,
    "processes",
    *("seconds", "seconds_low", "seconds_high"),
    *("images_per_second", "images_per_second_of_rank"),
    "ideal",
    *(f"{name}{end}" for name in EFFICIENCIES for end in ("", "_low", "_high")),
    *("exchange", "exchange_low", "exchange_high"),
)
"""The columns of the CSV, in base units."""


def list_ranks(run: Run) -> DataFrame:
    """Return one row for each measured case of several ranks."""
    by_case = examine(run)
    rows: list[dict[str, Any]] = []
    for case, scaling in list_scalings(run).items():
        seconds = by_case[case].seconds
        assert seconds is not None, "a case without a time has no scaling"
        rate = seconds.per(case.batch)
        row = {"case": case.id, **asdict(case), "processes": case.processes, "ideal": scaling.ideal}
        row |= figures("seconds", seconds, interval=True)
        row |= {"images_per_second": rate.centre, "images_per_second_of_rank": rate.centre / case.processes}
        for name in EFFICIENCIES:
            gain: Summary | None = getattr(scaling, name)
            row |= figures(name, scaling.efficiency(gain), interval=True)
        rows.append(row | figures("exchange", scaling.exchange, interval=True))
    return DataFrame(rows, columns=list(COLUMNS))


def has_ranks(run: Run) -> bool:
    """Whether any case of a run is of several ranks."""
    return any(case.distributed for case in run.cases)


def read_share(name: str) -> Callable[[Row], str]:
    """Return how to read a share of a row with its interval."""
    return lambda row: percent(row[name], row[f"{name}_low"], row[f"{name}_high"])
