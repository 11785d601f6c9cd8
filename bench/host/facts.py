"""Where a run is made: facts by dotted name, from the pytest process, which never imports torch."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.host.git import GitError, git_line
from bench.host.processor import processor
from bench.host.steadiness import MEASURES
from bench.record.conditions import Environment, Scalar

PACKAGES = ("torch", "torchvision", "numpy", "pytest", "pytest-benchmark", "triton", "torchvulkan")
"""Packages whose version can move a figure."""

TIMED, ENGINE = "models", "bench"
"""The folders whose content decides what a measurement means: what is timed, and what times it."""

COMPILED, COMPILED_SUFFIX = "__pycache__", ".pyc"
"""Python makes these itself, for each interpreter."""

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES", "TORCH_COMPILE_DISABLE")
"""Environment variables of the user that can move a figure."""


def gather(
    root: Path,
    *,
    data_source: str,
    data_reason: str,
    left_out: Collection[str],
    worker_facts: Mapping[str, Scalar],
    own: Collection[Path] = (),
) -> Environment:
    """Return the environment of a run that starts now.

    Args:
        root: the checkout under test.
        data_source: ``fashion-mnist`` or ``random``.
        data_reason: why this source.
        left_out: measures of steadiness that are switched off.
        worker_facts: what workers said about torch and the devices.
        own: files that this run writes itself.
    """
    facts: dict[str, Scalar] = {
        "program.version": own_version(),
        **commit(root),
        f"code.{ENGINE}": digest(digest_files(root / ENGINE)),
        **code_facts(f"code.{TIMED}", digest_files(root / TIMED, own)),
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


def digest_files(folder: Path, own: Collection[Path] = ()) -> dict[str, str]:
    """Return a fingerprint of every file below a folder, by its path there; compiled Python is left out.

    Args:
        folder: the folder; nothing, if it is not there.
        own: files that this program writes itself, wherever they lie.
    """
    return {
        os.fspath(path.relative_to(folder)).encode(errors="backslashreplace").decode(): _digest_file(path)
        for path in list_files(folder)
        if path not in own
    }


def list_files(folder: Path) -> list[Path]:
    """Return every file below a folder, links among them, in the order of their names; compiled Python is left out."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or not path.is_dir())
        and not path.name.endswith(COMPILED_SUFFIX)
        and COMPILED not in path.relative_to(folder).parts
    ]


def _digest_file(path: Path) -> str:
    """Return the fingerprint of a file's content, for a link also of where it leads; what cannot be read says why."""
    try:
        content = path.read_bytes() if path.is_file() else b"not a regular file"
        if path.is_symlink():
            content += b" <- " + os.fsencode(path.readlink())
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return sha256(content).hexdigest()[:16]


def digest(files: Mapping[str, str]) -> str:
    """Return one fingerprint of all files of a folder, given theirs by path."""
    content = sha256()
    for name, print_ in sorted(files.items()):
        content.update(f"{name}\0{print_}\0".encode())
    return content.hexdigest()[:16]


def code_facts(name: str, files: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the facts of a tree of code: one fingerprint of all of it, and one of each file, so that both are named.

    Args:
        name: of the tree, with which its facts begin.
        files: fingerprints by path.
    """
    return {name: digest(files), **{f"{name}/{path}": print_ for path, print_ in files.items()}}


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
    try:
        changed = git_line(root, "status", "--porcelain", "--untracked-files=no")  # a result beside it changes nothing
        return {"commit.id": git_line(root, "rev-parse", "HEAD"), "commit.dirty": bool(changed)}
    except GitError as error:
        return {"commit.id": None, "commit.id.reason": str(error), "commit.dirty": None}
