"""A real accelerator, whichever is there: its clock waits, and a whole run shows what such a device has, no more.

What a claim needs that no accelerator here has is asserted on made-up ones, in the tests of what makes the claim.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.files.run import read_run
from bench.host.folders import ROOT
from bench.record.observations import Limit, Slices
from bench.record.run import Outcome, Run
from bench.steps.step import NO_COPIES

BATCHES = (1, 64)
STEPS = ("forward", "backward", "predict")

PARAMETER_BYTES = 669_706 * 4
"""The tutorial's network holds so much in float32, which every case needs at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What every device of one kind can do, known beforehand, so that no claim below is conditional on an answer.

    Attributes:
        events: whether it has events that tell a time.
        peak_memory: whether its allocator tells a peak.
        compiles: whether inductor knows it.
    """

    events: bool
    peak_memory: bool
    compiles: bool


ABILITIES = {
    "vulkan": Abilities(events=False, peak_memory=True, compiles=False),
    "cuda": Abilities(events=True, peak_memory=True, compiles=True),
}
"""What kinds of devices can do, as was seen on llvmpipe (torchvulkan 0.2) and on an H100 (torch 2.11)."""


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
def abilities(device: str) -> Abilities:
    """Return what such a device can do; skip if nobody has seen one yet."""
    kind = device.partition(":")[0]
    if kind not in ABILITIES:
        pytest.skip(f"nobody has written down yet what {kind} can do: add a row to ABILITIES")
    return ABILITIES[kind]


UNSYNCHRONISED = """
import json, sys
from time import perf_counter
import torch
from bench.devices import backend, description
from bench.devices.clock import clock as clock_of
from models.mlp import NeuralNetwork

name = sys.argv[1]
device = backend.load(name)
network, images = NeuralNetwork().to(device), torch.rand(64, 1, 28, 28).to(device)
clock, pairs = clock_of(device), []
with torch.inference_mode():
    network(images)
    for read in (perf_counter, clock) * 20:
        clock()
        begin = read()
        network(images)
        pairs.append(read() - begin)
