"""The code that is timed: its files, their fingerprints, and whether they are still what they were."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path

from bench.host.git import GitError, git_paths
from bench.record.conditions import Scalar

TIMED, ENGINE = "models", "bench"
"""The folders whose content decides what a measurement means: what is timed, and what times it."""

COMPILED, COMPILED_SUFFIX = "__pycache__", ".pyc"
"""Python makes these itself, for each interpreter."""


def digest_files(folder: Path, own: Collection[Path] = ()) -> dict[str, str]:
    """Return a fingerprint of every file below a folder, by its path there; compiled Python is left out.

    Args:
        folder: the folder; nothing, if it is not there.
        own: files that this program writes itself, wherever they lie.
    """
    return digest_listed(folder, list_files(folder), own)


def digest_timed(root: Path, own: Collection[Path] = ()) -> dict[str, str]:
    """Return a fingerprint of every file of a checkout's ``models`` that git does not ignore, by its path there."""
    folder = root / TIMED
    try:
        listed = git_paths(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", TIMED)
        known = {root / path for path in listed}
    except GitError:
        known = set()
    files = [path for path in list_files(folder) if not known or path in known]
    return digest_listed(folder, files, own)


@dataclass(slots=True, kw_only=True)
class CodeWatch:
    """Tells whether the timed code of a checkout is still what it was when this was made.

    Attributes:
        root: the checkout.
        own: files that this program writes itself.
        others: files elsewhere that decide what is timed, such as those of a user's own steps.
    """

    root: Path
    own: Collection[Path] = ()
    others: Collection[Path] = ()
    _prints: Mapping[str, str] = field(init=False)
    _stamps: Mapping[Path, tuple[int, int]] = field(init=False)
    _project: Path = Path()
    _loaded: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stamps, self._prints = self._read_stamps(), self._digest()

    def watch(self, project: Path, loaded: Mapping[str, str]) -> None:
        """Tell of changes in a project, too.

        Args:
            project: its folder.
            loaded: fingerprints of the files of it that count, as they were loaded, by path below it.
        """
        self._project, self._loaded = project, loaded
        self._prints = {**self._prints, **loaded}
        self._stamps = {}  # whatever was changed since it was loaded is found by its content

    def find_change(self) -> str | None:
        """Return which file was changed, added or removed; None if none was. Contents are read where times differ."""
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return None
        self._stamps, now = stamps, self._digest()
        changed = [name for name in sorted({*self._prints, *now}) if self._prints.get(name) != now.get(name)]
        return printable(changed[0]) if changed else None

    def _digest(self) -> dict[str, str]:
        timed = {f"{TIMED}/{name}": print_ for name, print_ in digest_timed(self.root, self.own).items()}
        others = {os.fspath(path): digest_file(path) for path in self.others}
        return {**timed, **others, **{name: digest_file(self._project / name) for name in self._loaded}}

    def _read_stamps(self) -> dict[Path, tuple[int, int]]:
        stamps = {}
        loaded = (self._project / name for name in self._loaded)
        for path in (*list_files(self.root / TIMED), *self.others, *loaded):
            try:
                told = path.stat()
            except OSError:  # a link to nothing, or a file that is being replaced
                continue
            stamps[path] = (told.st_mtime_ns, told.st_size)
        return stamps


def digest_listed(folder: Path, files: Iterable[Path], own: Collection[Path]) -> dict[str, str]:
    """Return a fingerprint of each of these files that is not our own, by its path below a folder."""
    kept = {os.path.realpath(path) for path in own}
    return {
        os.fspath(path.relative_to(folder)): digest_file(path) for path in files if os.path.realpath(path) not in kept
    }


def list_files(folder: Path) -> list[Path]:
    """Return every file below a folder, links among them, in the order of their names; compiled Python is left out."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or not path.is_dir())
        and not path.name.endswith(COMPILED_SUFFIX)
        and COMPILED not in path.relative_to(folder).parts
    ]


def digest_file(path: Path) -> str:
    """Return the fingerprint of a file's content, for a link also of where it leads; what cannot be read says why."""
    try:
        content = sha256(b"not a regular file")
        if path.is_file():
            with path.open("rb") as file:
                content = file_digest(file, "sha256")
        if path.is_symlink():
            content.update(b" <- " + os.fsencode(path.readlink()))
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return content.hexdigest()[:16]


def digest(files: Mapping[str, str]) -> str:
    """Return one fingerprint of all files of a folder, given theirs by path."""
    content = sha256()
    for name, print_ in sorted(files.items()):
        content.update(os.fsencode(name) + f"\0{print_}\0".encode())
    return content.hexdigest()[:16]


def code_facts(name: str, files: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the facts of a tree of code: one fingerprint of all of it, and one of each file, so that both are named.

    Args:
        name: of the tree, with which its facts begin.
        files: fingerprints by path.
    """
    return {name: digest(files), **{f"{name}/{printable(path)}": print_ for path, print_ in files.items()}}


def printable(path: str) -> str:
    """Return a path, whose bytes need not be text, as text that can be stored."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
