"""What a run that goes on was asked for: read from its journal wherever the command line does not say."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest

from bench.files.log import read_log
from bench.files.parse_json import UnreadableError
from bench.files.run import RUN_FORMAT
from bench.host.steadiness import MEASURES
from bench.plugin.output import journal_of
from bench.plugin.selection import case_of
from bench.record.case import AXES, Case
from bench.record.run import Run


def _distinct(values: Iterable[object]) -> str:
    return ",".join(str(value) for value in dict.fromkeys(values) if value is not None)


def _tell_axis(axis: str) -> Callable[[Run], str]:
    return lambda run: _distinct(getattr(case, axis) for case in run.cases)


ASKED: Mapping[str, Callable[[Run], str]] = {
    **{f"--{axis}": _tell_axis(axis) for axis in AXES},
    "--model": lambda run: _distinct(
        run.environment.get(f"model.{case.model}.spec") or case.model for case in run.cases
    ),
    "--step": lambda run: _distinct(run.environment.get(f"step.{case.step}.spec") or case.step for case in run.cases),
    "--project": lambda run: str(run.environment.get("project.folder") or ""),
    "--src": lambda run: str(run.environment.get("project.src") or ""),
    "--shape": lambda run: str(run.environment.get("project.shape") or ""),
    "--launches": lambda run: str(run.settings.launches),
    "--seed": lambda run: str(run.settings.seed),
    "--benchmark-max-time": lambda run: repr(run.settings.case_seconds),
    "--benchmark-min-rounds": lambda run: str(run.settings.min_slices),
    "--unsteady": lambda run: _distinct(
        name for name in MEASURES if run.environment.get(f"steady.{name.replace('-', '_')}") is False
    ),
}
"""Options that must be as they were for a run to go on, and how its journal says what they were."""


def given_arguments(config: pytest.Config) -> list[str]:
    """Return every argument that a user gave, wherever: in the environment, in the configuration, or on the line."""
    return [
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.getini("addopts"),
        *map(str, config.invocation_params.args),
    ]


def fill_in(config: pytest.Config) -> Sequence[Case]:
    """Give every option of a run that goes on, and that was not given, the value that its journal says.

    Returns:
        The cases that were planned; none if no journal says so, which whoever goes on with it will tell.
    """
    if not config.getoption("resume") or not config.getoption("benchmark_json", default=None):
        return ()
    try:
        run, _ = read_log(RUN_FORMAT, journal_of(config.option.benchmark_json))
    except UnreadableError:
        return ()
    given = {argument.partition("=")[0] for argument in given_arguments(config)}
    for option, tell in ASKED.items():
        if option not in given and (value := tell(run)):
            name = option.removeprefix("--").replace("-", "_")
            setattr(config.option, name, type(getattr(config.option, name) or value)(value))
    return run.cases


def keep_planned(planned: Sequence[Case], config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what an earlier part did not plan: the axes multiplied may be more than its cases."""
    strangers = [item for item in items if (case := case_of(item)) is not None and case not in planned]
    if planned and strangers:
        config.hook.pytest_deselected(items=strangers)
        items[:] = [item for item in items if item not in strangers]
