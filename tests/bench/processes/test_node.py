"""What runs on a node: the journal comes back line by line, the host is held, and nothing is left behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.processes import node
from bench.processes.engines import open_engine
from bench.processes.local_engine import LocalEngine
from bench.processes.ray_engine import load_program
from bench.processes.remote import PROGRAM, NodeLostError, Task, pack_tree
from tests.makers.processes import wait_until_gone

WRITES = """
import sys, time
path, earlier = sys.argv[1].replace(".json", ".jsonl"), ""
with open(path, "a") as journal:
    for number in range(3):
        journal.write(f'{{"number": {number}}}\\n')
        journal.flush()
    journal.write("torn")
print("said", open("beside.txt").read())
"""
"""A command that writes three lines and half of one."""


@pytest.fixture(autouse=True)
def _own_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of its own: a test must not wait for a measurement that is going on here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def tree(tmp_path: Path) -> bytes:
    """A checkout with one file."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "beside.txt").write_text("what travelled")
    return pack_tree(folder)


def task(tree: bytes, *words: str, earlier: bytes = b"") -> Task:
    """Return a task that executes Python."""
    return Task(tree=tree, command=["{python}", "-c", *words], earlier=earlier)


def told(messages: Iterator[str]) -> list[dict[str, Any]]:
    """Return messages, parsed."""
    return [json.loads(message) for message in messages]


def test_journal_comes_back_line_by_line_without_a_torn_one(tree: bytes) -> None:
    """And then how it ended, with what it printed."""
    first, *lines, last = told(node.carry_out(task(tree, WRITES, "{json}").pack(())))
    assert first["undone"] == {}
    assert [json.loads(line["line"]) for line in lines] == [{"number": number} for number in range(3)]
    assert last == {"ended": 0, "said": ["said what travelled"]}


def test_earlier_part_lies_there_and_is_not_told_again(tree: bytes) -> None:
    """The command goes on behind it."""
    earlier = b'{"number": "earlier"}\n'
    read = "import sys; print(open(sys.argv[1].replace('.json', '.jsonl')).read())"
    first, last = told(node.carry_out(task(tree, read, "{json}", earlier=earlier).pack(())))
    assert first["host"] == os.uname().nodename
    assert last["said"] == ['{"number": "earlier"}', ""][: len(last["said"])]


def test_what_an_engine_injects_is_undone_and_told(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a node's figures would be those of one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = "import os; print(os.environ.get('OMP_NUM_THREADS'))"
    first, last = told(node.carry_out(task(tree, words).pack(("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"))))
    assert first["undone"] == {"OMP_NUM_THREADS": "1"}
    assert last["said"] == ["None"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or (os.cpu_count() or 1) < 2, reason="there is no choice")
def test_choice_of_cores_is_undone_and_told() -> None:
    """In a process of its own, whose cores it is."""
    words = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from bench.processes import node; "
        "os.sched_setaffinity(0, {0}); print(node.undo([node.AFFINITY]), len(os.sched_getaffinity(0)))"
    )
    command = [sys.executable, "-c", words, str(PROGRAM.parents[2])]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["{'affinity':", "'0'}", str(len(os.sched_getaffinity(0)))]


def test_two_tasks_on_one_host_are_never_at_work_at_the_same_time(tree: bytes) -> None:
    """The second says that it waits; the lock is gone with the first, however that ends."""
    first = node.carry_out(task(tree, "import time; time.sleep(60)").pack(()))
    next(first)
    engine = LocalEngine("1", {}, 1)
    (place,) = engine.list_nodes()
    words = "import sys, time; open(sys.argv[1].replace('.json', '.jsonl'), 'w').write('{}' + chr(10)); time.sleep(60)"
    holder = engine.start(place, task(tree, words, "{json}"))
    holder.ask()
    assert "line" in json.loads(holder.ask() or ""), "its command is at work, so that it holds the host"
    second = node.carry_out(task(tree, "print('mine')").pack(()))
    next(second)
    deadline = time.monotonic() + 20
    while "waiting" not in (message := json.loads(next(second))):
        assert time.monotonic() < deadline, message
    holder._process.kill()  # type: ignore[attr-defined]
    with pytest.raises(NodeLostError):
        list(iter(holder.ask, None))
    rest = told(second)
    assert rest[-1] == {"ended": 0, "said": ["mine"]}
    first.close()


