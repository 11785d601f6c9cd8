"""Where a run writes, found out before anything is timed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: what is timed is imported from here, and reports are written here."""


class Output:
    """Where a run writes: the JSON, the journal beside it, and the folder of its reports."""

    def __init__(self, json_path: Path | None) -> None:
        stem = json_path.stem if json_path else datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        self.folder = ROOT / "reports" / "out" / stem
        self.json_path = json_path or self.folder / "run.json"
        self.journal_path = self.json_path.with_suffix(".jsonl")

    def prepare(self) -> None:
        """Make sure that everything can be written before anything is timed.

        Raises:
            pytest.UsageError: if not.
        """
        if self.json_path.suffix == ".jsonl":
            raise pytest.UsageError(f"--benchmark-json {self.json_path}: .jsonl is the journal's name; use .json")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.folder, self.json_path.parent):
                trial = folder / f".{self.json_path.name}.trial"
                trial.touch()
                trial.unlink()
        except OSError as error:
            raise pytest.UsageError(
                f"{error.filename}: cannot write there ({error.strerror}); choose another folder"
            ) from error
        if self.json_path.is_dir():
            raise pytest.UsageError(f"--benchmark-json {self.json_path} is a folder; name a file")
