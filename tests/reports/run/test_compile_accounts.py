"""The compiler's account as a reader sees it, to the letter, and when compiling is said to pay off."""

# ruff: noqa: E501  golden tables are wide; the micro sign, as units writes it

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.case import Case
from bench.record.compiling import Compiled
from bench.record.run import Run
from reports.figures.compile_accounts import CompileAccount, Payoff, list_compile_accounts
from reports.figures.reference import Reference
from reports.run.compile_accounts import describe
from reports.run.plots import draw
from reports.run.text import render
from reports.run.write import write_reports
from reports.show.table import Format
from tests.makers.compiling import BREAK, compiled, made_compiling, made_frame
from tests.makers.runs import TWO, steady_run

EAGER = TWO[0]
COMPILED = replace(EAGER, compile="on")
BACKWARD = replace(COMPILED, step="backward")
EIGHT = range(1, 9)


def run_of(
    *several: Compiled, saved: float = 1e-3, scatter: float = 0.0, case: Case = COMPILED, launches: int = 8
) -> Run:
    """Return a run in which an eager iteration takes 5 ms, and a compiled one less by `saved`, give or take."""
    eager = replace(case, compile="off")

    def seconds(timed: Case, launch: int) -> list[float]:
        off = scatter * (1 if launch % 2 else -1)
        return [5e-3 if timed == eager else 5e-3 - saved + off] * 2

    return replace(steady_run(seconds, cases=[eager, case], launches=launches), compiled=several)


def account_of(run: Run) -> CompileAccount:
    """Return the account of a run's only compiled case."""
    (account,) = list_compile_accounts(run).values()
    assert isinstance(account, CompileAccount)
    return account


def shown(run: Run, form: Format = Format.TEXT) -> str:
    """Return the tables."""
    return render(run, ["compile_account"], form, Reference())


PAIR = (
    *compiled(COMPILED, made_compiling(5.0), made_compiling(7.0), made_compiling(6.0)),
    *compiled(COMPILED, made_compiling(1.0, cold=False), made_compiling(2.0, cold=False), cold=False),
)


def test_account_reads_like_this() -> None:
    """Golden: what it costs by phase, what was made of it, and when it pays off."""
    said = shown(run_of(*PAIR))
    assert said.startswith(
        """\
The compiler's account

What compiling costs

model    step       batch  device    dtype    compile      cold forward    warm forward    dynamo    AOT autograd    inductor     code
-------  -------  -------  --------  -------  ---------  --------------  --------------  --------  --------------  ----------  -------
mlp      forward       64  cpu       float32  compiled          6.000 s         1.500 s   1.000 s         1.000 s     1.000 s  1.000 s

What it is worth

model    step       batch  device    dtype    compile      graphs    graph breaks    recompiles    guards    kernels     eager      saved per iteration                   pays off after
-------  -------  -------  --------  -------  ---------  --------  --------------  ------------  --------  ---------  --------  -----------------------  -------------------------------
mlp      forward       64  cpu       float32  compiled          1               0             0        17          3  5.000 ms  1.000 ms [1.000, 1.000]  6,000 iterations [6,000, 6,000]

Every cold compile found nothing in the compiler's caches, by its own counters.

  Device cpu:"""
    )


def test_compiling_pays_off_when_its_seconds_are_saved() -> None:
    """6 s at 1 ms an iteration."""
    account = account_of(run_of(*PAIR))
    assert (account.payoff, account.iterations) == (Payoff.AFTER, 6000)
    assert (account.iterations_low, account.iterations_high) == (6000, 6000)


def test_interval_of_the_iterations_is_that_of_the_saving() -> None:
    """1 ms give or take 0.5 ms: between 4,000 and 12,000."""
    account = account_of(run_of(*PAIR, scatter=0.5e-3))
    assert account.iterations_low == pytest.approx(4000, abs=1)
    assert account.iterations_high == pytest.approx(12000, abs=1)


@pytest.mark.parametrize(
    ("saved", "scatter", "launches", "payoff"),
    [
        (-1e-3, 0.1e-3, 8, Payoff.NEVER),
        (0.1e-3, 0.5e-3, 8, Payoff.UNKNOWN),
        (1e-3, 0.0, 5, Payoff.UNKNOWN),
    ],
    ids=["slower", "noise", "too few launches"],
)
def test_what_cannot_be_told_from_none_is_no_number(
    saved: float, scatter: float, launches: int, payoff: Payoff
) -> None:
    """Neither is compiled code that is slower."""
    account = account_of(run_of(*PAIR, saved=saved, scatter=scatter, launches=launches))
    assert (account.payoff, account.iterations) == (payoff, None)


