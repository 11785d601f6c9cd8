"""Several ranks are asked as one: what they compute is right, and whatever befalls one of them is the end of all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
import pytest

from bench.host.cores import list_places
from bench.host.folders import ROOT
from bench.processes import group as group_module
from bench.processes.group import Company, merge
from bench.processes.local import WorkerDiedError, WorkerProcess, WorkerTimeoutError
from bench.processes.pool import WorkerPool, WorkerSetup
from bench.protocol import Done, Drop, Failure, FootprintTold, Prepare, TimeSlice, Timing, Verified, Verify
from bench.record.case import Case
from bench.record.observations import Preparation
from bench.record.run import Outcome
from tests.makers.processes import wait_until_gone
from tests.makers.runs import preparation

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="workers are POSIX processes"),
    pytest.mark.skipif(len(list_places()) < 2, reason="two ranks take two cores"),
]

SECONDS = 60.0
SETUP = WorkerSetup(seed=0, data_root=None, left_out=(), timeout_seconds=SECONDS, memory_bytes=None)
ALONE = Case(model="mlp", step="backward", batch=64, device="cpu", dtype="float32", compile="off")
OF_TWO = replace(ALONE, ranks="ddp:2")


NETS = """import torch
from torch import nn

def example_inputs(batch):
    return torch.randn(batch, 4)

def normalised():
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

class Summed(nn.Sequential):
    def loss(self, output, inputs):
        return output.square().sum()

def summed():
    return Summed(nn.Linear(4, 4))

class Scaled(nn.Sequential):
    def example_inputs(self, batch):
        return torch.randn(batch, 4), torch.ones(4)

    def forward(self, inputs, scale):
        return scale * super().forward(inputs)

def scaled():
    return Scaled(nn.Linear(4, 4))
"""
"""A network that normalises by its batch, one whose loss is no mean, and one that is fed what has no batch."""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    """What makes workers and ranks beside them."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "nets.py").write_text(NETS)
    models = {name: f"nets.py:{name}" for name in ("normalised", "summed", "scaled")}
    setup = replace(SETUP, models=models, project=folder)
    made = WorkerPool(root=ROOT, scratch=folder, setup=setup, compiled=False, launches_per_launcher=4, ranks={"ddp:2"})
    with closing(made):
        yield made


@pytest.fixture(scope="module")
def shared(pool: WorkerPool) -> Iterator[Company]:
    """A company for the tests that do not break it."""
    made = pool.open("cpu", 1)
    assert isinstance(made, Company)
    yield made
    made.end()


@pytest.fixture
def company(pool: WorkerPool) -> Iterator[Company]:
    """A company whose two ranks are ready, and that may be broken."""
    made = pool.open("cpu", 1)
    assert isinstance(made, Company)
    prepare(made, OF_TWO)
    yield made
    made.kill()


def prepare(company: Company, case: Case, **changes: Any) -> Preparation:
    """Make a case ready without warming it up."""
    reply = company.ask(Prepare(case=case, warm=False, probe=True, **changes), SECONDS)
    assert isinstance(reply, Preparation), reply
    return reply


def list_ranks(company: Company) -> list[psutil.Process]:
    """Return the processes of both ranks."""
    return [psutil.Process(worker.pid) for worker in company._groups["ddp:2"]._workers]


