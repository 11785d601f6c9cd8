"""Made-up accelerators: an allocator that counts, events on a clock that the test moves, and backends that refuse."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from bench.devices import backend, description

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)
"""The name of a card; nothing here touches one."""


def pretend(monkeypatch: pytest.MonkeyPatch, *, own: object, module: object) -> None:
    """Make torch.accelerator and the backend's own module what they are on some machine."""
    monkeypatch.setattr(torch, "accelerator", own)
    for user in (backend, description):
        monkeypatch.setattr(user, "module_of", lambda _: module)


def refuse(*_: object) -> None:
    """Answer as a backend that does not have this."""
    raise RuntimeError("not implemented for this backend")


class Allocator:
    """An allocator as torch's own: it counts what is held, and the most since it was reset."""

    def __init__(self) -> None:
        self.held = self.most = 1000

    def take(self, count: int) -> None:
        self.held += count
        self.most = max(self.most, self.held)

    def memory_allocated(self, device: torch.device) -> int:
        assert device == CUDA
        return self.held

    def max_memory_allocated(self, device: torch.device) -> int:
        assert device == CUDA
        return self.most

    def reset_peak_memory_stats(self, device: torch.device) -> None:
        assert device == CUDA
        self.most = self.held


class FakeEvent:
    """An event that notes when it was recorded, on a clock that the test moves."""

    now: ClassVar[float] = 0.0

    def __init__(self, device: object = None, *, enable_timing: bool = False) -> None:
        assert enable_timing
        assert device in {None, CUDA}
        self.stamp: float | None = None

    def record(self) -> None:
        assert self.stamp is None, "recorded twice"
        self.stamp = FakeEvent.now

    def synchronize(self) -> None:
        """Nothing is queued."""

    def elapsed_time(self, end: FakeEvent) -> float:
        """Return milliseconds, as torch does."""
        assert self.stamp is not None
        assert end.stamp is not None
        return 1000 * (end.stamp - self.stamp)
