"""Copies the compared files of a commit or of a folder into a tree of their own: one function makes both arms' trees.

A tree holds ``models`` of this checkout, or the whole folder of a project; see `scope`.
What git calls unchanged comes out of its blob, raw, whichever arm asks: no filter, no attribute and no line ending of
one checkout can make two trees of the same commit differ.
What git calls changed, and what it does not know and does not ignore, comes from the disk.
What it ignores is in neither tree, but for generated files that a project names itself, which both trees take from
the working tree. A folder outside any repository is taken as it lies.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from bench.files.project_settings import SETTINGS
from bench.gate.scope import BUILT_IN, Scope
from bench.host.code import COMPILED, COMPILED_SUFFIX, TIMED, list_files, printable
from bench.host.git import GitError, git, git_paths, is_repository
from bench.record.arm import Side
from bench.record.gate import FileDifference

MOST_BYTES = 1 << 30
"""A tree is copied for each gate; a repository of code is far below this, one with a data set in it is not."""

MOST_LINES = 2_000
"""Lines are matched in files up to this length, in a time that grows with its square; of longer ones those are counted
that only one side has, wherever they stand."""

IGNORED = "git ignores it"
SUBMODULE = "a submodule, which is another repository"
NESTED = "another repository in the folder"
DANGLING = "a link to nothing"
SPECIAL = "not a regular file"
POINTER = "a pointer of Git LFS without its content"

HISTORY = ".git"
"""git keeps its own files here, which are no part of a folder."""

POINTER_BEGINS = b"version https://git-lfs.github.com/spec/"
LINK, GITLINK = "120000", "160000"
"""Modes of git's tree entries. Source: the manual of ``git fast-import``."""


