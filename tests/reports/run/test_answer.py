"""The answer in words: what intervals support is said, with the cases it rests on, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from bench.record.case import Case
from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.answer import make_answers
from reports.run.text import render
from reports.show.table import MARKDOWN, Format
from tests.makers.compiling import compiled, made_compiling
from tests.makers.contenders import on_cpu, run_on
from tests.makers.profiles import made_profile, profiled
from tests.makers.runs import made_run, matrix, measured, slices, steady_run

CASES = matrix(batches=(1, 64), compiles=("off", "on"))
PRODUCTS = {"aten::addmm": (3.0, 300e-6)}
CALLS = {"aten::view": (100.0, 100e-6)}


def seconds(case: Case, launch: int) -> list[float]:
    """Return slices in which float32 is fastest at batch 1 and bfloat16 at 64, and compiling helps at 64 alone."""
    base = (1.0 if case.dtype == "float32" else 2.0) if case.batch == 1 else (2.0 if case.dtype == "float32" else 1.0)
    factor = 1.0 if not case.compiled else 1.5 if case.batch == 1 else 0.8
    return [base * factor * 1e-3 * (1 + 0.001 * launch)] * 2


def run_of() -> Run:
    """Return a run of eight cases in eight launches."""
    return steady_run(seconds, cases=CASES)


def test_fastest_variant_is_named_for_each_batch() -> None:
    """What is best where, and whether compiling helps."""
    first, second, *_ = make_answers(run_of())
    assert first == (
        "Fastest of mlp on cpu: float32 eager in forward at batch 1; bfloat16 compiled in forward at batch 64."
    )
    assert second == (
        "Of 4 cases compiling makes 2 faster (at most 1.250x [1.250, 1.250] as fast as eager, "
        "mlp-forward-b64-cpu-float32-compiled), 2 slower (at most 0.667x [0.667, 0.667] as fast as eager, "
        "mlp-forward-b1-cpu-float32-compiled)."
    )


def test_what_cannot_be_told_is_not_said() -> None:
    """Too few launches, noise, or nothing to compare with."""
    assert make_answers(steady_run(seconds, cases=CASES, launches=3)) == []
    noise = steady_run(lambda case, launch: [1e-3 * (1 + (hash(case) + launch) % 7)] * 2, cases=matrix())
    assert not [sentence for sentence in make_answers(noise) if "Fastest" in sentence]
    (trust,) = make_answers(steady_run(seconds, cases=CASES[:1]))
    assert trust.endswith("Times are known to ±0.2 % in the median case.")


def test_quick_run_and_empty_plan_have_no_answer() -> None:
    """Nothing was timed."""
    quick = made_run(CASES, [measured(case, 1, slices([1.0])) for case in CASES], quick=True)
    assert make_answers(quick) == make_answers(made_run([], [])) == []


def test_payoff_names_the_first_and_the_last_to_pay_off_and_those_that_never_do() -> None:
    """6 s at 0.2 ms (bfloat16) and at 0.4 ms (float32) an iteration; at batch 1 compiled is slower."""
    everyone = [case for case in CASES if case.compiled]
    run = replace(run_of(), compiled=tuple(one for case in everyone for one in compiled(case, made_compiling(6.0))))
    (said,) = [sentence for sentence in make_answers(run) if "paid back" in sentence]
    assert said.startswith("A compile from empty caches (6.000 s) is paid back after 14,9")
    assert "iterations of mlp-forward-b64-cpu-float32-compiled, and after 29,8" in said
    assert said.endswith("never in mlp-forward-b1-cpu-float32-compiled and mlp-forward-b1-cpu-bfloat16-compiled.")


def test_bound_is_told_by_profiles_where_there_are_some() -> None:
    """Grouped by what bounds them."""
    small, large = CASES[0], next(case for case in CASES if case.batch == 64)
    profiles = (profiled(small, made_profile(CALLS)), profiled(large, made_profile(PRODUCTS)))
    (said,) = [sentence for sentence in make_answers(replace(run_of(), profiles=profiles)) if "bound" in sentence]
    assert said == (
        f"By their profiles, bound are {small.id} by dispatch (calling operators takes longer than computing); "
        f"{large.id} by products of matrices."
    )


def test_bound_is_told_by_the_ceilings_where_they_tell() -> None:
    """Near what the device allows, or far from it; between them nothing is said."""
    said = make_answers(run_on("cpu", lambda case: 1.2 * on_best(case), batches=(1024,)))
    assert any(sentence.startswith("At more than 50.0 % of what the device allows") for sentence in said)
    far = make_answers(run_on("cpu", on_cpu, batches=(1,)))
    assert any("--operators says by what." in sentence for sentence in far)
    between = make_answers(run_on("cpu", lambda case: 4 * on_best(case), batches=(1024,)))
    assert not [sentence for sentence in between if "bound" in sentence]


def on_best(case: Case) -> float:
    """Return the seconds that the made-up device allows at best, which products limit."""
    return 1_337_344 * case.batch / 2e12


def test_answer_comes_with_the_summary_and_with_no_other_table() -> None:
    """Five sentences at most, above the numbers where a page is read, and below them on a terminal."""
    run = run_of()
    answers = make_answers(run)
    assert render(run, ["summary"], Format.MARKDOWN, Reference()).startswith(f"{MARKDOWN.say(answers[0])}\n")
    assert render(run, ["summary"], Format.TEXT, Reference()).endswith("\n\n".join(["", *answers]) + "\n")
    assert len(answers) <= 5
    assert answers[0] not in render(run, ["speedup"], Format.TEXT, Reference())
    assert answers[0] not in render(run, ["summary"], Format.CSV, Reference())


def test_answer_ends_with_how_exact_it_is() -> None:
    """Half the interval, in the middle and at worst; on a busy machine that is said first, and not here."""
    run = steady_run(lambda case, launch: [1e-3 + launch * (1e-6 if case.dtype == "float32" else 1e-5)])
    last = make_answers(run)[-1]
    assert last.startswith("The machine was steady: its yardstick scattered by 0.0 %. Times are known to ±")
    assert last.endswith(f"to ±2.4 % in {run.cases[1].id}.")
    busy = replace(run.environment, facts={**run.environment.facts, "machine.load_at_start": 5.0, "machine.cores": 2})
    assert not any("steady" in sentence for sentence in make_answers(replace(run, environment=busy)))
    assert not any("known" in sentence for sentence in make_answers(steady_run(lambda *_: [1e-3], launches=2)))
