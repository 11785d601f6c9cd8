"""A real Ray cluster of several nodes on this machine, where Ray is installed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from ray.cluster_utils import Cluster

from bench.processes.fleet import carry_out
from bench.processes.ray_engine import RayEngine
from bench.processes.remote import EngineError, NodeLostError, Task, pack_tree
from bench.record.fleet import FleetEvent, NodeEnded, NodeUndone


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes with labels of their own."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "labels": {"machine": "alpha"}})
    for name in ("beta", "gamma"):
        made.add_node(num_cpus=1, labels={"machine": name})
    yield made
    made.shutdown()


@pytest.fixture
def engine(cluster: Any) -> Iterator[RayEngine]:
    """All of them."""
    opened = RayEngine(cluster.address, {}, 1)
    yield opened
    opened.close()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A checkout without a file."""
    (tmp_path / "tree").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    return pack_tree(tmp_path / "tree")


def task(tree: bytes, words: str) -> Task:
    """Return a task that executes Python."""
    return Task(tree=tree, command=["{python}", "-c", words, "{json}"])


WRITES = "import sys; open(sys.argv[1].replace('.json', '.jsonl'), 'w').write('{}\\n')"


def test_task_lands_on_the_node_that_is_named(cluster: Any, engine: RayEngine, tree: bytes) -> None:
    """Three nodes of one host have three names; what Ray set for the task is undone."""
    places = engine.list_nodes()
    assert len({place.name for place in places}) == 3
    assert {place.labels["machine"] for place in places} == {"alpha", "beta", "gamma"}
    for place in places:
        running = engine.start(place, task(tree, WRITES))
        messages = []
        while (message := running.ask()) is not None:
            messages.append(json.loads(message))
        told = [message for message in messages if "waiting" not in message]
        assert told[0]["undone"].get("OMP_NUM_THREADS") == "1"
        assert told[1] == {"line": "{}\n"}
        assert told[-1]["ended"] == 0, told


def test_nodes_are_chosen_by_label(cluster: Any) -> None:
    """A label that no node has is one line."""
    chosen = RayEngine(cluster.address, {"machine": "beta"}, 1)
    try:
        (place,) = chosen.list_nodes()
        assert place.labels["machine"] == "beta"
    finally:
        chosen.close()
    other = RayEngine(cluster.address, {"machine": "delta"}, 1)
    try:
        with pytest.raises(EngineError, match="ray: no living node has the labels machine=delta"):
            other.list_nodes()
    finally:
        other.close()


def test_node_that_dies_is_a_reason(cluster: Any, tree: bytes) -> None:
    """In the middle of its task; the other node is none the wiser."""
    extra = cluster.add_node(num_cpus=1, labels={"machine": "delta"})
    cluster.wait_for_nodes()
    engine = RayEngine(cluster.address, {}, 1)
    try:
        places = {place.labels["machine"]: place for place in engine.list_nodes()}
        doomed, other = places["delta"], places["beta"]
        events: list[FleetEvent] = []

        def show(event: object) -> None:
            if isinstance(event, NodeUndone) and event.node == doomed.name:
                cluster.remove_node(extra)

        tasks = {
            doomed.name: (doomed, task(tree, "import time; time.sleep(600)")),
            other.name: (other, task(tree, "print('fine')")),
        }
        carry_out(engine, tasks, add=events.append, show=show, stop=lambda: None)
        reasons = {event.node: str(event.reason) for event in events if isinstance(event, NodeEnded)}
        assert "Died" in reasons[doomed.name] or "Crashed" in reasons[doomed.name]
        assert reasons[other.name] == "exit code 0: fine"
    finally:
        engine.close()


def test_cluster_that_is_not_there_is_one_line() -> None:
    """With its address."""
    with pytest.raises((EngineError, NodeLostError), match=r"ray: no cluster at 127\.0\.0\.1:1"):
        RayEngine("127.0.0.1:1", {}, 1)
