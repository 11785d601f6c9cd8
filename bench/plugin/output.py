"""Where a run writes, found out before anything is timed."""

from __future__ import annotations

import glob
import os
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from bench.files.whole import is_stream
from bench.host.folders import ROOT, LockedError, lock, scratch_folder
from bench.plugin.document import JsonTarget


class Output:
    """Where a run writes: the JSON, the journal beside it, and the folder of its reports.

    A JSON that goes to a device or a pipe has no neighbours: its journal lies in the folder of the reports.

    Args:
        json_path: where the JSON was asked for; None for the folder of the reports.
        reports: the folder that holds one folder of reports for each name of a JSON.
    """

    def __init__(self, json_path: Path | None, *, reports: Path = ROOT / "reports" / "out") -> None:
        stem = json_path.stem if json_path else datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        self.folder = reports / stem
        self.json_path = json_path or self.folder / "run.json"
        self._streamed = is_stream(self.json_path)
        self.journal_path = self.folder / "run.jsonl" if self._streamed else self.json_path.with_suffix(".jsonl")
        self._stack = ExitStack()

    def target(self) -> JsonTarget:
        """Return where pytest-benchmark is to write its JSON: aside, until `close`."""
        return JsonTarget(self.json_path, self._stack.enter_context(scratch_folder()) / "benchmark.json")

    @property
    def own(self) -> tuple[Path, ...]:
        """Return every file that this program writes itself, should one of them lie beside what is timed."""
        asides = self.journal_path.parent.glob(f"{glob.escape(self.journal_path.name)}.*")
        return (self.json_path, self.journal_path, self._lock_path, *asides)

    @property
    def _lock_path(self) -> Path:
        return self.json_path.with_name(f".{self.json_path.name}.lock")

    def lock(self) -> None:
        """Keep other runs out of the places this one writes to, until `close`.

        Raises:
            pytest.UsageError: if another run is there.
        """
        beside = [] if self._streamed else [self._lock_path]
        for path in (self.folder / ".lock", *beside):
            try:
                self._stack.enter_context(lock(path, remove=True))
            except LockedError as error:
                raise pytest.UsageError(
                    f"another run is writing to {path.parent}: wait for it, or choose another --benchmark-json"
                ) from error

    def close(self) -> None:
        """Let go of everything."""
        self._stack.close()

    def prepare(self) -> None:
        """Make sure that everything can be written before anything is timed.

        Raises:
            pytest.UsageError: if not.
        """
        if self.json_path.suffix == ".jsonl":
            raise pytest.UsageError(f"--benchmark-json {self.json_path}: .jsonl is the journal's name; use .json")
        if self.json_path.is_dir():
            raise pytest.UsageError(f"--benchmark-json {self.json_path} is a folder; name a file")
        try:
            if self.json_path.parent != self.folder and not self._streamed:
                _try_to_write(self.json_path.parent)
            self.folder.mkdir(parents=True, exist_ok=True)
            _try_to_write(self.folder)
        except OSError as error:
            raise pytest.UsageError(
                f"{error.filename}: cannot write there ({error.strerror}); choose another folder"
            ) from error


def _try_to_write(folder: Path) -> None:
    trial = folder / f".accelbench-{os.getpid()}.trial"
    trial.touch()
    trial.unlink()
