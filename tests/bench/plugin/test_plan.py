"""``--plan`` says what a run would do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from bench.host.folders import ROOT
from bench.plugin.gate_plan import Places, gate_plan_lines
from bench.plugin.plan import plan_lines
from bench.plugin.stored_gates import find_gates
from bench.protocol import Probe
from bench.record.conditions import Environment, Settings
from bench.record.gate import Gate
from tests.makers.doubles import FakePool
from tests.makers.gates import CASES, made_gate, stored_gate
from tests.makers.requests import GATE
from tests.makers.runs import FACTS, TWO

CASE, OTHER = TWO
SETTINGS = Settings(launches=60, budget_seconds=300.0)
PLACES = Places(json_path=Path("gate.json"), reports=Path("reports/out"))


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


def planned(
    stored: Sequence[Gate],
    *,
    detect: float | None = None,
    refused: dict[object, str] | None = None,
    settings: Settings = SETTINGS,
) -> list[str]:
    """Return the lines of a planned gate of all cases."""
    question = replace(GATE, detect=detect, by_scatter=detect is not None)
    floors = dict.fromkeys((case.id for case in CASES), 0.02)
    return gate_plan_lines(CASES, refused or {}, floors, settings, question, stored, PLACES)  # type: ignore[arg-type]


def test_planned_gate_says_what_it_will_be_able_to_see() -> None:
    """By the scatter of the latest gate that has all of its cases, each case by itself and all together."""
    known = replace(made_gate(scatter=0.02), source="last.json")
    *lines, first, second, third = planned([made_gate(cases=CASES[:2]), known, made_gate(scatter=0.1)])
    assert len(lines) == len(CASES)
    assert all("  measured, visible from about 2." in line for line in lines)
    assert first == "8 of 8 cases, blocks: at most 60 and 5m00s"
    assert second == f"by the scatter of 16 blocks in last.json, begun {FACTS['run.started']}:"
    assert third.startswith("slowdowns visible from about 2.")
    assert " in 3m" in third or " in 4m" in third or " in 5m" in third


def test_planned_gate_says_how_long_it_takes_to_see_a_slowdown() -> None:
    """The pilot will choose anew; this is what to expect."""
    *_, last = planned([made_gate(scatter=0.02)], detect=0.03, settings=Settings(launches=210, budget_seconds=1800.0))
    assert last.startswith("a slowdown of 3.0 % takes about ")


@pytest.mark.parametrize("stored", [[], [made_gate(cases=CASES[:2])]], ids=["none", "other-cases"])
def test_plan_without_a_stored_gate_measures_none(stored: list[Gate]) -> None:
    """It says where it looked, and that a gate tells it after its own pilot."""
    *_, last = planned(stored)
    assert last.startswith("what it will be able to see is not known: no gate of these cases on this machine is stored")
    assert "gate.json, or a result whose reports are in reports/out; a gate itself tells it after its pilot" in last


def test_case_that_would_be_skipped_is_not_foreseen() -> None:
    """The others are."""
    lines = planned([made_gate(cases=CASES[1:])], refused={CASES[0]: "no card"})
    assert lines[0].endswith("  skipped: no card")
    assert all("visible from" in line for line in lines[1:8])
    assert lines[8].startswith("7 of 8 cases")


def here(**facts: str | int) -> Environment:
    """Return this machine's facts."""
    return Environment(facts=FACTS | facts)


def begun(folder: Path, when: str, **facts: str | int) -> Path:
    """Return the file of a stored gate that began at some time."""
    folder.mkdir()
    return stored_gate(folder, made_gate(environment=here(**{"run.started": when}, **facts)))


def test_stored_gates_are_found_where_reports_tell_of_them(tmp_path: Path) -> None:
    """The named result, and every result that has a folder of reports; the latest first, this machine's alone."""
    named = begun(tmp_path / "a", "2026-01-01")
    paths = [
        begun(tmp_path / "b", "2026-01-03"),
        begun(tmp_path / "c", "2026-01-02"),
        begun(tmp_path / "d", "2026-01-04", **{"machine.name": "elsewhere"}),
        tmp_path / "gone.json",
    ]
    for number, path in enumerate(paths):
        reports = tmp_path / "reports" / str(number)
        reports.mkdir(parents=True)
        (reports / ".result").write_text(f"{path}\n")
    found = find_gates(named, tmp_path / "reports", here())
    assert [gate.environment["run.started"] for gate in found] == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert [Path(gate.source).parent.name for gate in found] == ["b", "c", "a"]
    assert find_gates(None, tmp_path / "nowhere", here()) == []


def test_gate_that_was_killed_tells_by_its_journal(tmp_path: Path) -> None:
    """There is no JSON then."""
    path = begun(tmp_path / "a", "2026-01-01")
    path.unlink()
    (found,) = find_gates(path, tmp_path / "reports", here())
    assert found.source.endswith(".jsonl")
    assert len(found.blocks) == 16


def test_plan_of_a_gate_is_printed_and_nothing_is_measured(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line to what is said."""
    pool = FakePool()
    monkeypatch.setattr("bench.plugin.plan.run_workers", lambda *_, **__: nullcontext(pool))
    small = ("--device=cpu", "--dtype=float32", "--step=forward", "--batch=64", "--data=random")
    json_path = tmp_path / "out.json"
    arguments = ("--plan", f"--against={ROOT}", "--detect=2%", f"--reports={tmp_path}", f"--benchmark-json={json_path}")
    pytester.inline_run(str(ROOT / "bench"), "-p", "no:cacheprovider", *small, *arguments).assertoutcome()
    assert [type(request) for _, request in pool.asked] == [Probe]
    said = capsys.readouterr().out
    assert "1 of 1 case, blocks: as many as the pilot's scatter asks for, at most 210 and 30m00s" in said
    assert f"is stored as {json_path}, or a result whose reports are in {tmp_path}" in said
    assert not list(tmp_path.glob("out.json*"))
