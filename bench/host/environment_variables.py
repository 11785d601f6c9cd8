"""What must be in the environment before a worker's program starts: OpenMP, malloc and the compilers read it once.

They bind threads to cores, keep freed memory, and keep the compilers' caches in a folder of this run.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from bench.host.cores import Places

MMAP_THRESHOLD_BYTES = 32 << 20
"""glibc accepts no higher threshold on 64 bits (man mallopt), so it maps and unmaps larger blocks each time."""

TRIM_THRESHOLD_BYTES = 1 << 30
"""glibc keeps so much free memory at the top of the heap, which is more than any case here allocates."""


def importing() -> dict[str, str]:
    """Return this process's environment, in which ``python -m`` finds what lies in the working directory."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


def cache_variables(folder: Path) -> dict[str, str]:
    """Return the environment variables by which compilers keep their caches in a folder."""
    return {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"), "TRITON_CACHE_DIR": str(folder / "triton")}


def rank_variables(places: Places, left_out: Collection[str]) -> dict[str, str]:
    """Return the environment variables with which the program of a rank is executed: its threads and their cores.

    Args:
        places: the rank's share of the cores.
        left_out: names in `steadiness.MEASURES` that are switched off.
    """
    variables = {"OMP_NUM_THREADS": str(len(places))}
    if "bound-threads" not in left_out:
        variables["OMP_PLACES"] = ",".join(f"{{{','.join(map(str, place))}}}" for place in places)
    return variables


def worker_variables(scratch: Path, left_out: Collection[str]) -> dict[str, str]:
    """Return the environment variables with which a worker's program, or the launcher of it, is executed.

    Args:
        scratch: a folder of this run, in which the compilers keep caches of its own.
        left_out: names in `steadiness.MEASURES` that are switched off.
    """
    chosen = {
        **cache_variables(scratch),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    }
    if "bound-threads" not in left_out:
        chosen |= {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
    if "fixed-allocator" not in left_out:
        chosen |= {
            "MALLOC_MMAP_THRESHOLD_": str(MMAP_THRESHOLD_BYTES),
            "MALLOC_TRIM_THRESHOLD_": str(TRIM_THRESHOLD_BYTES),
        }
    return chosen
