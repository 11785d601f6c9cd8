"""The gates of several nodes as one decision: a verdict for each node, and one for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pandas import DataFrame

from bench.record.case import Case
from bench.record.fleet import Fleet
from bench.record.how_many import how_many
from reports.gate import answer_text
from reports.gate.answer import Answer, State, conclude
from reports.gate.answer_text import ANSWER_LOOKS, read_change, read_number
from reports.gate.write import write_answer
from reports.show.files import text_output, write_outputs
from reports.show.table import Column, Format, Table, as_csv, list_rows, pick_look, read_word, render_table, stack
from reports.show.units import percent, signed_percent
from reports.stats.verdict import Verdict

WORST_FIRST = (State.FAILED, State.REGRESSED, State.UNPROVEN, State.INCONCLUSIVE, State.PASS)
"""What one node shows stands, whatever is unproven on another: a slowdown there is one anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a node says.

    Attributes:
        name: the node's.
        cases: what was planned on it.
        answer: None if it measured nothing.
        reason: why it ended before its gate did; None if it did not.
    """

    name: str
    cases: tuple[Case, ...]
    answer: Answer | None
    reason: str | None

    @property
    def state(self) -> State:
        """Return the node's own answer; one that measured nothing has proved nothing."""
        return State.UNPROVEN if self.answer is None else self.answer.state

    @property
    def headline(self) -> str:
        """Return its answer in a line."""
        return (
            f"UNPROVEN: {self.reason or 'it measured nothing'}"
            if self.answer is None
            else answer_text.make_headline(self.answer)
        )


def judge_nodes(fleet: Fleet, answers: Mapping[str, Answer] | None = None) -> list[Judged]:
    """Return what each node says, in display order.

    Args:
        fleet: the gates of nodes.
        answers: what they say, by node, if that is known already.
    """
    known = {} if answers is None else answers
    return [
        Judged(
            name=one.node.name,
            cases=one.cases,
            answer=None if one.gate is None else known.get(one.node.name) or conclude(one.gate),
            reason=one.reason,
        )
        for one in fleet.nodes
    ]


def decide(nodes: Sequence[Judged]) -> State:
    """Return the one answer for all nodes: the worst of any; no node at all proves nothing."""
    states = {node.state for node in nodes}
    return next((state for state in WORST_FIRST if state in states), State.UNPROVEN)


def make_headline(nodes: Sequence[Judged]) -> str:
    """Return the answer for all nodes in a line."""
    counts = [(state, [node.name for node in nodes if node.state is state]) for state in WORST_FIRST]
    told = " · ".join(f"{state.value.lower()} on {', '.join(names)}" for state, names in counts if names)
    return f"{decide(nodes).value} · {told or 'no node'}"


def make_node_frame(nodes: Sequence[Judged]) -> DataFrame:
    """Return one row for each case and node on which it was planned, those of a case next to each other."""
    cases = dict.fromkeys(case for node in nodes for case in node.cases)
    rows = [
        {"node": node.name, "case": case.id, **_describe(node.answer, case)}
        for case in cases
        for node in nodes
        if case in node.cases
    ]
    columns = ["node", "case", "verdict", "change", "change_low", "change_high", "visible", "blocks"]
    return DataFrame(rows, columns=columns)


def _describe(answer: Answer | None, case: Case) -> dict[str, object]:
    ruling = None if answer is None else answer.rulings.get(case)
    if ruling is None:
        return {"verdict": "none"}
    return {
        "verdict": ruling.verdict.value,
        "change": ruling.change,
        "change_low": ruling.low,
        "change_high": ruling.high,
        "visible": ruling.visible,
        "blocks": ruling.blocks,
    }


def list_odd_nodes(nodes: Sequence[Judged]) -> list[str]:
    """Return in which cases one node alone changed, each as a sentence: code that is slower is slower everywhere."""
    said = []
    answers = {node.name: node.answer for node in nodes if node.answer is not None and not node.answer.problems}
    cases = dict.fromkeys(case for answer in answers.values() for case in answer.rulings)
    for case in cases:
        verdicts = {name: answer.rulings[case] for name, answer in answers.items() if case in answer.rulings}
        slower = [name for name, ruling in verdicts.items() if ruling.verdict is Verdict.REGRESSED]
        same = [name for name, ruling in verdicts.items() if ruling.verdict in {Verdict.UNCHANGED, Verdict.IMPROVED}]
        if len(slower) == 1 and len(same) == len(nodes) - 1 > 0:
            change = verdicts[slower[0]]
            by = signed_percent(change.change, change.low, change.high)
            said.append(f"{case.id}: slower on {slower[0]} alone ({by}), and not slower on {', '.join(same)}")
    return said


NODES = Table(
    columns=(
        Column(header="case", read=read_word("case"), right=False),
        Column(header="node", read=read_word("node"), right=False),
        Column(header="change", read=read_change),
        Column(header="visible from", read=lambda row: percent(row["visible"]), dispensable=1),
        Column(header="blocks", read=read_number("blocks", ".0f"), dispensable=2),
        Column(header="verdict", read=read_word("verdict"), right=False),
    ),
    empty="No node measured a case.",
    group=("case",),
)
"""How the verdicts of all nodes read, those on a case next to each other."""


def render_nodes(nodes: Sequence[Judged], form: Format, *, width: int | None = None) -> str:
    """Return the answer for all nodes in a format."""
    frame = make_node_frame(nodes)
    if form is Format.CSV:
        return as_csv(frame)
    look = pick_look(form, width, ANSWER_LOOKS)
    shared = max((node.answer.gate.gates for node in nodes if node.answer is not None), default=1)
    said = [f"{node.name}: {node.headline}" for node in nodes]
    said += list_odd_nodes(nodes)
    if shared > 1:
        said.append(
            f"{how_many(shared, 'gate')} share one error: all of them together are red by chance once in a hundred"
        )
    table = render_table(NODES, list_rows(frame), look)
    return stack(look.stress(make_headline(nodes)), table, look.enumerate(said)) + "\n"


def write_nodes(nodes: Sequence[Judged], folder: Path) -> list[Path]:
    """Write the answer for all nodes, and that of each with its page into a folder of its own; return the files.

    Raises:
        OSError: if a folder cannot be made or written, or the disk is full.
    """
    for node in nodes:
        if node.answer is not None:
            write_answer(node.answer, folder / node.name)
    return write_outputs(
        folder, [text_output(f"nodes{form.suffix}", partial(render_nodes, nodes, form)) for form in Format]
    )
