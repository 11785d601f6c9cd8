"""The table of operators as a reader sees it, to the letter."""

# ruff: noqa: E501  golden tables are wide; the micro sign, as units writes it

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.profile import Profiled
from bench.record.run import Run
from reports.figures.accounts import make_account
from reports.figures.reference import Reference
from reports.run.operators import describe
from reports.run.text import render
from reports.run.write import write_reports
from reports.show.table import Format
from tests.makers.profiles import made_profile, profiled
from tests.makers.runs import TWO, steady_run

FLOAT, BFLOAT = TWO
SMALL = {
    "aten::addmm": (3.0, 24e-6),
    "aten::relu": (2.0, 4e-6),
    **{f"aten::view{index}": (1.0, (9 - index) * 0.1e-6) for index in range(9)},
}


def run_of(*profiles: Profiled) -> Run:
    """Return a run in which every iteration took 50 µs."""
    return replace(steady_run(lambda *_: [50e-6]), profiles=profiles)


def shown(run: Run, form: Format = Format.TEXT) -> str:
    """Return the table."""
    return render(run, ["operators"], form, Reference())


def test_table_of_operators_reads_like_this() -> None:
    """Golden: the ten largest, all others together, the time in no operator, and a sentence that says what bounds it."""
    said = shown(run_of(profiled(FLOAT, made_profile(SMALL, outside=27.5e-6))))
    assert said.startswith(
        """\
Where the time goes: mlp-forward-b64-cpu-float32-eager

Bound by dispatch: 60.0 % is spent on getting to a computation and not on computing, 45.8 % in no operator (Python, and what torch does before an operator begins) and 14.2 % in calls under 5.000 µs or around others; products of matrices take 40.0 %. Here calls cost the time, and not numbers: fewer operators, or more examples in each call, lower the time per example.
An iteration takes 60.00 µs under the profiler, 1.20x of the 50.00 µs that were timed without it; what it adds is a little with every call, so it lies in short calls and in no operator.

operator            calls    own time    share
----------------  -------  ----------  -------
aten::addmm             3    24.00 µs   40.0 %
aten::relu              2    4.000 µs    6.7 %
aten::view0             1    900.0 ns    1.5 %
aten::view1             1    800.0 ns    1.3 %
aten::view2             1    700.0 ns    1.2 %
aten::view3             1    600.0 ns    1.0 %
aten::view4             1    500.0 ns    0.8 %
aten::view5             1    400.0 ns    0.7 %
aten::view6             1    300.0 ns    0.5 %
aten::view7             1    200.0 ns    0.3 %
1 other operator        1    100.0 ns    0.2 %
(in no operator)        —    27.50 µs   45.8 %

  Device cpu:"""
    )


def test_case_that_could_not_be_profiled_has_a_sentence() -> None:
    """A profiler that fails on a backend costs its table and nothing else."""
    failed = Profiled(case=BFLOAT, side=None, replicate=1, profile=None, reason="profile: exit code 1")
    said = shown(run_of(failed, profiled(FLOAT, made_profile())))
    first, second = said.split("Where the time goes: ")[1:]
    assert first.startswith(f"{FLOAT.id}\n\nBound by products of matrices")
    assert second.startswith(f"{BFLOAT.id}\n\nIt could not be profiled: profile: exit code 1.\n")
    (_, row) = [*csv.DictReader(io.StringIO(shown(run_of(profiled(FLOAT, made_profile({})), failed), Format.CSV)))]
    assert (row["case"], row["operator"], row["reason"]) == (BFLOAT.id, "", "profile: exit code 1")


def test_csv_holds_every_operator_and_adds_up() -> None:
    """In seconds per iteration; the time in no operator is a row without calls."""
    rows = [*csv.DictReader(io.StringIO(shown(run_of(profiled(FLOAT, made_profile(SMALL))), Format.CSV)))]
    assert len(rows) == len(SMALL) + 1
    assert sum(float(row["self_seconds"]) for row in rows) == pytest.approx(float(rows[0]["profiled_seconds"]))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1.0)
    assert (rows[-1]["operator"], rows[-1]["calls"]) == ("(in no operator)", "")
    assert float(rows[0]["timed_seconds"]) == 50e-6


def test_markdown_is_escaped() -> None:
    """Names of operators come from a user's library."""
    said = shown(run_of(profiled(FLOAT, made_profile({"mine::a|b<c": (1.0, 1e-3)}))), Format.MARKDOWN)
    assert "mine::a|b<c" not in said
    assert r"a\|b" in said


@pytest.mark.parametrize(
    ("kernels", "waits", "words"),
    [
        ({"gemm": (3.0, 25e-6)}, 0.0, "Bound by the device: it runs kernels for 83.3 % of the time."),
        ({"gemm": (3.0, 25e-6)}, 70e-6, "Bound by the host: the device runs kernels for 25.0 % of the time and waits"),
    ],
)
def test_sentence_says_whether_a_device_waits(
    kernels: dict[str, tuple[float, float]], waits: float, words: str
) -> None:
    """A newcomer sees a fast card and slow Python, or the other way round."""
    profile = made_profile({"aten::addmm": (3.0, 30e-6)}, outside=0.0, kernels=kernels, more=waits)
    assert describe(make_account(profile, None))[0].startswith(words)
    said = shown(run_of(profiled(FLOAT, profile)))
    assert "gemm, on the device        3    25.00 µs" in said


def test_operators_that_are_no_products_are_named() -> None:
    """Memory, most often."""
    account = make_account(made_profile({"aten::copy_": (2.0, 3e-3), "aten::addmm": (3.0, 1e-3)}), None)
    assert (
        "Bound by other operators than products of matrices: they take 74.6 %, most of it aten::copy_"
        in (describe(account)[0])
    )


def test_profile_that_was_faster_than_the_timing_is_doubted() -> None:
    """The machine was in another state."""
    account = make_account(made_profile({"aten::addmm": (3.0, 30e-6)}), 100e-6)
    assert describe(account)[1] == (
        "An iteration takes 50.00 µs under the profiler, 0.50x of the 100.0 µs that were timed without it; the machine "
        "was in another state then, so believe the shares only."
    )


def test_remark_of_a_profile_stands_under_its_sentence() -> None:
    """A trace that is not there, for example."""
    remark = "its trace could not be written to a.json: No space left on device"
    said = describe(make_account(made_profile(remarks=(remark,)), None))
    assert said[-1] == f"I{remark[1:]}."


def test_reports_of_a_run_without_profiles_have_no_such_file(tmp_path: Path) -> None:
    """The default run writes what it wrote before."""
    write_reports(run_of(), tmp_path / "plain")
    write_reports(run_of(profiled(FLOAT, made_profile())), tmp_path / "profiled")
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("plain", "profiled")]
    assert names[1] - names[0] == {"operators.csv", "operators.md"}
