"""Both arms' code in folders of their own, frozen when the gate begins, and two equal slots they are imported from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bench.files.project_settings import SETTINGS
from bench.gate.origin import Origin
from bench.gate.scope import BUILT_IN, Scope
from bench.gate.tolerance import Tolerance, compare_tolerances, read_tolerance
from bench.gate.tree import (
    NESTED,
    POINTER,
    SUBMODULE,
    Commit,
    Source,
    TreeError,
    find_differences,
    include_generated,
    list_differing,
    make_tree,
)
from bench.host.code import COMPILED, ENGINE, TIMED, code_facts, digest_files, digest_listed, list_files, printable
from bench.host.git import GitError, git_line, git_paths
from bench.processes.loaded import Loaded
from bench.record.arm import Arm, Side
from bench.record.conditions import Scalar
from bench.record.gate import Trees
from bench.record.how_many import how_many
from bench.request import SetupError

MOST_LEFT_OUT = 100
"""So many files that are in no tree are named; a folder of generated ones would fill the record."""

MOST_NAMED = 3
"""So many files that differ and that no worker loaded are named as examples; a branch may touch hundreds."""

MOST_LISTED = 1_000
"""So many files of an arm have a fact of their own beside that of all; a project may have any number."""

PROJECT = "project"
"""A slot holds the tree of a project under this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Two folders, equal but for one digit of their name; a coin decides which arm is imported from which.

    A slot holds ``bench``, which is the same for both, and the arm's ``models``. Where the whole of a project is
    compared it also holds the arm's tree, as ``project``; ``models`` of another project than this checkout are this
    checkout's, frozen.

    Attributes:
        folder: holds both.
        engine: the frozen ``bench``, the same for both.
        scope: what is compared.
    """

    folder: Path
    engine: Path
    scope: Scope = BUILT_IN

    @classmethod
    def make(cls, root: Path, folder: Path, scope: Scope = BUILT_IN) -> Slots:
        """Freeze the checkout's ``bench``, with its ``models`` for another project, and return empty slots."""
        engine = folder / "engine"
        ignored = shutil.ignore_patterns(COMPILED)
        for name in (ENGINE,) if scope.own else (ENGINE, TIMED):
            shutil.copytree(root / name, engine / name, ignore=ignored, ignore_dangling_symlinks=True)
        for number in range(2):
            slot = folder / f"slot-{number}"
            slot.mkdir()
            (slot / ENGINE).symlink_to(engine / ENGINE)
        return cls(folder=folder, engine=engine, scope=scope)

    def place(self, first: Path, second: Path) -> tuple[Path, Path]:
        """Have the two slots hold these arms' code; return the slots."""
        for number, tree in enumerate((first, second)):
            slot = self.folder / f"slot-{number}"
            _lead(slot / TIMED, tree / TIMED if self.scope.own else self.engine / TIMED)
            if self.scope.whole:
                _lead(slot / PROJECT, tree)
        return self.folder / "slot-0", self.folder / "slot-1"


