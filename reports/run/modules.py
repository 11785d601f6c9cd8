"""The table of modules: for each profiled case of an eager network whose the own times of its operators are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pandas import DataFrame

from bench.record.case import AXES, Case
from bench.record.profile import ModuleTime
from bench.record.run import Run
from reports.show.table import Column, Look, Row, Table, read_figure, read_word, render_table, stack
from reports.show.units import ABSENT, Unit, percent

TITLE = "Whose time it is"

NOTHING = "No eager case was profiled: pytest bench --operators does that when all is timed."

COLUMNS = (
    "case",
    *AXES,
    "module",
    "kind",
    "forward_seconds",
    "backward_seconds",
    "share",
    "device_forward_seconds",
    "device_backward_seconds",
    "device_share",
)
"""The columns of the CSV, in base units, per iteration: own times of operators, of the host and of the kernels that
they started. Shares are of all operators that a profile tells apart by module."""


def find_modules(run: Run) -> Mapping[Case, Sequence[ModuleTime]]:
    """Return the modules of each profiled case that a profiler told apart, in display order."""
    ordered = sorted(run.profiles, key=lambda profiled: run.cases.index(profiled.case))
    return {
        profiled.case: profiled.profile.modules
        for profiled in ordered
        if profiled.profile is not None and profiled.profile.modules
    }


def list_modules(run: Run) -> DataFrame:
    """Return one row for each module of each profiled case of an eager network."""
    rows: list[dict[str, Any]] = []
    for case, modules in find_modules(run).items():
        rows += [{"case": case.id, **asdict(case), **row} for row in list_rows(modules)]
    return DataFrame(rows, columns=list(COLUMNS))


def list_rows(modules: Sequence[ModuleTime]) -> list[dict[str, Any]]:
    """Return one row for each module, its forward and its backward side by side; None for what it has not."""
    host, device = (sum(read(module) for module in modules) for read in (_host, _device))
    rows = []
    for name in dict.fromkeys(module.name for module in modules):
        own = [module for module in modules if module.name == name]
        ways = {module.backward: module for module in own}
        row: dict[str, Any] = {"module": name, "kind": own[0].kind}
        for read, prefix, whole in ((_host, "", host), (_device, "device_", device)):
            for way, backward in (("forward", False), ("backward", True)):
                row[f"{prefix}{way}_seconds"] = read(ways[backward]) if whole and backward in ways else None
            row[f"{prefix}share"] = sum(map(read, own)) / whole if whole else None
        rows.append(row)
    return rows


def _host(module: ModuleTime) -> float:
    return module.host_seconds


def _device(module: ModuleTime) -> float:
    return module.device_seconds


def _read_kind(row: Row) -> str:
    return str(row["kind"] or ABSENT)


MODULES = Table(
    columns=(
        Column(header="module", read=read_word("module"), right=False),
        Column(header="kind", read=_read_kind, right=False),
        Column(header="forward", read=read_figure("forward_seconds", Unit.SECONDS), optional=True),
        Column(header="backward", read=read_figure("backward_seconds", Unit.SECONDS), optional=True),
        Column(header="share", read=lambda row: percent(row["share"])),
        Column(header="forward on device", read=read_figure("device_forward_seconds", Unit.SECONDS), optional=True),
        Column(header="backward on device", read=read_figure("device_backward_seconds", Unit.SECONDS), optional=True),
        Column(header="share", read=lambda row: percent(row["device_share"]), optional=True),
    )
)
"""How the modules of a case read."""

EXPLANATION = (
    "Own times of the operators that each module called itself; of a backward they belong to the module whose forward "
    "made them necessary. Iterations of their own: the time in no operator is not told apart by module."
)


def render_modules(run: Run, look: Look) -> str:
    """Return the modules of all profiled cases, one below the other."""
    found = find_modules(run)
    if not found:
        return stack(look.head(TITLE), look.say(NOTHING))
    return stack(*(_render_case(case, modules, look) for case, modules in found.items()))


def _render_case(case: Case, modules: Sequence[ModuleTime], look: Look) -> str:
    return stack(look.head(f"{TITLE}: {case.id}"), render_case_modules(modules, look))


def render_case_modules(modules: Sequence[ModuleTime], look: Look) -> str:
    """Return whose time it is in one case, without its name."""
    return stack(look.say(EXPLANATION), render_table(MODULES, list_rows(modules), look))
