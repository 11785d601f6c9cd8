"""What runs on a node: unpacks a checkout, holds the host's lock, executes one command, and hands on its journal.

It is handed to the node as it stands: standard library only, and nothing of ours, since the checkout that it unpacks is
the first of ours that is there. Executed as a program it takes its task from standard input; an engine that has
processes of its own calls `carry_out`.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LOOK_SECONDS = 0.2
"""How often the journal is looked at, and whether the host is free: it costs the node some microseconds."""

SAID = 20
"""So many of the last lines that a command printed tell why it ended as it did."""

AFFINITY = "affinity"
"""The name of what an engine injects that is no variable: a choice of cores."""

FOLDERS, HELD = "accelbench-node-", "held"
"""How the folder of a task is called, and the file in it that is locked as long as somebody uses it."""

PYTHON = "{python}"
"""Stands in a command for the interpreter of the node."""


def carry_out(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield messages, each a line of JSON: how the task begins, every line of its journal, and how it ended.

    Whoever stops asking, or dies, ends the command.

    Args:
        task: what `bench.processes.remote.Task` packs.
    """
    with tempfile.TemporaryDirectory(prefix=FOLDERS) as name, hold_folder(Path(name)) as folder:
        try:
            yield _say(host=os.uname().nodename, python=sys.executable, undone=undo(task["injected"]))
            journal = _unpack(task, folder)
            with hold_host() as waited:
                for seconds in waited:
                    yield _say(waiting=seconds)
                sweep()
                yield from _execute(task, folder, journal)
        except OSError as error:
            yield _say(ended=None, said=[f"{error.filename}: {error.strerror or error}"])


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[Path]:
    """Give a folder that is seen to be in use for the length of the block, and no longer than this process lives."""
    part = folder / f"{HELD}.part"
    with part.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        part.rename(folder / HELD)  # it is locked by the time that anybody finds it
        yield folder


def sweep() -> None:
    """Remove the folders of tasks that were killed, which nobody holds any more."""
    for held in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*/{HELD}"):
        with contextlib.suppress(OSError), held.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(held.parent)


def undo(injected: list[str]) -> dict[str, str]:
    """Take back what an engine did to this process, and return what that was."""
    undone = {name: os.environ.pop(name) for name in injected if name in os.environ}
    if AFFINITY in injected and hasattr(os, "sched_getaffinity"):
        before = os.sched_getaffinity(0)
        with contextlib.suppress(OSError):  # a control group may allow no more
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
        if os.sched_getaffinity(0) != before:
            undone[AFFINITY] = ",".join(map(str, sorted(before)))
    return undone


@contextlib.contextmanager
def hold_host() -> Iterator[Iterator[int]]:
    """Hold the lock of this host for the length of the block, in which the seconds of waiting must be asked for first.

    Two measurements at a time would each be of the other, too. The kernel lets go of the lock with the process.
    """
    path = Path(tempfile.gettempdir()) / "accelbench.host.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)  # another user's may be read, and that is enough to lock it
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    with open(descriptor, "rb", buffering=0) as file:
        yield _wait_for(file.fileno())


def _wait_for(descriptor: int) -> Iterator[int]:
    """Lock a file, and yield now and then for how many seconds that has been waited for."""
    began, said = time.monotonic(), 0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = int(time.monotonic() - began)
            if said == 0 or waited >= 2 * said:
                said = max(1, waited)
                yield waited
            time.sleep(LOOK_SECONDS)
        else:
            return


def _unpack(task: Mapping[str, Any], folder: Path) -> Path:
    """Put the checkout, and the journal of an earlier part, into a folder; return the journal's path."""
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(task["tree"]))) as packed:
        packed.extractall(folder / "tree", filter="data")
    journal = folder / "out.jsonl"
    if task["earlier"]:
        journal.write_bytes(base64.b64decode(task["earlier"]))
    return journal


def _execute(task: Mapping[str, Any], folder: Path, journal: Path) -> Iterator[str]:
    words = {PYTHON: sys.executable, "{json}": str(journal.with_suffix(".json")), "{reports}": str(folder / "reports")}
    command = [words.get(word, word) for word in task["command"]]
    at = len(base64.b64decode(task["earlier"]))
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            [*ENDING_WITH_PARENT, *command],
            cwd=folder / "tree" / task["folder"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while True:
                code = process.poll()  # asked before the journal is read: what was written by then is handed on
                lines = _read_whole_lines(journal, at)
                at += sum(map(len, lines))
                for line in lines:
                    yield _say(line=line.decode())
                if code is not None:
                    break
                time.sleep(LOOK_SECONDS)
        finally:
            _end(process)
        said.seek(0)
        yield _say(ended=code, said=said.read().decode(errors="replace").splitlines()[-SAID:])


def _read_whole_lines(path: Path, at: int) -> list[bytes]:
    """Return the lines of a file from a place on, without one that is being written."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(at)
        return [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]


ENDING_WITH_PARENT = (
    (
        sys.executable,
        "-c",
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])",
    )
    if sys.platform == "linux"
    else ()
)
"""Before a command: has Linux ask it to end (SIGTERM) when its parent dies, however that is (PR_SET_PDEATHSIG)."""

GRACE_SECONDS = 10.0
"""A command that was asked to end writes down what it has."""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command with everything that it started."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)


def _say(**content: object) -> str:
    return json.dumps(content)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for message in carry_out(json.loads(sys.stdin.readline())):
        print(message, flush=True)
