"""Why a case changed, as a reader of a gate sees it, to the letter."""

# ruff: noqa: E501  golden tables are wide; the micro sign, as units writes it

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.arm import Side
from bench.record.gate import Gate
from bench.record.profile import Profiled
from reports.gate.answer import conclude
from reports.gate.answer_text import render_answer
from reports.gate.why_text import list_causes, render_why
from reports.gate.write import write_answer
from reports.show.table import MARKDOWN, TERMINAL, Format
from tests.makers.gates import CASES, made_gate
from tests.makers.profiles import paired

SLOW = CASES[0]
BASE = {"aten::addmm": (3.0, 800e-6), "aten::copy_": (3.0, 20e-6)}
HEAD = {"aten::addmm": (3.0, 800e-6), "aten::copy_": (4.0, 62e-6), "aten::clone": (1.0, 8e-6)}


def slower(*, pairs: int = 6, scatter: float = 0.0) -> Gate:
    """Return a gate in which a case of a millisecond became 6 % slower."""
    gate = made_gate(slower={SLOW: 0.06}, scatter=0.001)
    return replace(gate, profiles=paired(SLOW, BASE, HEAD, pairs=pairs, scatter=scatter))


def test_reason_of_a_regression_reads_like_this() -> None:
    """Golden: microseconds first, then which share of the change they are, and what is in none of them."""
    assert render_why(conclude(slower()), TERMINAL) == (
        """\
Why mlp-forward-b1-cpu-float32-eager: +6.0 %

operator       calls in base    in head    own time in base    in head     change  what
-----------  ---------------  ---------  ------------------  ---------  ---------  ------------
aten::copy_                3          4            20.00 µs   62.00 µs  +42.00 µs  other count
aten::clone                —          1                   —   8.000 µs  +8.000 µs  only in head

This explains 83.5 % [82.1, 84.9] of +6.0 % (95 % interval), over 6 pairs of processes.
Timed without a profiler head takes +59.87 µs: +50.00 µs of it in the operators above, the rest of +9.874 µs in none of them; all that does not differ changed by nothing under the profiler.
A profiled iteration takes 840.0 µs in base and 890.0 µs in head, 0.84x and 0.84x of what was timed."""
    )


def test_modules_that_differ_are_named_and_are_a_csv(tmp_path: Path) -> None:
    """Operators say what, modules say where."""
    modules = {"stack.0": 500e-6, "stack.2": 20e-6}, {"stack.0": 500e-6, "stack.2": 70e-6}
    gate = replace(slower(), profiles=paired(SLOW, BASE, HEAD, scatter=0.0, modules=modules))
    said = render_why(conclude(gate), TERMINAL)
    assert said.endswith("\nBy module, operators of stack.2 (Linear), forward +50.00 µs.")
    write_answer(conclude(gate), tmp_path)
    (row,) = csv.DictReader((tmp_path / "why_modules.csv").read_text().splitlines())
    assert (row["case"], row["module"], row["kind"]) == (SLOW.id, "stack.2 (Linear), forward", "other time")
    assert float(row["change_seconds"]) == pytest.approx(50e-6)


def test_answer_ends_with_the_reasons() -> None:
    """Exact counts and verdicts stay first."""
    answer = conclude(slower())
    for form, look in ((Format.TEXT, TERMINAL), (Format.MARKDOWN, MARKDOWN)):
        assert render_answer(answer, form).endswith(f"\n\n{render_why(answer, look)}\n")
    plain = conclude(made_gate())
    assert "Why " not in render_answer(plain, Format.TEXT)


def test_answer_names_the_cause_above_the_verdicts() -> None:
    """Where its interval supports it: not from two pairs, and not of a case that did not change."""
    (cause,) = list_causes(conclude(slower()))
    assert cause == (
        "Why mlp-forward-b1-cpu-float32-eager takes +6.0 %: aten::copy_ (4 calls in place of 3, +42.00 µs) and "
        "aten::clone (only in head, +8.000 µs), which explain 83.5 % [82.1, 84.9] of it."
    )
    said = render_answer(conclude(slower()), Format.TEXT)
    assert said.index(cause) < said.index("verdict")
    assert list_causes(conclude(slower(pairs=2))) == []
    assert list_causes(conclude(replace(made_gate(seed=1), profiles=paired(SLOW, BASE, BASE)))) == []


def test_few_pairs_give_a_share_and_no_interval() -> None:
    """And say why."""
    said = render_why(conclude(slower(pairs=2)), TERMINAL)
    assert "(no interval: there are fewer than 6 pairs of processes), over 2 pairs of processes." in said


def test_unchanged_case_that_was_asked_for_has_no_share() -> None:
    """--explain profiles those, too."""
    gate = replace(made_gate(seed=1), profiles=paired(SLOW, BASE, BASE))
    said = render_why(conclude(gate), TERMINAL)
    assert "It is explained by no operator that can be told from chance, over 6 pairs of processes." in said


def test_case_that_could_not_be_profiled_has_a_sentence() -> None:
    """The verdict stands."""
    failed = Profiled(case=SLOW, side=Side.BASE, replicate=1, profile=None, reason="profile: no answer within 300 s")
    answer = conclude(replace(slower(), profiles=(failed,)))
    assert render_why(answer, TERMINAL).endswith(
        "It cannot be told: not profiled in base: profile: no answer within 300 s."
    )
    assert SLOW in answer.regressed


def test_csv_has_every_operator_that_differs(tmp_path: Path) -> None:
    """In base units, beside the answer; without profiles there is no such file."""
    write_answer(conclude(slower()), tmp_path / "why")
    rows = [*csv.DictReader((tmp_path / "why" / "why.csv").read_text().splitlines())]
    assert [row["operator"] for row in rows] == ["aten::copy_", "aten::clone"]
    assert float(rows[0]["change_seconds"]) == pytest.approx(42e-6)
    assert float(rows[0]["explained_share_low"]) < float(rows[0]["explained_share"])
    assert rows[1]["base_seconds"] == ""
    write_answer(conclude(made_gate()), tmp_path / "plain")
    assert not (tmp_path / "plain" / "why.csv").exists()


def test_cases_to_explain_are_those_that_changed_or_all() -> None:
    """An improvement wants a reason, too."""
    answer = conclude(made_gate(slower={CASES[0]: 0.06, CASES[1]: -0.06}, scatter=0.001))
    assert answer.find_changed(every=False) == [CASES[0], CASES[1]]
    assert answer.find_changed(every=True) == list(CASES)
