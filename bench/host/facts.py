"""Where a run is made: facts by dotted name, from the pytest process, which never imports torch."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.host.processor import processor
from bench.host.steadiness import MEASURES
from bench.record.conditions import Environment, Scalar

PACKAGES = ("torch", "torchvision", "numpy", "pytest", "pytest-benchmark", "triton", "torchvulkan")
"""Packages whose version can move a figure."""

CODE = ("models", "bench")
"""Folders whose content decides what a measurement means."""

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES", "TORCH_COMPILE_DISABLE")
"""Environment variables of the user that can move a figure."""


def gather(
    root: Path, *, data_source: str, data_reason: str, left_out: Collection[str], worker_facts: Mapping[str, Scalar]
) -> Environment:
    """Return the environment of a run that starts now.

    Args:
        root: the checkout under test.
        data_source: ``fashion-mnist`` or ``random``.
        data_reason: why this source.
        left_out: measures of steadiness that are switched off.
        worker_facts: what workers said about torch and the devices.
    """
    facts: dict[str, Scalar] = {
        "program.version": own_version(),
        **commit(root),
        **{f"code.{folder}": digest(root / folder) for folder in CODE},
        "run.started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python.version": platform.python_version(),
        "os.name": platform.platform(),
        "machine.name": platform.node(),
        "machine.architecture": platform.machine(),
        "machine.cpu": processor(),
        "machine.cores": os.cpu_count(),
        "machine.memory_bytes": memory_bytes(),
        "machine.load_at_start": round(os.getloadavg()[0], 2),
        "data.source": data_source,
        "data.reason": data_reason,
        **{f"{package}.version": package_version(package) for package in PACKAGES},
        **{f"variable.{name}": os.environ.get(name) for name in VARIABLES},
        **{f"steady.{name.replace('-', '_')}": name not in left_out for name in MEASURES},
        **worker_facts,
    }
    return Environment(facts=facts)


def digest(folder: Path) -> str:
    """Return a fingerprint of the Python files below a folder, by name and content."""
    content = sha256()
    for path in sorted(folder.rglob("*.py")):
        content.update(f"{path.relative_to(folder)}\0".encode())
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


def memory_bytes() -> int:
    """Return how much memory this machine has."""
    return int(psutil.virtual_memory().total)


def own_version() -> str:
    """Return this program's version as installed, or that it is not."""
    return package_version("accelbench") or "not installed"


def package_version(name: str) -> str | None:
    """Return a package's version without importing it, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def commit(root: Path) -> dict[str, Scalar]:
    """Return which commit the checkout is at and whether it differs from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")  # a result beside the code changes nothing
        return {"commit.id": git("rev-parse", "HEAD"), "commit.dirty": bool(changed)}
    except (OSError, subprocess.SubprocessError) as error:
        return {
            "commit.id": None,
            "commit.id.reason": f"git does not answer: {type(error).__name__}",
            "commit.dirty": None,
        }
