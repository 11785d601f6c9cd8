"""Nobody survives: a process is bound to its parent's life, and the kernel's choice falls on the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.host import lifetime
from bench.host.folders import ROOT

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part exists on Linux only")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the kernel and the process were asked for, instead of having it done to the tests."""
    log: list[object] = []
    library = SimpleNamespace(prctl=lambda *arguments: log.append(arguments))
    monkeypatch.setattr(lifetime.ctypes, "CDLL", lambda *_, **__: library)
    monkeypatch.setattr(lifetime.os, "_exit", log.append)
    return log


@LINUX
def test_kernel_is_asked_to_kill_with_the_parent(asked: list[object]) -> None:
    """Also a stopped process, if it was asked before the first stop."""
    lifetime.die_with_parent(os.getppid())
    assert asked == [(lifetime.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)]


@LINUX
def test_process_whose_parent_is_dead_already_leaves(asked: list[object]) -> None:
    """The kernel is asked first, then the parent is looked at, so that no moment is left between them."""
    lifetime.die_with_parent(os.getppid() + 1)
    assert asked == [(lifetime.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), 1]


def test_other_systems_only_look_at_the_parent(asked: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """What protects there is the closed channel."""
    monkeypatch.setattr(lifetime.sys, "platform", "darwin")
    lifetime.die_with_parent(os.getppid())
    lifetime.limit_memory(1)
    assert asked == []


CHILD = """
import signal
from bench.host import lifetime

lifetime.die_first()
lifetime.ignore_terminal()
lifetime.limit_memory(1 << 30)
signal.raise_signal(signal.SIGINT)
with open("/proc/self/oom_score_adj") as file:
    print(file.read().strip())
try:
    bytearray(1 << 31)
except MemoryError:
    print("refused")
"""


@LINUX
def test_worker_is_killed_first_ignores_ctrl_c_and_cannot_take_all_memory() -> None:
    """The run outlives its workers."""
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000", "refused"]


def test_system_without_such_a_score_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has another way to choose."""

    def fail(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(lifetime, "open", fail, raising=False)
    lifetime.die_first()
    lifetime.limit_memory(None)
