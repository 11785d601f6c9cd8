"""The checkout's folder, locks, and a run's scratch folder: compiler caches, unpacked images, the workers' log.

A run removes its scratch folder when it ends. A run that was killed cannot: the next run removes every such folder
whose lock nobody holds.

The lock is the kernel's flock and nothing else, since the kernel lets go of it with the process, however that dies.
Where a file system has no flock, locking is an error here: a marker file instead would survive a kill, and a folder
that looks owned is never removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: what is timed is imported from here, and reports are written here."""

PREFIX = "accelbench-"
"""Names of scratch folders begin with this, so that a sweep finds them."""

OWNER = "owner.lock"
"""A run keeps this file of its scratch folder locked as long as it lives."""


class LockedError(Exception):
    """Somebody else holds a lock."""


@contextmanager
def lock(path: Path, *, remove: bool) -> Iterator[None]:
    """Hold a lock on a file, made if it is not there, for the length of the block.

    Args:
        path: the file.
        remove: whether to remove it at the end.

    Raises:
        LockedError: at once, if another process holds it.
        OSError: if the file cannot be made.
    """
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is(path, file.fileno()):
                raise LockedError(str(path))  # its holder removed it between our opening and our locking it
        except BlockingIOError as error:
            raise LockedError(str(path)) from error
        try:
            yield
        finally:
            if remove:
                path.unlink(missing_ok=True)


def _is(path: Path, descriptor: int) -> bool:
    """Whether a path still names the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a scratch folder, and remove it at the end; before that, remove those that killed runs left."""
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    made = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}"))
    with ExitStack() as stack:
        stack.enter_context(lock(made / OWNER, remove=False))
        folder = made.rename(made.with_name(made.name.removeprefix("new-")))  # only now can a sweep see it
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def sweep(parent: Path) -> list[Path]:
    """Remove the scratch folders below `parent` that belong to no living run of this user; return them."""
    removed = []
    for folder in parent.glob(f"{PREFIX}*"):
        owner = folder / OWNER
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid() or not owner.is_file():
                continue
            with lock(owner, remove=False):
                shutil.rmtree(folder, ignore_errors=True)
        except (LockedError, OSError):  # alive, or gone meanwhile
            continue
        removed.append(folder)
    return removed
