"""Drives tasks on several nodes at once: every message is taken before the next is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread

from bench.files.decode_fields import DecodeError
from bench.files.fleet import read_node_line
from bench.files.parse_json import UnreadableError
from bench.processes.remote import Engine, NodeLostError, Running, Task
from bench.record.fleet import FleetEvent, Node, NodeEnded, NodeTold, NodeUndone
from bench.record.gate import Ending
from bench.record.run import Finish

LOOK_SECONDS = 0.5
"""How often a reason to stop is asked for while no node says anything."""

MOST_SAID = 300
"""Characters of what a node said last, in a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A node waits for another measurement on its host; nothing that is written down."""

    node: str
    seconds: int


class _Reader(Thread):
    """Asks one node for its messages, each when the one before was taken."""

    def __init__(self, engine: Engine, place: Node, task: Task, inbox: Queue[tuple[str, object]]) -> None:
        super().__init__(name=place.name, daemon=True)
        self.taken = Event()
        self._engine, self._place, self._task, self._inbox = engine, place, task, inbox
        self._running: Running | None = None
        self._stopped = False

    def run(self) -> None:
        """Hand on every message, then None; or what went wrong. What is said after a stop is of no use to anybody."""
        name = self._place.name
        try:
            self._running = self._engine.start(self._place, self._task)
            if self._stopped:
                self._running.stop()
            while (message := self._running.ask()) is not None:
                if not self._stopped:
                    self._inbox.put((name, message))
                    self.taken.wait()
                    self.taken.clear()
            self._inbox.put((name, None))
        except Exception as error:  # noqa: BLE001  whatever an engine raises is of this node alone
            self._inbox.put((name, error))

    def stop(self) -> None:
        """End what runs on the node."""
        self._stopped = True
        self.taken.set()
        if self._running is not None:
            self._running.stop()


def carry_out(
    engine: Engine,
    tasks: Mapping[str, tuple[Node, Task]],
    *,
    add: Callable[[FleetEvent], None],
    show: Callable[[FleetEvent | Waiting], None],
    stop: Callable[[], str | None],
) -> None:
    """Carry out a task on each node until all have ended.

    Args:
        engine: what reaches them.
        tasks: by the node's name.
        add: takes every event, and has it on disk when it returns.
        show: takes it after that.
        stop: asked now and then; a reason to stop, None to go on.

    Raises:
        OSError: if an event could not be written; every node was stopped then.
    """
    inbox: Queue[tuple[str, object]] = Queue()
    readers = {name: _Reader(engine, place, task, inbox) for name, (place, task) in tasks.items()}
    parts = {name: _Part(name) for name in tasks}
    for reader in readers.values():
        reader.start()
    reason = None
    try:
        while readers:
            if reason is None and (reason := stop()) is not None:
                _stop(readers.values())
            try:
                name, message = inbox.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            events = parts[name].read(message, reason) if name in readers else []
            for event in events:
                if not isinstance(event, Waiting):
                    add(event)
                show(event)
            if any(isinstance(event, NodeEnded) for event in events):
                _stop([readers.pop(name)])
            elif name in readers:
                readers[name].taken.set()
    finally:
        for reader in readers.values():
            reader.stop()


def _stop(readers: Iterable[_Reader]) -> None:
    """End what runs on nodes, all at a time and without waiting for them."""
    for reader in readers:
        Thread(target=reader.stop, daemon=True).start()


class _Part:
    """What one node says, as events."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._complete = False
        self._said: str | None = None

    def read(self, message: object, stopped: str | None) -> list[FleetEvent | Waiting]:
        """Return what a message says; a node whose message cannot be read has ended."""
        if message is None:
            return [NodeEnded(node=self._name, reason=None if self._complete else stopped or self._said or "it ended")]
        if isinstance(message, NodeLostError):
            return [NodeEnded(node=self._name, reason=None if self._complete else stopped or str(message))]
        if isinstance(message, Exception):
            return [NodeEnded(node=self._name, reason=f"{type(message).__name__}: {message}"[:MOST_SAID])]
        try:
            return self._read(json.loads(str(message)))
        except (ValueError, KeyError, TypeError, DecodeError, UnreadableError) as error:
            return [NodeEnded(node=self._name, reason=f"what it says cannot be read: {error}"[:MOST_SAID])]

    def _read(self, told: Mapping[str, object]) -> list[FleetEvent | Waiting]:
        match told:
            case {"undone": dict(undone)}:
                return [NodeUndone(node=self._name, undone={str(key): str(value) for key, value in undone.items()})]
            case {"waiting": int(seconds)}:
                return [Waiting(node=self._name, seconds=seconds)]
            case {"line": str(line)}:
                event = read_node_line(self._name, json.loads(line))
                match event:
                    case NodeTold(event=Finish() as finish):
                        self._complete = finish.complete
                    case NodeTold(event=Ending() as ending):
                        self._complete = not ending.stopped
                    case _:
                        pass
                return [event]
            case {"ended": code, "said": list(said)}:
                last = next((str(line).strip() for line in reversed(said) if str(line).strip()), "it said nothing")
                self._said = f"exit code {code}: {last}"[:MOST_SAID]
                return []
            case _:
                raise ValueError("no message of a node")
