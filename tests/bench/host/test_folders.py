"""A run's folder is its own while it lives, and nobody's afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.host.folders import OWNER, PREFIX, LockedError, lock, scratch_folder, sweep


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def abandoned(parent: Path, name: str = "x") -> Path:
    """Return a scratch folder whose run was killed."""
    folder = parent / f"{PREFIX}{name}"
    (folder / "inductor").mkdir(parents=True)
    (folder / OWNER).touch()
    return folder


def test_scratch_folder_is_gone_with_its_run(temporary: Path) -> None:
    """Also when the run broke."""

    def break_down() -> None:
        with scratch_folder() as folder:
            (folder / "file").touch()
            assert folder.parent == temporary
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_down()
    assert list(temporary.iterdir()) == []


def test_next_run_removes_what_a_killed_one_left(temporary: Path) -> None:
    """SIGKILL leaves no time to clean up."""
    left = abandoned(temporary)
    with scratch_folder() as folder:
        assert not left.exists()
        assert folder.exists()


def test_folder_of_a_living_run_stays(temporary: Path) -> None:
    """Two runs may live side by side."""
    with scratch_folder() as mine:
        assert sweep(temporary) == []
        assert mine.exists()


@pytest.mark.parametrize("kind", ["link", "stranger", "without-owner", "other-name"])
def test_what_is_not_ours_stays(temporary: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder is everybody's."""
    folder = abandoned(temporary, "x") if kind != "other-name" else temporary / "accelbenchmark-x"
    match kind:
        case "link":
            target = abandoned(temporary.parent, f"target-{temporary.name}")
            folder = temporary / f"{PREFIX}link"
            folder.symlink_to(target)
            monkeypatch.setattr(Path, "glob", lambda _, __: [folder])
        case "stranger":
            monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        case "without-owner":
            (folder / OWNER).unlink()
        case _:
            folder.mkdir()
    assert sweep(temporary) == []
    assert folder.exists()


def test_lock_keeps_others_out_while_it_is_held(tmp_path: Path) -> None:
    """Two runs in one folder do not mix."""
    path = tmp_path / "lock"
    with lock(path, remove=True):
        with pytest.raises(LockedError, match="lock"), lock(path, remove=True):
            pytest.fail("two owners")
        assert path.exists()
    assert not path.exists()
    with lock(path, remove=False):
        pass
    assert path.exists()
