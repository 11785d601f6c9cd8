"""Where a run writes, found out before anything is timed."""

from __future__ import annotations

import glob
import os
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from bench.files.whole import is_stream, write_whole
from bench.host.folders import ROOT, LockedError, lock, scratch_folder
from bench.plugin.document import JsonTarget

REPORTS = ROOT / "reports" / "out"
"""Reports go here unless another folder is chosen."""

OWNER = ".result"
"""This file of a folder of reports names the result that they are of."""


class Output:
    """Where a run writes: the JSON, the journal beside it, and the folder of its reports.

    A JSON that goes to a device or a pipe has no neighbours: its journal lies in the folder of the reports.
    No two results share a folder of reports: the second of two that are called alike has a number behind its name.

    Args:
        json_path: where the JSON was asked for; None for the folder of the reports.
        reports: the folder that holds one folder of reports for each name of a JSON.

    Attributes:
        remark: where the reports are, if they could not be written to where they belong; None if they are there.
    """

    def __init__(self, json_path: Path | None, *, reports: Path = REPORTS) -> None:
        if json_path is not None and not json_path.name:
            raise pytest.UsageError("--benchmark-json is empty; name a file")
        name = _name_of(json_path) if json_path else datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        self.folder = _free_folder(reports, name, json_path)
        self.json_path = json_path or self.folder / "run.json"
        self.remark: str | None = None
        self._beside = json_path.with_name(f"{name}-reports") if json_path else None
        self._streamed = is_stream(self.json_path)
        self.journal_path = self.folder / "run.jsonl" if self._streamed else journal_of(self.json_path)
        if json_path is None:
            self.journal_path = self.folder / "run.jsonl"
        self._stack = ExitStack()

    def target(self) -> JsonTarget:
        """Return where pytest-benchmark is to write its JSON: aside, until `close`."""
        return JsonTarget(self.json_path, self._stack.enter_context(scratch_folder()) / "benchmark.json")

    @property
    def own(self) -> tuple[Path, ...]:
        """Return every file that this program writes itself, should one of them lie beside what is timed."""
        asides = self.journal_path.parent.glob(f"{glob.escape(self.journal_path.name)}.*")
        return (self.json_path, self.journal_path, self._lock_path, log_of(self.journal_path), *asides)

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
        if self.journal_path.exists() and not self.journal_path.is_file():
            raise pytest.UsageError(
                f"{self.journal_path} is no file, and the journal goes there; remove it, or rename it"
            )
        try:
            if self.json_path.parent != self.folder and not self._streamed:
                try_to_write(self.json_path.parent)
            try:
                self._claim()
            except OSError as error:
                if self._beside is None or self._streamed:
                    raise
                self.remark = f"{self.folder} cannot be written ({error.strerror}): the reports are in {self._beside}"
                self.folder = self._beside
                self._claim()
        except OSError as error:
            place = error.filename or self.folder
            raise pytest.UsageError(
                f"{place}: cannot write there ({error.strerror}); choose another folder by --reports, or another "
                "--benchmark-json"
            ) from error

    def _claim(self) -> None:
        """Make the folder of the reports, and write down whose it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try_to_write(self.folder)
        write_whole(self.folder / OWNER, os.fsencode(f"{self.json_path.resolve()}\n"))


def journal_of(json_path: Path) -> Path:
    """Return where the journal of a result lies that is a file."""
    return json_path.with_name(f"{_name_of(json_path)}.jsonl")


def log_of(journal_path: Path) -> Path:
    """Return where what the workers printed is kept beside a journal."""
    return journal_path.with_suffix(".workers.log")


def _name_of(json_path: Path) -> str:
    """Return what a result is called: its file's name, without ``.json`` and no other ending."""
    return json_path.name.removesuffix(".json") or json_path.name


def _free_folder(reports: Path, name: str, json_path: Path | None) -> Path:
    """Return the folder of a result's reports: its own, or the first that no other result lives in."""
    mine = None if json_path is None else str(json_path.resolve())
    for number in count(1):
        folder = reports / (name if number == 1 else f"{name}-{number}")
        try:
            owner = (folder / OWNER).read_text(encoding="utf-8", errors="surrogateescape").strip()
        except OSError:
            return folder
        if not owner or owner == mine or not _exists(Path(owner)):
            return folder
    raise AssertionError("counting ends nowhere")


def _exists(path: Path) -> bool:
    """Whether there is a file; one in a folder that nobody may look into is taken to be."""
    try:
        return path.exists()
    except OSError:
        return True


def try_to_write(folder: Path) -> None:
    """Make sure that a file can be made in a folder.

    Raises:
        OSError: if not.
    """
    trial = folder / f".accelbench-{os.getpid()}.trial"
    trial.touch()
    trial.unlink()
