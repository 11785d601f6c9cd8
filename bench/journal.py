"""The files of a run: a journal, one fsynced line per event, and our section of the final JSON; `read` reads both.

Standard library only. The journal is the write-ahead log of the JSON: whatever has a line is never lost.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from bench.case import Case
from bench.record import SCHEMA, Ceiling, Environment, Finish, Measurement, Run, Settings

SECTION = "accelbench"
"""Our section in a pytest-benchmark JSON."""

GATE_SECTION = "accelbench_gate"
"""Our section in the JSON of a comparison."""


class Journal:
    """Appends a run's events to a file, each a whole line that is on disk when the call returns.

    Raises:
        OSError: from every method, if the line could not be written or the file is no longer there.
    """

    def __init__(self, path: Path, *, resume_at: int = 0) -> None:
        """Open the file.

        Args:
            path: where.
            resume_at: length of the whole lines that stand; what follows, a torn line, is cut off.
        """
        self.path = path
        self._file = path.open("r+b" if resume_at else "wb", buffering=0)  # a buffer would write again when closed
        self._file.truncate(resume_at)
        self._file.seek(resume_at)
        sync_folder(path.parent)

    def begin(self, environment: Environment, settings: Settings, cases: Iterable[Case]) -> None:
        """Write what is known before anything is measured."""
        plan = [asdict(case) for case in cases]
        self.append("begin", schema=SCHEMA, environment=asdict(environment), settings=asdict(settings), cases=plan)

    def resumed(self, dropped: Iterable[tuple[int, Case]]) -> None:
        """Mark where a run goes on, and which measurements it does not keep."""
        self.append("resumed", dropped=[{"launch": launch, "case": asdict(case)} for launch, case in dropped])

    def started(self, launch: int, cases: Iterable[Case]) -> None:
        """Mark cases as in flight."""
        self.append("started", launch=launch, cases=[asdict(case) for case in cases])

    def measured(self, measurements: Iterable[Measurement]) -> None:
        """Write measurements that belong together, in one line: all of them are on disk, or none."""
        self.append("measured", measurements=[asdict(one) for one in measurements])

    def ceilings(self, ceilings: Iterable[Ceiling]) -> None:
        """Write what a device did at best."""
        self.append("ceilings", ceilings=[asdict(one) for one in ceilings])

    def finish(self, finish: Finish) -> None:
        """Write how the run ended."""
        self.append("finish", finish=asdict(finish))

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
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        if not self.path.exists():
            raise FileNotFoundError(
                errno.ENOENT, "the journal was removed while the run was writing it", str(self.path)
            )


def section(run: Run) -> dict[str, Any]:
    """Return a run as our section of the JSON."""
    return {
        "schema": SCHEMA,
        "environment": asdict(run.environment),
        "settings": asdict(run.settings),
        "cases": [asdict(case) for case in run.cases],
        "outcomes": [
            {"id": case.id, "outcome": outcome.value, "reason": reason}
            for case, (outcome, reason) in run.outcomes().items()
        ],
        "started": [{"launch": launch, "cases": [asdict(case)]} for launch, case in run.started],
        "measurements": [asdict(measurement) for measurement in run.measurements],
        "ceilings": [asdict(ceiling) for ceiling in run.ceilings],
        "finish": None if run.finish is None else asdict(run.finish),
    }


def write_whole(path: Path, content: bytes) -> None:
    """Give a file new content: either all of it is there afterwards, or the old file is untouched.

    A symbolic link stays, and the file that it leads to gets the content.
    What is no regular file, such as ``/dev/null`` or a named pipe, cannot be replaced: it is written to.

    Raises:
        OSError: if the folder cannot be written or the disk is full.
    """
    if is_stream(path):
        path.write_bytes(content)
        return
    target = path.resolve()
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


def is_stream(path: Path) -> bool:
    """Whether a path names something that is written to and never replaced.

    That is a device, a pipe or a socket, and any file that is named through a process's descriptor, such as
    ``/dev/stdout``: other output goes there too. A folder is none.
    """
    while True:
        if path.parent.resolve().is_relative_to("/proc"):
            return True
        if not path.is_symlink():
            return path.exists() and not path.is_file() and not path.is_dir()
        path = path.parent / path.readlink()


def sync_folder(folder: Path) -> None:
    """Have a new or renamed file's name on the disk, not only its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
