"""Where a run was made is on record, and what could not be found is None with its reason."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path

import pytest

from bench.host import facts
from bench.host.facts import commit, gather, package_version, variables
from bench.host.folders import ROOT
from bench.host.steadiness import MEASURES
from tests.makers.repositories import git


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


@pytest.mark.parametrize(
    "name",
    [
        "GLIBC_TUNABLES",
        "MIMALLOC_ARENA_EAGER_COMMIT",
        "VECLIB_MAXIMUM_THREADS",
        "BLIS_NUM_THREADS",
        "DYLD_INSERT_LIBRARIES",
        "CXX",
        "CXXFLAGS",
        "LP_NUM_THREADS",
        "VK_ICD_FILENAMES",
        "MTL_DEBUG_LAYER",
        "MIOPEN_FIND_MODE",
        "ROCBLAS_LAYER",
        "ZE_AFFINITY_MASK",
        "SYCL_CACHE_PERSISTENT",
        "GPU_MAX_HW_QUEUES",
    ],
)
def test_variables_of_every_library_under_torch_are_facts(name: str) -> None:
    """An allocator, a library of linear algebra, a compiler, a driver: each reads some of its own."""
    assert variables({name: "1"}) == {f"variable.{name}": "1"}


def test_cores_that_this_process_may_use_are_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """``taskset`` and a batch system leave a process fewer than the machine has."""
    monkeypatch.setattr(facts, "count_cores", lambda: 1)
    assert gathered()["process.cores"] == 1
