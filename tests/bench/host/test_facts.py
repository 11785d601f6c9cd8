"""Where a run was made is on record, and what could not be found is None with its reason."""

from __future__ import annotations

import os
import subprocess
from dataclasses import asdict
from json import dumps
from pathlib import Path

import pytest

from bench.host import facts
from bench.host.facts import (
    CodeWatch,
    commit,
    control_groups,
    cpu_quota,
    digest,
    digest_files,
    digest_timed,
    gather,
    memory_bytes,
    memory_limits,
    package_version,
    variables,
)
from bench.host.folders import ROOT
from bench.host.steadiness import MEASURES


def gathered(root: Path = ROOT, **worker_facts: str) -> dict[str, object]:
    """Return the facts of this machine."""
    environment = gather(
        root, data_source="random", data_reason="asked for", left_out=["no-gc"], worker_facts=worker_facts
    )
    return dict(environment.facts)


def test_environment_holds_what_can_move_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, machine, data, and each measure of steadiness."""
    monkeypatch.setattr(facts, "processor", lambda: "Chip 9")
    found = gathered(**{"torch.threads": "2"})
    assert found["machine.cpu"] == "Chip 9"
    assert found["torch.threads"] == "2"
    assert found["data.source"] == "random"
    assert {name: found[f"steady.{name.replace('-', '_')}"] for name in MEASURES} == {
        name: name != "no-gc" for name in MEASURES
    }
    assert found["pytest.version"] == pytest.__version__
    dumps(found, allow_nan=False)


def test_user_variables_are_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set by somebody, forgotten by everybody."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("TORCH_COMPILE_DISABLE", raising=False)
    found = gathered()
    assert found["variable.OMP_NUM_THREADS"] == "1"
    assert "variable.TORCH_COMPILE_DISABLE" not in found


def test_package_that_is_not_installed_is_none() -> None:
    """Absent is None."""
    assert package_version("no-such-package-here") is None


def git(folder: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    author = ["-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


def test_commit_is_known_and_whether_the_checkout_differs(tmp_path: Path) -> None:
    """A figure of code that is in no commit says so."""
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    clean = commit(tmp_path)
    assert clean["commit.dirty"] is False
    assert len(str(clean["commit.id"])) == 40
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == {**clean, "commit.dirty": True}


def test_checkout_without_git_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, or no git at all."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = commit(tmp_path)
    assert found["commit.id"] is None
    assert "not a git repository" in str(found["commit.id.reason"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git cannot be executed" in str(commit(tmp_path)["commit.id.reason"])


def test_code_has_a_fingerprint_of_its_names_and_contents(tmp_path: Path) -> None:
    """What a run was made with decides whether it may be continued: any file of it, not Python's alone."""
    folder, own = tmp_path / "models", tmp_path / "models" / "out.json"
    (folder / "__pycache__").mkdir(parents=True)

    def print_of() -> str:
        return digest(digest_files(folder, [own]))

    (folder / "a.py").write_text("one")
    prints = [print_of()]
    (folder / "__pycache__" / "a.pyc").write_text("compiled")
    own.write_text("a result of this very run")
    assert print_of() == prints[0]
    (folder / "cfg.json").write_text("one")
    prints.append(print_of())
    (folder / "cfg.json").write_text("two")
    prints.append(print_of())
    (folder / "a.py").rename(folder / "b.py")
    prints.append(print_of())
    (folder / "link").symlink_to("b.py")
    prints.append(print_of())
    (folder / "link").unlink()
    (folder / "link").symlink_to("nowhere")
    prints.append(print_of())
    assert len(set(prints)) == len(prints)


def test_each_file_of_the_timed_code_is_a_fact(tmp_path: Path) -> None:
    """A difference is named file by file."""
    for folder in ("models", "bench"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "models" / "cfg.json").write_text("1")

    def facts() -> dict[str, object]:
        return dict(gather(tmp_path, data_source="", data_reason="", left_out=[], worker_facts={}).facts)

    before = facts()
    (tmp_path / "models" / "cfg.json").write_text("2")
    after = facts()
    changed = {name for name in before if before[name] != after[name] and name.startswith("code.")}
    assert changed == {"code.models", "code.models/cfg.json"}
    assert {name for name in before if name.startswith("code.")} == {*changed, "code.models/__init__.py", "code.bench"}


