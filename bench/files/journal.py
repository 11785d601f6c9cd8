"""The journal: one fsynced line per event, the write-ahead log of the final JSON.

Standard library only. Whatever has a line is never lost.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Self

from bench.files.whole import errors_name, sync_folder


class Journal:
    """Appends a run's events to a file, each a whole line that is on disk when the call returns.

    Raises:
        OSError: from every method, if the line could not be written or the file is no longer there; it names the file.
    """

    def __init__(self, path: Path, *, resume_at: int = 0) -> None:
        """Open the file.

        Args:
            path: where.
            resume_at: length of the whole lines that stand; what follows, a torn line, is cut off.
        """
        self.path = path
        self._file = path.open("r+b" if resume_at else "wb", buffering=0)  # a buffer would write again when closed
        with errors_name(path):
            self._file.truncate(resume_at)
            self._file.seek(resume_at)
            sync_folder(path.parent)

    def close(self) -> None:
        """Close the file; what was appended is on disk already."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, event: str, **content: object) -> None:
        """Write an event as one line."""
        line = json.dumps({"event": event, **content}, allow_nan=False) + "\n"
        rest = memoryview(line.encode())
        with errors_name(self.path):
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        if not self.path.exists():
            raise FileNotFoundError(
                errno.ENOENT, "the journal was removed while the run was writing it", str(self.path)
            )


def whole_lines(path: Path) -> int:
    """Return the length of a journal up to and including its last newline, in bytes.

    Raises:
        OSError: if it cannot be read.
    """
    return path.read_bytes().rfind(b"\n") + 1
