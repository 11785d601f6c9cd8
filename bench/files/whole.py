"""Files that are written whole: all of the new content is there afterwards, or the old file is untouched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_LINKS = 40
"""Linux follows so many links one after the other (man path_resolution); more of them lead to themselves."""


def write_whole(path: Path, content: bytes) -> None:
    """Give a file new content: either all of it is there afterwards, or the old file is untouched.

    A symbolic link stays, and the file that it leads to gets the content.
    What is no regular file, such as ``/dev/null`` or a named pipe, cannot be replaced: it is written to.

    Raises:
        OSError: if the folder cannot be written or the disk is full; it names the file.
    """
    with errors_name(path):
        if is_stream(path):
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path))  # a link that leads to itself is replaced
        part = target.with_name(target.name + ".part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
            sync_folder(target.parent)
        except OSError:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Put a file's name into an error of the block that has none: a full disk does not say which file it refused."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = os.fspath(path)
        raise


def is_stream(path: Path) -> bool:
    """Whether a path names something that is written to and never replaced.

    That is a device, a pipe or a socket, and any file that is named through a process's descriptor, such as
    ``/dev/stdout``: other output goes there too. A folder is none.
    """
    for _ in range(MOST_LINKS):
        if os.path.realpath(path.parent).startswith("/proc/"):
            return True
        if not path.is_symlink():
            return path.exists() and not path.is_file() and not path.is_dir()
        path = path.parent / path.readlink()
    return False


def sync_folder(folder: Path) -> None:
    """Have a new or renamed file's name on the disk, not only its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
