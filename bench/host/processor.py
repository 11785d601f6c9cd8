"""The processor's name, read with the standard library alone: a worker tells it too, and has only Python and torch."""

from __future__ import annotations

import platform
import subprocess

from bench.host.patience import run_program

ASKED = (["sysctl", "-n", "machdep.cpu.brand_string"], ["lscpu"])
"""Programs that tell the name where ``/proc/cpuinfo`` does not: macOS has the first one, Linux on ARM the second."""

LABEL = "model name"
"""The name stands behind this label, in ``/proc/cpuinfo`` and, with a capital, in what ``lscpu`` prints."""

LIMIT_SECONDS = 10.0
"""They take milliseconds."""


def processor() -> str:
    """Return what people call the processor, or its architecture where the system does not tell."""
    return _in_cpuinfo() or _from_programs() or platform.processor() or platform.machine()


def _in_cpuinfo() -> str | None:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return _labelled(file.read())
    except OSError:  # not Linux
        return None


def _from_programs() -> str | None:
    for command in ASKED:
        try:
            text = run_program(command, LIMIT_SECONDS, text=True).stdout
        except (OSError, subprocess.SubprocessError):  # this system has another one
            continue
        if name := (_labelled(text) if command == ["lscpu"] else text.strip()):
            return name
    return None


def _labelled(text: str) -> str | None:
    """Return the name behind the first label; None if no line has one, or if it says nothing."""
    lines = (line.partition(":") for line in text.splitlines())
    names = [name.strip() for label, _, name in lines if label.strip().lower() == LABEL]
    return names[0] if names and names[0] not in {"", "-", "unknown"} else None
