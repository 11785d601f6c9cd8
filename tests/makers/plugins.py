"""What a plugin of ours needs besides pytest: a publication in a temporary folder, and a session that has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd  # noqa: F401  a pytest in this process would import it anew, which it does not survive
import pytest

from bench.plugin.document import JsonTarget
from bench.plugin.output import Output
from bench.plugin.publication import Publication
from bench.plugin.replay import Tape


def made_publication(folder: Path) -> Publication:
    """Return a publication below a folder, of an empty document that pytest-benchmark has written."""
    output = Output(folder / "out.json", reports=folder / "reports")
    output.prepare()
    aside = folder / "aside.json"
    aside.write_text('{"benchmarks": []}')
    return Publication(output, JsonTarget(output.json_path, aside))


@dataclass
class EndedSession:
    """What a plugin asks a session at its end; pytest allows one real session in a process."""

    config: pytest.Config
    exitstatus: int = pytest.ExitCode.OK


@dataclass
class Fixture:
    """What is asked of pytest-benchmark's fixture: it reads the clock around each round, as the real one does."""

    tape: Tape
    extra_info: dict[str, Any] = field(default_factory=dict)
    data: list[float] = field(default_factory=list)
    disabled: bool = False

    def pedantic(self, function: Any, *, rounds: int, iterations: int) -> None:
        for _ in range(0 if self.disabled else rounds):
            begin = self.tape()
            for _ in range(iterations):
                function()
            self.data.append((self.tape() - begin) / iterations)


RERUNS = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in range(3):
        item._initrequest()
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if attempt == 2:
                item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
"""A plugin that runs every test three times in its place and reports the last, as those for flaky tests do."""
