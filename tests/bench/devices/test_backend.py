"""One path for every accelerator: what a backend lacks is found by trying."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from bench.devices import backend
from bench.devices.backend import UnknownDeviceError, first_line
from tests.makers.backends import CPU, CUDA, pretend, refuse


def test_cpu_is_found_first_and_works() -> None:
    """Every machine has one, and --device auto takes it first."""
    assert backend.list_devices()[0] == "cpu"
    assert backend.load("cpu") == CPU


def test_current_accelerator_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """--device auto takes the CPU and it; several cards of one kind are told apart."""
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("xpu"))
    monkeypatch.setattr(backend, "_is_available", lambda kind: kind == "cuda")
    monkeypatch.setattr(backend, "_device_count", lambda kind: {"xpu": 1, "cuda": 2}[kind])
    assert backend.list_devices() == ["cpu", "xpu", "cuda:0", "cuda:1"]


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


def test_out_of_tree_device_is_not_imported_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a backend takes over the current accelerator when it is imported."""
    monkeypatch.setattr(backend.importlib, "import_module", lambda name: pytest.fail(f"imported {name}"))
    assert backend.list_devices()[0] == "cpu"
    assert backend.load("cpu") == CPU


def test_cpu_is_never_waited_for_and_keeps_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is queued there; the accelerator beside it has nothing to do with it."""
    own = SimpleNamespace(
        synchronize=lambda *_: pytest.fail("waited"), empty_cache=lambda: pytest.fail("emptied a cache")
    )
    pretend(monkeypatch, own=own, module=own)
    backend.synchronizer(CPU)()
    backend.release_memory(CPU)


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
        backend.synchronizer(CUDA)


def test_memory_is_released_where_the_backend_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where it cannot, nothing happens."""
    calls: list[str] = []
    module = SimpleNamespace(empty_cache=lambda: calls.append("emptied"))
    pretend(monkeypatch, own=SimpleNamespace(empty_cache=refuse), module=module)
    backend.release_memory(CUDA)
    assert calls == ["emptied"]
    pretend(monkeypatch, own=SimpleNamespace(), module=None)
    backend.release_memory(CUDA)


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


def test_failed_compiler_says_why_in_the_same_line() -> None:
    """A full disk or a folder with a blank is the environment's fault, and inductor's first line hides it."""
    output = (
        "C++ compile error\n\nCommand:\ng++ /tmp/a b/c.cpp -o x\n\nOutput:\nnote\ng++: error: b/c.cpp: No such file\n"
    )
    assert first_line(RuntimeError(output)) == "RuntimeError: C++ compile error: g++: error: b/c.cpp: No such file"
    assert first_line(RuntimeError("C++ compile error\nsilence")) == "RuntimeError: C++ compile error"
    assert first_line(RuntimeError("plain\ng++: error: not looked at")) == "RuntimeError: plain"
