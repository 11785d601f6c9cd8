"""Runs in other tools' formats: what their readers ask for, and no figure that is another one than ours."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reports.__main__ import main
from reports.export.formats import FORMATS, make_action_benchmark, make_bencher, make_parquet
from reports.figures import frame
from tests.makers.contenders import on_cpu, run_on, stored
from tests.makers.runs import TWO, made_run, measured, slices

RUN = run_on("cpu", on_cpu, batches=(64,), missing=["bfloat16"])
CASE = "mlp-forward-b64-cpu-float32-eager"
SECONDS = frame.cases(RUN).set_index("case").loc[CASE]


def test_action_benchmark_has_a_value_in_a_unit_for_each_case() -> None:
    """`name`, `unit` and `value` are what its reader asks for; the rest are texts. A hole is no entry."""
    entries = json.loads(make_action_benchmark(RUN))
    (entry,) = entries
    assert entry.keys() == {"name", "unit", "value", "range", "extra"}
    assert all(isinstance(entry[name], str) for name in ("name", "unit", "range", "extra"))
    assert (entry["name"], entry["value"]) == (CASE, SECONDS["seconds"])
    assert "Imaginary" in entry["extra"]


def test_bencher_has_latency_in_nanoseconds_and_throughput() -> None:
    """Each measure is a value with its ends, or the value alone."""
    results: dict[str, Any] = json.loads(make_bencher(RUN))
    measures = results[CASE]
    assert measures["latency"]["value"] == pytest.approx(1e9 * SECONDS["seconds"])
    assert measures["throughput"]["value"] == pytest.approx(64 / SECONDS["seconds"])
    for measure in measures.values():
        assert measure["lower_value"] <= measure["value"] <= measure["upper_value"]
    few = made_run([TWO[0]], [measured(TWO[0], 1, slices([0.001]))])
    assert json.loads(make_bencher(few))[TWO[0].id]["latency"].keys() == {"value"}


def test_csv_holds_every_case_and_its_holes() -> None:
    """As the table of all cases."""
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].make(RUN).decode())))
    assert [row["outcome"] for row in rows] == ["measured", "skipped"]
    assert float(rows[0]["seconds"]) == SECONDS["seconds"]


def test_parquet_is_read_back_or_says_what_it_needs() -> None:
    """Types and figures survive."""
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    again = pandas.read_parquet(io.BytesIO(make_parquet(RUN)))
    assert again["seconds"].tolist()[0] == SECONDS["seconds"]
    kinds = frame.cases(RUN).dtypes
    assert [again[axis].dtype for axis in ("batch", "threads")] == [kinds[axis] for axis in ("batch", "threads")]


def test_format_without_its_library_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where and what to do."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", "--to", "parquet", str(stored(RUN, tmp_path / "a.json"))]) == 2
    said = capsys.readouterr().err
    assert said == "python -m reports: --to parquet: parquet needs pyarrow: pip install '.[history]', or choose csv\n"


@pytest.mark.parametrize("name", ["github-action-benchmark", "bencher", "csv"])
def test_command_prints_or_writes(name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The same bytes either way."""
    path = stored(RUN, tmp_path / "a.json")
    assert main(["export", "--to", name, str(path)]) == 0
    printed = capfdbinary.readouterr().out
    target = tmp_path / "deep" / "out"
    assert main(["export", "--to", name, str(path), "--out", str(target)]) == 0
    assert target.read_bytes() == printed == FORMATS[name].make(RUN)
