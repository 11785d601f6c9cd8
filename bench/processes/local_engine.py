"""This machine as any number of nodes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress

from bench.processes import node
from bench.processes.remote import MOST_NODES, PROGRAM, EngineError, NodeLostError, Running, Task
from bench.record.fleet import Node


class LocalEngine:
    """As many nodes as are asked for, all of them this machine, which measure one after the other: to try it out."""

    def __init__(self, place: str, labels: Mapping[str, str], _: int) -> None:
        if not place.isdigit() or not 1 <= int(place) <= MOST_NODES:
            raise EngineError(f"local:{place}: name how many nodes, such as local:2")
        if labels:
            raise EngineError("local: its nodes have no labels; leave out --node-labels")
        self._nodes = [Node(name=f"local-{number}", labels={}) for number in range(1, int(place) + 1)]

    def list_nodes(self) -> Sequence[Node]:
        """Return the nodes."""
        return self._nodes

    def start(self, place: Node, task: Task) -> Running:  # noqa: ARG002  every node is this machine
        """Start a task as a process of its own."""
        return LocalTask(task)

    def close(self) -> None:
        """There is nothing to let go of: every task ends its own process."""


class LocalTask:
    """A task in a process of this machine."""

    def __init__(self, task: Task) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the task
        self._process = subprocess.Popen(
            [*node.ENDING_WITH_PARENT, sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:  # how it ended is found out when it is asked
            pipe.write(json.dumps(task.pack(())).encode() + b"\n")

    def ask(self) -> str | None:
        """Return the next line."""
        assert self._process.stdout is not None
        if self._process.stdout.closed:
            return None
        line = self._process.stdout.readline()
        if line.endswith(b"\n"):
            return line.decode()
        self._process.stdout.close()
        code = self._process.wait()
        with self._errors:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        if code == 0:
            return None
        raise NodeLostError(f"its process ended with {code}{f': {said[0]}' if said else ''}")

    def stop(self) -> None:
        """End the process, which ends its command."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2 * node.GRACE_SECONDS + 5)
        self._process.kill()
