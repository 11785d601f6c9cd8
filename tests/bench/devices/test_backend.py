"""One path for every accelerator: what a backend lacks is found by trying, and its clock waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from time import perf_counter
from types import SimpleNamespace

import pytest
import torch

from bench.devices import backend, description
from bench.devices import clock as clock_module
from bench.devices.__main__ import report
from bench.devices.backend import UnknownDeviceError
from bench.host.folders import ROOT

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)
"""A name only: nothing here touches a card."""


def test_cpu_is_found_first_and_works() -> None:
    """Every machine has one, and --device auto takes it first."""
    assert backend.found()[0] == "cpu"
    assert backend.load("cpu") == CPU


def test_current_accelerator_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """--device auto takes the CPU and it; several cards of one kind are told apart."""
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("xpu"))
    monkeypatch.setattr(backend, "_is_available", lambda kind: kind == "cuda")
    monkeypatch.setattr(backend, "_device_count", lambda kind: {"xpu": 1, "cuda": 2}[kind])
    assert backend.found() == ["cpu", "xpu", "cuda:0", "cuda:1"]


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "hpu", "cpu:x", ""])
def test_device_that_cannot_be_used_says_how_that_was_found(name: str) -> None:
    """The reason of a skip is what torch said, in one line."""
    with pytest.raises(UnknownDeviceError, match=f"^{name} is not usable here: ") as caught:
        backend.load(name)
    assert "\n" not in str(caught.value)


def test_out_of_tree_device_without_its_module_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module is imported when it is named, and only then."""
    monkeypatch.setitem(backend.OUT_OF_TREE, "elsewhere", "no_such_backend")
    with pytest.raises(UnknownDeviceError, match="No module named 'no_such_backend'"):
        backend.load("elsewhere:0")


def test_report_names_what_is_there_and_what_is_refused() -> None:
    """This is all that the probe process answers."""
    answer = report(["cpu", "nonsense"])
    assert answer["found"] == backend.found()
    assert list(answer["refused"]) == ["nonsense"]  # type: ignore[call-overload]


