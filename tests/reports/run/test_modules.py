"""The table of modules as a reader sees it, to the letter."""

# ruff: noqa: E501  a golden table is wide; the micro sign, as units writes it

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from bench.record.profile import ModuleTime, Profile
from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.text import render
from reports.show.table import Format
from tests.makers.profiles import made_profile, profiled
from tests.makers.runs import TWO, steady_run

FLOAT, BFLOAT = TWO


def module(name: str, kind: str | None, host: float, *, backward: bool = False, device: float = 0.0) -> ModuleTime:
    """Return a module, given microseconds."""
    return ModuleTime(name=name, kind=kind, backward=backward, host_seconds=1e-6 * host, device_seconds=1e-6 * device)


def told(*modules: ModuleTime) -> Profile:
    """Return a profile that tells its modules apart."""
    return replace(made_profile(), modules=modules)


def shown(profile: Profile, form: Format = Format.TEXT) -> str:
    """Return the table of a run in which one case was profiled so, and another one without modules."""
    profiles = (profiled(FLOAT, profile), profiled(BFLOAT, made_profile()))
    run: Run = replace(steady_run(lambda *_: [50e-6]), profiles=profiles)
    return render(run, ["modules"], form, Reference())


TRAINED = (
    module("stack.0", "Linear", 30),
    module("stack.0", "Linear", 50, backward=True),
    module("stack.1", "ReLU", 5),
    module("(optimizer)", None, 15),
)


def test_table_of_modules_reads_like_this() -> None:
    """Golden: both ways side by side; a case that nobody told apart is not in it."""
    said = shown(told(*TRAINED))
    assert BFLOAT.id not in said
    assert said.startswith(
        """\
Whose time it is: mlp-forward-b64-cpu-float32-eager

Own times of the operators that each module called itself; of a backward they belong to the module whose forward made them necessary. Iterations of their own: the time in no operator is not told apart by module.

module       kind      forward    backward    share
-----------  ------  ---------  ----------  -------
stack.0      Linear   30.00 µs    50.00 µs   80.0 %
stack.1      ReLU     5.000 µs           —    5.0 %
(optimizer)  —        15.00 µs           —   15.0 %
"""
    )


def test_kernels_have_columns_where_there_are_some() -> None:
    """Shares of the device are of its own."""
    said = shown(told(module("a", "Linear", 10, device=30), module("b", "Linear", 30, device=10)))
    assert "forward on device" in said
    assert [line.split()[-2] for line in said.splitlines() if line.startswith(("a ", "b "))] == ["75.0", "25.0"]


def test_csv_holds_every_figure() -> None:
    """In base units."""
    rows = list(csv.DictReader(io.StringIO(shown(told(*TRAINED), Format.CSV))))
    assert [row["module"] for row in rows] == ["stack.0", "stack.1", "(optimizer)"]
    assert float(rows[0]["backward_seconds"]) == pytest.approx(50e-6)
    assert rows[1]["backward_seconds"] == ""
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1.0)
