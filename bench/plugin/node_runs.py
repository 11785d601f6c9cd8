"""What the nodes of a fleet do where nothing is compared with a commit: each carries out a run of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.plugin.node_command import Travelling, make_run_command
from bench.plugin.replay import Tape, replay
from bench.record.case import Case
from bench.record.fleet import Fleet, NodeRun
from bench.record.run import Outcome
from bench.request import Request, RunQuestion


class NodeRuns:
    """Runs on nodes, and what their tests, files and the terminal say of them.

    Args:
        request: what was asked for.
        question: what is asked on each node.
    """

    def __init__(self, request: Request, question: RunQuestion) -> None:
        self._request = request
        self._question = question

    @property
    def resumes(self) -> bool:
        """Whether an earlier part is gone on with."""
        return self._question.resume

    def find_travelling(self, nodes: int) -> Travelling:  # noqa: ARG002  runs share nothing
        """Return what travels to so many nodes besides the checkout and the project: nothing."""
        return Travelling()

    def make_command(self, cases: Sequence[Case], nodes: int, *, resume: bool) -> list[str]:  # noqa: ARG002  a run does not ask
        """Return the command of a node."""
        return make_run_command(self._request, self._question, cases, resume=resume)

    def replay(self, one: NodeRun, case: Case, benchmark: Any, item: pytest.Item, tape: Tape) -> None:  # noqa: ARG002  likewise
        """Hand a case's slices on its node to pytest-benchmark's fixture, or end the test the way the case ended."""
        outcome, reason = one.outcomes()[case]
        if one.run is None or (one.reason is not None and outcome in (Outcome.NOT_RUN, Outcome.INTERRUPTED)):
            pytest.fail(f"{one.node.name}: {reason}", pytrace=False)
        required, compile_named = self._request.required, self._request.compile_named
        replay(one.run, case, benchmark, tape, required=required, compile_named=compile_named)

    def exit_code(self, fleet: Fleet | None) -> tuple[int, str | None]:
        """Return the exit code of a session whose tests all passed or were skipped, and a sentence if it is not 0."""
        if fleet is None:
            return pytest.ExitCode.OK, None
        outcomes = [outcome for one in fleet.nodes for outcome, _ in one.outcomes().values()]
        if Outcome.MEASURED in outcomes:
            return pytest.ExitCode.OK, None
        said = "nothing was measured: every case was skipped, see the reasons; exit code 4"
        return pytest.ExitCode.USAGE_ERROR, said

    def write_reports(self, fleet: Fleet, folder: Path) -> str:
        """Write the tables and plots of each node into a folder of its own, and all side by side; say so."""
        from bench.files.parse_json import UnreadableError
        from reports.compare import page
        from reports.compare.fleet import match_fleet
        from reports.run import write

        for one in fleet.nodes:
            if one.run is not None:
                write.write_reports(one.run, folder / one.node.name)
        try:
            page.write_compare(match_fleet(fleet), folder)
        except UnreadableError:
            return "tables and plots of each node"
        return "all nodes side by side, and the tables and plots of each"

    def summarize(self, fleet: Fleet, width: int | None) -> list[str]:
        """Return how the cases ended on each node, and the best of each, as lines of text."""
        from bench.files.parse_json import UnreadableError
        from reports.compare.fleet import match_fleet
        from reports.compare.page import render_compare
        from reports.show.table import Format

        lines = []
        for one in fleet.nodes:
            counts = Counter(outcome for outcome, _ in one.outcomes().values())
            said = ", ".join(f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts.items())
            lines.append(f"{one.node.name}: {said}{f'; {one.reason}' if one.reason else ''}")
        try:
            table = render_compare(match_fleet(fleet), ["best"], Format.TEXT, width=width)
        except UnreadableError as error:
            return [*lines, "", str(error)]
        return [*lines, "", *table.splitlines()]