def test_environment_is_scalars() -> None:
    """A reader prints and compares them."""
    found = gather(ROOT, data_source="random", data_reason="", left_out=[], worker_facts={})
    assert all(
        value is None or isinstance(value, str | int | float | bool) for value in asdict(found)["facts"].values()
    )


def test_folder_that_no_commit_of_the_repository_around_it_holds_has_none(tmp_path: Path) -> None:
    """A checkout unpacked inside another project is not at that project's commit."""
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "theirs")
    (tmp_path / "inner" / "models").mkdir(parents=True)
    (tmp_path / "inner" / "models" / "__init__.py").write_text("")
    found = commit(tmp_path / "inner")
    assert (found["commit.id"], found["commit.dirty"]) == (None, None)
    assert str(found["commit.id.reason"]).startswith("this folder is in no commit of the repository around it, ")


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
    monkeypatch.setattr("bench.host.facts.control_groups", lambda: [tmp_path])
    assert memory_limits().get("container") == expected
    assert memory_bytes() == min(memory_limits().values())
    assert memory_bytes() <= (expected or 1 << 60)


def test_limit_of_the_process_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ulimit -d``: raising it is refused, and a plan must know it as a run does."""
    monkeypatch.setattr("bench.host.facts.resource.getrlimit", lambda _: (1 << 20, 1 << 20))
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
    monkeypatch.setattr("bench.host.facts.control_groups", lambda: [tmp_path])
    assert cpu_quota() == cores


def test_variables_that_halve_a_figure_are_facts_and_secrets_are_not() -> None:
    """By prefix: a list of names would miss the next one."""
    given = {
        "OMP_THREAD_LIMIT": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "LD_PRELOAD": "/lib/jemalloc.so",
        "NVIDIA_TF32_OVERRIDE": "1",
        "TORCH_API_KEY": "hidden",
        "HOME": "/root",
    }
    assert variables(given) == {
        "variable.ATEN_CPU_CAPABILITY": "default",
        "variable.LD_PRELOAD": "/lib/jemalloc.so",
        "variable.MKL_CBWR": "COMPATIBLE",
        "variable.NVIDIA_TF32_OVERRIDE": "1",
        "variable.OMP_THREAD_LIMIT": "1",
        "variable.TORCH_API_KEY": "set",
    }


def test_groups_around_this_process_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systemd and Slurm limit a group somewhere above, of either version."""
    monkeypatch.setattr("bench.host.facts.CGROUP", tmp_path / "cgroup")
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


def test_own_files_are_found_by_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--benchmark-json models/out.json`` is relative to where it was typed."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "out.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert digest_files(tmp_path / "models", [Path("models/out.json")]) == {}


def test_timed_files_are_those_that_git_does_not_ignore(tmp_path: Path) -> None:
    """An editor's swap file keeps no run from going on; outside a repository everything counts."""
    (tmp_path / "models").mkdir()
    for name in ("__init__.py", "new.json", ".mlp.py.swp"):
        (tmp_path / "models" / name).write_text("x")
    assert sorted(digest_timed(tmp_path)) == [".mlp.py.swp", "__init__.py", "new.json"]
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("*.swp\n")
    git(tmp_path, "add", "models/__init__.py")
    assert sorted(digest_timed(tmp_path)) == ["__init__.py", "new.json"]


def test_change_of_the_timed_code_is_found_by_name(tmp_path: Path) -> None:
    """Only what was really changed: a file that was written again as it was is the same, and so is our own."""
    models, own = tmp_path / "models", tmp_path / "models" / "out.jsonl"
    models.mkdir()
    (models / "net.py").write_text("one")
    own.write_text("a line\n")
    watch = CodeWatch(root=tmp_path, own=[own])
    assert watch.find_change() is None
    own.write_text("a line\nand another\n")
    os.utime(models / "net.py", ns=(1, 1))
    assert watch.find_change() is None
    (models / "net.py").write_text("two!")
    assert watch.find_change() == "models/net.py"
    (models / "net.py").write_text("one")
    (models / "cfg.json").write_text("1")
    assert watch.find_change() == "models/cfg.json"
