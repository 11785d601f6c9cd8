"""What a notebook shows, and the example of one, which is carried out cell by cell."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.files.parse_json import UnreadableError
from tests.makers.contenders import stored
from tests.makers.gates import CASES, made_gate, stored_gate
from tests.makers.runs import DEFAULT_MATRIX, realistic_run

EXAMPLE = Path(reports.__file__).with_name("example.ipynb")
CELLS = json.loads(EXAMPLE.read_text(encoding="utf-8"))["cells"]


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """Return a result in a folder of its own."""
    return stored(realistic_run(), tmp_path / "out.json")


def carry_out(source: str, names: dict[str, Any]) -> Any:
    """Carry a cell out; return the value of its last line, if that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body=body, type_ignores=[]), "<cell>", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)


def test_example_notebook_shows_something_in_every_cell(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in the folder in which the result lies, as a reader carries it out."""
    monkeypatch.chdir(run_path.parent)
    names: dict[str, Any] = {}
    sources = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
    values = [carry_out(source, names) for source in sources]
    shown = [value._repr_html_() for value in values if value is not None]
    assert len(shown) == 5
    assert all("<table" in html or "<svg" in html for html in shown)


def test_table_is_html_in_a_notebook_and_text_where_it_is_printed(run_path: Path) -> None:
    """With the same figures."""
    table = reports.table(run_path, "summary")
    for case in DEFAULT_MATRIX[:3]:
        assert case.dtype in repr(table)
        assert case.dtype in table._repr_html_()
    assert "<table" not in repr(table)
    assert any(line.strip().startswith("The run took") for line in repr(table).splitlines())


def test_picture_is_drawn_in_the_page(run_path: Path) -> None:
    """As vectors."""
    drawn = reports.picture(run_path, "throughput")
    assert drawn._repr_html_().startswith("<svg")
    assert repr(drawn) == "throughput of out.json"


def test_gate_has_its_answer(tmp_path: Path) -> None:
    """The headline first."""
    answer = reports.answer(stored_gate(tmp_path, made_gate(slower={CASES[0]: 0.06})))
    assert repr(answer).startswith("REGRESSED")
    assert answer._repr_html_().startswith("<p><strong>REGRESSED")


def test_what_is_not_there_is_named(run_path: Path, tmp_path: Path) -> None:
    """With what there is instead."""
    with pytest.raises(KeyError, match=r"no table 'sumary'; there are summary, speedup"):
        reports.table(run_path, "sumary")
    with pytest.raises(KeyError, match=r"no picture 'x'; there are throughput"):
        reports.picture(run_path, "x")
    with pytest.raises(UnreadableError, match="missing"):
        reports.answer(tmp_path / "missing.json")


def test_html_is_escaped(tmp_path: Path) -> None:
    """A result file is data, in a notebook too."""
    gate = made_gate(idle_patterns=("<script>alert(1)</script>",))
    assert "<script" not in reports.answer(stored_gate(tmp_path, gate))._repr_html_()
