"""Both arms' code in folders of their own, frozen when the run begins, and two equal slots they are imported from."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from bench.host.facts import digest
from bench.record.arm import Arm, Side
from bench.record.conditions import Scalar

TIMED = "models"
"""The folder that is compared; how it is timed comes from the working tree for both."""

ENGINE = "bench"
"""The folder that times both arms."""

LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "out")
"""What no arm needs: compiled files of another interpreter, and reports."""


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
        lines = error.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ExportError(f"git {arguments[0]}: {lines[-1]}") from error


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsCode:
    """The code of both arms, frozen; see `ArmsCode.freeze`.

    Attributes:
        slots: where workers import it from.
        trees: the folder that holds an arm's ``models``, by side.
        facts: commit and digest of each arm's ``models``.
        trouble: why an arm's code cannot be had; None if both are there.
    """

    slots: Slots
    trees: Mapping[Side, Path]
    facts: Mapping[str, Scalar]
    trouble: str | None

    @classmethod
    def freeze(cls, root: Path, arms: Mapping[Side, Arm], folder: Path) -> ArmsCode:
        """Copy both arms' code into a folder; what cannot be had is its trouble.

        Args:
            root: the checkout, whose working tree an arm without a reference is.
            arms: both, by side.
            folder: a scratch folder.
        """
        trees = {side: folder / side for side in arms}
        facts: dict[str, Scalar] = {}
        trouble = None
        for side, arm in arms.items():
            try:
                facts[f"arm.{side}.commit"] = export(root, arm.ref, trees[side]) or None
                facts[f"arm.{side}.models"] = digest(trees[side] / TIMED)
            except ExportError as error:
                trouble = f"{side} cannot be exported: {error}"
        return cls(slots=Slots.make(root, folder), trees=trees, facts=facts, trouble=trouble)

    def place(self, side: Side, *, first: bool) -> Path:
        """Have one slot hold an arm's ``models``, the other slot the other arm's; return the arm's own slot."""
        other = Side.BASE if side is Side.HEAD else Side.HEAD
        mine, theirs = self.trees[side], self.trees[other]
        return self.slots.place(mine, theirs)[0] if first else self.slots.place(theirs, mine)[1]
