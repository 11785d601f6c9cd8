"""The command that measures a node's share: `pytest bench` with every option that says what and how."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import pytest

from bench.host.folders import ROOT
from bench.processes.node import PYTHON
from bench.record.case import AXES, Case
from bench.request import Request, RunQuestion

CHECKOUT, PROJECT = "checkout", "project"
"""The folders of what travels: this program, and a project beside it if it is another one."""

TEST = "bench/test_steps.py::test_steps[{id}]"
"""How pytest names the test of a case."""


def make_node_command(request: Request, run: RunQuestion, cases: Sequence[Case], *, resume: bool) -> list[str]:
    """Return the words of the command that measures cases, to be executed in the checkout's folder.

    Raises:
        pytest.UsageError: if a step of the user's own lies where no node has it.
    """
    settings, project = request.settings, request.project
    options: dict[str, str | None] = {
        "--model": _list(spec.text for spec in request.models),
        "--step": _list(_list_steps(request)),
        **{f"--{axis}": _list(_tell(cases, axis)) or None for axis in AXES if axis not in ("model", "step")},
        "--project": None if project.own else f"../{PROJECT}",
        "--src": project.src,
        "--shape": None if request.shape is None else _list(map(str, request.shape)),
        "--launches": str(settings.launches),
        "--seed": str(settings.seed),
        "--budget": None if settings.budget_seconds is None else f"{settings.budget_seconds!r}s",
        "--case-timeout": f"{settings.timeout_seconds!r}s",
        "--benchmark-max-time": repr(settings.case_seconds),
        "--benchmark-min-rounds": str(settings.min_slices),
        "--unsteady": _list(request.unsteady) or None,
        "--data": request.data,
        "--data-root": str(request.data_root),
    }
    flags = {
        "--quick": settings.quick,
        "--download": request.download,
        "--operators": run.operators,
        "--layers": run.layers,
        "--compile-account": run.compiling,
        "--resume": resume,
        "--retry": resume and run.retry,
    }
    return [
        *(PYTHON, "-m", "pytest", "--rootdir", ".", "-q", "-p", "no:cacheprovider"),
        *(word for option, value in options.items() if value is not None for word in (option, value)),
        *(flag for flag, given in flags.items() if given),
        *("--benchmark-json", "{json}", "--reports", "{reports}"),
        *(TEST.format(id=case.id) for case in cases),
    ]


def _tell(cases: Iterable[Case], axis: str) -> Iterator[str]:
    return (str(value) for case in cases if (value := getattr(case, axis)) is not None)


def _list_steps(request: Request) -> Iterator[str]:
    own = {spec.id: spec for spec in request.own_steps}
    for step in request.steps:
        spec = own.get(step)
        if spec is None:
            yield step
            continue
        if not spec.file.is_relative_to(ROOT):
            raise pytest.UsageError(f"--step {spec.text}: with --nodes it must lie in {ROOT}, which travels")
        yield f"{os.path.relpath(spec.file, ROOT)}:{spec.function}"


def _list(values: Iterable[str]) -> str:
    """Return values as an option takes several, each once."""
    return ",".join(dict.fromkeys(values))
