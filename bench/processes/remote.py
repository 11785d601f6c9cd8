"""Other machines: run this command on that node, bring back its journal line by line.

An engine knows nodes and starts a task on one of them; `bench/processes/node.py` is what runs there. To add an engine
takes one class, and its entry in `ENGINES`.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

from bench.processes import node
from bench.record.fleet import Node

PROGRAM = Path(node.__file__)
"""What runs on a node."""

MOST_NODES = 1000
"""More is a slip of the hand."""


class EngineError(Exception):
    """There is no cluster, or no node of it fits; the message says what to do, in one line."""


class NodeLostError(Exception):
    """A node, or what ran there, is gone; the message says how, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a node is to do.

    Attributes:
        tree: the checkout, as a tar archive.
        command: its words; ``{python}`` stands for the node's interpreter, ``{json}`` and ``{reports}`` for places.
        folder: below the checkout, in which it is executed.
        earlier: the journal of an earlier part, which the command goes on with; empty for none.
    """

    tree: bytes
    command: Sequence[str]
    folder: str = ""
    earlier: bytes = b""

    def pack(self, injected: Sequence[str]) -> dict[str, Any]:
        """Return the task as JSON can hold it, for an engine that injects these variables."""
        return {
            "tree": base64.b64encode(self.tree).decode(),
            "command": list(self.command),
            "folder": self.folder,
            "earlier": base64.b64encode(self.earlier).decode(),
            "injected": list(injected),
        }


class Running(Protocol):
    """A task on a node."""

    def ask(self) -> str | None:
        """Return its next message, and wait for it; None when it has ended.

        Raises:
            NodeLostError: if the node, or what ran there, is gone.
        """

    def stop(self) -> None:
        """End it, from any thread; it may have ended already."""


class Engine(Protocol):
    """Where nodes are."""

    def list_nodes(self) -> Sequence[Node]:
        """Return the nodes that fit, at least one.

        Raises:
            EngineError: if there is none.
        """

    def start(self, place: Node, task: Task) -> Running:
        """Start a task on a node.

        Raises:
            NodeLostError: if it cannot be started.
        """

    def close(self) -> None:
        """Let go of everything."""


def open_engine(text: str, labels: Mapping[str, str], count: int) -> Engine:
    """Return the engine that ``--nodes`` names.

    Args:
        text: such as ``local:2``, ``ray``, ``ray:ADDRESS`` or ``slurm:PARTITION``.
        labels: that a node must have.
        count: of nodes, where the engine takes as many as it is told.

    Raises:
        EngineError: if there is no such engine, no cluster, or its library is missing.
    """
    name, _, place = text.partition(":")
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}; known: {', '.join(WAYS)}")
    return ENGINES[name](place, labels, count)


def pack_tree(folder: Path) -> bytes:
    """Return a folder as a tar archive; a link stays one."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as packed:
        packed.add(folder, arcname=".")
    return content.getvalue()


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


class SlurmEngine:
    """Whole nodes of one SLURM allocation, through submitit: each waits for its task in a shared folder."""

    INJECTED = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", node.AFFINITY)
    EXECUTOR = "slurm"
    FOLDER = Path.home() / ".cache" / "accelbench" / "slurm"
    """On a file system that all nodes share."""

    MINUTES = 24 * 60

    def __init__(self, place: str, labels: Mapping[str, str], count: int) -> None:
        if labels:
            raise EngineError("slurm: nodes are chosen by a partition, not by labels; leave out --node-labels")
        try:
            import submitit
        except ImportError as error:
            raise EngineError("submitit is not installed: pip install '.[slurm]'") from error
        self.FOLDER.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(dir=self.FOLDER))
        try:
            executor = submitit.AutoExecutor(folder=self._folder / "submitit", cluster=self.EXECUTOR)
            local = self.EXECUTOR == "local"
            spread = {"tasks_per_node": count} if local else {"nodes": count, "tasks_per_node": 1}
            partition = {} if local or not place else {"slurm_partition": place}
            whole = {} if local else {"slurm_exclusive": "user"}
            executor.update_parameters(timeout_min=self.MINUTES, **spread, **partition, **whole)
            self._job: Any = executor.submit(_serve_task, str(self._folder), PROGRAM.read_text(encoding="utf-8"))
        except (RuntimeError, OSError, ValueError, subprocess.CalledProcessError) as error:
            raise EngineError(f"slurm: {str(error).strip().splitlines()[0]}") from error
        self._nodes = [Node(name=f"slurm-{number}", labels={}) for number in range(1, count + 1)]
        self._over = Event()
        Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        """Show the nodes now and then that somebody waits for them."""
        while not self._over.wait(ALIVE_SECONDS):
            (self._folder / ALIVE).touch()

    def list_nodes(self) -> Sequence[Node]:
        """Return the nodes of the allocation."""
        return self._nodes

    def start(self, place: Node, task: Task) -> Running:
        """Put the task where its node looks for it."""
        rank = self._nodes.index(place)
        whole = self._folder / f"task-{rank}.whole"
        whole.write_bytes(pickle.dumps(task.pack(self.INJECTED)))
        whole.rename(self._folder / f"task-{rank}")
        return SlurmTask(self._job, self._folder, rank)

    def close(self) -> None:
        """End the allocation."""
        self._over.set()
        (self._folder / "over").touch()
        with suppress(Exception):
            self._job.cancel()


