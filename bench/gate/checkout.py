"""Both arms' code in folders of their own, frozen when the gate begins, and two equal slots they are imported from."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gate.origin import Origin
from bench.gate.tolerance import Tolerance, compare_tolerances, read_tolerance
from bench.gate.tree import POINTER, SETTINGS, Commit, Source, TreeError, find_differences, make_tree
from bench.host.code import COMPILED, ENGINE, TIMED, code_facts, digest_files, printable
from bench.host.git import GitError, git_line, git_paths
from bench.record.arm import Arm, Side
from bench.record.conditions import Scalar
from bench.record.gate import Trees
from bench.record.how_many import how_many
from bench.request import SetupError

MOST_LEFT_OUT = 100
"""So many files that are in no tree are named; a folder of generated ones would fill the record."""


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
        ignored = shutil.ignore_patterns(COMPILED)
        shutil.copytree(root / ENGINE, engine / ENGINE, ignore=ignored, ignore_dangling_symlinks=True)
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
        repository: the folder that the checkout's repository lies in; the checkout itself where there is none.
        slots: where workers import it from.
        folders: the folder that holds an arm's ``models``, by side.
        facts: commit and digest of each arm's ``models``, and of each file of it.
        trees: what both are and in what they differ; None if one of them cannot be had.
        trouble: why an arm's code cannot be had, or why there is nothing to compare; None if there is.
    """

    repository: Path
    slots: Slots
    folders: Mapping[Side, Path]
    facts: Mapping[str, Scalar]
    trees: Trees | None
    trouble: str | None

    @classmethod
    def freeze(
        cls,
        root: Path,
        arms: Mapping[Side, Arm],
        origins: Mapping[Side, Origin],
        folder: Path,
        *,
        tolerance: Tolerance,
        own: Collection[Path] = (),
    ) -> ArmsCode:
        """Copy both arms' code into a folder; what cannot be had is its trouble.

        Args:
            root: the checkout, whose engine times both.
            arms: both, by side.
            origins: where their code comes from.
            folder: a scratch folder.
            tolerance: what is in force, which base's own commit may have had otherwise.
            own: files that this program writes itself.
        """
        folders = {side: folder / side for side in arms}
        facts: dict[str, Scalar] = {}
        prints: dict[Side, dict[str, str]] = {}
        left_out: dict[str, str] = {}
        trees = trouble = None
        for side, origin in origins.items():
            try:
                left_out |= make_tree(origin.source, folders[side], own)
            except TreeError as error:
                trouble = f"{side} cannot be exported: {error}"
                continue
            prints[side] = digest_files(folders[side] / TIMED)
            facts |= {f"arm.{side}.{name}": value for name, value in origin.facts.items()}
            facts |= code_facts(f"arm.{side}.{TIMED}", prints[side])
        if trouble is None:
            trees = Trees(
                differences=find_differences(folders[Side.BASE], folders[Side.HEAD], prints),
                left_out=_name_left_out(left_out, prints),
                remarks=(
                    *(f"{side}: {remark}" for side in Side for remark in origins[side].remarks),
                    *_remark_engine(root, origins[Side.BASE].source),
                    *_remark_tolerance(folders[Side.BASE], tolerance),
                ),
            )
            if not trees.differences and arms[Side.BASE].runs_like(arms[Side.HEAD]):
                trouble = origins[Side.BASE].same_commit
        return cls(
            repository=_find_repository(root),
            slots=Slots.make(root, folder),
            folders=folders,
            facts=facts,
            trees=trees,
            trouble=trouble,
        )

    def is_shared(self, file: str) -> bool:
        """Whether a file that is in no slot lies in the repository, where both arms load it."""
        return Path(file).resolve().is_relative_to(self.repository)

    def place(self, side: Side, *, first: bool) -> Path:
        """Have one slot hold an arm's ``models``, the other slot the other arm's; return the arm's own slot."""
        other = Side.BASE if side is Side.HEAD else Side.HEAD
        mine, theirs = self.folders[side], self.folders[other]
        return self.slots.place(mine, theirs)[0] if first else self.slots.place(theirs, mine)[1]


def _find_repository(root: Path) -> Path:
    try:
        own = git_paths(root, "ls-files", "-z", "--", TIMED, ENGINE)
        return Path(git_line(root, "rev-parse", "--show-toplevel") if own else root).resolve()
    except GitError:
        return root.resolve()


def _name_left_out(left_out: Mapping[str, str], prints: Mapping[Side, Mapping[str, str]]) -> dict[str, str]:
    """Return which files are in neither tree; what one arm leaves out and the other has is a difference."""
    held = {f"{TIMED}/{printable(path)}" for side in prints for path in prints[side]}
    named = {path: why for path, why in left_out.items() if path not in held or why == POINTER}
    return dict(list(named.items())[:MOST_LEFT_OUT])


def _remark_engine(root: Path, base: Source) -> list[str]:
    """Return that what times both arms is head's, if base had it otherwise."""
    if not isinstance(base, Commit):
        return []
    try:
        changed = git_paths(root, "diff", "--name-only", "-z", "--no-ext-diff", base.name, "--", ENGINE)
    except GitError:
        return []
    if not changed:
        return []
    files = how_many(len(changed), "file")
    return [f"{ENGINE} is the working tree's for both arms, which differs from base's in {files}: it is not compared"]


def _remark_tolerance(base: Path, tolerance: Tolerance) -> list[str]:
    """Return in what base's own commit tolerated something else than what is in force."""
    try:
        return compare_tolerances(read_tolerance(base / SETTINGS), tolerance)
    except SetupError as error:
        said = str(error).removeprefix(f"{base / SETTINGS}: ")
        return [f"what base's own {SETTINGS} tolerated cannot be read: {said}"]
