"""The page of a gate: every effect, its blocks and its reasons, and the machine's state meanwhile."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.arm import Arm, Side
from bench.record.conditions import Environment
from bench.record.gate import Ending
from reports.gate.answer import conclude
from reports.gate.answer_text import CONTROLS, make_headline
from reports.gate.page import render_gate_page
from reports.gate.plots import PICTURES, plot_output
from reports.gate.reproduce import make_command
from reports.gate.write import write_answer
from reports.show.files import NothingToDrawError
from tests.makers.gates import CASES, made_gate
from tests.makers.profiles import paired
from tests.reports.show.test_page import NASTY, parsed

SLOW = CASES[0]
BASE = {"aten::addmm": (3.0, 800e-6)}
HEAD = {**BASE, "aten::clone": (1.0, 60e-6)}


def test_page_holds_verdicts_effects_blocks_and_reasons() -> None:
    """From the answer down to each block."""
    gate = replace(made_gate(slower={SLOW: 0.06}, scatter=0.001), profiles=paired(SLOW, BASE, HEAD, scatter=0.0))
    answer = conclude(gate)
    page = render_gate_page(answer)
    balance = parsed(page)
    said = " ".join(balance.said)
    assert make_headline(answer) in said
    assert {"verdicts", "why", "machine", "again", "environment"} <= set(balance.ids)
    assert all(case.id in said for case in CASES)
    assert all(name in said for name in CONTROLS.values())
    assert "aten::clone (only in head, +60.00 µs)" in said
    assert page.count("Blocks of ") >= 2 * len(CASES)


def test_page_begins_with_what_changed_by_how_much_and_whether_to_believe_it() -> None:
    """In sentences, the worst first; the headline above them is for whoever knows it."""
    answer = conclude(made_gate(slower={CASES[0]: 0.06, CASES[1]: 0.12, CASES[2]: -0.1}, scatter=0.001))
    said = " ".join(parsed(render_gate_page(answer)).said)
    worst, other = CASES[1].id, CASES[0].id
    assert re.search(rf"Head is slower in 2 of 8 cases: {worst} \(\+1\S+ % \[.*?\]\) and {other} \(\+\S+ % \[", said)
    assert re.search(rf"Head is faster in 1 of 8 cases: {CASES[2].id} \(-\S+ % \[", said)
    assert "Of 8 cases 5 took as long, within the floor." in said
    assert re.search(
        r"Both controls are right: base against itself changed by [+-]0\.\d % \[.*?\], and a slowdown", said
    )
    broken = made_gate(blocks=3, looks=(), ending=Ending(reason="", broken=True, stopped=False, wall_seconds=1.0))
    assert "Both controls" not in render_gate_page(conclude(broken))


def test_controls_are_as_they_must_be_and_a_busy_machine_is_said_first() -> None:
    """A control that finds nothing, and one that finds a slowdown, are no verdicts on head."""
    gate = made_gate()
    facts = {**gate.environment.facts, "machine.load_at_start": 5.0, "machine.cores": 2}
    page = render_gate_page(conclude(replace(gate, environment=Environment(facts=facts))))
    assert page.count("<td>as it must be</td>") == len(CONTROLS)
    assert 0 < page.index("UNSTEADY: load 5.0 on 2 cores") < page.index("The answer")
    assert page.count("UNSTEADY") == 1


def test_command_names_the_commit_and_not_what_moves() -> None:
    """HEAD is another one tomorrow."""
    gate = replace(made_gate(), arms={Side.BASE: Arm(ref="HEAD"), Side.HEAD: Arm()})
    assert "--against HEAD" in make_command(gate)
    known = Environment(facts={**gate.environment.facts, "arm.base.commit": 40 * "a", "arm.head.commit": None})
    assert f"--against {12 * 'a'} " in make_command(replace(gate, environment=known))


def test_gate_that_proves_nothing_begins_with_that() -> None:
    """Its page is one all the same, with what there is."""
    broken = made_gate(blocks=3, looks=(), ending=Ending(reason=NASTY, broken=True, stopped=False, wall_seconds=1.0))
    page = render_gate_page(conclude(broken))
    parsed(page)
    assert "Nothing is proved: &lt;script&gt;" in page
    assert "forest" not in page


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_a_gate_are_the_same_each_time(name: str) -> None:
    """A picture in a repository changes only if its numbers do."""
    answer = conclude(made_gate(slower={SLOW: 0.06}))
    assert plot_output(name, answer).make() == plot_output(name, answer).make()


def test_pictures_of_nothing_are_none() -> None:
    """And no exception of matplotlib."""
    empty = conclude(made_gate(blocks=0, looks=()))
    for name in PICTURES:
        with pytest.raises(NothingToDrawError):
            plot_output(name, empty).make()


def test_answer_is_written_with_its_page(tmp_path: Path) -> None:
    """Beside text, Markdown, CSV and pictures."""
    names = {path.name for path in write_answer(conclude(made_gate()), tmp_path)}
    assert {"report.html", "forest.svg", "forest.png", "disturbance.svg", "gate.md", "gate.csv", "gate.txt"} <= names


@pytest.mark.parametrize(
    ("base", "head", "arms"),
    [
        (Arm(ref="main"), Arm(), "--against main"),
        (Arm(ref="my branch"), Arm(ref="x"), "--arm 'base=ref=my branch' --arm head=ref=x"),
        (Arm(), Arm(dtype="bfloat16"), "--arm head=dtype=bfloat16"),
        (
            Arm(python="/opt/python"),
            Arm(variables={"OMP_NUM_THREADS": "1"}),
            "--arm base=python=/opt/python --arm head=OMP_NUM_THREADS=1",
        ),
    ],
)
def test_command_compares_the_same_arms(base: Arm, head: Arm, arms: str) -> None:
    """In the same cases and the same budget."""
    gate = made_gate(arms={Side.BASE: base, Side.HEAD: head})
    command = make_command(gate)
    assert f" {arms} --budget 300s --benchmark-json again.json" in command
    assert command.startswith("pytest bench --model mlp --step ")
