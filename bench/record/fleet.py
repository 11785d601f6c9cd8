"""A fleet: the same question on several nodes, each of which has a run, or a gate, of its own.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.record.case import Case
from bench.record.conditions import Scalar
from bench.record.gate import Gate, GateEvent, GateFold
from bench.record.run import Outcome, Run, RunEvent, RunFold

FLEET_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine, or a part of one, that an engine can start a task on.

    Attributes:
        name: unique in its fleet.
        labels: what its engine says of it.
    """

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """What a node did.

    Attributes:
        node: which.
        cases: what was planned on it.
        run: what it measured; None if it did not get so far, and in a fleet of gates.
        gate: likewise, in a fleet of gates.
        undone: what its engine had set there, by name, and was taken back.
        reason: why it ended before its run did, one line; None if it did not, or has not ended.
    """

    node: Node
    cases: tuple[Case, ...]
    run: Run | None = None
    gate: Gate | None = None
    undone: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None

    def __post_init__(self) -> None:
        measured = self.run or self.gate
        if measured is not None and (strangers := set(measured.cases) - set(self.cases)):
            raise ValueError(f"{self.node.name}: {min(case.id for case in strangers)} was run but not planned")

    @property
    def whole(self) -> bool:
        """Whether its run or gate came to its own end."""
        if self.gate is not None:
            return self.gate.ending is not None and not self.gate.ending.stopped
        return self.run is not None and self.run.finish is not None and self.run.finish.complete

    def outcomes(self) -> dict[Case, tuple[Outcome, str | None]]:
        """Return how each planned case ended there, and why if it was not measured."""
        known = {} if self.run is None else self.run.outcomes()
        reason = self.reason or "its node has not begun it"
        lost = {Outcome.INTERRUPTED, Outcome.NOT_RUN}
        outcomes = {}
        for case in self.cases:
            outcome, why = known.get(case, (Outcome.NOT_RUN, reason))
            outcomes[case] = (outcome, reason if outcome in lost and self.reason is not None else why)
        return outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What several nodes measured.

    Attributes:
        engine: by which they were reached, as ``--nodes`` names it.
        nodes: in display order.
        facts: of what travelled: which commits that was.
        source: the file it was read from; no part of what it is.
    """

    engine: str
    nodes: tuple[NodeRun, ...]
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        names = [one.node.name for one in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError("two nodes have one name")

    def find(self, name: str) -> NodeRun:
        """Return a node by name.

        Raises:
            KeyError: if there is none.
        """
        return {one.node.name: one for one in self.nodes}[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBegan:
    """A node's run or gate begins: where, how and what it measures."""

    node: str
    begun: Run | Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTold:
    """Something happened in a node's run or gate."""

    node: str
    event: RunEvent | GateEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUndone:
    """A task began on a node, and took back what its engine had set there."""

    node: str
    undone: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEnded:
    """A node's part is over.

    Attributes:
        node: which.
        reason: why it ended before its run did; None if it did not.
    """

    node: str
    reason: str | None


FleetEvent = NodeBegan | NodeTold | NodeUndone | NodeEnded
"""What happens in a fleet, in the order of its journal."""


class FleetFold:
    """Adds up a fleet's events.

    Args:
        begun: the fleet with what is planned on each node.
    """

    def __init__(self, begun: Fleet) -> None:
        self._begun = begun
        self._folds: dict[str, RunFold | GateFold] = {}
        self._reasons: dict[str, str | None] = {}
        self._undone: dict[str, Mapping[str, str]] = {}

    def add(self, event: FleetEvent) -> None:
        """Take one event.

        Raises:
            ValueError: if its node is not of the fleet, or the event does not fit to those before.
        """
        if all(event.node != one.node.name for one in self._begun.nodes):
            raise ValueError(f"{event.node} is no node of the fleet")
        match event:
            case NodeBegan():
                if event.node in self._folds:
                    raise ValueError(f"{event.node} began twice")
                begun = event.begun
                self._folds[event.node] = RunFold(begun) if isinstance(begun, Run) else GateFold(begun)
            case NodeTold():
                if event.node not in self._folds:
                    raise ValueError(f"{event.node} told something before it began")
                fold = self._folds[event.node]
                if not isinstance(event.event, RunEvent if isinstance(fold, RunFold) else GateEvent):
                    raise ValueError(f"{event.node} told what is no part of what it began")  # noqa: TRY004  a file may hold it
                fold.add(event.event)  # type: ignore[arg-type]  # it is of the fold's kind
            case NodeUndone():
                self._undone[event.node] = event.undone
                self._reasons[event.node] = None  # another part of it begins
            case NodeEnded():
                self._reasons[event.node] = event.reason

    def record(self) -> Fleet:
        """Return the fleet as far as it got.

        Raises:
            ValueError: if it is inconsistent.
        """
        return replace(self._begun, nodes=tuple(map(self._fold_node, self._begun.nodes)))

    def _fold_node(self, one: NodeRun) -> NodeRun:
        fold = self._folds.get(one.node.name)
        measured = None if fold is None else fold.record()
        return replace(
            one,
            run=measured if isinstance(measured, Run) else None,
            gate=measured if isinstance(measured, Gate) else None,
            undone=self._undone.get(one.node.name, {}),
            reason=self._reasons.get(one.node.name),
        )
