"""Device memory: from whoever tells, minus what others hold; absent with a reason, and never 0."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.devices import memory
from bench.devices.memory import NO_ALLOCATOR, NOT_TOLD, NOTHING_COUNTED
from tests.makers.backends import CPU, CUDA, Allocator, pretend, refuse

REFUSING = SimpleNamespace(memory_allocated=refuse, max_memory_allocated=refuse, reset_peak_memory_stats=refuse)


@pytest.mark.parametrize("through", ["torch", "backend"])
def test_peak_is_of_this_work_alone(through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier case needed at most is forgotten, and what others hold is not counted."""
    allocator = Allocator()
    own, module = (allocator, None) if through == "torch" else (REFUSING, allocator)
    pretend(monkeypatch, own=own, module=module)
    allocator.take(5000)
    allocator.held = 2000
    before = memory.allocated_bytes(CUDA)

    def work() -> None:
        allocator.take(300)
        allocator.take(-200)

    assert before == 2000
    assert memory.peak_bytes(CUDA, work, before) == (300, None)


def test_cpu_has_no_peak_and_says_why() -> None:
    """The process's high-water mark is torch's own few hundred megabytes: no figure of a case."""
    assert memory.peak_bytes(CPU, lambda: None, memory.allocated_bytes(CPU)) == (None, NO_ALLOCATOR)


@pytest.mark.parametrize("module", [None, SimpleNamespace(), REFUSING], ids=["none", "empty", "refuses"])
def test_backend_that_does_not_tell_has_no_peak(module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is guessed."""
    pretend(monkeypatch, own=REFUSING, module=module)
    assert memory.allocated_bytes(CUDA) is None
    assert memory.peak_bytes(CUDA, lambda: None, None) == (None, NOT_TOLD)
    assert memory.total_bytes(CUDA) is None


def test_peak_that_is_missing_after_the_work_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """MPS tells what is held and no peak."""
    pretend(monkeypatch, own=SimpleNamespace(reset_peak_memory_stats=lambda _: None), module=None)
    assert memory.peak_bytes(CUDA, lambda: None, 7) == (None, NOT_TOLD)


def test_allocator_that_counts_nothing_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case always needs memory."""
    pretend(monkeypatch, own=Allocator(), module=None)
    assert memory.peak_bytes(CUDA, lambda: None, 1000) == (None, NOTHING_COUNTED)


@pytest.mark.parametrize(
    ("own", "module"),
    [
        (SimpleNamespace(get_memory_info=lambda _: (3, 8)), None),
        (SimpleNamespace(get_memory_info=refuse), SimpleNamespace(mem_get_info=lambda _: (3, 8))),
        (SimpleNamespace(), SimpleNamespace(get_device_properties=lambda _: SimpleNamespace(total_memory=8))),
        (SimpleNamespace(), SimpleNamespace(recommended_max_memory=lambda: 8)),
    ],
    ids=["torch", "cuda", "properties", "mps"],
)
def test_memory_of_a_device_is_told_in_many_ways(own: object, module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each backend has one of them."""
    pretend(monkeypatch, own=own, module=module)
    assert memory.total_bytes(CUDA) == 8