class TreeError(Exception):
    """A tree cannot be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the repository that a folder lies in.

    Attributes:
        folder: of the repository; paths are relative to it.
        name: the commit's full name.
    """

    folder: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder as it lies on disk now."""

    path: Path


Source = Commit | Folder


@dataclass(slots=True)
class _Listing:
    """What of a source belongs into its tree.

    Attributes:
        blobs: (mode, blob) of files that come from git, by path.
        disk: paths of those that come from the disk.
        left_out: why a path is in no tree.
    """

    blobs: dict[str, tuple[str, str]] = field(default_factory=dict)
    disk: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def make_tree(source: Source, target: Path, own: Collection[Path] = (), *, scope: Scope = BUILT_IN) -> dict[str, str]:
    """Copy what is compared of a source below `target`; return what is left out and why, by path.

    What git ignores is named where the scope is ``models``; the whole folder of a project has too much of that.

    Args:
        source: a commit or a folder.
        target: a folder, made if it is not there.
        own: files that this program writes itself, which belong to no arm.
        scope: what of it is compared.

    Raises:
        TreeError: if it holds nothing of that, is too large or cannot be read, or a link leads out of ``models``.
    """
    folder = source.folder if isinstance(source, Commit) else source.path
    try:
        commit = isinstance(source, Commit)
        listing = _list_commit(source, scope) if isinstance(source, Commit) else _list_folder(folder, own, scope)
        at = f"{source.name[:12]} of {folder}" if isinstance(source, Commit) else str(folder)
        if not scope.whole and f"{TIMED}/__init__.py" not in (*listing.blobs, *listing.disk):
            raise TreeError(f"{at} holds no {TIMED}/__init__.py")
        if not listing.blobs and not listing.disk:
            raise TreeError(f"{at} holds no file{', in this folder of the repository' if commit else ''}")
        target.mkdir(parents=True, exist_ok=True)
        _check_size(listing, folder, scope)
        _write_blobs(listing, folder, target, scope)
        _write_disk(listing, folder, target, scope)
    except GitError as error:
        raise TreeError(str(error)) from error
    except OSError as error:
        raise TreeError(f"{error.filename}: {error.strerror or error}") from error
    return {printable(path): why for path, why in sorted(listing.left_out.items()) if path != SETTINGS}


def include_generated(working: Path, patterns: Sequence[str], trees: Collection[Path]) -> dict[str, str]:
    """Copy generated files of the working tree into each tree that has none of that name.

    Args:
        working: the project's folder.
        patterns: of files below it.
        trees: the trees.

    Returns:
        What came of each pattern, as a sentence, by the file's path, or by the pattern that fits none.

    Raises:
        TreeError: if a file cannot be read.
    """
    told: dict[str, str] = {}
    for pattern in patterns:
        paths = sorted(path.relative_to(working) for path in working.glob(pattern) if path.is_file())
        if not paths:
            told[pattern] = f"include names {pattern}, which fits no file of the working tree"
        for path in paths:
            absent = [tree for tree in trees if not os.path.lexists(tree / path)]
            try:
                for tree in absent:
                    _write_file(tree / path, (working / path).read_bytes())
            except OSError as error:
                raise TreeError(f"{error.filename}: {error.strerror or error}") from error
            name = printable(os.fspath(path))
            if absent:
                told[name] = f"{name} is the working tree's in both arms, since include names it"
    return told


def _list_commit(source: Commit, scope: Scope) -> _Listing:
    listing = _Listing()
    for entry in git_paths(source.folder, "ls-tree", "-r", "-z", source.name, "--", *scope.exported):
        told, _, path = entry.partition("\t")
        mode, _, blob = told.split()
        _take_blob(listing, path, mode, blob)
    return listing


def _list_folder(folder: Path, own: Collection[Path], scope: Scope) -> _Listing:
    """Return what belongs to a folder: as git sees it where git knows any of it, else all of it."""
    listing, kept = _Listing(), {os.path.realpath(path) for path in own}
    asked = ("--", *scope.exported)
    tracked = git_paths(folder, "ls-files", "-s", "-z", *asked) if is_repository(folder) else []
    if not tracked:
        untracked = _list_disk(folder, scope)
    else:
        changed = _list_changed(folder, scope)
        for entry in tracked:
            told, _, path = entry.partition("\t")
            mode, blob, _ = told.split()
            if path not in changed or mode == GITLINK:
                _take_blob(listing, path, mode, blob)
            elif path not in listing.disk and os.path.lexists(folder / path):
                listing.disk.append(path)
        others = ("ls-files", "-z", "--others", "--exclude-standard")
        found = git_paths(folder, *others, *asked)
        untracked = [path for path in found if not path.endswith("/")]
        listing.left_out |= {path.rstrip("/"): NESTED for path in found if path.endswith("/")}
        if not scope.whole:
            ignored = git_paths(folder, *others, "--ignored", "--", *scope.paths)
            listing.left_out |= {path: IGNORED for path in ignored if not _is_compiled(path)}
    listing.disk += [path for path in untracked if not _is_compiled(path)]
    listing.disk = [path for path in listing.disk if os.path.realpath(folder / path) not in kept]
    for path in kept:
        listing.left_out.pop(os.path.relpath(path, os.path.realpath(folder)), None)
    return listing


def _list_disk(folder: Path, scope: Scope) -> list[str]:
    """Return the paths of a folder that git knows nothing of."""
    if scope.whole:
        paths = [path.relative_to(folder) for path in list_files(folder)]
        return [os.fspath(path) for path in paths if HISTORY not in path.parts]
    compared = [os.fspath(path.relative_to(folder)) for path in list_files(folder / TIMED)]
    return [*compared, *([SETTINGS] if (folder / SETTINGS).is_file() else [])]


def _list_changed(folder: Path, scope: Scope) -> set[str]:
    """Return the tracked files that differ from the latest commit, in the index or on disk; all, if there is none."""
    try:
        git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except GitError:
        return set(git_paths(folder, "ls-files", "-z", "--", *scope.exported))
    options = ("--name-only", "-z", "--relative", "--no-renames", "--no-ext-diff", "--ignore-submodules")
    return set(git_paths(folder, "diff", *options, "HEAD", "--", *scope.exported))


def _take_blob(listing: _Listing, path: str, mode: str, blob: str) -> None:
    if mode == GITLINK:
        listing.left_out[path] = SUBMODULE
    elif not _is_compiled(path):
        listing.blobs[path] = mode, blob


def _is_compiled(path: str) -> bool:
    return path.endswith(COMPILED_SUFFIX) or COMPILED in path.split("/")


def _check_size(listing: _Listing, folder: Path, scope: Scope) -> None:
    """Raise TreeError, naming the largest file, if the tree would be too large."""
    sizes = {path: (folder / path).lstat().st_size for path in listing.disk if os.path.lexists(folder / path)}
    asked = "".join(f"{blob}\n" for _, blob in listing.blobs.values()).encode()
    told = git(folder, "cat-file", "--batch-check", given=asked).splitlines() if listing.blobs else []
    for (path, (_, blob)), line in zip(listing.blobs.items(), told, strict=True):
        words = line.split()
        if len(words) != 3:  # noqa: PLR2004  name, kind, size
            raise TreeError(f"git has no content of {path} ({blob[:12]}): fetch it, this clone holds only a part")
        sizes[path] = int(words[2])
    if (total := sum(sizes.values())) > MOST_BYTES:
        largest = max(sizes, key=lambda path: sizes[path])
        place, name = (folder, "the project") if scope.whole else (folder / TIMED, TIMED)
        raise TreeError(
            f"{place} holds {total >> 20} MiB, of which {printable(largest)} {sizes[largest] >> 20}; at most "
            f"{MOST_BYTES >> 20} are compared: keep data outside of {name}, or have git ignore it"
        )


def _write_blobs(listing: _Listing, folder: Path, target: Path, scope: Scope) -> None:
    for (path, (mode, _)), content in zip(listing.blobs.items(), _read_blobs(listing, folder), strict=True):
        if content.startswith(POINTER_BEGINS):
            listing.left_out[path] = POINTER
        if mode == LINK and not scope.holds(path):
            continue  # what it leads to is in another place of the commit, and says nothing of `models`
        if mode == LINK:
            _write_link(target, path, os.fsdecode(content), listing, folder=folder, scope=scope)
        else:
            _write_file(target / path, content)


def _read_blobs(listing: _Listing, folder: Path) -> Iterator[bytes]:
    if not listing.blobs:
        return
    asked = "".join(f"{blob}\n" for _, blob in listing.blobs.values()).encode()
    answered, begin = git(folder, "cat-file", "--batch", given=asked), 0
    for _ in listing.blobs:
        end = answered.index(b"\n", begin)
        size = int(answered[begin:end].split()[2])
        yield answered[end + 1 : end + 1 + size]
        begin = end + 1 + size + 1


def _write_disk(listing: _Listing, folder: Path, target: Path, scope: Scope) -> None:
    for path in listing.disk:
        source = folder / path
        if source.is_symlink() and scope.holds(path):
            leads_to = os.fspath(source.readlink())
            _write_link(target, path, leads_to, listing, folder=folder, scope=scope, exists=source.exists())
            continue
        try:
            mode = source.stat().st_mode
        except FileNotFoundError:  # it was removed a moment ago
            continue
        if stat.S_ISREG(mode):
            _write_file(target / path, source.read_bytes())
        else:
            listing.left_out[path] = SPECIAL


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _write_link(
    target: Path, path: str, leads_to: str, listing: _Listing, *, folder: Path, scope: Scope, exists: bool = True
) -> None:
    """Make a link again; one to nothing is left out.

    One that leads out of a project, such as to a folder of data, leads to the same place from both trees: a module
    that is loaded through it is found to be from elsewhere.

    Raises:
        TreeError: if it leads out of ``models``, where both arms would read the same file.
    """
    place = Path(os.path.normpath(Path(path).parent / leads_to))
    inside = not place.is_absolute() and place.parts[:1] != (os.pardir,) and scope.holds(os.fspath(place))
    if not exists:
        listing.left_out[path] = DANGLING
        return
    if not inside and not scope.whole:
        raise TreeError(f"{path} is a link to {leads_to}, outside of {TIMED}, which would be the same for both arms")
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    (target / path).symlink_to(leads_to if inside else os.path.normpath(folder.resolve() / place))


def list_differing(prints: Mapping[Side, Mapping[str, str]]) -> list[str]:
    """Return the paths at which two trees differ, given the fingerprints of each arm's files by path."""
    before, after = prints[Side.BASE], prints[Side.HEAD]
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def find_differences(base: Path, head: Path, names: Iterable[str]) -> tuple[FileDifference, ...]:
    """Return by how many lines files differ.

    Args:
        base: the tree of base.
        head: likewise of head.
        names: paths in both at which they differ.
    """
    return tuple(_compare_files(printable(name), _lines(base / name), _lines(head / name)) for name in names)


def _compare_files(path: str, before: Sequence[bytes] | None, after: Sequence[bytes] | None) -> FileDifference:
    """Return how one file differs; None stands for a file whose lines are not counted."""
    if before is None or after is None:
        return FileDifference(path=path, added=None, removed=None)
    if max(len(before), len(after)) > MOST_LINES:
        had, has = Counter(before), Counter(after)
        return FileDifference(path=path, added=(has - had).total(), removed=(had - has).total())
    same = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
    return FileDifference(path=path, added=len(after) - same, removed=len(before) - same)


def _lines(path: Path) -> list[bytes] | None:
    """Return a file's lines, none if it is not there, None if it is binary or a link."""
    if path.is_symlink():
        return None
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):  # what is a folder there has files of its own
        return []
    return None if b"\0" in content else content.splitlines()
