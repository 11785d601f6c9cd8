"""pytest-benchmark's JSON: where it is written aside, and how it is published whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.files.whole import write_whole


class JsonTarget(os.PathLike[str]):
    """Where pytest-benchmark writes its JSON: aside, while it shows the name of the file that we replace at the end."""

    def __init__(self, final: Path, aside: Path) -> None:
        self.final = final
        self.aside = aside

    def __fspath__(self) -> str:
        return str(self.aside)

    def __str__(self) -> str:
        return str(self.final)

    def publish(self, empty_document: Callable[[], dict[str, Any]]) -> Path:
        """Write the final JSON whole, the document that pytest-benchmark wrote aside, and return where it is.

        If that fails, it is written into the system's temporary folder instead, so that nothing is lost.

        Args:
            empty_document: makes the same document without a benchmark, for when it wrote none.

        Raises:
            OSError: if it can be written in neither place; an earlier file is then untouched.
        """
        content = self.aside.read_bytes() if self.aside.exists() else json.dumps(empty_document(), indent=1).encode()
        try:
            self.final.parent.mkdir(parents=True, exist_ok=True)  # it was there when the run began
            write_whole(self.final, content)
        except OSError:
            rescued = Path(tempfile.mkdtemp(prefix=f"rescued-{self.final.stem}-")) / self.final.name
            write_whole(rescued, content)
            return rescued
        return self.final


def empty_document(config: pytest.Config) -> dict[str, Any]:
    """Return pytest-benchmark's document for a run in which no case was measured, made by its own hooks."""
    hook = config.hook
    machine = hook.pytest_benchmark_generate_machine_info(config=config)
    hook.pytest_benchmark_update_machine_info(config=config, machine_info=machine)
    commit = hook.pytest_benchmark_generate_commit_info(config=config)
    hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit)
    arguments = {"config": config, "benchmarks": []}
    document: dict[str, Any] = hook.pytest_benchmark_generate_json(
        **arguments, include_data=True, machine_info=machine, commit_info=commit
    )
    hook.pytest_benchmark_update_json(**arguments, output_json=document)
    return document