def _lead(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsCode:
    """The code of both arms, frozen; see `ArmsCode.freeze`.

    Attributes:
        repository: the folder that the project's repository lies in; the project itself where there is none.
        slots: where workers import it from.
        folders: the folder that holds an arm's tree, by side.
        facts: commit and digest of each arm's code, and of each file of it that counts.
        trees: what both are and in what they differ; None if one of them cannot be had, and for the whole of a
            project until it is known what workers load of it; see `count_loaded`.
        trouble: why an arm's code cannot be had, or why there is nothing to compare; None if there is.
        scope: what is compared.
        prints: fingerprints of each tree's files that are compared, by side and by path in the tree.
        left_out: why a file is in neither tree, by path.
        remarks: what a reader must know of both, each a sentence.
        same_commit: why there is nothing to compare if the trees turn out to be the same; None if that is no matter.
    """

    repository: Path
    slots: Slots
    folders: Mapping[Side, Path]
    facts: Mapping[str, Scalar]
    trees: Trees | None
    trouble: str | None
    scope: Scope = BUILT_IN
    prints: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    same_commit: str | None = None

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
        scope: Scope = BUILT_IN,
        engine: Path,
    ) -> ArmsCode:
        """Copy both arms' code into a folder; what cannot be had is its trouble.

        Args:
            root: the project's folder.
            arms: both, by side.
            origins: where their code comes from.
            folder: a scratch folder.
            tolerance: what is in force, which base's own commit may have had otherwise.
            own: files that this program writes itself.
            scope: what is compared.
            engine: the checkout whose engine times both.
        """
        folders = {side: folder / side for side in arms}
        facts: dict[str, Scalar] = {}
        left_out: dict[str, str] = {}
        made: list[Path] = []
        included: dict[str, str] = {}
        trouble = None
        for side, origin in origins.items():
            try:
                left_out |= make_tree(origin.source, folders[side], own, scope=scope)
            except TreeError as error:
                trouble = f"{side} cannot be exported: {error}"
                continue
            made.append(folders[side])
            facts |= {f"arm.{side}.{name}": value for name, value in origin.facts.items()}
        try:
            included = include_generated(root, scope.include, made)
        except TreeError as error:
            trouble = trouble or f"what include names cannot be copied: {error}"
        prints = {side: _digest_tree(tree, scope) for side, tree in folders.items() if tree in made}
        code = cls(
            repository=_find_repository(root, scope),
            slots=Slots.make(engine, folder, scope),
            folders=folders,
            facts=facts,
            trees=None,
            trouble=trouble,
            scope=scope,
            prints=prints,
            left_out=left_out,
            same_commit=origins[Side.BASE].same_commit if arms[Side.BASE].runs_like(arms[Side.HEAD]) else None,
        )
        if trouble is None:
            remarks = (
                *(f"{side}: {remark}" for side in Side for remark in origins[side].remarks),
                *(_remark_engine(root, origins[Side.BASE].source) if scope.own else ()),
                *_remark_tolerance(folders[Side.BASE], tolerance),
                *included.values(),
            )
            code = replace(code, remarks=remarks)
        if scope.whole:
            return replace(code, trouble=code.same_commit) if trouble is None and not code.list_differing() else code
        return code.count_files({side: frozenset(files) for side, files in prints.items()})

    def list_differing(self) -> list[str]:
        """Return the paths of both trees at which they differ."""
        return list_differing(self.prints)

    def count_loaded(self, loaded: Mapping[Side, Loaded]) -> ArmsCode:
        """Return this code with what its workers load of a project: that is what counts, and declared data.

        Where an arm's workers can tell nothing, every file counts.

        Args:
            loaded: what an arm's workers load, by side.
        """
        if self.trouble is not None or not self.scope.whole:
            return self
        data = {side: _list_fitting(files, self.scope.data) for side, files in self.prints.items()}
        counting = {
            side: frozenset({*loaded[side].files, *data[side]}) if loaded[side].files else frozenset(files)
            for side, files in self.prints.items()
        }
        remarks = (
            *self.remarks,
            *(
                f"{side}: its workers cannot load each model: {told.trouble}"
                for side, told in loaded.items()
                if told.trouble
            ),
            *_remark_uncounted([name for name in self.list_differing() if not _is_in(name, counting)]),
            *(
                f"data names {pattern}, which fits no file of either tree: where git ignores it, include must name it"
                for pattern in self.scope.data
                if not any(_list_fitting(files, [pattern]) for files in self.prints.values())
            ),
        )
        failed = any(told.trouble for told in loaded.values())
        named = {
            path: why
            for path, why in self.left_out.items()
            if why in (SUBMODULE, NESTED, POINTER) and (failed or _is_in(path, counting))
        }
        return replace(self, remarks=remarks, left_out=named).count_files(counting)

    def count_files(self, counting: Mapping[Side, Collection[str]]) -> ArmsCode:
        """Return this code with the facts and differences of those files of each tree that count, by side."""
        facts = dict(self.facts)
        for side, files in self.prints.items():
            above = "" if self.scope.whole else f"{TIMED}/"
            counted = {path.removeprefix(above): files[path] for path in files if path in counting[side]}
            name = f"arm.{side}.{self.scope.fact}"
            listed = code_facts(name, counted)
            facts |= listed if len(counted) <= MOST_LISTED else {name: listed[name]}
        code = replace(self, facts=facts)
        if self.trouble is not None:
            return code
        differing = [name for name in self.list_differing() if _is_in(name, counting)]
        trees = Trees(
            differences=find_differences(self.folders[Side.BASE], self.folders[Side.HEAD], differing),
            left_out=_name_left_out(self.left_out, self.prints),
            remarks=self.remarks,
        )
        return replace(code, trees=trees, trouble=None if differing else self.same_commit)

    def is_shared(self, file: str) -> bool:
        """Whether a file that is in no slot lies in the repository, where both arms load it."""
        return Path(file).resolve().is_relative_to(self.repository)

    def place(self, side: Side, *, first: bool) -> Path:
        """Have one slot hold an arm's code, the other slot the other arm's; return the arm's own slot."""
        other = Side.BASE if side is Side.HEAD else Side.HEAD
        mine, theirs = self.folders[side], self.folders[other]
        return self.slots.place(mine, theirs)[0] if first else self.slots.place(theirs, mine)[1]


def _digest_tree(tree: Path, scope: Scope) -> dict[str, str]:
    """Return fingerprints of the files of a tree that are compared, by path in the tree.

    A link of a project may lead to any amount of data; its own fingerprint is where it leads.
    """
    if not scope.whole:
        return {f"{TIMED}/{path}": print_ for path, print_ in digest_files(tree / TIMED).items()}
    paths = list_files(tree)
    links = {os.fspath(path.relative_to(tree)): os.fspath(path.readlink()) for path in paths if path.is_symlink()}
    files = digest_listed(tree, [path for path in paths if not path.is_symlink()], ())
    return files | {path: f"-> {printable(leads_to)}" for path, leads_to in links.items()}


def _is_in(path: str, counting: Mapping[Side, Collection[str]]) -> bool:
    return any(path in files for files in counting.values())


def _list_fitting(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the paths that fit a pattern, as a shell understands them but for ``*``, which fits a slash, too."""
    return [path for path in paths if any(fnmatchcase(path, pattern) for pattern in patterns)]


def _remark_uncounted(names: list[str]) -> list[str]:
    """Return that files differ which no worker loads, with some of their names."""
    if not names:
        return []
    shown = ", ".join(map(printable, names[:MOST_NAMED]))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    files = how_many(len(names), "file")
    differ = "differs" if len(names) == 1 else "differ"
    return [f"{files} of the project that no worker loads and that data does not name {differ}, too: {shown}{more}"]


def _find_repository(root: Path, scope: Scope) -> Path:
    try:
        own = git_paths(root, "ls-files", "-z", "--", *scope.known_by)
        return Path(git_line(root, "rev-parse", "--show-toplevel") if own else root).resolve()
    except GitError:
        return root.resolve()


def _name_left_out(left_out: Mapping[str, str], prints: Mapping[Side, Mapping[str, str]]) -> dict[str, str]:
    """Return which files are in neither tree; what one arm leaves out and the other has is a difference."""
    held = {printable(path) for side in prints for path in prints[side]}
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
