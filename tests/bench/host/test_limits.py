"""What a process may use here is the least of the machine's, its container's and its own limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.host.limits import control_groups, cpu_quota, memory_bytes, memory_limits


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": "3221225472\n"}, 3 << 30),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "1073741824\n"}, 1 << 30),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_limit_of_a_container_counts(
    files: dict[str, str], expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of either version of control groups; beyond it the kernel kills, which looks like a crash."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("bench.host.limits.control_groups", lambda: [tmp_path])
    assert memory_limits().get("container") == expected
    assert memory_bytes() == min(memory_limits().values())
    assert memory_bytes() <= (expected or 1 << 60)


def test_limit_of_the_process_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ulimit -d``: raising it is refused, and a plan must know it as a run does."""
    monkeypatch.setattr("bench.host.limits.resource.getrlimit", lambda _: (1 << 20, 1 << 20))
    assert memory_limits()["process"] == memory_bytes() == 1 << 20


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_quota_of_a_container_is_a_fact(
    files: dict[str, str], cores: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It throttles in the middle of a slice, and nothing else tells."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("bench.host.limits.control_groups", lambda: [tmp_path])
    assert cpu_quota() == cores


def test_groups_around_this_process_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systemd and Slurm limit a group somewhere above, of either version."""
    monkeypatch.setattr("bench.host.limits.CGROUP", tmp_path / "cgroup")
    told = tmp_path / "told"
    told.write_text("4:memory:/slurm/job_7\n0::/user.slice/run.scope\n")
    assert control_groups(told) == [
        tmp_path / "cgroup",
        tmp_path / "cgroup" / "slurm" / "job_7",
        tmp_path / "cgroup" / "slurm",
        tmp_path / "cgroup" / "memory" / "slurm" / "job_7",
        tmp_path / "cgroup" / "memory" / "slurm",
        tmp_path / "cgroup" / "memory",
        tmp_path / "cgroup" / "user.slice" / "run.scope",
        tmp_path / "cgroup" / "user.slice",
    ]
    assert control_groups(tmp_path / "absent") == [tmp_path / "cgroup"]
