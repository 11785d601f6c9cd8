"""The picture of compiling: total time against iterations, eager and compiled, and where they cross."""

from __future__ import annotations

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.record.case import Case, compile_label
from bench.record.run import Run
from reports.figures.compile_accounts import CompileAccount, Payoff, list_compile_accounts
from reports.figures.reference import Reference
from reports.run.compile_accounts import list_priced
from reports.run.marks import write_below
from reports.show.escape import picture as clean
from reports.show.files import NothingToDrawError
from reports.show.picture import SMALL, Mark, assign_colours, group_holes, make_panels, put_legend, write_title
from reports.show.units import Unit, seconds, tick

LEGEND_WIDTH = 1.9
"""Inches that the longest name of a variant takes."""

REACH = 30.0
"""A panel shows so many times the iterations of its last crossing."""

LEAST_REACH = 1e3
"""And at least so many iterations, where nothing crosses."""

MEANING = (
    "Solid: eager. Dashed: compiled, which begins with the seconds that a compile from empty caches takes. A dot is "
    "where they cross, if the saving can be told from none; bars: 95 % interval of that."
)


def draw_payoff(run: Run, _: Reference) -> Figure:
    """Return total time against iterations, eager and compiled."""
    priced = list_priced(run)
    if not priced:
        raise NothingToDrawError("no case has both a cold compile and an eager twin that was timed")
    rows = list(dict.fromkeys((case.model, case.step, case.device) for case, _ in priced))
    batches = sorted({case.batch for case, _ in priced})
    colours = assign_colours((case.dtype, case.compile) for case, _ in priced)
    figure, grid = make_panels(len(rows), len(batches), legend_width=LEGEND_WIDTH, legend_lines=2 * len(colours))
    for ((model, step, device), batch), axes in zip(product(rows, batches), grid.flat, strict=True):
        own = [
            (colours[case.dtype, case.compile][0], account)
            for case, account in priced
            if (case.model, case.step, case.device, case.batch) == (model, step, device, batch)
        ]
        axes.set_title(clean(f"{model}, {step}, batch {batch}, {device}"))
        _draw_panel(axes, own)
    for axes in grid[-1]:
        axes.set_xlabel("iterations")
    for axes in grid[:, 0]:
        axes.set_ylabel("total time")
    write_title(figure, "When compiling pays off")
    keys = [
        Mark(colour=colour, line=line, label=f"{dtype} {name}").draw_key()
        for (dtype, mode), (colour, _) in colours.items()
        for line, name in (("-", "eager"), ("--", compile_label(mode)))
    ]
    put_legend(figure, keys)
    write_below(figure, run, [MEANING, *group_holes(_list_holes(run, dict(priced)), what="not drawn")])
    return figure


def _draw_panel(axes: Axes, accounts: list[tuple[str, CompileAccount]]) -> None:
    """Draw both lines of each account, and where they cross."""
    crossings = [account.iterations for _, account in accounts if account.iterations is not None]
    iterations = np.geomspace(1, max(LEAST_REACH, REACH * max(crossings, default=0)), 60)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(tick(Unit.SECONDS))
    for colour, account in accounts:
        saving, cost = account.saving, account.cost
        assert saving is not None, "an account that is drawn has a saving"
        assert cost is not None, "and a cost"
        axes.plot(iterations, iterations * saving.eager_seconds, color=colour)
        axes.plot(iterations, cost + iterations * saving.compiled_seconds, color=colour, linestyle="--")
        if account.payoff is Payoff.AFTER and account.iterations is not None:
            total = account.iterations * saving.eager_seconds
            ends = [
                [account.iterations - (account.iterations_low or 0)],
                [(account.iterations_high or 0) - account.iterations],
            ]
            axes.errorbar([account.iterations], [total], xerr=ends, color=colour, marker="o", capsize=3)
            label = f"{account.iterations:,}: {seconds(total)}"
            axes.annotate(label, (account.iterations, total), (6, -10), textcoords="offset points", fontsize=SMALL)


def _list_holes(run: Run, drawn: dict[Case, CompileAccount]) -> list[tuple[str, str]]:
    """Return which cases are not drawn, and why."""
    return [
        (case.id, account if isinstance(account, str) else "its eager twin was not timed")
        for case, account in list_compile_accounts(run).items()
        if case not in drawn
    ]
