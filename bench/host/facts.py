"""Where a run is made: facts by dotted name, from the pytest process, which never imports torch."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.host.git import GitError, git_line, git_paths
from bench.host.processor import processor
from bench.host.steadiness import MEASURES
from bench.record.conditions import Environment, Scalar, veil

PACKAGES = ("torch", "torchvision", "numpy", "pytest", "pytest-benchmark", "triton", "torchvulkan")
"""Packages whose version can move a figure."""

TIMED, ENGINE = "models", "bench"
"""The folders whose content decides what a measurement means: what is timed, and what times it."""

COMPILED, COMPILED_SUFFIX = "__pycache__", ".pyc"
"""Python makes these itself, for each interpreter."""

PREFIXES = (
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "ONEDNN_",
    "DNNL_",
    "ATEN_",
    "TORCH",
    "PYTORCH_",
    "TRITON_",
    "CUDA_",
    "CUBLAS_",
    "CUDNN_",
    "NVIDIA_",
    "HIP_",
    "ROCR_",
    "HSA_",
    "MALLOC_",
    "LD_",
    "PYTHON",
)
"""Environment variables whose names begin so are read by OpenMP, MKL, oneDNN, torch, CUDA, glibc and its linker, or
Python, and can move a figure."""


def variables(environ: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the user's environment variables that can move a figure, as facts."""
    return {
        f"variable.{name}": veil(name, value) for name, value in sorted(environ.items()) if name.startswith(PREFIXES)
    }


CGROUP = Path("/sys/fs/cgroup")
"""Where Linux shows a container its own control group."""

NO_LIMIT_BYTES = 1 << 60
"""Version 1 writes a number about this large where there is no limit."""


def gather(
    root: Path,
    *,
    data_source: str,
    data_reason: str,
    left_out: Collection[str],
    worker_facts: Mapping[str, Scalar],
    own: Collection[Path] = (),
    overridden: Collection[str] = (),
) -> Environment:
    """Return the environment of a run that starts now.

    Args:
        root: the checkout under test.
        data_source: ``fashion-mnist`` or ``random``.
        data_reason: why this source.
        left_out: measures of steadiness that are switched off.
        worker_facts: what workers said about torch and the devices.
        own: files that this run writes itself.
        overridden: environment variables that workers have otherwise than this process.
    """
    facts: dict[str, Scalar] = {
        "program.version": own_version(),
        **commit(root),
        f"code.{ENGINE}": digest(digest_files(root / ENGINE)),
        **code_facts(f"code.{TIMED}", digest_timed(root, own)),
        "run.started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python.version": platform.python_version(),
        "os.name": platform.platform(),
        "machine.name": platform.node(),
        "machine.architecture": platform.machine(),
        "machine.cpu": processor(),
        "machine.cores": os.cpu_count(),
        **{f"{whose}.memory_bytes": count for whose, count in memory_limits().items()},
        "container.cores": cpu_quota(),
        "machine.load_at_start": round(os.getloadavg()[0], 2),
        "data.source": data_source,
        "data.reason": data_reason,
        **{f"{package}.version": package_version(package) for package in PACKAGES},
        **variables(os.environ),
        "steady.overrides": ", ".join(sorted(overridden)) or None,
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
    return digest_listed(folder, list_files(folder), own)


def digest_timed(root: Path, own: Collection[Path] = ()) -> dict[str, str]:
    """Return a fingerprint of every file of a checkout's ``models`` that git does not ignore, by its path there."""
    folder = root / TIMED
    try:
        listed = git_paths(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", TIMED)
        known = {root / path for path in listed}
    except GitError:
        known = set()
    files = [path for path in list_files(folder) if not known or path in known]
    return digest_listed(folder, files, own)


@dataclass(slots=True, kw_only=True)
class CodeWatch:
    """Tells whether the timed code of a checkout is still what it was when this was made.

    Attributes:
        root: the checkout.
        own: files that this program writes itself.
    """

    root: Path
    own: Collection[Path] = ()
    _prints: Mapping[str, str] = field(init=False)
    _stamps: Mapping[Path, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self._stamps, self._prints = self._read_stamps(), digest_timed(self.root, self.own)

    def find_change(self) -> str | None:
        """Return which file was changed, added or removed; None if none was. Contents are read where times differ."""
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return None
        self._stamps, now = stamps, digest_timed(self.root, self.own)
        changed = [name for name in sorted({*self._prints, *now}) if self._prints.get(name) != now.get(name)]
        return f"{TIMED}/{printable(changed[0])}" if changed else None

    def _read_stamps(self) -> dict[Path, tuple[int, int]]:
        stamps = {}
        for path in list_files(self.root / TIMED):
            try:
                told = path.stat()
            except OSError:  # a link to nothing, or a file that is being replaced
                continue
            stamps[path] = (told.st_mtime_ns, told.st_size)
        return stamps


def digest_listed(folder: Path, files: Iterable[Path], own: Collection[Path]) -> dict[str, str]:
    """Return a fingerprint of each of these files that is not our own, by its path below a folder."""
    kept = {os.path.realpath(path) for path in own}
    return {
        os.fspath(path.relative_to(folder)): _digest_file(path) for path in files if os.path.realpath(path) not in kept
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
        content = sha256(b"not a regular file")
        if path.is_file():
            with path.open("rb") as file:
                content = file_digest(file, "sha256")
        if path.is_symlink():
            content.update(b" <- " + os.fsencode(path.readlink()))
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return content.hexdigest()[:16]


def digest(files: Mapping[str, str]) -> str:
    """Return one fingerprint of all files of a folder, given theirs by path."""
    content = sha256()
    for name, print_ in sorted(files.items()):
        content.update(os.fsencode(name) + f"\0{print_}\0".encode())
    return content.hexdigest()[:16]


def code_facts(name: str, files: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the facts of a tree of code: one fingerprint of all of it, and one of each file, so that both are named.

    Args:
        name: of the tree, with which its facts begin.
        files: fingerprints by path.
    """
    return {name: digest(files), **{f"{name}/{printable(path)}": print_ for path, print_ in files.items()}}


def printable(path: str) -> str:
    """Return a path, whose bytes need not be text, as text that can be stored."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


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
        if not git_paths(root, "ls-files", "-z", "--", "."):
            top = git_line(root, "rev-parse", "--show-toplevel")
            reason = f"this folder is in no commit of the repository around it, {top}"
            return {"commit.id": None, "commit.id.reason": reason, "commit.dirty": None}
        changed = git_line(root, "status", "--porcelain", "--untracked-files=no")  # a result beside it changes nothing
        return {"commit.id": git_line(root, "rev-parse", "HEAD"), "commit.dirty": bool(changed)}
    except GitError as error:
        return {"commit.id": None, "commit.id.reason": str(error), "commit.dirty": None}
