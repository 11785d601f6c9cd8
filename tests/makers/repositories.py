"""Small git repositories that hold models and an engine."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

WHO = ("-c", "user.name=x", "-c", "user.email=x@y", "-c", "init.defaultBranch=main")
"""No test depends on what the user configured."""


def git(root: Path, *arguments: str) -> str:
    """Return what git prints in a repository."""
    return subprocess.run(
        ["git", "-C", str(root), *WHO, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def commit(root: Path, message: str, files: Mapping[str, str | bytes] | None = None) -> str:
    """Write files, commit all there is, and return the commit's name."""
    write(root, files or {})
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def made_repository(root: Path) -> Path:
    """Return a repository of one commit with models and an engine."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q")
    git(root, "config", "core.autocrlf", "false")
    commit(root, "first", {"models/__init__.py": "OLD = 1\n", "bench/__init__.py": "", ".gitignore": "generated.py\n"})
    return root
