"""What a device says of itself is on record, and what it does not say is None with its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from bench.devices import description
from bench.host.folders import ROOT
from bench.record.conditions import Scalar
from tests.makers.backends import CPU, CUDA, pretend, refuse

XPU = torch.device("xpu", 0)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (SimpleNamespace(get_device_name=lambda index: f"Card {index}"), "Card 0"),
        (SimpleNamespace(get_device_name=refuse, device_name=lambda index: f"Chip {index}"), "Chip 0"),
        (SimpleNamespace(), "cuda"),
        (None, "cuda"),
    ],
    ids=["card", "chip", "nameless", "no-module"],
)
def test_device_is_described_as_people_call_it(module: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table without the card's name compares nothing."""
    monkeypatch.setattr(description, "module_of", lambda _: module)
    assert description.describe(CUDA) == name


def test_cpu_is_described_as_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never as plain cpu; its memory and cores are facts of the machine."""
    monkeypatch.setattr(description, "processor", lambda: "Chip 9")
    assert description.device_facts(CPU) == {"description": "Chip 9"}


def properties(**told: object) -> SimpleNamespace:
    """Return a backend that describes its devices so."""
    return SimpleNamespace(get_device_properties=lambda _: SimpleNamespace(name="Card", **told))


@pytest.mark.parametrize(
    ("module", "facts"),
    [
        (
            properties(total_memory=8, multi_processor_count=132, major=9, minor=0),
            {"memory_bytes": 8, "multi_processor_count": 132, "capability": "9.0"},
        ),
        (properties(total_memory=8, gcnArchName="gfx942", major=9), {"gcnArchName": "gfx942", "capability": "9.0"}),
        (properties(total_memory=8, gcnArchName="Card", driver_version=object()), {"memory_bytes": 8}),
        (
            SimpleNamespace(get_device_properties=refuse),
            {"memory_bytes": None, "memory_bytes.reason": "its backend does not tell"},
        ),
        (None, {"memory_bytes": None, "memory_bytes.reason": "its backend does not tell"}),
    ],
    ids=["card", "architecture", "no-scalar", "refuses", "no-module"],
)
def test_properties_are_facts_and_what_is_missing_has_a_reason(
    module: object, facts: dict[str, Scalar], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each backend tells some of them; CUDA repeats the card's name as its architecture."""
    pretend(monkeypatch, own=None, module=module)
    expected = {"description": "xpu", "memory_bytes": 8, **facts}
    assert description.device_facts(XPU) == expected


@pytest.mark.parametrize(
    ("nvml", "facts"),
    [
        ({"driver": "580.1"}, {"driver": "580.1"}),
        ({}, {"driver": None, "driver.reason": "nvidia-ml-py does not answer: install the extra nvidia"}),
    ],
    ids=["with-the-extra", "without"],
)
def test_cuda_tells_its_precision_its_runtime_and_its_driver(
    nvml: dict[str, Scalar], facts: dict[str, Scalar], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TF32 makes products of float32 several times faster, and less exact."""
    pretend(monkeypatch, own=None, module=properties(total_memory=8))
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cuda, "matmul", SimpleNamespace(allow_tf32=True))
    monkeypatch.setattr(description.nvidia, "facts", lambda _: nvml)
    shown = description.device_facts(CUDA)
    assert shown == {"description": "cuda", "memory_bytes": 8, "tf32": True, "runtime": "13.0", **facts}


def test_facts_of_torch_stand_beside_those_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a device carry its name, since a run may have several."""
    monkeypatch.setattr(description, "processor", lambda: "Chip 9")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    facts = description.torch_facts(CPU)
    assert facts["device.cpu.description"] == "Chip 9"
    assert facts["torch.threads"] == 7
    assert facts["torch.git"] == torch.version.git_version
    assert facts["torch.build"] == torch.__version__


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's threads")
@pytest.mark.parametrize(("limit", "threads"), [({}, "2"), ({"OMP_THREAD_LIMIT": "1"}, "1")], ids=["free", "limited"])
def test_threads_that_run_are_counted_and_not_asked_for(limit: dict[str, str], threads: str) -> None:
    """Torch says two under OMP_THREAD_LIMIT=1, and computes on one."""
    code = (
        "import torch; torch.set_num_threads(2)\n"
        "from bench.devices.description import torch_facts\n"
        "facts = torch_facts(torch.device('cpu'))\n"
        "print(facts['torch.threads'], facts['torch.threads_running'])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", **limit}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[1] == threads
