"""The nodes of a SLURM allocation, through submitit."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from bench.processes import node
from bench.processes.remote import PROGRAM, EngineError, NodeLostError, Running, Task
from bench.record.fleet import Node


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
            with suppress(OSError):  # the folder is gone when the engine is closed
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
        """End the allocation, and leave nothing on the file system that all share."""
        self._over.set()
        with suppress(Exception):
            (self._folder / "over").touch()
            self._job.cancel()
            deadline = time.monotonic() + LEAVING_SECONDS
            while not self._job.done(force_check=True) and time.monotonic() < deadline:
                time.sleep(SlurmTask.LOOK_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)


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


LEAVING_SECONDS = 10.0
"""A job that was cancelled may use its folder for so long."""

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
