"""Gates on several nodes are one decision: a verdict for each, one for all, and one error."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from bench.record.fleet import Fleet, NodeRun
from bench.record.gate import Gate
from reports.gate.answer import State
from reports.gate.nodes import decide, judge_nodes, make_headline, render_nodes, write_nodes
from reports.show.table import Format
from tests.makers.fleets import ALPHA, BETA
from tests.makers.gates import CASES, made_gate

SLOWER = {CASES[0]: 0.1}


def fleet_of(*gates: Gate | None, reason: str | None = None) -> Fleet:
    """Return a fleet of two nodes with these gates."""
    nodes = [
        NodeRun(node=place, cases=tuple(CASES), gate=gate, reason=None if gate else reason)
        for place, gate in zip((ALPHA, BETA), gates, strict=True)
    ]
    return Fleet(engine="local:2", nodes=tuple(nodes))


def gate_of(**changes: object) -> Gate:
    """Return a gate of a node, which shares its error with another one."""
    return made_gate(blocks=16, looks=(9, 16), gates=2, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gates", "state"),
    [
        ((gate_of(), gate_of(seed=1)), State.PASS),
        ((gate_of(), gate_of(seed=1, slower=SLOWER)), State.REGRESSED),
        ((gate_of(), None), State.UNPROVEN),
        ((gate_of(slower=SLOWER), None), State.REGRESSED),
        ((None, None), State.UNPROVEN),
    ],
    ids=["both-pass", "one-slower", "one-lost", "slower-and-lost", "both-lost"],
)
def test_what_one_node_shows_stands_whatever_another_does(gates: tuple[Gate | None, Gate | None], state: State) -> None:
    """A slowdown on one machine is one, and a node that measured nothing is never a pass."""
    nodes = judge_nodes(fleet_of(*gates, reason="NodeDiedError: it was unplugged"))
    assert decide(nodes) is state
    assert make_headline(nodes).startswith(f"{state.value} · ")


def test_no_node_proves_nothing() -> None:
    """Never a pass."""
    assert decide([]) is State.UNPROVEN


def test_answer_names_each_node_and_the_odd_one() -> None:
    """Code that is slower on one machine alone is worth a look at that machine."""
    nodes = judge_nodes(fleet_of(gate_of(), gate_of(seed=1, slower=SLOWER)))
    text = render_nodes(nodes, Format.TEXT)
    assert text.startswith("REGRESSED · regressed on beta · pass on alpha")
    assert f"{CASES[0].id}: slower on beta alone" in text
    assert "2 gates share one error: all of them together are red by chance once in a hundred" in text
    lost = render_nodes(judge_nodes(fleet_of(gate_of(), None, reason="it was unplugged")), Format.MARKDOWN)
    assert "beta: UNPROVEN: it was unplugged" in lost
    assert lost.count(CASES[0].id) == 2, "a case that was planned on a node is a row, too, where nothing came of it"
    rows = list(csv.DictReader(StringIO(render_nodes(nodes, Format.CSV))))
    assert [(row["node"], row["case"]) for row in rows[:2]] == [("alpha", CASES[0].id), ("beta", CASES[0].id)]
    assert rows[1]["verdict"] == "regressed"


def test_all_answers_are_written(tmp_path: Path) -> None:
    """That of each node with its page, and that for all."""
    write_nodes(judge_nodes(fleet_of(gate_of(), gate_of(seed=1))), tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {"nodes.txt", "nodes.md", "nodes.csv", "alpha/gate.md", "alpha/report.html", "beta/report.html"} <= names


def test_gate_that_looks_before_its_share_of_the_error_allows_proves_nothing() -> None:
    """After eight blocks a gate alone may be judged, one of two may not."""
    early = made_gate(blocks=8, looks=(8,), gates=2, slower=SLOWER)
    (node, _) = judge_nodes(fleet_of(early, None))
    assert node.state is State.UNPROVEN
    assert node.answer is not None
    assert "8 blocks; a verdict takes 9" in node.answer.problems[0]
