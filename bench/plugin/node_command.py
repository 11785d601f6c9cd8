"""The command of a node: `pytest bench` with every option that says what is measured and how."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from bench.gate.tree import Source
from bench.host.folders import ROOT
from bench.processes.node import PYTHON
from bench.record.arm import Arm, Side
from bench.record.case import AXES, Case
from bench.record.conditions import Scalar
from bench.request import GateQuestion, Request, RunQuestion

CHECKOUT, PROJECT, ARM = "checkout", "project", "arm-{side}"
"""The folders of what travels: this program, a project beside it if it is another one, and an arm's code."""

TEST = "bench/test_steps.py::test_steps[{id}]"
"""How pytest names the test of a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelling:
    """What travels to every node besides the checkout and the project, and what is known of it here.

    Attributes:
        trees: by the folder that each gets there.
        facts: which commits those are.
        remarks: what a reader must know, each a sentence.
    """

    trees: Mapping[str, Source] = field(default_factory=dict)
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def make_run_command(request: Request, run: RunQuestion, cases: Sequence[Case], *, resume: bool) -> list[str]:
    """Return the words of the command that measures cases, to be executed in the checkout's folder.

    Raises:
        pytest.UsageError: if a step of the user's own lies where no node has it.
    """
    settings = request.settings
    options = {
        "--benchmark-max-time": repr(settings.case_seconds),
        "--benchmark-min-rounds": str(settings.min_slices),
    }
    flags = {
        "--quick": settings.quick,
        "--operators": run.operators,
        "--layers": run.layers,
        "--compile-account": run.compiling,
        "--resume": resume,
        "--retry": resume and run.retry,
    }
    return _make_command(request, options, flags, cases)


def make_gate_command(request: Request, gate: GateQuestion, cases: Sequence[Case], gates: int) -> list[str]:
    """Return the words of the command that compares head with base, to be executed in the checkout's folder.

    Args:
        request: what was asked for.
        gate: what is compared.
        cases: as base runs them.
        gates: among how many nodes the error is shared.

    Raises:
        pytest.UsageError: as `make_run_command`.
    """
    arms = [f"{side}={_write_arm(side, arm)}" for side, arm in gate.arms.items()]
    overridden = set.intersection(*(set(arm.overrides) for arm in gate.arms.values()))
    options: dict[str, str | None] = {
        "--one-of": str(gates),
        "--detect": None if gate.detect is None else repr(gate.detect),
        **{f"--{axis}": None for axis in overridden},  # every arm names its own
    }
    if gate.by_scatter:
        options["--budget"] = None  # which the node's own pilot chooses
    flags = {"--exhaust": gate.exhaust, "--explain": gate.explain}
    return _make_command(request, options, flags, cases, *(word for arm in arms for word in ("--arm", arm)))


def _write_arm(side: Side, arm: Arm) -> str:
    """Return an arm as its option takes it; what a reference names has travelled."""
    settings = {
        "ref": None if arm.ref is None else f"../{ARM.format(side=side)}",
        "python": arm.python,
        **arm.overrides,
        **arm.variables,
    }
    return ",".join(f"{name}={value}" for name, value in settings.items() if value is not None)


def _make_command(
    request: Request,
    options: Mapping[str, str | None],
    flags: Mapping[str, bool],
    cases: Sequence[Case],
    *words: str,
) -> list[str]:
    settings, project = request.settings, request.project
    everything: dict[str, str | None] = {
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
        "--unsteady": _list(request.unsteady) or None,
        "--data": request.data,
        "--data-root": str(request.data_root),
        **options,
    }
    given = {**flags, "--download": request.download}
    return [
        *(PYTHON, "-m", "pytest", "--rootdir", ".", "-q", "-p", "no:cacheprovider"),
        *(word for option, value in everything.items() if value is not None for word in (option, value)),
        *words,
        *(flag for flag, wanted in given.items() if wanted),
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
