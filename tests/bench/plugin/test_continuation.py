"""A run that goes on takes from its journal what the command line leaves open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.files.journal import Journal
from bench.files.run import RUN_FORMAT, RunLog
from bench.plugin.continuation import ASKED, fill_in, keep_planned
from bench.record.case import AXES
from bench.record.conditions import Environment, Settings
from bench.record.run import Run
from tests.makers.runs import FACTS, matrix

CASES = matrix(batches=(2, 8), dtypes=("float32", "float64"))
BEGUN = Run(
    environment=Environment(facts={**FACTS, "steady.no_gc": False}),
    settings=Settings(launches=3, seed=7, case_seconds=0.05),
    cases=CASES[:3],
)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """The JSON of a run that was cut off: only its journal is there."""
    with Journal(tmp_path / "out.jsonl") as journal:
        RunLog(RUN_FORMAT, BEGUN, journal)
    return tmp_path / "out.json"


def a_config(result: Path | None, *arguments: str, resume: bool = True) -> Any:
    """Return what is asked of a pytest.Config, with our options at their defaults."""
    option = SimpleNamespace(
        resume=resume,
        benchmark_json=result,
        model="mlp",
        project=None,
        src=None,
        shape=None,
        step="forward,backward",
        batch="1,64,1024",
        device="auto",
        dtype=None,
        compile=None,
        layout=None,
        threads=None,
        ranks=None,
        launches=None,
        seed="0",
        benchmark_max_time="1.0",
        benchmark_min_rounds=5,
        unsteady="",
    )
    deselected: list[object] = []

    def deselect(items: list[object]) -> None:
        deselected.extend(items)

    return SimpleNamespace(
        option=option,
        getoption=lambda name, default=None: getattr(option, name, default),
        getini=lambda _: [],
        invocation_params=SimpleNamespace(args=arguments),
        hook=SimpleNamespace(pytest_deselected=deselect),
        deselected=deselected,
    )


def test_what_was_not_given_is_as_the_journal_says(result: Path) -> None:
    """``pytest bench --resume --benchmark-json out.json`` is enough."""
    config = a_config(result)
    assert fill_in(config) == BEGUN.cases
    found = config.option
    assert (found.step, found.batch, found.device, found.dtype) == ("forward", "2,8", "cpu", "float32,float64")
    assert (found.layout, found.threads, found.ranks) == ("contiguous", None, "1")
    assert (found.launches, found.seed, float(found.benchmark_max_time)) == ("3", "7", 0.05)
    assert (found.unsteady, found.benchmark_min_rounds) == ("no-gc", 5)


def test_step_of_the_users_own_goes_on_by_its_spec(tmp_path: Path) -> None:
    """A case holds its id only, from which no file is found."""
    cases = matrix(steps=("forward", "mine"), batches=(1,), dtypes=("float32",))
    facts = {**FACTS, "step.mine.spec": "lib/steps.py:mine", "step.mine.digest": "0" * 16}
    with Journal(tmp_path / "out.jsonl") as journal:
        RunLog(RUN_FORMAT, Run(environment=Environment(facts=facts), settings=Settings(), cases=cases), journal)
    config = a_config(tmp_path / "out.json")
    fill_in(config)
    assert config.option.step == "forward,lib/steps.py:mine"


def test_project_of_the_users_own_goes_on_by_what_is_on_record(tmp_path: Path) -> None:
    """Where it lies, where its packages do, and what its network was fed."""
    facts = {"project.folder": "/mine", "project.src": "src", "project.shape": "3,8,8", "model.mlp.spec": "net.py:mlp"}
    begun = replace(BEGUN, environment=Environment(facts={**BEGUN.environment.facts, **facts}))
    with Journal(tmp_path / "out.jsonl") as journal:
        RunLog(RUN_FORMAT, begun, journal)
    config = a_config(tmp_path / "out.json")
    fill_in(config)
    option = config.option
    assert (option.project, option.src, option.shape, option.model) == ("/mine", "src", "3,8,8", "net.py:mlp")


def test_what_was_given_stays_and_is_judged_later(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contradiction is told field by field, and not silently overruled."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--seed=9")
    config = a_config(result, "bench", "--batch=1", "--launches", "5")
    fill_in(config)
    assert (config.option.batch, config.option.seed, config.option.launches) == ("1,64,1024", "0", None)
    assert config.option.dtype == "float32,float64"


def test_every_axis_is_an_option_that_a_journal_answers() -> None:
    """An axis that was forgotten would be measured at its default when the run goes on."""
    cases = matrix(layouts=("channels_last",), threads=(1, 2))
    told = {option: tell(replace(BEGUN, cases=cases)) for option, tell in ASKED.items()}
    assert told.keys() >= {f"--{axis}" for axis in AXES}
    assert (told["--layout"], told["--threads"]) == ("channels_last", "1,2")


@pytest.mark.parametrize("resume", [True, False])
def test_without_a_journal_or_without_going_on_nothing_is_filled_in(tmp_path: Path, *, resume: bool) -> None:
    """Whoever goes on with it says what is wrong."""
    config = a_config(tmp_path / "absent.json" if resume else None, resume=resume)
    before = vars(config.option).copy()
    assert fill_in(config) == ()
    assert vars(config.option) == before


def test_cases_that_were_not_planned_are_deselected(result: Path) -> None:
    """The axes multiplied are four cases, and three were planned."""
    config = a_config(result)
    items = [
        SimpleNamespace(
            callspec=SimpleNamespace(params={name: getattr(case, name) for name in case.__dataclass_fields__}),
            get_closest_marker=lambda _: None,
        )
        for case in CASES
    ]
    kept: Any = list(items)
    keep_planned(fill_in(config), config, kept)
    assert (kept, config.deselected) == (items[:3], items[3:])
    kept = list(items)
    keep_planned((), config, kept)
    assert kept == items
