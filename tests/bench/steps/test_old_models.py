"""Today's bench runs the `models` of this repository's first commit that has one: what both share is a contract.

With ``--against`` the worker of base does just that, and a gate with an old commit must not end in an error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TypeVar

import pytest

from bench.gate.checkout import Slots
from bench.gate.tree import Commit, TreeError, make_tree
from bench.host.folders import ROOT
from bench.processes.local import Launcher, WorkerProcess
from bench.protocol import Count, Done, Failure, ListModels, Open, Prepare, Request, TimeSlice, Verify
from bench.record.case import BUILTIN_STEPS
from tests.makers.subjects import case_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are POSIX processes")

FIRST = "8aca560"
"""The first commit of this repository that has a folder `models`: its Model has a summary, a build and a loss."""

SECONDS = 60.0
R = TypeVar("R")
OPEN = Open(device="cpu", seed=0, data_root=None, left_out=(), memory_bytes=None)


@pytest.fixture(scope="module")
def old_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker as base has it: the engine of the working tree over the models of the first commit."""
    folder = tmp_path_factory.mktemp("old")
    try:
        make_tree(Commit(folder=ROOT, name=FIRST), folder / "first")
    except TreeError as error:
        pytest.skip(f"this clone does not have the history that holds {FIRST}: {error}")
    slot, _ = Slots.make(ROOT, folder).place(folder / "first", folder / "first")
    assert "tolerance" not in (slot / "models" / "__init__.py").read_text(), "these are the models of today"
    with Launcher(
        root=slot, variables={"OMP_NUM_THREADS": "1"}, compiled=False, log=folder / "workers.log"
    ) as launcher:
        worker = launcher.start(fork=True)
        assert ask(worker, OPEN) == Done()
        yield worker
        worker.end()


def ask(worker: WorkerProcess, request: Request[R]) -> R:
    """Return the reply to a request that must not fail."""
    reply = worker.ask(request, SECONDS)
    assert not isinstance(reply, Failure), reply
    return reply


@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_old_models_are_verified_and_timed(step: str, old_worker: WorkerProcess) -> None:
    """Inputs and tolerance that the old Model does not name are the ones it always had."""
    case = case_of(step)
    prepared = ask(old_worker, Prepare(case=case, warm=True, probe=True))
    assert prepared.relative_errors["logits"] < 1e-4
    assert prepared.flops is not None
    assert prepared.flops > 0
    timed = ask(old_worker, TimeSlice(case=case, iterations=2))
    assert 0 < timed.seconds <= timed.wall_seconds
    assert ask(old_worker, Verify(case=case)).relative_errors["logits"] < 1e-4


def test_old_models_are_counted(old_worker: WorkerProcess) -> None:
    """The exact counts stand beside the verdict of a gate."""
    counts = ask(old_worker, Count(case=case_of())).counts
    assert (counts["aten::linear"], counts["parameters"]) == (3, 669_706)


def test_old_models_are_named(old_worker: WorkerProcess) -> None:
    """A gate asks both arms before it plans: a case that one of them cannot build is left out with its reason."""
    assert ask(old_worker, ListModels()).names == ("mlp", "mlp-wide")