def test_probe_program_prints_one_line_of_json() -> None:
    """The pytest process, which has no torch, reads it."""
    command = [sys.executable, "-m", "bench.devices", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["refused"].keys() == {"nonsense"}


def test_clock_of_the_cpu_is_the_hosts() -> None:
    """Nothing is queued there, so nothing is waited for."""
    assert clock_module.clock(CPU) is perf_counter
    backend.synchronizer(CPU)()
    backend.release_memory(CPU)


def test_clock_waits_before_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads first reports a hundredfold speed-up."""
    log: list[str] = []
    monkeypatch.setattr(clock_module, "synchronizer", lambda _: lambda: log.append("wait"))
    monkeypatch.setattr(clock_module, "perf_counter", lambda: log.append("read") or 7.0)
    read = clock_module.clock(CUDA)
    assert log == []
    assert read() == 7.0
    assert log == ["wait", "read"]


def pretend(monkeypatch: pytest.MonkeyPatch, *, own: object, module: object) -> None:
    """Make torch.accelerator and the backend's own module what they are on some machine."""
    monkeypatch.setattr(torch, "accelerator", own)
    monkeypatch.setattr(backend, "module_of", lambda _: module)


def refuse(*_: object) -> None:
    """Answer as a backend that does not have this."""
    raise RuntimeError("not implemented for this backend")


def test_synchronizer_takes_the_first_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.accelerator knows this device: it is asked for it by name."""
    calls: list[tuple[object, ...]] = []
    own = SimpleNamespace(synchronize=lambda *arguments: calls.append(arguments))
    pretend(monkeypatch, own=own, module=SimpleNamespace(synchronize=refuse))
    wait = backend.synchronizer(CUDA)
    wait()
    assert calls == [(CUDA,), (CUDA,)]


@pytest.mark.parametrize("own", [SimpleNamespace(synchronize=refuse), SimpleNamespace()], ids=["refuses", "has-none"])
def test_synchronizer_falls_back_to_the_backends_own(own: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second accelerator in the machine is not the current one."""
    calls: list[tuple[object, ...]] = []
    pretend(monkeypatch, own=own, module=SimpleNamespace(synchronize=lambda *given: calls.append(given)))
    backend.synchronizer(CUDA)()
    assert calls == [(CUDA,), (CUDA,)]


def test_synchronizer_without_arguments_is_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.mps.synchronize takes none."""
    calls: list[str] = []
    module = SimpleNamespace(synchronize=lambda: calls.append("waited"))
    pretend(monkeypatch, own=SimpleNamespace(synchronize=refuse), module=module)
    backend.synchronizer(CUDA)()
    assert calls == ["waited"] * 2


def test_another_accelerator_is_not_waited_for_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a device torch waits for the current accelerator, and a clock of the second one would not wait at all."""
    calls: list[str] = []

    def of_the_current(*given: object) -> None:
        if given:
            raise ValueError("not the current accelerator")
        calls.append("waited for the wrong one")

    module = SimpleNamespace(synchronize=lambda _: calls.append("waited"))
    pretend(monkeypatch, own=SimpleNamespace(synchronize=of_the_current), module=module)
    backend.synchronizer(CUDA)()
    assert calls == ["waited"] * 2


@pytest.mark.parametrize(
    "module", [None, SimpleNamespace(), SimpleNamespace(synchronize=refuse)], ids=["none", "has-none", "refuses"]
)
def test_backend_that_cannot_wait_is_unknown(module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing could be timed on it, so it is refused rather than timed wrongly."""
    pretend(monkeypatch, own=SimpleNamespace(synchronize=refuse), module=module)
    with pytest.raises(UnknownDeviceError, match="cannot synchronise"):
        clock_module.clock(CUDA)


def test_memory_is_released_where_the_backend_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where it cannot, nothing happens."""
    calls: list[str] = []
    module = SimpleNamespace(empty_cache=lambda: calls.append("emptied"))
    pretend(monkeypatch, own=SimpleNamespace(empty_cache=refuse), module=module)
    backend.release_memory(CUDA)
    assert calls == ["emptied"]
    pretend(monkeypatch, own=SimpleNamespace(), module=None)
    backend.release_memory(CUDA)


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


def test_cpu_is_described_as_the_processor() -> None:
    """Never as plain cpu, if the system knows more."""
    assert description.describe(CPU) not in {"", "cpu"}


def test_module_of_a_backend_that_has_none_is_none() -> None:
    """A backend may be registered without one."""
    assert backend.module_of(torch.device("meta")) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GiB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_memory_that_ran_out_is_told_from_other_errors(error: BaseException, *, expected: bool) -> None:
    """It is an outcome of its own: another batch would do."""
    assert backend.is_out_of_memory(error) is expected


def test_allocation_beyond_all_memory_is_out_of_memory() -> None:
    """What this torch really raises."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert backend.is_out_of_memory(caught.value)


def test_slowed_clock_waits_between_every_pair_of_reads() -> None:
    """Twice as slow: what took one second takes two, and the next pair begins anew."""
    stamps = iter([10.0, 11.0, 12.0, 20.0, 21.0, 22.0])
    slow = clock_module.slowed(stamps.__next__, 1.0)
    assert [slow(), slow(), slow(), slow()] == [10.0, 12.0, 20.0, 22.0]


def test_clock_cost_is_the_median_of_pairs_of_reads() -> None:
    """A slice must be so long that it does not matter; one disturbed read does not decide."""
    stamps = [0.0, 0.0, 1.0, 5.0, 7.0, 10.0, 110.0]
    left = iter(stamps)
    assert clock_module.clock_cost(left.__next__, samples=3) == 2.0
    assert list(left) == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError("  \n"), "ValueError"),
        (RuntimeError("x" * 400), "RuntimeError: " + "x" * 300),
    ],
    ids=["many-lines", "silent", "long"],
)
def test_error_is_one_line(error: Exception, line: str) -> None:
    """It becomes the reason in a table's cell."""
    assert backend.first_line(error) == line


UNSYNCHRONISED = """
import json
from time import perf_counter
import torch
from bench.devices import backend, description
from bench.devices.clock import clock as clock_of
from models.mlp import NeuralNetwork

device = backend.load("vulkan")
network, images = NeuralNetwork().to(device), torch.rand(64, 1, 28, 28).to(device)
clock, pairs = clock_of(device), []
with torch.inference_mode():
    network(images)
    for read in (perf_counter, clock) * 5:
        clock()
        begin = read()
        network(images)
        pairs.append(read() - begin)
clock()
print(json.dumps([min(pairs[0::2]), min(pairs[1::2]), description.describe(device), backend.found()]))
"""


@pytest.mark.skipif(find_spec("torchvulkan") is None, reason="torchvulkan is not installed: pip install torchvulkan")
def test_clock_of_a_real_accelerator_waits() -> None:
    """The host's clock alone sees the forward in a tenth of its time or less; the device's clock sees all of it."""
    command = [sys.executable, "-c", UNSYNCHRONISED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "is not usable here" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    unsynchronised, synchronised, name, found = json.loads(done.stdout.splitlines()[-1])
    assert unsynchronised < synchronised / 10
    assert name != "vulkan"
    assert found == ["cpu", "vulkan"]


def test_vulkan_is_not_loaded_unless_named() -> None:
    """An out-of-tree backend takes over the current accelerator when it is imported."""
    assert "torchvulkan" not in sys.modules
