"""Where each arm's code comes from: which commit or folder a reference means, and what a reader must know of it.

``--against REF`` means what a pull request's diff means: base is the commit at which head's history left REF.
Whoever compares with REF as it is now, ``--against-tip``, also sees what others did since.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gate.scope import BUILT_IN, Scope
from bench.gate.tree import Commit, Folder, Source
from bench.host.git import GitError, git, git_line, git_paths
from bench.record.arm import Arm, Side
from bench.record.conditions import Environment, Scalar
from bench.record.how_many import how_many
from bench.request import SetupError

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The full name of a commit, as it is stored."""

SHORT = 12
"""So many digits of a commit's name are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one arm's code comes from.

    Attributes:
        source: a commit or a folder.
        facts: what is stored of it, by the end of the fact's name.
        remarks: what a reader must know, each a sentence.
        same_commit: what to say if the trees turn out to be the same: base is the very commit that head is at.
            None if they are two commits, or were named apart.
    """

    source: Source
    facts: Mapping[str, Scalar]
    remarks: tuple[str, ...] = ()
    same_commit: str | None = None


def find_origins(
    root: Path, arms: Mapping[Side, Arm], *, from_branch_point: bool, scope: Scope = BUILT_IN
) -> dict[Side, Origin]:
    """Return where both arms' code comes from.

    Args:
        root: the project's folder, whose working tree an arm without a reference is.
        arms: both, by side.
        from_branch_point: whether base's reference, where it is a commit, means the commit at which head left it.
        scope: what of the project is compared.

    Raises:
        SetupError: if a reference names nothing, or two histories have nothing in common; it says what to do.
    """
    head = _find(root, arms[Side.HEAD].ref, scope)
    base_ref = arms[Side.BASE].ref
    base = _find(root, base_ref, scope)
    if base_ref is None or not isinstance(base.source, Commit) or not from_branch_point:
        return {Side.BASE: base, Side.HEAD: head}
    if isinstance(head.source, Folder) and arms[Side.HEAD].ref is not None:
        return {Side.BASE: base, Side.HEAD: head}  # a folder has a history of its own, or none
    tip = head.source.name if isinstance(head.source, Commit) else "HEAD"
    return {Side.BASE: _find_branch_point(root, base_ref, base.source, tip, scope), Side.HEAD: head}


def find_kept_origins(
    root: Path, arms: Mapping[Side, Arm], earlier: Environment, *, scope: Scope = BUILT_IN
) -> dict[Side, Origin]:
    """Return where the code of a gate that goes on comes from: the commits that its first part compared.

    What their names mean by now is another question: a new commit moves a branch, HEAD, and where both parted.

    Args:
        root: the project's folder.
        arms: both, by side.
        earlier: facts of the part that is continued.
        scope: what of the project is compared.

    Raises:
        SetupError: if such a commit is no longer here, or a reference names nothing.
    """
    return {side: _find_kept(root, arm.ref, earlier.get(f"arm.{side}.commit"), scope) for side, arm in arms.items()}


def _find_kept(root: Path, ref: str | None, kept: Scalar, scope: Scope) -> Origin:
    """Return what a reference named when the gate began; a folder is what it is now, and compared file by file."""
    if ref is None or not isinstance(kept, str) or not COMMIT.fullmatch(kept):
        return _find(root, ref, scope)
    try:
        commit = git_line(root, "rev-parse", "--verify", "--end-of-options", f"{kept}^{{commit}}")
    except GitError as error:
        raise SetupError(
            f"{ref} was {kept[:SHORT]} when this gate began, and that commit is no longer here: fetch it, or begin a "
            "new gate without --add-blocks"
        ) from error
    return _commit(root, commit, f"{ref}, as it was when this gate began,")


