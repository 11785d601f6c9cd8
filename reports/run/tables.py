"""The tables: each takes its rows from the frame and says how a row reads as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pandas import DataFrame, isna

from bench.record.case import DEFAULT_LAYOUT, DEFAULT_RANKS, Group, compile_label
from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.evidence import NO_FLOPS
from reports.figures.reference import Reference
from reports.run import compile_accounts, layers, modules, scaling
from reports.run.operators import NOTHING, TITLE, list_operators, render_operators
from reports.show.table import Column, Look, Row, Table, axis_column, label_number, read_figure, read_word
from reports.show.units import ABSENT, Unit, data_size, percent, present, text


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTable(Table):
    """One question about a run, and its answer in rows.

    Attributes:
        rows: the numbers, in base units and full precision: what the CSV holds.
        timed: whether it has nothing to say of a run in which nothing was timed.
        made: whether a run holds what it tells of, which is not measured unless that is asked for.
        render: makes it where it is more than one grid; None for the usual way.
    """

    rows: Callable[[Run, Reference], DataFrame]
    timed: bool = True
    made: Callable[[Run], bool] = lambda _: True
    render: Callable[[Run, Look], str] | None = None


def _yardstick(row: Row) -> str:
    if not present(row["yardstick_seconds"]):
        return ABSENT
    return f"{text(Unit.SECONDS, row['yardstick_seconds'])}, {percent(row['yardstick_spread'])}"


def _count(name: str) -> Callable[[Row], str]:
    """Return how to read a number that is worth a column where it is not 0."""
    return lambda row: f"{row[name]:.0f}" if present(row[name]) and row[name] else ABSENT


def _share(row: Row) -> str:
    return percent(row["share_of_best"])


def _latency(row: Row) -> str:
    """Return the latency where it is another figure than the time: on an accelerator, where slices are queued."""
    same = row["latency_seconds"] == row["seconds"]
    return ABSENT if same else text(Unit.SECONDS, *(row[f"latency_seconds{end}"] for end in ("", "_low", "_high")))


def _copies(row: Row) -> str:
    return percent(row["copy_share"])


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


def _reason(row: Row) -> str:
    return ABSENT if isna(row["reason"]) else str(row["reason"])


def _all_cases(run: Run, _: Reference) -> DataFrame:
    return frame.cases(run)


def _holes(run: Run, _: Reference) -> DataFrame:
    """Every case that was not measured, with its outcome and reason."""
    cases = frame.cases(run)
    columns = [*frame.CASE_COLUMNS, "outcome", "reason", "warnings"]
    return cases.loc[cases["outcome"] != Outcome.MEASURED.value, columns]


def _compile(run: Run, _: Reference) -> DataFrame:
    """Cold and warm compile and the first call, which are never inside a slice."""
    cases = frame.cases(run)
    times = ["compile_cold_seconds", "compile_warm_seconds", "first_call_seconds", "seconds"]
    figures = [*times, "graph_breaks", "recompiles"]
    return cases.loc[cases["first_call_seconds"].notna(), [*frame.CASE_COLUMNS, *figures]]


LIMIT_COLUMNS = (
    "flops",
    "minimal_bytes",
    "intensity",
    "flops_per_second",
    "attainable_flops_per_second",
    "compute_bound",
    *("share_of_attainable", "share_of_attainable_low", "share_of_attainable_high"),
    "peak_bytes",
    "flops_reason",
)
"""What the table of the roofline reads of a case."""


def _against_limits(run: Run, _: Reference) -> DataFrame:
    """Every case whose operations were counted or could not be, with what its device allows."""
    cases = frame.cases(run)
    return cases.loc[cases["flops"].notna() | cases["flops_reason"].notna(), [*frame.CASE_COLUMNS, *LIMIT_COLUMNS]]


def _explain_no_flops(row: Row) -> tuple[str, ...]:
    return (NO_FLOPS.format(reason=row["flops_reason"]),) if isinstance(row["flops_reason"], str) else ()


_AXES = (
    *(axis_column(name) for name in ("model", "step")),
    axis_column("batch", right=True),
    *(axis_column(name) for name in ("device", "dtype")),
    axis_column("compile", label=compile_label),
    axis_column("layout", usual=DEFAULT_LAYOUT),
    axis_column("threads", label=label_number, right=True, usual=ABSENT),
    axis_column("ranks", usual=DEFAULT_RANKS),
)
_TIME = Column(header="time", read=read_figure("seconds", Unit.SECONDS, interval=True))

TABLES: dict[str, RunTable] = {
    "summary": RunTable(
        title="Summary",
        rows=_all_cases,
        columns=(
            *_AXES,
            _TIME,
            Column(header="latency", read=_latency, optional=True),
            Column(header="copies", read=_copies, optional=True, dispensable=2),
            Column(
                header="images/s",
                read=read_figure("images_per_second", Unit.IMAGES_PER_SECOND),
                dispensable=3,
            ),
            Column(
                header="FLOP rate",
                read=read_figure("flops_per_second", Unit.FLOPS_PER_SECOND),
                dispensable=4,
            ),
            Column(header="of best", read=_share, dispensable=1),
            Column(header="yardstick, spread", read=_yardstick, dispensable=5),
            Column(header="dropped sets", read=read_word("dropped_sets"), dispensable=6),
            Column(header="outcome", read=read_word("outcome"), right=False),
        ),
        empty="The plan holds no case.",
        timed=False,
        notes=frame.list_notes,
        marked=1,
        group=Group._fields,
    ),
    "speedup": RunTable(
        title="Speed-up over {reference}",
        rows=frame.speedups,
        columns=(
            *_AXES,
            Column(header="time", read=read_figure("seconds", Unit.SECONDS)),
            Column(header="reference", read=read_figure("reference_seconds", Unit.SECONDS), dispensable=1),
            Column(header="speed-up", read=read_figure("speedup", Unit.RATIO, interval=True)),
        ),
        empty="No case differs from the reference: there is nothing to compare.",
        notes=frame.list_notes,
        marked=3,
        group=Group._fields,
    ),
    "ranks": RunTable(
        title=scaling.TITLE,
        rows=lambda run, _: scaling.list_ranks(run),
        columns=(
            *_AXES,
            _TIME,
            Column(header="images/s", read=read_figure("images_per_second", Unit.IMAGES_PER_SECOND), dispensable=4),
            Column(
                header="per rank", read=read_figure("images_per_second_of_rank", Unit.IMAGES_PER_SECOND), dispensable=5
            ),
            Column(header="efficiency", read=scaling.read_share("strong")),
            Column(header="of ddp:1", read=scaling.read_share("strong_of_ranks"), optional=True, dispensable=3),
            Column(header="weak", read=scaling.read_share("weak"), optional=True, dispensable=1),
            Column(header="weak of ddp:1", read=scaling.read_share("weak_of_ranks"), optional=True, dispensable=6),
            Column(header="exchange", read=scaling.read_share("exchange"), optional=True, dispensable=2),
        ),
        empty=scaling.NOTHING,
        made=scaling.has_ranks,
        group=Group._fields,
    ),
    "roofline": RunTable(
        title="Against what the device allows",
        rows=_against_limits,
        columns=(
            *_AXES,
            Column(header="FLOP", read=read_figure("flops", Unit.FLOPS), dispensable=5),
            Column(header="least traffic", read=lambda row: data_size(row["minimal_bytes"]), dispensable=3),
            Column(header="intensity", read=read_figure("intensity", Unit.INTENSITY), dispensable=4),
            Column(header="FLOP rate", read=read_figure("flops_per_second", Unit.FLOPS_PER_SECOND)),
            Column(
                header="attainable",
                read=read_figure("attainable_flops_per_second", Unit.FLOPS_PER_SECOND),
                dispensable=2,
            ),
            Column(header="ideal limit", read=_limited_by, right=False),
            Column(header="share", read=_share_of_attainable),
            Column(header="peak memory", read=_memory, optional=True, dispensable=6),
        ),
        empty="No operation was counted.",
        notes=_explain_no_flops,
        marked=3,
    ),
    "compile": RunTable(
        title="Compiling and first call",
        rows=_compile,
        columns=(
            *_AXES,
            Column(header="cold compile", read=read_figure("compile_cold_seconds", Unit.SECONDS)),
            Column(header="warm compile", read=read_figure("compile_warm_seconds", Unit.SECONDS)),
            Column(header="first call", read=read_figure("first_call_seconds", Unit.SECONDS)),
            Column(header="then", read=read_figure("seconds", Unit.SECONDS)),
            Column(header="graph breaks", read=_count("graph_breaks"), optional=True),
            Column(header="recompiles", read=_count("recompiles"), optional=True),
        ),
        empty="No case was prepared.",
    ),
    "operators": RunTable(
        title=TITLE,
        rows=lambda run, _: list_operators(run),
        columns=(),
        empty=NOTHING,
        made=lambda run: bool(run.profiles),
        render=render_operators,
    ),
    "modules": RunTable(
        title=modules.TITLE,
        rows=lambda run, _: modules.list_modules(run),
        columns=(),
        empty=modules.NOTHING,
        made=lambda run: bool(modules.find_modules(run)),
        render=modules.render_modules,
    ),
    "layers": RunTable(
        title=layers.TITLE,
        rows=lambda run, _: layers.list_layers(run),
        columns=(),
        empty=layers.NOTHING,
        made=lambda run: bool(run.layers),
        render=layers.render_layers,
    ),
    "compile_account": RunTable(
        title=compile_accounts.TITLE,
        rows=lambda run, _: compile_accounts.list_rows(run),
        columns=(),
        empty=compile_accounts.NOTHING,
        made=lambda run: bool(run.compiled),
        render=compile_accounts.render_compile_accounts,
    ),
    "holes": RunTable(
        title="Not measured",
        rows=_holes,
        columns=(
            *_AXES,
            Column(header="outcome", read=read_word("outcome"), right=False),
            Column(header="reason", read=_reason, right=False),
        ),
        empty="Every case was measured.",
        timed=False,
    ),
}
"""Every table by name, in display order."""
