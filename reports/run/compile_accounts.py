"""The compiler's account: what compiling costs by phase, what it made, and after how many iterations it pays off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pandas import DataFrame

from bench.record.case import AXES, Case, compile_label
from bench.record.how_many import how_many
from bench.record.run import Run
from reports.figures.compile_accounts import PHASES, CompileAccount, Payoff, list_compile_accounts
from reports.show.table import Column, Look, Row, Table, axis_column, read_figure, render_table, stack
from reports.show.units import ABSENT, Unit, present, seconds, text

TITLE = "The compiler's account"

NOTHING = "Nothing was compiled from empty caches: pytest bench --compile-account does that when all is timed."

COLUMNS = (
    "case",
    *AXES,
    *("cold_forward_seconds", "cold_backward_seconds", "warm_forward_seconds", "warm_backward_seconds"),
    *(f"{phase}_seconds" for phase in PHASES),
    *("import_seconds", "cold_is_proved", "warm_is_proved"),
    *("graphs", "graph_breaks", "recompiles", "guards", "kernels"),
    *("eager_seconds", "compiled_seconds", "saved_seconds", "saved_seconds_low", "saved_seconds_high"),
    *("payoff", "payoff_iterations", "payoff_iterations_low", "payoff_iterations_high"),
    "reason",
)
"""The columns of the CSV, in base units; a case that could not be compiled has a reason alone."""


def list_rows(run: Run) -> DataFrame:
    """Return one row for each case that was compiled from empty caches."""
    rows = [
        {"case": case.id, **asdict(case), **({"reason": account} if isinstance(account, str) else _row(account))}
        for case, account in list_compile_accounts(run).items()
    ]
    return DataFrame(rows, columns=list(COLUMNS))


def _row(account: CompileAccount) -> dict[str, Any]:
    saving = account.saving
    return {
        **{
            f"{part}_seconds": getattr(account, part)
            for part in ("cold_forward", "cold_backward", "warm_forward", "warm_backward")
        },
        **{f"{phase}_seconds": spent for phase, spent in account.phases.items()},
        "import_seconds": account.import_seconds,
        "cold_is_proved": account.cold_is_proved,
        "warm_is_proved": account.warm_is_proved,
        "graphs": account.graphs,
        "graph_breaks": len(account.breaks),
        "recompiles": account.recompiles,
        "guards": account.guards,
        "kernels": account.kernels,
        "eager_seconds": None if saving is None else saving.eager_seconds,
        "compiled_seconds": None if saving is None else saving.compiled_seconds,
        "saved_seconds": None if saving is None else saving.seconds,
        "saved_seconds_low": None if saving is None else saving.low,
        "saved_seconds_high": None if saving is None else saving.high,
        "payoff": account.payoff.value,
        "payoff_iterations": account.iterations,
        "payoff_iterations_low": account.iterations_low,
        "payoff_iterations_high": account.iterations_high,
    }


_NAMED = (
    *(axis_column(name) for name in ("model", "step")),
    axis_column("batch", right=True),
    *(axis_column(name) for name in ("device", "dtype")),
    axis_column("compile", label=compile_label),
)


def _read_seconds(name: str) -> Any:
    return lambda row: seconds(row.get(f"{name}_seconds"))


COSTS = Table(
    title="What compiling costs",
    columns=(
        *_NAMED,
        *(
            Column(header=part.replace("_", " "), read=_read_seconds(part), optional=part.endswith("backward"))
            for part in ("cold_forward", "cold_backward", "warm_forward", "warm_backward")
        ),
        *(
            Column(header=header, read=_read_seconds(phase), optional=True)
            for phase, header in zip(PHASES, ("dynamo", "AOT autograd", "inductor", "code"), strict=True)
        ),
    ),
)
"""What compiling takes; phases are those of the cold compile, each without the ones that it holds."""


def _read_saving(row: Row) -> str:
    """Return what an iteration saves, with a sign, since compiled may be slower."""
    value, low, high = (row[f"saved_seconds{end}"] for end in ("", "_low", "_high"))
    return text(Unit.SECONDS, value, low, high) if present(value) else ABSENT


def _read_payoff(row: Row) -> str:
    if not present(row["payoff_iterations"]):
        return ABSENT if row["payoff"] == Payoff.UNKNOWN.value else str(row["payoff"])
    low, high = (f"{row[f'payoff_iterations_{end}']:,.0f}" for end in ("low", "high"))
    return f"{row['payoff_iterations']:,.0f} iterations [{low}, {high}]"


def _read_count(name: str) -> Any:
    return lambda row: f"{row[name]:.0f}" if present(row[name]) else ABSENT


MADE = Table(
    title="What it is worth",
    columns=(
        *_NAMED,
        *(
            Column(header=name.replace("_", " "), read=_read_count(name))
            for name in ("graphs", "graph_breaks", "recompiles", "guards", "kernels")
        ),
        Column(header="eager", read=read_figure("eager_seconds", Unit.SECONDS)),
        Column(header="saved per iteration", read=_read_saving),
        Column(header="pays off after", read=_read_payoff),
    ),
)
"""What the compiler made of a case, and whether that is worth it."""


def render_compile_accounts(run: Run, look: Look) -> str:
    """Return two tables, of what compiling takes and of what it is good for, and what must be known of them."""
    accounts = list_compile_accounts(run)
    head = look.head(TITLE)
    if not accounts:
        return stack(head, look.say(NOTHING))
    seen = [account for account in accounts.values() if isinstance(account, CompileAccount)]
    rows = [{**asdict(account.case), **_row(account)} for account in seen]
    tables = [render_table(table, rows, look) for table in (COSTS, MADE)] if rows else []
    said = [*describe(seen), *_describe_failures(accounts)]
    return stack(head, *tables, "\n".join(look.say(sentence) for sentence in said))


def describe(accounts: Sequence[CompileAccount]) -> Iterator[str]:
    """Yield what must be known of accounts: whether caches were what they should be, breaks, recompiles, holes."""
    if not accounts:
        return
    told = [account for account in accounts if not account.cold_is_proved]
    if told:
        yield f"Caches were not proved empty before the cold compile of {_list_ids(told)}."
    else:
        yield "Every cold compile found nothing in the compiler's caches, by its own counters."
    if told := [account for account in accounts if not account.warm_is_proved]:
        yield f"The warm compile found not everything in the compiler's caches of {_list_ids(told)}."
    for account in accounts:
        for broken in account.breaks:
            yield f"{account.case.id} breaks at {broken.place or 'a place that torch does not tell'}: {broken.reason}."
        for reason in account.recompile_reasons:
            yield f"{account.case.id} was compiled again since {reason}."
        if account.frames_reason is not None:
            yield f"{account.case.id}: {account.frames_reason}."
    if any(account.payoff is Payoff.UNKNOWN for account in accounts):
        yield (
            "Where no number of iterations stands the saving cannot be told from none, or its eager twin was not "
            "measured in enough launches."
        )
    if any(account.case.step == "backward" for account in accounts):
        yield "A backward pays for its own compile, not for that of the forward before it."


def _describe_failures(accounts: Any) -> Iterator[str]:
    for case, account in accounts.items():
        if isinstance(account, str):
            yield f"{case.id} could not be compiled: {account}."
        elif account.reasons:
            yield f"{case.id} could not be compiled in every process: {'; '.join(account.reasons)}."


def _list_ids(accounts: Sequence[CompileAccount]) -> str:
    if len(accounts) > 3:  # noqa: PLR2004  more names hide the sentence
        return how_many(len(accounts), "case")
    return ", ".join(account.case.id for account in accounts)


def list_priced(run: Run) -> list[tuple[Case, CompileAccount]]:
    """Return the accounts that have both a cost and a saving, which a picture can show."""
    return [
        (case, account)
        for case, account in list_compile_accounts(run).items()
        if isinstance(account, CompileAccount) and account.saving is not None and account.cost is not None
    ]
