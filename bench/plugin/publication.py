"""What came of a session goes where it was asked for: the JSON whole, the reports beside it, and a word about both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bench.plugin.document import JsonTarget, empty_document
from bench.plugin.output import Output

Write = Callable[[Path], str]
"""Writes reports into a folder and returns in a few words what they are."""


class Publication:
    """Publishes what a run or a gate measured, once.

    Args:
        output: where results go.
        target: where pytest-benchmark writes its JSON.
    """

    def __init__(self, output: Output, target: JsonTarget) -> None:
        self.output = output
        self.messages: list[str] = []
        self._target = target
        self._published = False

    def say(self, message: str) -> None:
        """Have a sentence shown at the end of the session."""
        self.messages.append(message)

    def publish(self, config: pytest.Config, write: Write) -> bool:
        """Write the JSON and the reports, and say where they are; return whether all is where it was asked for."""
        self._published = True
        output = self.output
        try:
            path = self._target.publish(lambda: empty_document(config))
            journal = f"  (journal: {output.journal_path})" if output.journal_path.exists() else ""
            self.say(f"results: {path}{journal}")
            self.say(f"{write(output.folder)}: {output.folder}")
        except OSError as error:
            self.say(f"{error.filename}: {error.strerror}; what is on disk is in {output.journal_path}")
            return False
        if path != output.json_path:
            self.say(f"they could not be written to {output.json_path}")
        return path == output.json_path

    def rescue(self, config: pytest.Config, write: Write) -> None:
        """Publish what was measured if another plugin broke the end of the session before that was done."""
        if not self._published:
            self.publish(config, write)
            print(*self.messages, sep="\n", file=sys.stderr)

    def show(self, reporter: pytest.TerminalReporter, lines: Sequence[str]) -> None:
        """Write lines, and then where everything lies, to the terminal."""
        if lines or self.messages:
            reporter.section("accelbench")
            for line in (*lines, *self.messages):
                reporter.write_line(line)
