"""What the nodes of a fleet do with ``--against``: each compares head with base by itself, both arms on one node.

All of them are one decision, so that they share one error.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from bench.files.project_settings import ProjectSettings
from bench.gate.checkout import ArmsCode
from bench.gate.origin import find_origins
from bench.gate.tolerance import tolerance_of
from bench.host.folders import ROOT
from bench.plugin.gate import UNPROVEN, choose_scope, exit_code, replay_verdict
from bench.plugin.node_command import ARM, Travelling, make_gate_command
from bench.plugin.replay import Tape
from bench.record.arm import Side
from bench.record.case import Case
from bench.record.fleet import Fleet, NodeRun
from bench.record.looks import MOST_GATES, Design
from bench.request import GateQuestion, Request, SetupError

if TYPE_CHECKING:
    from reports.gate.answer import Answer
    from reports.gate.nodes import Judged


class NodeGates:
    """Gates on nodes, and what their tests, files and the terminal say of them.

    Args:
        request: what was asked for.
        question: what is compared.
        settings: the project's.
        own: files that this program writes itself.
    """

    resumes = False

    def __init__(
        self, request: Request, question: GateQuestion, settings: ProjectSettings, own: Collection[Path]
    ) -> None:
        self._request = request
        self._question = question
        self._tolerance = tolerance_of(settings)
        self._own = own
        self._answers: dict[str, Answer] = {}

    def find_travelling(self, nodes: int) -> Travelling:
        """Return the code of each arm that a reference names, which travels to so many nodes.

        Raises:
            SetupError: if a reference names nothing, there would be nothing to compare, or so many gates of one
                decision would never come to a verdict.
            pytest.UsageError: if both arms would be the same.
        """
        self._check_blocks(nodes)
        scope = choose_scope(self._request, self._question)
        arms, folder = self._question.arms, self._request.project.folder
        origins = find_origins(folder, arms, from_branch_point=self._question.from_branch_point, scope=scope)
        with TemporaryDirectory(prefix="accelbench-arms-") as name:  # on a node an arm is a folder, of no commit
            code = ArmsCode.freeze(
                folder,
                arms,
                origins,
                Path(name),
                tolerance=self._tolerance,
                own=self._own,
                scope=scope,
                engine=ROOT,
            )
        if code.trouble is not None:
            raise SetupError(code.trouble)
        return Travelling(
            trees={ARM.format(side=side): origins[side].source for side in Side if arms[side].ref is not None},
            facts={
                f"arm.{side}.{name}": value for side, origin in origins.items() for name, value in origin.facts.items()
            },
            remarks=code.remarks,
        )

    def _check_blocks(self, nodes: int) -> None:
        if nodes > MOST_GATES:
            raise SetupError(
                f"--against on {nodes} nodes: at most {MOST_GATES} gates share one error; choose by labels"
            )
        least, most = Design(nodes).least_blocks, self._request.settings.launches
        if most < least:
            raise SetupError(
                f"--launches {most} is the most blocks of each gate: on {nodes} nodes a verdict takes {least}"
            )

    def make_command(self, cases: Sequence[Case], nodes: int, *, resume: bool) -> list[str]:  # noqa: ARG002  a gate is whole
        """Return the command of a node, whose gate is one of so many."""
        return make_gate_command(self._request, self._question, cases, nodes)

    def replay(self, one: NodeRun, case: Case, benchmark: Any, item: pytest.Item, tape: Tape) -> None:
        """Hand head's slices on a node to pytest-benchmark, and end the test with the case's verdict there."""
        if one.gate is None:  # which proves nothing: the exit code says so, as of a case without a ruling
            pytest.skip(f"{one.node.name}: {one.reason or 'its node has not begun it'}")
        replay_verdict(self._conclude(one), case, benchmark, item, tape, required=self._request.required)

    def _conclude(self, one: NodeRun) -> Answer:
        from reports.gate.answer import conclude

        assert one.gate is not None, "a node that measured nothing has no answer"
        if one.node.name not in self._answers:
            self._answers[one.node.name] = conclude(one.gate)
        return self._answers[one.node.name]

    def _judge(self, fleet: Fleet) -> list[Judged]:
        from reports.gate.nodes import judge_nodes

        return judge_nodes(fleet, {one.node.name: self._conclude(one) for one in fleet.nodes if one.gate is not None})

    def exit_code(self, fleet: Fleet | None) -> tuple[int, str | None]:
        """Return the exit code of a session whose tests all passed or were skipped."""
        from reports.gate.nodes import decide

        if fleet is None:
            return UNPROVEN, None  # nothing was selected that could be compared
        judged = self._judge(fleet)
        blind = any(node.answer is not None and node.answer.blind for node in judged)
        return exit_code(decide(judged), strict=self._question.strict or blind), None

    def write_reports(self, fleet: Fleet, folder: Path) -> str:
        """Write the answer of each node into a folder of its own, and the one for all; say so."""
        from reports.gate.nodes import write_nodes

        write_nodes(self._judge(fleet), folder)
        return "the answer for all nodes, and that of each"

    def summarize(self, fleet: Fleet, width: int | None) -> list[str]:
        """Return the answer for all nodes as lines of text, the headline last."""
        from reports.gate.nodes import make_headline, render_nodes
        from reports.show.table import Format

        judged = self._judge(fleet)
        return [*render_nodes(judged, Format.TEXT, width=width).splitlines(), "", make_headline(judged)]
