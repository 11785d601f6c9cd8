"""``--plan``: what would be measured, what would be skipped and why, and how long it would take."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.plugin.terminal import clock_text
from bench.record.case import Case
from bench.request import Options
from bench.run.measure import Session
from bench.run.pace import expected_seconds


def plan_only(options: Options, cases: Sequence[Case], terminal: pytest.TerminalReporter) -> None:
    """Print the plan."""
    with Session(options, compiled=any(case.compiled for case in cases)) as session:
        refused = session.refusals(cases)
    width = max(len(case.id) for case in cases)
    terminal.write_line("")
    for case in cases:
        terminal.write_line(f"{case.id:<{width}}  {'skipped: ' + refused[case] if case in refused else 'measured'}")
    live = {case: case.compiled for case in cases if case not in refused}
    forecast = clock_text(expected_seconds(live, options.settings))
    terminal.write_line(f"{len(live)} of {len(cases)} cases, {options.settings.launches} launches, about {forecast}")