def test_whoever_stops_asking_ends_the_command(tree: bytes) -> None:
    """With everything that it started."""
    words = (
        "import subprocess, sys, time; child = subprocess.Popen(['sleep', '600']); "
        "print(child.pid, flush=True); open(sys.argv[1].replace('.json', '.jsonl'), 'w')"
        ".write(str(child.pid) + '\\n'); time.sleep(600)"
    )
    messages = node.carry_out(task(tree, words, "{json}").pack(()))
    next(messages)
    child = psutil.Process(int(json.loads(next(messages))["line"]))
    messages.close()
    assert not wait_until_gone([child])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_agent_that_is_killed_leaves_no_command(tree: bytes) -> None:
    """Nobody is there to end it."""
    (place,) = (engine := LocalEngine("1", {}, 1)).list_nodes()
    words = (
        "import os, sys, time; open(sys.argv[1].replace('.json', '.jsonl'), 'w').write(str(os.getpid()) + '\\n'); "
        "time.sleep(600)"
    )
    running = engine.start(place, task(tree, words, "{json}"))
    running.ask()
    command = psutil.Process(int(json.loads(running.ask() or "")["line"]))
    os.kill(running._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    with pytest.raises(NodeLostError, match="its process ended with -9"):
        running.ask()
    assert not wait_until_gone([command])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_folder_of_a_task_that_was_killed_is_removed_by_the_next(tree: bytes, tmp_path: Path) -> None:
    """A checkout for each of them would fill a disk; one that is in use stays, and so does what is no task's."""
    left, used, other = (tmp_path / name for name in ("accelbench-node-left", "accelbench-node-used", "accelbench-x"))
    for folder in (left, used, other):
        folder.mkdir()
        (folder / node.HELD).touch()
    with node.hold_folder(used):
        told(node.carry_out(task(tree, "pass").pack(())))
        assert [folder.exists() for folder in (left, used, other)] == [False, True, True]
    assert sorted(path.name for path in tmp_path.glob(f"{node.FOLDERS}*")) == ["accelbench-node-used"]


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the limit stands for a full disk")
def test_disk_that_is_full_is_a_reason(tmp_path: Path) -> None:
    """With the place, and no traceback."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "large").write_bytes(b"x" * 100_000)
    words = (
        "import json, resource, signal, sys; sys.path.insert(0, sys.argv[1]); from bench.processes import node; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
        "[print(message) for message in node.carry_out(json.loads(sys.stdin.read()))]"
    )
    packed = json.dumps(task(pack_tree(tmp_path / "tree"), "pass").pack(()))
    command = [sys.executable, "-c", words, str(PROGRAM.parents[2])]
    done = subprocess.run(command, input=packed, capture_output=True, text=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["ended"] is None
    assert last["said"][0].endswith("File too large")


def test_driver_that_is_killed_leaves_no_command(tree: bytes, tmp_path: Path) -> None:
    """Although the command says nothing by which it would be noticed."""
    (tmp_path / "packed").write_bytes(tree)
    words = (
        "import sys; from pathlib import Path; from bench.processes.local_engine import LocalTask; "
        "from bench.processes.remote import Task; "
        "sleeps = \"import os, sys, time; open(sys.argv[1].replace('.json', '.jsonl'), 'w')"
        '.write(str(os.getpid()) + chr(10)); time.sleep(600)"; '
        "running = LocalTask(Task(tree=Path(sys.argv[1]).read_bytes(), command=['{python}', '-c', sleeps, '{json}'])); "
        "[print(running.ask(), end='', flush=True) for _ in range(3)]"
    )
    command = [sys.executable, "-c", words, str(tmp_path / "packed")]
    with subprocess.Popen(command, cwd=PROGRAM.parents[2], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        driver.stdout.readline()
        left = psutil.Process(int(json.loads(driver.stdout.readline())["line"]))
        driver.kill()
        assert not wait_until_gone([left])


def test_stopped_task_ends(tree: bytes) -> None:
    """From another thread, while it is being asked."""
    (place,) = (engine := LocalEngine("1", {}, 1)).list_nodes()
    running = engine.start(place, task(tree, "import time; time.sleep(600)"))
    running.ask()
    running.stop()
    with pytest.raises(NodeLostError, match="its process ended with"):
        list(iter(running.ask, None))
    assert running.ask() is None


def test_program_of_a_node_is_whole_by_itself() -> None:
    """Nothing of ours is there before it."""
    assert "from bench" not in PROGRAM.read_text()
    assert load_program()["carry_out"].__module__ == "accelbench_node"


@pytest.mark.parametrize(
    ("text", "labels", "fault"),
    [
        ("cloud:3", {}, "unknown engine 'cloud'; known: local:N, ray"),
        ("local", {}, "name how many nodes, such as local:2"),
        ("local:0", {}, "name how many nodes"),
        ("local:2", {"gpu": "h100"}, "its nodes have no labels"),
    ],
)
def test_engine_that_cannot_be_is_one_line(text: str, labels: dict[str, str], fault: str) -> None:
    """With what to do."""
    from bench.processes.remote import EngineError

    with pytest.raises(EngineError, match=fault):
        open_engine(text, labels, 1)
