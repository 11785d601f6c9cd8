"""How much memory and how many cores a process may use here: the machine's, its container's, and its own limits."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux shows a container its own control group."""

NO_LIMIT_BYTES = 1 << 60
"""Version 1 writes a number about this large where there is no limit."""


def memory_bytes() -> int:
    """Return how much memory a process may use here: the smallest of the machine, its container and its own limit."""
    return min(memory_limits().values())


def memory_limits() -> dict[str, int]:
    """Return every limit of memory that is known, in bytes, by whose it is."""
    limits = {"machine": int(psutil.virtual_memory().total)}
    groups = [count for group in control_groups() if (count := _group_bytes(group)) is not None]
    if groups:
        limits["container"] = min(groups)
    own = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS)]
    if finite := [soft for soft in own if soft != resource.RLIM_INFINITY]:
        limits["process"] = min(finite)
    return limits


def control_groups(told: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """Return the folders of this process's control groups and of all around them, whose limits hold too."""
    try:
        lines = told.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    groups = [CGROUP]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for base in (CGROUP, *(CGROUP / name for name in controllers.split(",") if name)):
            here = base / path.lstrip("/")
            groups += [folder for folder in (here, *here.parents) if folder.is_relative_to(base)]
    return list(dict.fromkeys(groups))


def _group_bytes(cgroup: Path) -> int | None:
    """Return the memory limit of a control group, of either version; None where there is none."""
    for name in ("memory.max", "memory.limit_in_bytes", "memory/memory.limit_in_bytes"):
        try:
            text = (cgroup / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < NO_LIMIT_BYTES:
            return int(text)
    return None


def count_cores() -> int:
    """Return on how many cores this process may run; once OpenMP has bound it, that is the one it is bound to."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota() -> float | None:
    """Return how many cores' time this process's control groups let it use; None where nothing limits it."""
    quotas = [quota for group in control_groups() if (quota := _group_quota(group)) is not None]
    return min(quotas, default=None)


def _group_quota(cgroup: Path) -> float | None:
    for folder in (cgroup, cgroup / "cpu"):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
                period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        return int(quota) / int(period) if quota.isdigit() and int(period) > 0 else None
    return None