def test_backward_pays_for_its_own_compile() -> None:
    """The forward before it is not timed with it."""
    several = compiled(BACKWARD, made_compiling(5.0, 3.0))
    account = account_of(run_of(*several, case=BACKWARD))
    assert (account.cost, account.iterations) == (3.0, 3000)
    train = replace(BACKWARD, step="train")
    whole = account_of(run_of(*compiled(train, made_compiling(5.0, 3.0)), case=train))
    assert whole.cost == 8.0
    assert "A backward pays for its own compile" in " ".join(describe([account]))


def test_saving_is_taken_within_a_launch() -> None:
    """A machine that is twice as slow in half of the launches says nothing of either."""

    def seconds(case: Case, launch: int) -> list[float]:
        return [(5e-3 if case == EAGER else 4e-3) + 5e-3 * (launch % 2)]

    run = replace(steady_run(seconds, cases=[EAGER, COMPILED]), compiled=PAIR)
    saving = account_of(run).saving
    assert saving is not None
    assert (saving.seconds, saving.low, saving.high) == pytest.approx((1e-3, 1e-3, 1e-3))


def test_case_without_its_eager_twin_has_costs_and_no_payoff() -> None:
    """It is said why."""
    run = replace(steady_run(lambda *_: [4e-3], cases=[COMPILED]), compiled=PAIR)
    account = account_of(run)
    assert (account.saving, account.payoff) == (None, Payoff.UNKNOWN)
    assert any("its eager twin was not measured" in sentence for sentence in describe([account]))
    assert account.cold_forward == 6.0


def test_caches_that_were_not_empty_are_named() -> None:
    """A cold figure is one only if the compiler's counters say so."""
    account = account_of(run_of(*compiled(COMPILED, made_compiling(cold=False))))
    assert not account.cold_is_proved
    assert f"Caches were not proved empty before the cold compile of {COMPILED.id}." in list(describe([account]))


def test_breaks_and_recompiles_are_told_with_place_and_cause() -> None:
    """Each once, whatever the number of processes."""
    frames = [made_frame(), made_frame(recompile_reason="L['self'].calls == 1")]
    several = compiled(COMPILED, *2 * [made_compiling(frames=frames, breaks=[BREAK], recompiles=1)])
    said = list(describe([account_of(run_of(*several))]))
    assert said.count(f"{COMPILED.id} breaks at net.py:12: call to print.") == 1
    assert said.count(f"{COMPILED.id} was compiled again since L['self'].calls == 1.") == 1


def test_phases_are_without_those_that_they_hold() -> None:
    """They add up to what dynamo took in all; what torch does not tell is no phase."""
    account = account_of(run_of(*PAIR))
    assert account.phases == {"dynamo": 1.0, "aot": 1.0, "inductor": 1.0, "code_gen": 1.0}
    silent = account_of(run_of(*compiled(COMPILED, made_compiling(frames=[]))))
    assert silent.phases == {}
    assert f"{COMPILED.id}: this torch tells nothing." in list(describe([silent]))
    later = replace(
        made_frame(forward=False), dynamo_seconds=None, aot_seconds=None
    )  # a backward has no trace of its own
    both = account_of(run_of(*compiled(COMPILED, made_compiling(frames=[made_frame(), later]))))
    assert both.phases == {"dynamo": 1.0, "aot": 1.0, "inductor": 2.0, "code_gen": 2.0}
    half = account_of(run_of(*compiled(COMPILED, made_compiling(frames=[replace(made_frame(), aot_seconds=None)]))))
    assert half.phases == {"dynamo": 2.0, "inductor": 1.0, "code_gen": 1.0}


def test_case_that_could_not_be_compiled_has_a_sentence() -> None:
    """In one process or in all."""
    failed = Compiled(case=COMPILED, replicate=1, cold=True, compiling=None, reason="compiling: SIGSEGV")
    assert f"{COMPILED.id} could not be compiled: compiling: SIGSEGV." in shown(run_of(failed))
    (row,) = csv.DictReader(io.StringIO(shown(run_of(failed), Format.CSV)))
    assert (row["case"], row["graphs"], row["reason"]) == (COMPILED.id, "", "compiling: SIGSEGV")
    second = replace(failed, replicate=2)
    assert "could not be compiled in every process: compiling: SIGSEGV." in shown(run_of(*PAIR[:1], second))


def test_picture_marks_where_the_lines_cross() -> None:
    """And says nothing where they do not."""
    texts = [text.get_text() for axes in draw("payoff", run_of(*PAIR)).axes for text in axes.texts]
    assert texts == ["6,000: 30.00 s"]
    assert not [text for axes in draw("payoff", run_of(*PAIR, saved=-1e-3)).axes for text in axes.texts]


def test_reports_have_the_account_only_where_it_was_asked_for(tmp_path: Path) -> None:
    """Nobody finds an empty table or an empty picture among the others."""
    names = {"compile_account.csv", "compile_account.md", "payoff.svg", "payoff.png"}
    assert not names & {path.name for path in write_reports(run_of(), tmp_path / "without")}
    assert names <= {path.name for path in write_reports(run_of(*PAIR), tmp_path / "with")}
