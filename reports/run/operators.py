"""The table of operators: for each profiled case what bounds it, in a sentence, and where its time goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pandas import DataFrame

from bench.record.case import AXES, Case
from bench.record.how_many import how_many
from bench.record.profile import Place
from bench.record.run import Run
from reports.figures.accounts import (
    OUTSIDE,
    SHORT_SECONDS,
    Account,
    Bound,
    cut,
    list_accounts,
)
from reports.show.table import Column, Look, Row, Table, read_figure, read_word, render_table, stack
from reports.show.units import ABSENT, Unit, percent, seconds

TITLE = "Where the time goes"

MOST_LINES = 10
"""So many operators are shown of a case, of the host and of a device; a CSV has all of them."""

COLUMNS = (
    "case",
    *AXES,
    "operator",
    "place",
    "calls",
    "self_seconds",
    "share",
    "profiled_seconds",
    "timed_seconds",
    "iterations",
    "reason",
)
"""The columns of the CSV, in base units, per iteration; a case that could not be profiled has a reason alone."""

LEAST_RATIO = 1.1
"""From here on a sentence says where the profiler's own time is."""

LEAST_PLAUSIBLE_RATIO = 0.95
"""A profiler makes nothing faster: what is further below 1 is the machine's doing."""


def list_operators(run: Run) -> DataFrame:
    """Return one row for each operator of each profiled case, and one for the time in no operator."""
    rows: list[dict[str, Any]] = []
    for case, account in list_accounts(run).items():
        axes = {"case": case.id, **asdict(case)}
        if isinstance(account, str):
            rows.append({**axes, "reason": account})
        else:
            rows += [{**axes, **row} for row in _rows(account)]
    return DataFrame(rows, columns=list(COLUMNS))


def _rows(account: Account) -> list[dict[str, Any]]:
    """Return the rows of one account."""
    whole = {
        "profiled_seconds": account.seconds,
        "timed_seconds": account.timed_seconds,
        "iterations": account.iterations,
    }
    lines: list[tuple[str, Place, float | None, float]] = [
        *((line.name, line.place, line.calls, line.seconds) for line in account.lines),
        (OUTSIDE, Place.HOST, None, account.outside_seconds),
    ]
    return [
        {
            "operator": name,
            "place": place.value,
            "calls": calls,
            "self_seconds": spent,
            "share": spent / account.seconds,
            **whole,
        }
        for name, place, calls, spent in lines
    ]


def _calls(row: Row) -> str:
    return ABSENT if row["calls"] is None else f"{row['calls']:g}"


OPERATORS = Table(
    columns=(
        Column(header="operator", read=read_word("operator"), right=False),
        Column(header="calls", read=_calls),
        Column(header="own time", read=read_figure("self_seconds", Unit.SECONDS)),
        Column(header="share", read=lambda row: percent(row["share"])),
    )
)
"""How the account of a case reads."""

NOTHING = "No case was profiled: pytest bench --operators does that when all is timed."


def render_operators(run: Run, look: Look) -> str:
    """Return the accounts of all profiled cases, one below the other."""
    accounts = list_accounts(run)
    if not accounts:
        return stack(look.head(TITLE), look.say(NOTHING))
    return stack(*(_render_case(case, account, look) for case, account in accounts.items()))


def _render_case(case: Case, account: Account | str, look: Look) -> str:
    head = look.head(f"{TITLE}: {case.id}")
    return stack(head, render_account(account, look))


def render_account(account: Account | str, look: Look) -> str:
    """Return where the time of one case goes, without its name, or why that is not known."""
    if isinstance(account, str):
        return look.say(f"It could not be profiled: {account}.")
    said = "\n".join(look.say(sentence) for sentence in describe(account))
    return stack(said, render_table(OPERATORS, _shown(account), look))


def _shown(account: Account) -> list[Row]:
    """Return the rows of the largest operators, of all others together, and of the time in no operator."""
    largest, rest = cut(account.lines, MOST_LINES)
    where = {Place.HOST: "", Place.DEVICE: ", on the device"}
    shown = [(f"{line.name}{where[line.place]}", line.calls, line.seconds) for line in largest]
    for place in Place:
        if others := [line for line in rest if line.place is place]:
            name = f"{how_many(len(others), 'other operator')}{where[place]}"
            shown.append((name, sum(line.calls for line in others), sum(line.seconds for line in others)))
    rows: list[Row] = [
        {"operator": name, "calls": calls, "self_seconds": spent, "share": spent / account.seconds}
        for name, calls, spent in shown
    ]
    outside = account.outside_seconds
    rows.append({"operator": OUTSIDE, "calls": None, "self_seconds": outside, "share": outside / account.seconds})
    return rows


def describe(account: Account) -> list[str]:
    """Return what bounds a case and how much the profiler adds, each a sentence."""
    sentences = [_describe_bound(account)]
    took = f"An iteration takes {seconds(account.seconds)} under the profiler"
    if account.ratio is not None:
        took += f", {account.ratio:.2f}x of the {seconds(account.timed_seconds)} that were timed without it"
        if account.ratio >= LEAST_RATIO:
            took += "; what it adds is a little with every call, so it lies in short calls and in no operator"
        elif account.ratio < LEAST_PLAUSIBLE_RATIO:
            took += "; the machine was in another state then, so believe the shares only"
    return [*sentences, f"{took}.", *(f"{remark[0].upper()}{remark[1:]}." for remark in account.remarks)]


def _describe_bound(account: Account) -> str:
    """Return what most of the time is spent on, in a sentence."""
    whole = account.seconds
    around = percent((account.outside_seconds + account.around_seconds) / whole)
    products, others = (percent(account.sum_lines(products=which) / whole) for which in (True, False))
    match account.bound:
        case Bound.AROUND:
            return (
                f"Bound by dispatch: {around} is spent on getting to a computation and not on computing, "
                f"{percent(account.outside_seconds / whole)} in no operator (Python, and what torch does before an "
                f"operator begins) and {percent(account.around_seconds / whole)} in calls under "
                f"{seconds(SHORT_SECONDS)} or around others; products of matrices take {products}. Here calls cost the "
                "time, and not numbers: fewer operators, or more examples in each call, lower the time per example."
            )
        case Bound.PRODUCTS:
            return (
                f"Bound by products of matrices: they take {products}, other computations {others}, and getting to "
                f"them {around}. Faster products, such as in another dtype, would make it faster."
            )
        case Bound.OTHERS:
            largest = next(line for line in account.lines if not line.is_around and not line.is_product)
            return (
                f"Bound by other operators than products of matrices: they take {others}, most of it {largest.name}, "
                f"products {products}, and getting to a computation {around}. Such operators mostly read and write "
                "memory: fewer of them, or fused ones, would make it faster."
            )
        case Bound.DEVICE:
            return f"Bound by the device: it runs kernels for {percent(_busy(account))} of the time."
        case Bound.HOST:
            return (
                f"Bound by the host: the device runs kernels for {percent(_busy(account))} of the time and waits for "
                "the host otherwise. Fewer operators, or more examples in each call, lower the time per example."
            )


def _busy(account: Account) -> float | None:
    return None if account.device_seconds is None else account.device_seconds / account.seconds
