"""Both arms' code in folders of their own, frozen when the run begins, and two equal slots they are imported from."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

TIMED = "models"
"""The folder that is compared; how it is timed comes from the working tree for both."""

ENGINE = "bench"
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "out")


class ExportError(Exception):
    """An arm's code cannot be had; the message says why."""


def export(root: Path, ref: str | None, target: Path) -> str:
    """Copy an arm's ``models`` below `target`; return what it is: a commit's full name, or a folder's path.

    Args:
        root: the checkout this program runs from.
        ref: a commit or branch of it, or a folder; None for the working tree.
        target: a folder, made if it is not there.

    Raises:
        ExportError: if there is no such commit or folder, or it holds no models.
    """
    source = root if ref is None else Path(ref)
    target.mkdir(parents=True, exist_ok=True)
    if ref is None or source.is_dir():
        if not (source / TIMED / "__init__.py").is_file():
            raise ExportError(f"{source} holds no {TIMED}/__init__.py")
        try:
            shutil.copytree(source / TIMED, target / TIMED, ignore=LEFT_BEHIND)
        except OSError as error:
            raise ExportError(f"{source / TIMED} cannot be copied: {error.strerror or error}") from error
        return "" if ref is None else str(source.resolve())
    commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    packed = _git(root, "archive", "--format=tar", commit, TIMED)
    try:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(target, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise ExportError(f"{commit} cannot be unpacked: {error}") from error
    return commit


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=True).stdout
    except OSError as error:
        raise ExportError(f"git cannot be executed: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ExportError(f"git {arguments[0]}: {said[-1]}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Two folders, equal but for one digit of their name; a coin decides which arm is imported from which.

    Attributes:
        folder: holds both.
        engine: the frozen ``bench``, the same for both.
    """

    folder: Path
    engine: Path

    @classmethod
    def make(cls, root: Path, folder: Path) -> Slots:
        """Freeze the working tree's ``bench`` and return empty slots."""
        engine = folder / "engine"
        shutil.copytree(root / ENGINE, engine / ENGINE, ignore=LEFT_BEHIND)
        for number in range(2):
            slot = folder / f"slot-{number}"
            slot.mkdir()
            (slot / ENGINE).symlink_to(engine / ENGINE)
        return cls(folder=folder, engine=engine)

    def place(self, first: Path, second: Path) -> tuple[Path, Path]:
        """Have the two slots hold these arms' ``models``; return the slots."""
        for number, tree in enumerate((first, second)):
            link = self.folder / f"slot-{number}" / TIMED
            link.unlink(missing_ok=True)
            link.symlink_to(tree / TIMED)
        return self.folder / "slot-0", self.folder / "slot-1"
