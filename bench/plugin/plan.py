"""``--plan``: what would be measured, what would be skipped and why, and how long it would take; see `gate_plan`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from bench.files.project_settings import ProjectSettings
from bench.gate.origin import find_origins
from bench.gate.tolerance import Tolerance, tolerance_of
from bench.plugin.gate import choose_scope, floors_of
from bench.plugin.gate_plan import Places, gate_plan_lines
from bench.plugin.output import REPORTS
from bench.plugin.stored_gates import find_gates
from bench.plugin.terminal import reporter_of
from bench.plugin.to_measure import cases_to_measure
from bench.plugin.usage import usage_errors
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.how_many import how_many
from bench.request import GateQuestion, Request
from bench.run.measure import refusals, run_workers
from bench.run.pace import expected_seconds
from bench.session import open_session


class PlanPlugin:
    """Says what a run or a gate would do, and leaves no test to run.

    Args:
        request: what was asked for.
        gate: the gate that is planned; None for a run.
        tolerance: what the project's file says.
        places: where stored gates are looked for.
    """

    def __init__(self, request: Request, gate: GateQuestion | None, tolerance: Tolerance, places: Places) -> None:
        self._request = request
        self._gate = gate
        self._tolerance = tolerance
        self._places = places

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Print the plan of what was selected."""
        cases = cases_to_measure(session)
        if cases:
            with usage_errors():
                lines = self._plan(session, cases)
            reporter = reporter_of(session.config)
            for line in ("", *lines):
                reporter.write_line(line)
            session.items.clear()  # nothing is left to run
        return (yield)

    def _plan(self, session: pytest.Session, cases: Sequence[Case]) -> list[str]:
        request, gate = self._request, self._gate
        floors: dict[str, float] = {}
        if gate is not None:
            scope = choose_scope(request, gate)
            find_origins(request.project.folder, gate.arms, from_branch_point=gate.from_branch_point, scope=scope)
            floors = floors_of(session.items, self._tolerance, gate.detect)
        with open_session(request) as opened, run_workers(opened, cases) as workers:
            refused = refusals(opened, workers, cases)
            here = opened.environment({})
        if gate is None:
            return plan_lines(cases, refused, request.settings)
        stored = find_gates(self._places.json_path, self._places.reports, here)
        return gate_plan_lines(cases, refused, floors, request.settings, gate, stored, self._places)


def make_plan_plugin(
    request: Request,
    gate: GateQuestion | None,
    settings: ProjectSettings,
    json_path: Path | None,
    reports: Path | None,
) -> PlanPlugin:
    """Return what plans a run or a gate.

    Args:
        request: what was asked for.
        gate: the gate that is planned; None for a run.
        settings: what the project's file says.
        json_path: the result that was named; None if none was.
        reports: the folder of reports; None for the usual one.
    """
    places = Places(json_path=json_path, reports=reports or REPORTS)
    return PlanPlugin(request, gate, tolerance_of(settings), places)


def plan_lines(cases: Sequence[Case], refused: dict[Case, str], settings: Settings) -> list[str]:
    """Return a plan as lines of text.

    Args:
        cases: what was selected.
        refused: why some of them would be skipped.
        settings: of the run.
    """
    from reports.show.units import duration

    width = max(len(case.id) for case in cases)
    lines = [f"{case.id:<{width}}  {'skipped: ' + refused[case] if case in refused else 'measured'}" for case in cases]
    live = {case: case.compiled for case in cases if case not in refused}
    forecast = duration(expected_seconds(live, settings))
    return [
        *lines,
        f"{len(live)} of {how_many(len(cases), 'case')}, {how_many(settings.launches, 'launch')}, about {forecast}",
    ]
