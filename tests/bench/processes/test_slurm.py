"""An allocation of submitit's own executor for one machine, where submitit is installed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("submitit")

from bench.processes.remote import EngineError, NodeLostError, SlurmEngine, Task, open_engine, pack_tree


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmEngine]:
    """Two nodes that are this machine."""
    monkeypatch.setattr(SlurmEngine, "EXECUTOR", "local")
    monkeypatch.setattr(SlurmEngine, "FOLDER", tmp_path / "shared")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    opened = open_engine("slurm", {}, 2)
    assert isinstance(opened, SlurmEngine)
    yield opened
    opened.close()


def task(folder: Path, words: str) -> Task:
    """Return a task that executes Python in an empty checkout."""
    folder.mkdir(exist_ok=True)
    return Task(tree=pack_tree(folder), command=["{python}", "-c", words, "{json}"])


def test_each_node_of_an_allocation_carries_out_its_task(engine: SlurmEngine, tmp_path: Path) -> None:
    """One after the other, since they share a host."""
    words = "import sys; open(sys.argv[1].replace('.json', '.jsonl'), 'w').write('{}\\n')"
    places = engine.list_nodes()
    assert [place.name for place in places] == ["slurm-1", "slurm-2"]
    for running in [engine.start(place, task(tmp_path / "tree", words)) for place in places]:
        messages = []
        while (message := running.ask()) is not None:
            messages.append(json.loads(message))
        told = [message for message in messages if "waiting" not in message]
        assert told[1] == {"line": "{}\n"}
        assert told[-1]["ended"] == 0


def test_job_that_is_gone_is_a_reason(engine: SlurmEngine, tmp_path: Path) -> None:
    """Somebody cancelled it."""
    place = engine.list_nodes()[0]
    running = engine.start(place, task(tmp_path / "tree", "import time; time.sleep(600)"))
    assert running.ask() is not None
    engine._job.cancel()
    with pytest.raises(NodeLostError, match="its job ended"):
        list(iter(running.ask, None))


def test_labels_mean_nothing_to_slurm() -> None:
    """A partition does."""
    with pytest.raises(EngineError, match="chosen by a partition, not by labels"):
        open_engine("slurm:gpu", {"gpu": "h100"}, 1)
