"""The page of a run: every case opens, every section has its place, and nothing that a file says is believed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.run import Run
from reports.figures.reproduce import make_command
from reports.run import page as page_module
from reports.run.page import render_run_page
from reports.run.write import write_page, write_reports
from reports.show.page import MOST_DRAWN
from tests.makers.compiling import compiled, made_compiling
from tests.makers.layers import layered, made_layers
from tests.makers.profiles import made_profile, profiled
from tests.makers.runs import FACTS, TWO, made_run, matrix, measured, realistic_run, slices, steady_run
from tests.reports.show.test_page import NASTY, parsed

FLOAT, BFLOAT = TWO


def test_page_of_a_run_holds_every_case_with_its_slices_and_its_command() -> None:
    """In place of 190 columns."""
    run = realistic_run(cases=matrix(steps=("forward", "backward"), batches=(1, 64)), launches=3, sets=4)
    page = render_run_page(run)
    balance = parsed(page)
    said = "\n".join(balance.said)
    for case in run.cases:
        assert said.count(f"{case.id}\n") >= 1 or case.id in said
        assert make_command(run, [case]) in said
    for place in ("summary", "curves", "speedups", "compiling", "environment", "answer"):
        assert place in balance.ids
    assert "Imaginary Processor" in said


def test_what_was_asked_for_is_in_the_page() -> None:
    """Profiles in the rows, layers and the compiler's account as sections."""
    case = replace(FLOAT, compile="on")
    run = steady_run(lambda one, _: [2e-3 if one.compiled else 5e-3], cases=(FLOAT, case))
    run = replace(
        run,
        profiles=(profiled(FLOAT, made_profile()),),
        layers=layered(FLOAT, *6 * [made_layers()]),
        compiled=compiled(case, made_compiling()),
    )
    balance = parsed(render_run_page(run))
    assert {"layers", "compile-account"} <= set(balance.ids)
    assert "aten::addmm" in " ".join(balance.said)
    assert "layers" not in parsed(render_run_page(steady_run(lambda *_: [1e-3]))).ids


@pytest.mark.parametrize("quick", [False, True])
def test_empty_and_quick_runs_have_a_page(*, quick: bool) -> None:
    """It says that nothing was timed."""
    parsed(render_run_page(made_run([], [])))
    run = made_run(TWO, [measured(case, 1, slices([1.0])) for case in TWO], quick=quick)
    assert ("nothing was timed" in render_run_page(run)) is quick


def test_hostile_names_are_text() -> None:
    """Wherever they stand."""
    case = Case(model=NASTY, step="forward", batch=1, device=NASTY, dtype="float32", compile="off")
    run = made_run(
        [case], [measured(case, 1, slices([1e-3] * 3))], facts={**FACTS, f"device.{NASTY}.description": NASTY}
    )
    page = render_run_page(run)
    parsed(page)
    assert "<script>alert" not in page


def test_page_of_many_cases_has_no_pictures_and_all_rows() -> None:
    """Nobody looks through 2,000 panels."""
    cases = [
        Case(model="mlp", step="forward", batch=batch, device="cpu", dtype="float32", compile="off")
        for batch in range(1, MOST_DRAWN + 2)
    ]
    page = render_run_page(steady_run(lambda *_: [1e-3], cases=cases, launches=1))
    assert 'id="curves"' not in page
    assert page.count('<tr><th scope="row"') == len(cases)


@pytest.mark.parametrize(
    ("case", "settings", "facts", "command"),
    [
        (
            FLOAT,
            Settings(),
            {},
            (
                "pytest bench --model mlp --step forward --batch 64 --device cpu --dtype float32 --compile off "
                "--benchmark-json again.json"
            ),
        ),
        (
            replace(BFLOAT, model="make", layout="channels_last", threads=2, compile="on"),
            Settings(launches=3, seed=7, case_seconds=0.5),
            {"model.make.spec": "my nets/net.py:make"},
            (
                "pytest bench --model 'my nets/net.py:make' --step forward --batch 64 --device cpu --dtype bfloat16 "
                "--compile on --layout channels_last --threads 2 --launches 3 --seed 7 --benchmark-max-time 0.5 "
                "--benchmark-json again.json"
            ),
        ),
    ],
)
def test_command_measures_the_case_again(case: Case, settings: Settings, facts: dict[str, str], command: str) -> None:
    """As a shell reads it, with what was not the default."""
    run = replace(made_run([case], []), settings=settings, environment=Environment(facts=facts))
    assert make_command(run, [case]) == command
    assert shlex.split(command)[:2] == ["pytest", "bench"]


def test_command_measures_the_whole_run_again() -> None:
    """Each value of an axis once; it stands in the page."""
    run = steady_run(lambda *_: [1e-3], cases=matrix(batches=(1, 64), compiles=("off", "on"), threads=(None, 2)))
    command = make_command(run, run.cases)
    assert command == (
        "pytest bench --model mlp --step forward --batch 1,64 --device cpu --dtype float32,bfloat16 --compile off,on "
        "--threads 2 --benchmark-json again.json"
    )
    assert command in "\n".join(parsed(render_run_page(run)).said)


def test_page_of_many_cases_looks_through_the_run_no_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each case would be minutes for thousands of them."""
    asked: list[int] = []
    by_case = Run.by_case

    def ask(run: Run) -> object:
        asked.append(1)
        return by_case(run)

    monkeypatch.setattr(Run, "by_case", ask)
    counts = []
    for batches in ((1, 2), tuple(range(1, 25))):
        asked.clear()
        render_run_page(steady_run(lambda *_: [1e-3], cases=matrix(batches=batches)))
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0


def test_page_that_cannot_be_made_keeps_nothing_else_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables are there, and a sentence says why the page is not."""

    def fail(*_: object) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(page_module, "render_run_page", fail)
    said: list[str] = []
    written = write_reports(steady_run(lambda *_: [1e-3]), tmp_path, say=said.append)
    assert tmp_path / "summary.csv" in written
    assert said[-1] == "report: it cannot be made: RecursionError: too deep"
    monkeypatch.undo()
    (page,) = write_page(steady_run(lambda *_: [1e-3]), tmp_path)
    assert page == tmp_path / "report.html"
    parsed(page.read_text())
