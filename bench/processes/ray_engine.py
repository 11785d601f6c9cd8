"""The nodes of a Ray cluster."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bench.processes import node
from bench.processes.remote import PROGRAM, EngineError, NodeLostError, Running, Task
from bench.record.fleet import Node


class RayEngine:
    """The nodes of a Ray cluster: a streaming task on each, which Ray does not try again.

    ``ray.util`` names nodes by their label ``ray.io/node-id``; what Ray sets for a task is undone.
    """

    INJECTED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", node.AFFINITY)
    NODE_ID = "ray.io/node-id"
    NAME = "name"
    """The label by which whoever set up a cluster names a node."""

    def __init__(self, place: str, labels: Mapping[str, str], _: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise EngineError("ray is not installed: pip install '.[ray]'") from error
        self._ray: Any = ray
        try:
            _knock(place)
            ray.init(address=place or "auto", log_to_driver=False, configure_logging=False, logging_level="ERROR")
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise EngineError(f"ray: no cluster at {place or 'the usual place'} ({reason})") from error
        self._labels = dict(labels)
        self._ids: dict[str, str] = {}

    def list_nodes(self) -> Sequence[Node]:
        """Return every living node that has the labels, by the name that its label says, or else its host's."""
        found: list[Node] = []
        for told in self._ray.nodes():
            labels = {str(name): str(value) for name, value in told["Labels"].items()}
            if not told["Alive"] or not self._labels.items() <= labels.items():
                continue
            name = labels.get(self.NAME) or str(told["NodeManagerHostname"])
            taken = sum(one.name == name or one.name.startswith(f"{name}-") for one in found)
            found.append(Node(name=f"{name}-{taken + 1}" if taken else name, labels=labels))
            self._ids[found[-1].name] = told["NodeID"]
        if not found:
            asked = ",".join(f"{name}={value}" for name, value in self._labels.items())
            raise EngineError(f"ray: no living node{f' has the labels {asked}' if asked else ''}")
        return found

    def start(self, place: Node, task: Task) -> Running:
        """Start a task on a node, and nowhere else."""
        ray = self._ray
        carry_out = load_program()["carry_out"]  # Ray hands a function over whole that no module of ours holds
        remote = ray.remote(carry_out).options(
            num_cpus=1,
            max_retries=0,
            num_returns="streaming",
            label_selector={self.NODE_ID: self._ids[place.name]},
            _generator_backpressure_num_objects=1,
        )
        return RayTask(ray, remote.remote(task.pack(self.INJECTED)))

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()


KNOCK_SECONDS = 10.0
"""Ray itself waits for minutes for a cluster that is not there."""


def _knock(place: str) -> None:
    """Raise OSError if nobody listens at an address that has a port; Ray finds out by itself about any other."""
    host, colon, port = place.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


class RayTask:
    """A task on a node of Ray."""

    def __init__(self, ray: Any, stream: Any) -> None:
        self._ray, self._stream = ray, stream

    def ask(self) -> str | None:
        """Return what the task yields next."""
        try:
            return str(self._ray.get(next(self._stream)))
        except StopIteration:
            return None
        except self._ray.exceptions.RayError as error:
            said = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise NodeLostError(f"{type(error).__name__}{f': {said[0][:300]}' if said else ''}") from error

    def stop(self) -> None:
        """Cancel the task; its process ends its command."""
        with suppress(Exception):
            self._ray.cancel(self._stream, force=False)


def load_program() -> dict[str, Any]:
    """Return what a node's program defines, as if typed into this one: whoever pickles that needs no module of ours."""
    names: dict[str, Any] = {"__name__": "accelbench_node"}
    exec(compile(PROGRAM.read_text(encoding="utf-8"), str(PROGRAM), "exec"), names)  # noqa: S102  it is our own file
    return names
