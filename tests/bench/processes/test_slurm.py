"""An allocation of submitit's own executor for one machine, where submitit is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("submitit")

from bench.host.folders import ROOT
from bench.processes.engines import open_engine
from bench.processes.remote import EngineError, NodeLostError, Task, pack_tree
from bench.processes.slurm_engine import SlurmEngine


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


def test_nothing_is_left_on_the_shared_file_system(tmp_path: Path, engine: SlurmEngine) -> None:
    """A home folder has a quota."""
    assert list((tmp_path / "shared").iterdir())
    engine.close()
    assert not list((tmp_path / "shared").iterdir())


def test_job_that_is_gone_is_a_reason(engine: SlurmEngine, tmp_path: Path) -> None:
    """Somebody cancelled it."""
    place = engine.list_nodes()[0]
    running = engine.start(place, task(tmp_path / "tree", "import time; time.sleep(600)"))
    assert running.ask() is not None
    engine._job.cancel()
    with pytest.raises(NodeLostError, match="its job ended"):
        list(iter(running.ask, None))


def test_node_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    """The driver was killed, and its allocation goes on for hours; in a process of its own, which it ends."""
    words = (
        "import sys; from pathlib import Path; from bench.processes import slurm_engine; "
        "slurm_engine.ALIVE_SECONDS, slurm_engine.ABANDONED_SECONDS = 0.1, 0.5; "
        "slurm_engine._end_when_abandoned(Path(sys.argv[1]), 0)"
    )
    done = subprocess.run([sys.executable, "-c", words, str(tmp_path)], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 1


def test_labels_mean_nothing_to_slurm() -> None:
    """A partition does."""
    with pytest.raises(EngineError, match="chosen by a partition, not by labels"):
        open_engine("slurm:gpu", {"gpu": "h100"}, 1)
