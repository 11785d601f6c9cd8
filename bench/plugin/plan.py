"""``--plan``: what would be measured, what would be skipped and why, and how long it would take."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest

from bench.plugin.terminal import reporter_of
from bench.plugin.to_measure import cases_to_measure
from bench.plugin.usage import usage_errors
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.how_many import how_many
from bench.request import Request
from bench.run.measure import refusals, run_workers
from bench.run.pace import expected_seconds
from bench.session import open_session


class PlanPlugin:
    """Says what a run would do, and leaves no test to run."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Print the plan of what was selected."""
        cases = cases_to_measure(session)
        if cases:
            with usage_errors(), open_session(self._request) as opened, run_workers(opened, cases) as workers:
                refused = refusals(opened, workers, cases)
            reporter = reporter_of(session.config)
            for line in ("", *plan_lines(cases, refused, self._request.settings)):
                reporter.write_line(line)
            session.items.clear()  # nothing is left to run
        return (yield)


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