def _find(root: Path, ref: str | None, scope: Scope) -> Origin:
    """Return what a reference names: a commit goes before a folder of the same name, and says so."""
    if ref is None:
        return Origin(source=Folder(path=root), facts={"commit": None})
    folder = Path(ref)
    path_like = os.sep in ref and (ref.startswith((os.sep, "./", "../", "~")))
    if path_like or ref in (".", ".."):
        if not folder.is_dir():
            raise SetupError(f"{ref}: no such folder")
        return _folder(folder)
    try:
        if not git_paths(root, "ls-files", "-z", "--", *scope.known_by):
            raise SetupError(f"{ref}: {root} is in no commit of the repository around it: name a folder")
        commit = git_line(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    except GitError as error:
        if folder.is_dir():
            return _folder(folder)
        raise SetupError(_explain_unknown(root, ref, str(error))) from error
    also = f"{ref} is also a folder here; write ./{ref} for that"
    return _commit(root, commit, ref, (also,) if folder.is_dir() else ())


def _folder(folder: Path) -> Origin:
    return Origin(source=Folder(path=folder), facts={"commit": str(folder.resolve())})


def _commit(root: Path, commit: str, named: str, remarks: tuple[str, ...] = (), *, same: str | None = None) -> Origin:
    subject = git_line(root, "log", "-1", "--format=%s", commit)
    return Origin(
        source=Commit(folder=root, name=commit),
        facts={"commit": commit, "commit.subject": subject},
        remarks=(f"{named} is {commit[:SHORT]} ({subject})", *remarks),
        same_commit=same,
    )


def _explain_unknown(root: Path, ref: str, said: str) -> str:
    """Return why a reference is no commit, and what to do."""
    try:
        git(root, "rev-parse", "--git-dir")
    except GitError as error:
        if "dubious ownership" in str(error):
            remedy = f"git config --global --add safe.directory {root}"
            return f"{ref}: git does not trust {root}, which another user owns: {remedy}"
        return f"{ref}: {root} is not a git repository, so there are no commits to compare with: name a folder"
    try:
        remote = [line for line in git_line(root, "branch", "--remotes", "--list", f"*/{ref}").split() if "/" in line]
    except GitError:
        remote = []
    if remote:
        return f"{ref}: no commit has that name here; did you mean {remote[0]}?"
    fetch = " (this clone is shallow: git fetch --unshallow)" if _is_shallow(root) else ""
    return f"{ref}: no commit, branch, tag or folder has that name{fetch}; git said: {said}"


def _is_shallow(root: Path) -> bool:
    try:
        return git_line(root, "rev-parse", "--is-shallow-repository") == "true"
    except GitError:
        return False


def _find_branch_point(root: Path, ref: str, tip: Commit, head: str, scope: Scope) -> Origin:
    """Return the commit at which head's history left a reference.

    Raises:
        SetupError: if there is none.
    """
    try:
        point = git_line(root, "merge-base", tip.name, head).splitlines()[0]
    except (GitError, IndexError) as error:
        why = (
            "this clone has no history: fetch it (git fetch --unshallow; fetch-depth: 0 in a workflow)"
            if _is_shallow(root)
            else "their histories have nothing in common"
        )
        otherwise = f"or compare with {ref} itself by --against-tip"
        raise SetupError(f"{ref} and {head} have no merge base: {why}, {otherwise}") from error
    remarks: tuple[str, ...] = ()
    if point != tip.name:
        count = git_line(root, "rev-list", "--count", f"{point}..{tip.name}", "--", *scope.paths)
        if count != "0":
            lacks = f"{ref} has {how_many(int(count), 'commit')}{scope.place} that head lacks"
            remarks = (f"{lacks}; --against-tip compares with {ref} as it is now",)
    same = None
    if point == git_line(root, "rev-parse", head):
        same = (
            f"nothing would be compared: head is {point[:SHORT]}, which is also its merge base with {ref}, and nothing "
            f"{scope.place.strip()} is changed since; --against-tip compares with {ref} itself, {tip.name[:SHORT]}"
        )
    named = ref if point == tip.name else f"{ref}, where head left it,"
    return _commit(root, point, named, remarks, same=same)