@pytest.mark.parametrize("step", ["forward", "backward", "train"])
@pytest.mark.parametrize("compile_", ["off", "on"])
def test_ranks_compute_what_one_process_with_the_whole_batch_would(step: str, compile_: str, shared: Company) -> None:
    """Outputs put together, the mean of losses, exchanged gradients and moved weights: all held against float64."""
    case = replace(OF_TWO, step=step, compile=compile_)
    alone, two = prepare(shared, replace(case, ranks="1")), prepare(shared, case)
    assert two.relative_errors.keys() == alone.relative_errors.keys()
    assert (two.flops, two.minimal_bytes is None) == (alone.flops, alone.minimal_bytes is None)
    timing = shared.ask(TimeSlice(case=case, iterations=4, local=True), SECONDS)
    assert isinstance(timing, Timing)
    assert (timing.local_seconds is None) is (step == "forward")
    assert isinstance(shared.ask(Verify(case=case), SECONDS), Verified)
    assert shared.ask(Drop(), SECONDS) == Done()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch": 63}, "a batch of 63 cannot be shared evenly by 2 ranks"),
        ({"step": "predict"}, "predict is not run by ranks: forward, backward, train are"),
        ({"threads": 1}, "threads=1: a rank has as many threads as its share of the cores"),
    ],
)
def test_case_that_ranks_cannot_share_is_skipped_and_they_go_on(
    changes: dict[str, Any], reason: str, shared: Company
) -> None:
    """All of them refuse it alike, so none waits for another."""
    reply = shared.ask(Prepare(case=replace(OF_TWO, **changes), warm=False, probe=True), SECONDS)
    assert reply == Failure(outcome=Outcome.SKIPPED, reason=reason)
    assert not shared.spent
    prepare(shared, OF_TWO)


@pytest.mark.parametrize(
    ("model", "outcome", "reason"),
    [
        ("normalised", Outcome.SKIPPED, "BatchNorm1d normalise by a rank's share of the batch"),
        ("summed", Outcome.WRONG_RESULT, "loss: relative error"),
        ("scaled", Outcome.SKIPPED, "does not have the batch in front"),
    ],
)
def test_network_that_ranks_compute_otherwise_has_no_time(
    model: str, outcome: Outcome, reason: str, shared: Company
) -> None:
    """Its answer is held against one process with the whole batch, or cannot be."""
    reply = shared.ask(Prepare(case=replace(OF_TWO, model=model), warm=False, probe=True), SECONDS)
    assert isinstance(reply, Failure)
    assert (reply.outcome, reason in reply.reason) == (outcome, True), reply.reason
    assert not shared.spent


def test_more_ranks_than_cores_are_skipped(shared: Company) -> None:
    """Cores are not shared by two ranks."""
    many = f"ddp:{len(list_places()) + 1}"
    reply = shared.ask(Prepare(case=replace(ALONE, ranks=many), warm=False, probe=True), SECONDS)
    assert isinstance(reply, Failure)
    assert (reply.outcome, reply.reason.startswith(f"{many} needs a core for each rank")) == (Outcome.SKIPPED, True)


def test_only_those_run_that_are_asked(company: Company) -> None:
    """Processes that take turns do not disturb each other; ranks that wait for work would spin."""
    ranks = list_ranks(company)
    assert {rank.status() for rank in ranks} <= {psutil.STATUS_SLEEPING, psutil.STATUS_RUNNING}
    prepare(company, ALONE)
    assert {rank.status() for rank in ranks} == {psutil.STATUS_STOPPED}


def test_each_rank_has_its_own_cores(company: Company) -> None:
    """They are bound when their programs are executed."""
    cores = [set(os.sched_getaffinity(rank.pid)) for rank in list_ranks(company)]
    assert cores[0]
    assert cores[1]
    assert not cores[0] & cores[1]


def test_killed_rank_is_named_and_takes_the_others_with_it(company: Company) -> None:
    """The exchange of gradients cannot end without it, so that nobody may wait for that."""
    ranks = list_ranks(company)
    Timer(0.3, os.kill, (ranks[1].pid, signal.SIGKILL)).start()
    with pytest.raises(WorkerDiedError, match=r"rank 1 of 2: the worker's process ended with SIGKILL"):
        company.ask(TimeSlice(case=OF_TWO, iterations=1 << 20), SECONDS)
    assert company.spent
    assert not wait_until_gone(ranks)


