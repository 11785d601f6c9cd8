"""Threads are bound and memory is kept before a worker starts, and each can be left out by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.host.environment_variables import importing, worker_variables
from bench.host.folders import ROOT
from bench.host.steadiness import MEASURES

SCRATCH = Path("scratch")


@pytest.mark.parametrize(
    ("left_out", "held"),
    [
        ("bound-threads", {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}),
        ("fixed-allocator", {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "1073741824"}),
    ],
)
def test_each_measure_can_be_left_out(left_out: str, held: dict[str, str]) -> None:
    """It is also a choice: OpenMP and glibc read these words, and nothing else of a worker's environment changes."""
    assert left_out in MEASURES
    chosen = worker_variables(SCRATCH, [])
    assert chosen == worker_variables(SCRATCH, [left_out]) | held
    assert not worker_variables(SCRATCH, [left_out]).keys() & held.keys()


@pytest.mark.parametrize("left_out", [[], list(MEASURES)], ids=["all", "none"])
def test_compilers_fork_no_pool_and_keep_their_caches_in_the_scratch_folder(left_out: list[str]) -> None:
    """Their processes would run beside whoever is timed, and a warm cache of another run would pass for a cold one."""
    chosen = worker_variables(SCRATCH, left_out)
    assert chosen["TORCHINDUCTOR_COMPILE_THREADS"] == "1"
    assert chosen["TORCHINDUCTOR_CACHE_DIR"] == "scratch/inductor"
    assert chosen["TRITON_CACHE_DIR"] == "scratch/triton"


def test_what_we_start_finds_the_program_where_python_leaves_the_folder_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``PYTHONSAFEPATH`` Python does not look into the working directory."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = [sys.executable, "-m", "bench.protocol"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 1
    assert subprocess.run(command, cwd=ROOT, env=importing(), capture_output=True, check=False).returncode == 0
