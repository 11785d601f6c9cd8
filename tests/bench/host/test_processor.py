"""The processor has the name that people call it by, on every system that tells one."""

from __future__ import annotations

import io
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.host import processor as module
from bench.host.folders import ROOT

INTEL = "processor\t: 0\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) Platinum 8480+\nmodel name\t: Other\n"
"""The beginning of /proc/cpuinfo on an x86 machine, with a second processor's name."""

ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
"""The beginning of /proc/cpuinfo on a 64-bit ARM machine, where no name stands."""


def machine(
    monkeypatch: pytest.MonkeyPatch, *, cpuinfo: str | None, programs: dict[str, str], platform_says: str = ""
) -> None:
    """Make this another machine: what /proc/cpuinfo holds, what which program prints, what Python's platform says."""

    def opened(path: str, **_: object) -> io.StringIO:
        assert path == "/proc/cpuinfo"
        if cpuinfo is None:
            raise FileNotFoundError(path)
        return io.StringIO(cpuinfo)

    def run(command: list[str], _seconds: float, **_: object) -> SimpleNamespace:
        if command[0] not in programs:
            raise FileNotFoundError(command[0])
        return SimpleNamespace(stdout=programs[command[0]])

    monkeypatch.setattr(module, "open", opened, raising=False)
    monkeypatch.setattr(module, "run_program", run)
    monkeypatch.setattr(platform, "processor", lambda: platform_says)
    monkeypatch.setattr(platform, "machine", lambda: "architecture")


@pytest.mark.parametrize(
    ("cpuinfo", "programs", "platform_says", "name"),
    [
        (INTEL, {"lscpu": "Model name: never asked"}, "", "Intel(R) Xeon(R) Platinum 8480+"),
        (ARM, {"lscpu": "Architecture: aarch64\nModel name:   Neoverse-N1\n"}, "aarch64", "Neoverse-N1"),
        (ARM, {"lscpu": "Architecture: aarch64\nModel name:   -\n"}, "aarch64", "aarch64"),
        ("model name\t: unknown\n", {}, "x86_64", "x86_64"),
        (None, {"sysctl": "Apple M3 Max\n"}, "arm", "Apple M3 Max"),
        (None, {"sysctl": "\n"}, "arm", "arm"),
        (None, {}, "", "architecture"),
    ],
    ids=["x86-linux", "arm-linux", "arm-nameless", "unknown", "mac", "silent-mac", "nothing"],
)
def test_processor_has_a_name_on_every_system(
    cpuinfo: str | None, programs: dict[str, str], platform_says: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's platform says "arm" on every Mac with Apple's chips, which compares nothing."""
    machine(monkeypatch, cpuinfo=cpuinfo, programs=programs, platform_says=platform_says)
    assert module.processor() == name


def test_program_that_fails_or_hangs_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact that cannot be had ends no run."""
    machine(monkeypatch, cpuinfo=None, programs={}, platform_says="arm")
    errors = iter([subprocess.CalledProcessError(1, "sysctl"), subprocess.TimeoutExpired("lscpu", 10)])

    def fail(*_: object, **__: object) -> None:
        raise next(errors)

    monkeypatch.setattr(module, "run_program", fail)
    assert module.processor() == "arm"
    assert list(errors) == []


def test_worker_can_read_it_with_the_standard_library_alone() -> None:
    """The interpreter of an arm needs Python and torch, and nothing else that is installed here."""
    code = "from bench.host.processor import processor; assert processor()"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)
