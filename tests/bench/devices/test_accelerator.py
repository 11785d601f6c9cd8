"""A whole run on a real accelerator, whichever is there: its queue, its latency, its ceiling, what it cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.files.run import read
from bench.host.folders import ROOT
from bench.record.observations import Limit
from bench.record.run import Outcome, Run

BATCHES = (1, 64)


@pytest.fixture(scope="module")
def device() -> str:
    """Return the accelerator of this machine: torch's current one, or Vulkan on the CPU; skip without any."""
    named = ["vulkan"] if find_spec("torchvulkan") else []
    done = subprocess.run(
        [sys.executable, "-m", "bench.devices", *named], cwd=ROOT, capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    usable = [*answer["found"][1:], *(name for name in named if name not in answer["refused"])]
    if not usable:
        pytest.skip(f"no accelerator here: {answer['refused'] or 'torch finds none, torchvulkan is not installed'}")
    return str(usable[0])


@pytest.fixture(scope="module")
def run(device: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a short run on it, with a compile mode that it may not have."""
    path = tmp_path_factory.mktemp("accelerator") / "out.json"
    command = [sys.executable, "-m", "pytest", "bench", "-q", "--device", device, "--batch", "1,64"]
    command += ["--step", "forward,backward", "--dtype", "float32", "--compile", "off,on", "--launches", "2"]
    command += ["--data", "random", "--benchmark-max-time", "0.1", "--benchmark-json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return read(path)


def test_every_eager_case_is_measured_and_a_compiled_one_at_least_explained(run: Run) -> None:
    """What inductor does not know is found by trying, and torch says why."""
    for case, (outcome, reason) in run.outcomes().items():
        if case.compiled and outcome is Outcome.SKIPPED:
            assert reason is not None
            assert reason.startswith("torch.compile (on) does not work on ")
        else:
            assert outcome is Outcome.MEASURED, (case.id, reason)


def test_forward_has_throughput_and_latency_backward_only_the_latter(run: Run) -> None:
    """One iteration that is waited for cannot be faster than one of many that are queued, but for noise."""
    for one in run.measurements:
        if one.slices is None:
            continue
        if one.case.step == "backward":
            assert one.slices.latency_seconds is None
        else:
            assert one.slices.latency_seconds is not None
            assert min(one.slices.latency_seconds) > 0.5 * min(one.slices.seconds)


def test_events_agree_with_the_clock_where_there_are_any(run: Run) -> None:
    """Vulkan has none, CUDA has."""
    for one in run.measurements:
        if one.slices is not None and one.slices.event_seconds is not None:
            for event, host in zip(one.slices.event_seconds, one.slices.seconds, strict=True):
                assert 0.8 < event / host < 1.05


def test_memory_is_told_or_the_reason(run: Run) -> None:
    """A bigger batch needs more of it; 0 it never is."""
    pilots = [one for one in run.measurements if one.launch == 0 and one.preparation]
    assert pilots
    for one in pilots:
        assert one.preparation is not None
        assert (one.preparation.peak_bytes is None) == (one.preparation.peak_bytes_reason is not None)
    told = {
        one.case.batch: one.preparation.peak_bytes
        for one in pilots
        if one.preparation and one.preparation.peak_bytes and one.case.step == "forward" and not one.case.compiled
    }
    if told:
        assert 669_706 * 4 < told[1] < told[64]


def test_device_has_its_ceilings(run: Run) -> None:
    """Products and copies, in the same run."""
    found = {one.limit: one for one in run.ceilings}
    assert found.keys() == set(Limit)
    assert all(one.per_second for one in found.values()), found


def test_device_is_named_and_nothing_is_missing_without_a_reason(run: Run, device: str) -> None:
    """The environment says what the card is."""
    facts = run.environment.facts
    assert facts[f"device.{device}.description"] not in {None, "", device}
    for name, value in facts.items():
        if name.startswith("device.") and value is None:
            assert facts[f"{name}.reason"], name


def test_compared_with_nobody_is_one_line(run: Run) -> None:
    """A comparison takes two."""
    command = [sys.executable, "-m", "reports", "compare", str(Path(run.source))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "one device in one file" in done.stderr
