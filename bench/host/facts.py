"""Where a run is made: facts by dotted name, from the pytest process, which never imports torch."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.host.code import ENGINE, TIMED, code_facts, digest, digest_files, digest_timed
from bench.host.git import GitError, git_line, git_paths
from bench.host.limits import count_cores, cpu_quota, memory_limits
from bench.host.processor import processor
from bench.host.steadiness import MEASURES
from bench.record.conditions import Environment, Scalar, spell_halves, veil

PACKAGES = ("torch", "torchvision", "numpy", "pytest", "pytest-benchmark", "triton", "torchvulkan")
"""Packages whose version can move a figure."""


PREFIXES = (
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "BLIS_",
    "VECLIB_",
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
    "ROCBLAS_",
    "HIPBLASLT_",
    "MIOPEN_",
    "AMD_",
    "GPU_",
    "HSA_",
    "SYCL_",
    "ONEAPI_",
    "ZE_",
    "MTL_",
    "VK_",
    "MESA_",
    "LP_",
    "MALLOC_",
    "GLIBC_",
    "MIMALLOC_",
    "LD_",
    "DYLD_",
    "CXX",
    "CFLAGS",
    "CPATH",
    "PYTHON",
)
"""Environment variables whose names begin so are read by OpenMP, MKL, other libraries of linear algebra, oneDNN, torch,
the runtimes of CUDA, ROCm, oneAPI, Metal and Vulkan, an allocator, the linker, the compiler that inductor calls, or
Python, and can move a figure."""


def variables(environ: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the user's environment variables that can move a figure, as facts."""
    return {
        f"variable.{name}": veil(name, value) for name, value in sorted(environ.items()) if name.startswith(PREFIXES)
    }


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
        data_source: ``fashion-mnist``, ``random``, or ``own`` for inputs that each model makes itself.
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
        "process.cores": count_cores(),
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
    return Environment(
        facts={name: spell_halves(value) if isinstance(value, str) else value for name, value in facts.items()}
    )


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
