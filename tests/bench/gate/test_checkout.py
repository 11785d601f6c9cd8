"""Both arms' code, frozen, in slots that differ in one digit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.gate.checkout import ExportError, Slots, export


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout whose models were changed after its one commit."""
    root = tmp_path / "root"
    for folder in ("models", "bench"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").write_text("OLD = 1\n")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    (root / "models" / "__init__.py").write_text("NEW = 1\n")
    return root


def test_commit_is_exported_as_it_was(repository: Path, tmp_path: Path) -> None:
    """Without touching the checkout."""
    commit = export(repository, "HEAD", tmp_path / "base")
    assert len(commit) == 40
    assert (tmp_path / "base" / "models" / "__init__.py").read_text() == "OLD = 1\n"
    assert (repository / "models" / "__init__.py").read_text() == "NEW = 1\n"
    assert not (tmp_path / "base" / "bench").exists()


def test_working_tree_is_frozen(repository: Path, tmp_path: Path) -> None:
    """What is edited while the comparison runs does not come into it."""
    assert not export(repository, None, tmp_path / "head")
    (repository / "models" / "__init__.py").write_text("LATER = 1\n")
    assert (tmp_path / "head" / "models" / "__init__.py").read_text() == "NEW = 1\n"


def test_folder_is_taken_as_it_is(repository: Path, tmp_path: Path) -> None:
    """``--against PATH``."""
    assert export(tmp_path, str(repository), tmp_path / "base") == str(repository.resolve())
    assert (tmp_path / "base" / "models" / "__init__.py").read_text() == "NEW = 1\n"


@pytest.mark.parametrize("ref", ["nowhere", "--help", "HEAD~7"])
def test_reference_that_is_none_says_so(repository: Path, tmp_path: Path, ref: str) -> None:
    """One sentence, from git."""
    with pytest.raises(ExportError, match="git rev-parse"):
        export(repository, ref, tmp_path / "base")


def test_commit_without_models_says_so(repository: Path, tmp_path: Path) -> None:
    """An older history may have had them elsewhere."""
    subprocess.run(["git", "-C", str(repository), "rm", "-q", "-r", "-f", "models"], check=True)
    subprocess.run(
        ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "-m", "none"],
        check=True,
    )
    with pytest.raises(ExportError, match="git archive"):
        export(repository, "HEAD", tmp_path / "base")


def test_folder_without_models_says_so(tmp_path: Path) -> None:
    """Nothing is compared with nothing."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match="holds no models"):
        export(tmp_path, str(tmp_path / "empty"), tmp_path / "base")


def test_place_outside_a_repository_says_so(tmp_path: Path) -> None:
    """A downloaded archive has no history."""
    with pytest.raises(ExportError, match="git rev-parse"):
        export(tmp_path, "HEAD", tmp_path / "base")


def test_slots_take_either_arm(repository: Path, tmp_path: Path) -> None:
    """The coin decides; the engine is the same for both."""
    base, head = tmp_path / "trees" / "base", tmp_path / "trees" / "head"
    export(repository, "HEAD", base)
    export(repository, None, head)
    slots = Slots.make(repository, tmp_path)
    first, second = slots.place(base, head)
    assert len(str(first)) == len(str(second))
    assert (first / "models" / "__init__.py").read_text() == "OLD = 1\n"
    assert (second / "models" / "__init__.py").read_text() == "NEW = 1\n"
    assert slots.place(head, base) == (first, second)
    assert (first / "models" / "__init__.py").read_text() == "NEW = 1\n"
    assert (first / "bench").resolve() == (second / "bench").resolve() == (slots.engine / "bench").resolve()