class SlurmTask:
    """A task on a node of an allocation, whose messages are lines of a file."""

    LOOK_SECONDS = 0.5

    def __init__(self, job: Any, folder: Path, rank: int) -> None:
        self._job, self._folder, self._rank = job, folder, rank
        self._at = 0

    def ask(self) -> str | None:
        """Return the next line of the file."""
        lines, over = self._folder / f"lines-{self._rank}", False
        while True:
            content = lines.read_bytes()[self._at :] if lines.exists() else b""
            line, newline, _ = content.partition(b"\n")
            if newline:
                self._at += len(line) + 1
                return line.decode() or None
            if over:
                raise NodeLostError(self._tell_end())
            over = self._job.done(force_check=True)
            time.sleep(self.LOOK_SECONDS)

    def _tell_end(self) -> str:
        with suppress(Exception):
            said = (self._job.stderr() or "").strip().splitlines()
            return f"its job ended: {said[-1][:300]}" if said else f"its job ended ({self._job.state})"
        return "its job ended"

    def stop(self) -> None:
        """Have the node end its command."""
        (self._folder / f"stop-{self._rank}").touch()


ALIVE, ALIVE_SECONDS, ABANDONED_SECONDS = "alive", 10.0, 120.0
"""A file that the driver touches so often, and after how long without that a node ends."""


def _serve_task(folder_name: str, program: str) -> None:
    """Wait on a node of an allocation for its task, and carry it out; the messages are lines of a file."""
    import submitit

    folder, rank = Path(folder_name), submitit.JobEnvironment().global_rank
    task, over, stop = folder / f"task-{rank}", folder / "over", folder / f"stop-{rank}"
    Thread(target=_end_when_abandoned, args=(folder, rank), daemon=True).start()
    while not task.exists():
        if over.exists():
            return
        time.sleep(SlurmTask.LOOK_SECONDS)
    names: dict[str, Any] = {"__name__": "accelbench_node"}
    exec(program, names)  # noqa: S102  it is our own file, as the driver has it
    with (folder / f"lines-{rank}").open("w") as lines:
        messages: Iterator[str] = names["carry_out"](pickle.loads(task.read_bytes()))  # noqa: S301  we wrote it
        for message in messages:
            lines.write(message + "\n")
            lines.flush()
            if stop.exists() or over.exists():
                break
        lines.write("\n")


def _end_when_abandoned(folder: Path, rank: int) -> None:
    """End this process, and by that its command, when the driver has been silent for too long: nobody listens.

    Both times are of the file system that both share: clocks of two machines differ.
    """
    own, alive = folder / f"alive-{rank}", folder / ALIVE
    alive.touch()
    while True:
        time.sleep(ALIVE_SECONDS)
        own.touch()
        if own.stat().st_mtime - alive.stat().st_mtime > ABANDONED_SECONDS:
            os._exit(1)


ENGINES: Mapping[str, Callable[[str, Mapping[str, str], int], Engine]] = {
    "local": LocalEngine,
    "ray": RayEngine,
    "slurm": SlurmEngine,
}
"""Every engine by name."""

WAYS = ("local:N", "ray", "ray:ADDRESS", "slurm", "slurm:PARTITION")
"""How they are named."""
