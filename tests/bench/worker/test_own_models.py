"""A worker with a model of the user's own: it is found, prepared, counted and told of, and what it does to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.protocol import Count, Open, Prepare, TellModel, TimeSlice, Verify
from bench.record.case import Case
from bench.steps.imported import DEFAULT_LOSS
from bench.steps.support import SkipError
from bench.steps.verify import WrongResultError
from bench.worker.worker import Worker
from tests.makers.imports import imports_undone

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4 * 36, 5)
        self.calls, self.known = 0, {}

    def forward(self, x):
        logits = self.head(torch.relu(self.norm(self.conv(x))).flatten(1))
        self.calls += 1
        return self.spoil(logits, x)

    def spoil(self, logits, x):
        return logits

def example_inputs(batch):
    return torch.randn(batch, 3, 8, 8)

def make():
    return Net()
"""


@pytest.fixture(autouse=True)
def own_process(tmp_path: Path) -> Iterator[None]:
    """Leave what a model may change for everybody as it was."""
    dtype, threads, grad = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    with imports_undone(tmp_path):
        yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    torch.set_grad_enabled(grad)


def worker_of(folder: Path, source: str = NET, **more: object) -> Worker:
    """Return a worker whose project is a folder with one file."""
    (folder / "net.py").write_text(source)
    opening = Open(
        device="cpu",
        seed=0,
        data_root=None,
        left_out=(),
        memory_bytes=None,
        models={"make": "net.py:make", "gone": "gone.py:make", "absent": "net.py:absent"},
        project=str(folder),
        references=str(folder / "references"),
    )
    return Worker(replace(opening, **more))  # type: ignore[arg-type]


CASE = Case(model="make", step="train", batch=4, device="cpu", dtype="float32", compile="off")


def test_model_of_the_users_own_is_prepared_timed_and_verified(tmp_path: Path) -> None:
    """Its errors, counts and remarks are those of any other case."""
    worker = worker_of(tmp_path)
    preparation = worker.prepare(Prepare(case=CASE, warm=False, probe=True))
    assert {"logits", "loss", "gradients", "weights", "buffers"} == preparation.relative_errors.keys()
    assert preparation.flops is not None
    assert preparation.flops > 2 * 4 * 36 * 4 * 27
    assert preparation.remarks == (DEFAULT_LOSS,)
    assert worker.time_slice(TimeSlice(case=CASE, iterations=3)).seconds > 0
    assert worker.verify(Verify(case=CASE)).relative_errors["buffers"] < 1e-5
    assert worker.count(Count(case=CASE)).counts["aten::convolution"] == 1


@pytest.mark.parametrize("step", ["forward", "backward", "train", "predict"])
@pytest.mark.parametrize("compile_", ["off", "backend:aot_eager"])
def test_every_step_and_mode_of_it_is_right(step: str, compile_: str, tmp_path: Path) -> None:
    """The compiled form is held against eager's own error."""
    worker = worker_of(tmp_path)
    case = replace(CASE, step=step, compile=compile_)
    worker.prepare(Prepare(case=case, warm=False, probe=False))
    assert worker.verify(Verify(case=case)).relative_errors["logits"] < 1e-5
    torch.compiler.reset()


def test_worker_names_what_it_can_build_and_where_it_comes_from(tmp_path: Path) -> None:
    """An arm may lack the file, or the factory in it: then it is not among its models."""
    worker = worker_of(tmp_path)
    names = worker.list_models().names
    assert "make" in names
    assert not {"gone", "absent"} & set(names)
    facts = worker.tell_model(TellModel(name="make")).facts
    assert (facts["model.make.spec"], facts["model.make.file"]) == ("net.py:make", "net.py")
    assert len(str(facts["model.make.digest"])) == 16


SPOILED = {
    "remembers by input": "return self.known.setdefault(id(x), logits)",
    "remembers by version": "return self.known.setdefault((x.data_ptr(), x._version), logits)",
    "nothing after some calls": "return logits if self.calls < 6 else logits * 0",
    "zeros unless it is verified": "return logits if self.calls < 3 or self.calls % 2 else torch.zeros_like(logits)",
    "a tensor of a class of its own": "return logits if self.calls < 6 else logits.as_subclass(nn.Parameter)",
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_answer_that_is_no_answer_is_caught(spoil: str, tmp_path: Path) -> None:
    """By the first answer or, after its slices, by the last one."""
    worker = worker_of(tmp_path, NET.replace("        return logits\n", f"        {spoil}\n"))
    case = replace(CASE, step="forward")

    def measure() -> None:
        worker.prepare(Prepare(case=case, warm=False, probe=False))
        for _ in range(3):
            worker.time_slice(TimeSlice(case=case, iterations=3))
        worker.verify(Verify(case=case))

    with pytest.raises(WrongResultError, match="logits"):
        measure()


GLOBALS = {
    "default dtype": ("torch.set_default_dtype(torch.float64)", "float32 -> float64"),
    "threads": ("torch.set_num_threads(torch.get_num_threads() + 1)", " -> "),
    "grad mode": ("torch.set_grad_enabled(False)", "True -> False"),
}


@pytest.mark.parametrize("name", GLOBALS)
def test_what_it_changes_for_everybody_is_named(name: str, tmp_path: Path) -> None:
    """Forward is right all the same, and no other model has to do with it: each has processes of its own."""
    change, told = GLOBALS[name]
    worker = worker_of(tmp_path, f"{NET}\n{change}\n")
    case = replace(CASE, step="forward")
    worker.prepare(Prepare(case=case, warm=False, probe=False))
    assert worker.verify(Verify(case=case)).relative_errors["logits"] < 1e-5
    assert told in worker.tell_footprint().state[name]


def test_backward_without_a_graph_is_a_skip(tmp_path: Path) -> None:
    """A model that switches gradients off for everybody leaves nothing to differentiate, and a sentence says so."""
    worker = worker_of(tmp_path, f"{NET}\ntorch.set_grad_enabled(False)\n")
    with pytest.raises(SkipError, match="differentiate"):
        worker.prepare(Prepare(case=CASE, warm=False, probe=False))
