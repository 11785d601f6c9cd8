"""Fleets that were never measured, and engines that reach nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bench.files.fleet import FLEET_FORMAT, FleetLog, write_node_line
from bench.files.journal import Journal
from bench.processes.remote import NodeLostError, Task
from bench.record.fleet import Fleet, FleetEvent, FleetFold, Node, NodeBegan, NodeEnded, NodeRun, NodeTold, NodeUndone
from bench.record.gate import Gate, GateEvent
from bench.record.run import Measured, Run, RunEvent, Started
from tests.makers.gates import empty, events_of, made_gate
from tests.makers.runs import FINISH, TWO, made_run, measured, slices

ALPHA, BETA = (Node(name=name, labels={"machine": name}) for name in ("alpha", "beta"))


def begun_run() -> Run:
    """Return a run of which nothing is measured yet."""
    return made_run(TWO, [], finish=None, launches=1)


def run_events(seconds: float = 1e-3) -> list[RunEvent]:
    """Return what happens in a short run."""
    measurements = tuple(measured(case, 1, slices([seconds, seconds])) for case in TWO)
    return [Started(launch=1, cases=TWO), Measured(measurements=measurements), FINISH]


def empty_fleet() -> Fleet:
    """Return a fleet of two nodes on which nothing has begun."""
    return Fleet(engine="local:2", nodes=tuple(NodeRun(node=place, cases=TWO) for place in (ALPHA, BETA)))


def fleet_events(*, lost: bool = False) -> list[FleetEvent]:
    """Return what happens in a fleet of two nodes, the second of which may be lost when its run has begun."""
    events: list[FleetEvent] = [NodeUndone(node=place.name, undone={"OMP_NUM_THREADS": "1"}) for place in (ALPHA, BETA)]
    events += [NodeBegan(node=place.name, begun=begun_run()) for place in (ALPHA, BETA)]
    for place, seconds in ((ALPHA, 1e-3), (BETA, 2e-3)):
        happened = run_events(seconds)[:1] if lost and place is BETA else run_events(seconds)
        events += [NodeTold(node=place.name, event=event) for event in happened]
    events.append(NodeEnded(node=ALPHA.name, reason=None))
    events.append(NodeEnded(node=BETA.name, reason="NodeDiedError: it was unplugged" if lost else None))
    return events


def made_fleet(*, lost: bool = False) -> Fleet:
    """Return the fleet that these events add up to."""
    fold = FleetFold(empty_fleet())
    for event in fleet_events(lost=lost):
        fold.add(event)
    return fold.record()


def node_gate(*, slower: float = 0.0, seed: int = 0) -> Gate:
    """Return the gate of one of two nodes, whose first case may be slower."""
    changes = {TWO[0]: slower} if slower else {}
    return made_gate(cases=TWO, blocks=16, looks=(9, 16), gates=2, seed=seed, slower=changes)


def gate_fleet_events(*gates: Gate) -> list[FleetEvent]:
    """Return what happens in a fleet of two nodes that compare."""
    events: list[FleetEvent] = []
    for place, gate in zip((ALPHA, BETA), gates or (node_gate(), node_gate(seed=1)), strict=True):
        events.append(NodeBegan(node=place.name, begun=empty(gate)))
        events += [NodeTold(node=place.name, event=event) for event in events_of(gate)]
        events.append(NodeEnded(node=place.name, reason=None))
    return events


def logged_fleet(events: Iterable[FleetEvent], journal: Journal | None = None) -> FleetLog:
    """Return a log in which these events were written down."""
    log = FleetLog(FLEET_FORMAT, empty_fleet(), journal)
    for event in events:
        log.add(event)
    return log


def node_messages(
    events: Iterable[RunEvent | GateEvent], *, code: int | None = 0, begun: Run | Gate | None = None
) -> list[str]:
    """Return what a node says of a run, or of what it began, message by message."""
    told: list[NodeBegan | NodeTold] = [NodeBegan(node="", begun=begun or begun_run())]
    told += [NodeTold(node="", event=event) for event in events]
    lines = [json.dumps({"line": json.dumps(write_node_line(one)) + "\n"}) for one in told]
    ended = [] if code is None else [json.dumps({"ended": code, "said": ["1 failed", "", "as it was"]})]
    return [json.dumps({"host": "h", "python": "p", "undone": {}}), *lines, *ended]


class FakeEngine:
    """Nodes that say what they are told to, and notes who was stopped.

    Args:
        messages: of each node; an exception among them is raised.
        asked: called with a node's name whenever it is asked for its next message.
    """

    def __init__(
        self, messages: Mapping[str, Sequence[str | Exception]], asked: Callable[[str], None] = lambda _: None
    ) -> None:
        self.stopped: list[str] = []
        self.tasks: dict[str, Task] = {}
        self.closed = False
        self._messages = messages
        self._asked = asked

    def list_nodes(self) -> Sequence[Node]:
        """Return a node for each that says something."""
        return [Node(name=name, labels={}) for name in self._messages]

    def start(self, place: Node, task: Task) -> FakeRunning:
        """Begin to say it."""
        self.tasks[place.name] = task
        return FakeRunning(self, place.name, iter(self._messages[place.name]), self._asked)

    def close(self) -> None:
        """Note it."""
        self.closed = True


class FakeRunning:
    """A task that says what it was told to."""

    def __init__(
        self, engine: FakeEngine, name: str, messages: Iterator[str | Exception], asked: Callable[[str], None]
    ) -> None:
        self._engine, self._name, self._messages, self._asked = engine, name, messages, asked

    def ask(self) -> str | None:
        """Return the next message, or raise it."""
        self._asked(self._name)
        message = next(self._messages, None)
        if isinstance(message, Exception):
            raise message
        return message

    def stop(self) -> None:
        """Note it."""
        self._engine.stopped.append(self._name)


LOST = NodeLostError("NodeDiedError: it was unplugged")


def without_source(fleet: Fleet) -> Fleet:
    """Return a fleet as it was before it was read from a file."""
    return replace(fleet, source="")