def test_ranks_that_wait_for_one_that_hangs_are_killed(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended rank answers nothing; the other waits for it inside the exchange."""
    monkeypatch.setattr(group_module, "GRACE_SECONDS", 0.5)
    ranks = list_ranks(company)
    os.kill(ranks[0].pid, signal.SIGSTOP)
    with pytest.raises(WorkerTimeoutError, match="no answer of any of 2 ranks within 2 s"):
        company.ask(TimeSlice(case=OF_TWO, iterations=4), 2.0)
    assert not wait_until_gone(ranks)


def test_rank_that_says_half_of_its_answer_takes_the_others_with_it(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something could be read of it, and the rest never came."""

    def receive(*_: object) -> None:
        raise WorkerTimeoutError("no answer within 1 s")

    monkeypatch.setattr(WorkerProcess, "receive", receive)
    ranks = list_ranks(company)
    with pytest.raises(WorkerTimeoutError):
        company._groups["ddp:2"].ask(Verify(case=OF_TWO), SECONDS)
    assert not wait_until_gone(ranks)


def test_rank_that_fails_alone_is_the_failure_of_all(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others would wait for it in vain; they have a moment to notice."""
    monkeypatch.setattr(group_module, "GRACE_SECONDS", 0.5)
    group = company._groups["ddp:2"]
    ranks = list_ranks(company)
    reply = group.ask_each([TimeSlice(case=OF_TWO, iterations=4), Verify(case=ALONE)], SECONDS)  # type: ignore[list-item]
    assert isinstance(reply, Failure)
    assert reply.reason.startswith("rank 1 of 2: KeyError")
    assert company.spent
    assert not wait_until_gone(ranks)


def test_slice_of_ranks_ends_when_the_slowest_ends() -> None:
    """Time is the slowest's, what disturbed them is everybody's, and what one does not tell nobody tells."""
    first = Timing(
        seconds=1.0,
        started_seconds=10.0,
        wall_seconds=4.0,
        stolen_seconds=0.5,
        minor_faults=3,
        involuntary_switches=1,
        latency_seconds=None,
        event_seconds=None,
        throttled=("heat",),
        local_seconds=0.75,
    )
    second = replace(
        first,
        seconds=2.0,
        started_seconds=9.0,
        wall_seconds=3.0,
        minor_faults=4,
        throttled=("power",),
        local_seconds=0.5,
    )
    assert merge([first, second]) == replace(
        first,
        seconds=2.0,
        started_seconds=9.0,
        minor_faults=7,
        involuntary_switches=2,
        throttled=("heat", "power"),
    )
    assert merge([first, replace(second, stolen_seconds=None)]).stolen_seconds is None


def test_ranks_are_as_ready_as_the_least_ready_of_them() -> None:
    """The worst error, the longest call, and no warm-up that one of them has not finished."""
    first = preparation(remarks=("a",))
    second = replace(
        first,
        settled=False,
        relative_errors={"logits": 1.0},
        estimate_seconds=9.0,
        remarks=("a", "b"),
        verify_seconds=7.0,
    )
    merged = merge([first, second])
    assert (merged.settled, merged.estimate_seconds, merged.remarks) == (False, 9.0, ("a", "b"))
    assert merged.relative_errors["logits"] == 1.0
    assert merged.verify_seconds == 7.0


def test_what_any_of_them_left_behind_is_told() -> None:
    """A model's code may change the settings of one process only."""
    told = [
        FootprintTold(state={"threads": "1 -> 2"}, outside={}, loaded={"a.py": "1"}),
        FootprintTold(state={}, outside={"helper": "/h.py"}, displaced=("helper",), loaded={"b.py": "2"}),
    ]
    assert merge(told) == FootprintTold(
        state={"threads": "1 -> 2"},
        outside={"helper": "/h.py"},
        displaced=("helper",),
        loaded={"a.py": "1", "b.py": "2"},
    )


def test_workers_of_a_run_without_ranks_are_as_they_were(tmp_path: Path) -> None:
    """A matrix of one process pays nothing for the axis."""
    pool = WorkerPool(root=ROOT, scratch=tmp_path, setup=SETUP, compiled=False, launches_per_launcher=4)
    with closing(pool):
        worker = pool.open("cpu", 1)
        assert not isinstance(worker, Company | Failure)
        worker.end()
