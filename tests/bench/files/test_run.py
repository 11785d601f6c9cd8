"""Files that were written before a step said itself how it is clocked and queued."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.files.parse_json import SECTION, UnreadableError
from bench.files.run import CLOCK_PAIRS_OF_OLD_STEPS, make_run_section, read_run
from bench.record.run import Run
from reports.figures.evidence import examine
from reports.figures.metrics import METRICS
from tests.makers.profiles import made_profile, profiled
from tests.makers.runs import made_run, matrix, measured, slices

LATER = ("queued", "clock_pairs_per_iteration")
"""The fields of a preparation that the first files of this schema do not have."""


@pytest.fixture
def run() -> Run:
    """A run of every old step on an accelerator, whose clock is dear enough for a warning where it is read often."""
    cases = matrix(steps=tuple(CLOCK_PAIRS_OF_OLD_STEPS), devices=("cuda",), dtypes=("float32",))
    dear = slices([1e-4] * 3, iterations=100, clock_seconds=1e-5)
    return made_run(cases, [measured(case, launch, dear) for launch in (1, 2) for case in cases], launches=2)


def older(run: Run) -> dict[str, Any]:
    """Return a run as the first files of this schema hold it."""
    document: dict[str, Any] = json.loads(json.dumps(make_run_section(run)))
    for measurement in document["measurements"]:
        for name in (*LATER, "flops_reason"):
            del measurement["preparation"][name]
    return document


def written(path: Path, document: dict[str, Any]) -> Path:
    """Write a section as a file of ``--benchmark-json``, or a journal where the name says so; return its path."""
    if path.suffix == ".json":
        path.write_text(json.dumps({SECTION: document}))
        return path
    begin = {name: document[name] for name in ("schema", "environment", "settings", "cases")}
    events = [
        {"event": "begin", **begin},
        *({"event": "measured", "measurements": [measurement]} for measurement in document["measurements"]),
        {"event": "finish", "finish": document["finish"]},
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_old_file_says_by_the_step_what_a_new_one_records(name: str, run: Run, tmp_path: Path) -> None:
    """Warnings and figures of a stored file stay as they were."""
    found = read_run(written(tmp_path / name, older(run)))
    assert found == run
    warnings = {case.step: evidence.warnings for case, evidence in examine(found).items()}
    assert any("backward is clocked one by one" in warning for warning in warnings["backward"])
    assert any("reading the clock costs" in warning for warning in warnings["backward"])
    assert not any("clock" in warning for step in ("forward", "train") for warning in warnings[step])
    shares = {case.step: METRICS["clock_share"].derive(evidence) for case, evidence in examine(found).items()}
    assert {step: share and share.centre for step, share in shares.items()} == {
        "forward": pytest.approx(0.001),
        "backward": pytest.approx(0.1),
        "train": pytest.approx(0.001),
    }


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_case_of_an_old_file_has_the_layout_and_the_threads_that_all_had(name: str, run: Run, tmp_path: Path) -> None:
    """These axes came later; their defaults are what was done before."""
    document: dict[str, Any] = json.loads(json.dumps(make_run_section(run)))
    started = [case for mark in document["started"] for case in mark["cases"]]
    for case in (*document["cases"], *started, *(measurement["case"] for measurement in document["measurements"])):
        del case["layout"], case["threads"]
    assert read_run(written(tmp_path / name, document)) == run


@pytest.mark.parametrize("name", LATER)
def test_preparation_with_one_of_the_later_fields_alone_is_damaged(name: str, run: Run, tmp_path: Path) -> None:
    """Both came together: what holds one of them was not written by us."""
    document = older(run)
    document["measurements"][0]["preparation"][name] = 1 if name == "clock_pairs_per_iteration" else False
    with pytest.raises(UnreadableError, match=r"measurements\[0\].preparation: field '\w+' is missing"):
        read_run(written(tmp_path / "out.json", document))


def test_step_that_old_files_did_not_know_has_to_say_it_itself(run: Run, tmp_path: Path) -> None:
    """Nothing is guessed about a step that came later."""
    document = json.loads(json.dumps(older(run)).replace("backward", "sideways"))
    with pytest.raises(UnreadableError, match="field 'queued' is missing"):
        read_run(written(tmp_path / "out.json", document))


def test_file_from_before_profiles_has_none(run: Run, tmp_path: Path) -> None:
    """It was read before there were any, and still is."""
    document = json.loads(json.dumps(make_run_section(run)))
    del document["profiles"]
    assert read_run(written(tmp_path / "out.json", document)) == run


def test_profile_from_before_modules_has_none(run: Run, tmp_path: Path) -> None:
    """Gates and runs were profiled before modules were told apart."""
    made = replace(run, profiles=(profiled(run.cases[0], made_profile()),))
    document = json.loads(json.dumps(make_run_section(made)))
    del document["profiles"][0]["profile"]["modules"]
    assert read_run(written(tmp_path / "out.json", document)) == made
