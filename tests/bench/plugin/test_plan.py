"""``--plan`` says what a run would do."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from bench.host.folders import ROOT
from bench.plugin.plan import plan_lines
from bench.protocol import Probe
from bench.record.conditions import Settings
from tests.makers.doubles import FakePool
from tests.makers.runs import TWO

CASE, OTHER = TWO


def test_plan_names_what_would_be_skipped_and_how_long_the_rest_takes() -> None:
    """One line for each case, and the sum."""
    *lines, last = plan_lines(TWO, {OTHER: "no compiler"}, Settings(launches=3))
    width = max(len(case.id) for case in TWO)
    assert lines == [f"{CASE.id:<{width}}  measured", f"{OTHER.id:<{width}}  skipped: no compiler"]
    assert last.startswith("1 of 2 cases, 3 launches, about ")
    assert last.endswith("s")


def test_plan_of_a_whole_session_runs_no_test_and_writes_nothing(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each device is tried, nothing is timed."""
    pool = FakePool(absent={"cuda": "no card"})
    monkeypatch.setattr("bench.plugin.plan.run_workers", lambda *_, **__: nullcontext(pool))
    small = ("--device=cpu,cuda", "--dtype=float32", "--step=forward", "--batch=64", "--compile=off", "--data=random")
    json_path = tmp_path / "out.json"
    result = pytester.inline_run(
        str(ROOT / "bench"), "-p", "no:cacheprovider", *small, "--plan", f"--benchmark-json={json_path}"
    )
    result.assertoutcome()
    assert [type(request) for _, request in pool.asked] == [Probe]
    assert pool.refused == ["cuda"]
    assert not json_path.exists()
    assert not json_path.with_suffix(".jsonl").exists()