clock()
print(json.dumps([min(pairs[0::2]), min(pairs[1::2]), description.describe(device), backend.list_devices()]))
"""


def test_clock_waits_for_what_is_queued(device: str) -> None:
    """The host's clock alone sees the forward in a tenth of its time or less; the device's clock sees all of it."""
    command = [sys.executable, "-c", UNSYNCHRONISED, device]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unsynchronised, synchronised, description, found = json.loads(done.stdout.splitlines()[-1])
    assert unsynchronised < synchronised / 10
    assert description not in {"", device}
    assert found[0] == "cpu"
    assert device in found


@pytest.fixture(scope="module")
def run(device: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a short run on it, with a compile mode that it may not have."""
    path = tmp_path_factory.mktemp("accelerator") / "out.json"
    command = [sys.executable, "-m", "pytest", "bench", "-q", "--device", device, "--batch", "1,64"]
    command += ["--step", ",".join(STEPS), "--dtype", "float32", "--compile", "off,on", "--launches", "2"]
    command += ["--data", "random", "--benchmark-max-time", "0.1", "--benchmark-json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return read_run(path)


def slices_of(run: Run, step: str) -> list[Slices]:
    """Return what was timed of a step, in every launch: a list that is never empty."""
    timed = [
        measurement.slices
        for measurement in run.measurements
        if measurement.case.step == step and measurement.slices is not None
    ]
    assert {measurement.launch for measurement in run.measurements if measurement.slices} == {1, 2}
    assert len(timed) >= 2 * len(BATCHES)
    return timed


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("batch", BATCHES)
def test_eager_case_is_measured_and_a_compiled_one_where_inductor_knows_the_device(
    run: Run, abilities: Abilities, device: str, step: str, batch: int
) -> None:
    """What inductor does not know is found by trying, and torch says why."""
    ends = {case.compile: end for case, end in run.outcomes().items() if (case.step, case.batch) == (step, batch)}
    assert ends.keys() == {"off", "on"}
    assert ends["off"] == (Outcome.MEASURED, None)
    outcome, reason = ends["on"]
    assert outcome is (Outcome.MEASURED if abilities.compiles else Outcome.SKIPPED), reason
    assert (reason or "").startswith("" if abilities.compiles else f"torch.compile (on) does not work on {device}: ")


def test_forward_is_queued_and_has_a_latency_beside_its_throughput(run: Run) -> None:
    """One iteration that is waited for cannot be faster than one of many that are queued, but for noise."""
    for slices in slices_of(run, "forward"):
        assert slices.latency_seconds is not None
        assert min(slices.latency_seconds) > 0.5 * min(slices.seconds)


@pytest.mark.parametrize("step", ["backward", "predict"])
def test_step_that_is_waited_for_has_no_other_latency(run: Run, step: str) -> None:
    """Its slices are iterations that are each waited for."""
    assert {slices.latency_seconds for slices in slices_of(run, step)} == {None}


def test_copies_of_predict_are_a_part_of_it(run: Run) -> None:
    """They are found in the pilot, and forward, whose inputs lie on the device, has none."""
    pilot = [measurement for measurement in run.measurements if measurement.launch == 0 and measurement.preparation]
    made = {step: [at.preparation for at in pilot if at.case.step == step and at.preparation] for step in STEPS}
    assert len(made["predict"]) >= len(BATCHES)
    for preparation in made["predict"]:
        assert preparation.copy_seconds is not None
        assert preparation.copy_seconds < 2 * preparation.estimate_seconds
    for step in ("forward", "backward"):
        assert {(it.copy_seconds, it.copy_reason) for it in made[step]} == {(None, NO_COPIES)}


def test_events_stand_beside_the_clock_where_the_device_has_them(run: Run, abilities: Abilities) -> None:
    """They lie inside the reads of the clock, so they show a little less, and nearly all of it."""
    for slices in slices_of(run, "forward"):
        assert (slices.event_seconds is not None) == abilities.events
        shares = [
            event / host for event, host in zip(slices.event_seconds or (), slices.seconds, strict=abilities.events)
        ]
        assert all(0.8 < share < 1.05 for share in shares), shares


def test_peak_memory_holds_the_network_and_grows_with_the_batch(run: Run, abilities: Abilities) -> None:
    """A device whose allocator tells nothing has a reason instead; 0 it never is."""
    peaks = {
        measurement.case.batch: (measurement.preparation.peak_bytes, measurement.preparation.peak_bytes_reason)
        for measurement in run.measurements
        if measurement.launch == 0
        and measurement.preparation
        and measurement.case.step == "forward"
        and not measurement.case.compiled
    }
    assert peaks.keys() == set(BATCHES)
    assert all((peak is None) == (reason is not None) == (not abilities.peak_memory) for peak, reason in peaks.values())
    told = [PARAMETER_BYTES, *(peak for _, (peak, _) in sorted(peaks.items()) if peak is not None)]
    assert len(told) == 1 + len(BATCHES) * abilities.peak_memory
    assert told == sorted(set(told))


def test_device_has_its_ceilings(run: Run) -> None:
    """Products and copies, in the same run."""
    ceilings = {ceiling.limit: ceiling for ceiling in run.ceilings}
    assert ceilings.keys() == set(Limit)
    assert all(ceiling.per_second for ceiling in ceilings.values()), ceilings


def test_device_is_named_and_nothing_is_missing_without_a_reason(run: Run, device: str) -> None:
    """The environment says what the card is."""
    facts = run.environment.facts
    assert facts[f"device.{device}.description"] not in {None, "", device}
    of_device = {name: value for name, value in facts.items() if name.startswith(f"device.{device}.")}
    assert f"device.{device}.memory_bytes" in of_device
    assert [name for name, value in of_device.items() if value is None and not facts.get(f"{name}.reason")] == []


def test_compared_with_nobody_is_one_line(run: Run) -> None:
    """A gate takes two."""
    command = [sys.executable, "-m", "reports", "compare", str(Path(run.source))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "one device in one file" in done.stderr
