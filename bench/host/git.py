"""Asks git about a folder. Nothing that a hook or a shell left in the environment points it at another repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.host.patience import run_program

LOCATIONS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_INTERNAL_SUPER_PREFIX",
)
"""Each of these makes git answer for another repository than the folder's own; every hook sets some of them.
Source: ``git rev-parse --local-env-vars``, without the variables that only configure git."""

LIMIT_SECONDS = 120.0
"""git is asked about one folder's files; it takes milliseconds, or seconds where a disk sleeps."""


class GitError(Exception):
    """git refused, or cannot be executed; the message is its last line and says what was asked."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return what git prints about the repository that a folder lies in.

    Args:
        folder: where it is asked; paths are relative to it.
        arguments: the command and its arguments.
        given: its standard input.

    Raises:
        GitError: if it ends with another code than 0, takes too long, or is not there.
    """
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C", os.fspath(folder), *arguments]
    own = {name: value for name, value in os.environ.items() if name not in LOCATIONS}
    try:
        done = run_program(command, LIMIT_SECONDS, given=given, env=own | {"LC_ALL": "C"})
    except subprocess.CalledProcessError as error:
        raise GitError(f"git {arguments[0]}: {_cause(error.stderr)}") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]}: no answer within {LIMIT_SECONDS:g} s") from error
    except OSError as error:
        raise GitError(f"git cannot be executed: {error.strerror}") from error
    return bytes(done.stdout)


def git_line(folder: Path, *arguments: str) -> str:
    """Return the one line that git prints; see `git`."""
    return os.fsdecode(git(folder, *arguments)).strip()


def git_paths(folder: Path, *arguments: str) -> Sequence[str]:
    """Return the paths that git prints, each followed by a zero byte; names are bytes that need not be text."""
    return [os.fsdecode(path) for path in git(folder, *arguments).split(b"\0") if path]


def is_repository(folder: Path) -> bool:
    """Whether a folder lies in a repository that git can read; where git is not installed, nothing does.

    Raises:
        GitError: if it may lie in one and git refuses to say, such as for another user's.
    """
    try:
        git(folder, "rev-parse", "--git-dir")
    except GitError as error:
        if "not a git repository" in str(error) or "cannot be executed" in str(error):
            return False
        raise
    return True


def _cause(said: bytes) -> str:
    """Return the line of an error that names its cause: the first that is fatal, else the last."""
    lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
