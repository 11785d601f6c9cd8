"""What the nodes of a fleet do with ``--against``: each compares head with base by itself, both arms on one node.

All of them are one decision, so that they share one error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.gate.origin import find_origins
from bench.gate.tree import Source
from bench.plugin.gate import choose_scope, exit_code, replay_verdict
from bench.plugin.node_command import ARM, make_gate_command
from bench.plugin.replay import Tape
from bench.record.arm import Side
from bench.record.case import Case
from bench.record.conditions import Scalar
from bench.record.fleet import Fleet, NodeRun
from bench.request import GateQuestion, Request

if TYPE_CHECKING:
    from reports.gate.answer import Answer


class NodeGates:
    """Gates on nodes, and what their tests, files and the terminal say of them.

    Args:
        request: what was asked for.
        question: what is compared.
    """

    resumes = False

    def __init__(self, request: Request, question: GateQuestion) -> None:
        self._request = request
        self._question = question
        self._answers: dict[str, Answer] = {}

    def find_trees(self) -> tuple[Mapping[str, Source], Mapping[str, Scalar]]:
        """Return the code of each arm that a reference names, by its folder, and which commit that is.

        Raises:
            SetupError: if a reference names nothing.
            pytest.UsageError: if both arms would be the same.
        """
        scope, arms = choose_scope(self._request, self._question), self._question.arms
        branch_point = self._question.from_branch_point
        origins = find_origins(self._request.project.folder, arms, from_branch_point=branch_point, scope=scope)
        facts = {
            f"arm.{side}.{name}": value for side, origin in origins.items() for name, value in origin.facts.items()
        }
        return {ARM.format(side=side): origins[side].source for side in Side if arms[side].ref is not None}, facts

    def make_command(self, cases: Sequence[Case], nodes: int, *, resume: bool) -> list[str]:  # noqa: ARG002  a gate is whole
        """Return the command of a node, whose gate is one of so many."""
        return make_gate_command(self._request, self._question, cases, nodes)

    def replay(self, one: NodeRun, case: Case, benchmark: Any, item: pytest.Item, tape: Tape) -> None:
        """Hand head's slices on a node to pytest-benchmark, and end the test with the case's verdict there."""
        if one.gate is None:
            pytest.fail(f"{one.node.name}: {one.reason or 'its node has not begun it'}", pytrace=False)
        replay_verdict(self._conclude(one), case, benchmark, item, tape, required=self._request.required)

    def _conclude(self, one: NodeRun) -> Answer:
        from reports.gate.answer import conclude

        assert one.gate is not None, "a node that measured nothing has no answer"
        if one.node.name not in self._answers:
            self._answers[one.node.name] = conclude(one.gate)
        return self._answers[one.node.name]

    def exit_code(self, fleet: Fleet) -> tuple[int, str | None]:
        """Return the exit code of a session whose tests all passed or were skipped."""
        from reports.gate.nodes import decide, judge_nodes

        judged = judge_nodes(fleet)
        blind = any(node.answer is not None and node.answer.blind for node in judged)
        return exit_code(decide(judged), strict=self._question.strict or blind), None

    def write_reports(self, fleet: Fleet, folder: Path) -> str:
        """Write the answer of each node into a folder of its own, and the one for all; say so."""
        from reports.gate.nodes import judge_nodes, write_nodes

        write_nodes(judge_nodes(fleet), folder)
        return "the answer for all nodes, and that of each"

    def summarize(self, fleet: Fleet, width: int | None) -> list[str]:
        """Return the answer for all nodes as lines of text, the headline last."""
        from reports.gate.nodes import judge_nodes, make_headline, render_nodes
        from reports.show.table import Format

        judged = judge_nodes(fleet)
        return [*render_nodes(judged, Format.TEXT, width=width).splitlines(), "", make_headline(judged)]
