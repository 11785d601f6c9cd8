"""Which code is timed, its fingerprints, and that a change of it is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.host.code import CodeWatch, digest, digest_file, digest_files, digest_timed
from bench.host.folders import ROOT
from tests.makers.repositories import git


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


def test_change_of_a_file_elsewhere_is_found_by_its_path(tmp_path: Path) -> None:
    """A step of the user's own decides what is timed, wherever its file lies."""
    (tmp_path / "models").mkdir()
    step = tmp_path / "steps.py"
    step.write_text("one")
    watch = CodeWatch(root=tmp_path, others=[step])
    assert watch.find_change() is None
    step.write_text("two!")
    assert watch.find_change() == str(step)
    watch = CodeWatch(root=tmp_path, others=[step])
    step.unlink()
    assert watch.find_change() == str(step)


def test_change_of_a_projects_file_is_found_by_name(tmp_path: Path) -> None:
    """Since it was loaded: a file that was edited before anybody watched it was loaded as it was."""
    project, root = tmp_path / "mine", tmp_path / "root"
    (root / "models").mkdir(parents=True)
    project.mkdir()
    for name in ("net.py", "page.md"):
        (project / name).write_text("one")
    loaded = {"net.py": digest_file(project / "net.py")}
    watch = CodeWatch(root=root)
    watch.watch(project, loaded)
    assert watch.find_change() is None
    (project / "page.md").write_text("two")
    assert watch.find_change() is None
    (project / "net.py").write_text("two")
    assert watch.find_change() == "net.py"
    late = CodeWatch(root=root)
    late.watch(project, loaded)
    assert late.find_change() == "net.py"
    (project / "net.py").unlink()
    assert watch.find_change() == "net.py"


def test_digests_under_an_ascii_locale_are_those_of_any_other(tmp_path: Path) -> None:
    """Cron and a bare container have no locale: names that it cannot write are bytes all the same."""
    for name in ("caf\u00e9.json", os.fsdecode(b"\xff.json")):
        (tmp_path / name).write_text("1")
    program = "import sys; from bench.host.code import *; print(digest(digest_files(Path(sys.argv[1]))))"
    asked = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert asked.stdout.strip() == digest(digest_files(tmp_path))
