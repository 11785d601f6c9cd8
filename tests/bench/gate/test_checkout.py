"""Both arms' code, frozen, in slots that differ in one digit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.gate.checkout import ArmsCode, ExportError, Slots, export
from bench.record.arm import Arm, Side


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
    """What is edited while the gate runs does not come into it."""
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


def test_code_of_both_arms_is_frozen_and_named(repository: Path, tmp_path: Path) -> None:
    """An arm is imported from whichever slot the coin gave it, and the other arm from the other."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    code = ArmsCode.freeze(repository, {Side.BASE: Arm(ref="HEAD"), Side.HEAD: Arm()}, folder)
    assert code.trouble is None
    assert len(str(code.facts["arm.base.commit"])) == 40
    assert code.facts["arm.head.commit"] is None
    assert code.facts["arm.base.models"] != code.facts["arm.head.models"]
    places = {(side, first): code.place(side, first=first) for side in Side for first in (True, False)}
    assert places[Side.BASE, True] == places[Side.HEAD, True] != places[Side.BASE, False]
    assert (code.place(Side.BASE, first=True) / "models" / "__init__.py").read_text() == "OLD = 1\n"
    assert (places[Side.HEAD, False] / "models" / "__init__.py").read_text() == "NEW = 1\n"


def test_arm_that_cannot_be_had_is_the_codes_trouble(repository: Path, tmp_path: Path) -> None:
    """The gate ends with that sentence; the other arm's facts stay."""
    code = ArmsCode.freeze(repository, {Side.BASE: Arm(ref="nowhere"), Side.HEAD: Arm()}, tmp_path)
    assert code.trouble is not None
    assert code.trouble.startswith("base cannot be exported: git rev-parse")
    assert "arm.base.models" not in code.facts
    assert "arm.head.models" in code.facts
