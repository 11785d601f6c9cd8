"""What came of a session goes where it was asked for: the JSON whole, the reports beside it, and a word about both."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from bench.files.whole import write_whole
from bench.plugin.document import JsonTarget, empty_document
from bench.plugin.output import Output, log_of
from bench.session import Session

Write = Callable[[Path], str]
"""Writes reports into a folder and returns in a few words what they are."""


MANIFEST = ".written"
"""This file of a folder of reports lists those that were written last, so that the next ones leave no stale one."""


def _stamps(folder: Path) -> dict[str, int]:
    """Return when each file of a folder was changed, by name, without folders, hidden ones, and what cannot be told.

    Of a link it is the file that it leads to, since that gets the content.
    """
    stamps = {}
    for path in folder.iterdir():
        with suppress(OSError):  # a link to nothing, or a file that was removed a moment ago
            if not path.is_dir():  # a node's own, which is no file of this result's
                stamps[path.name] = path.stat().st_mtime_ns
    return {name: stamp for name, stamp in stamps.items() if not name.startswith(".")}


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

    def keep_log(self, session: Session) -> None:
        """Keep what the workers printed beside the journal, and say where: a process that died may have said why."""
        try:
            kept = session.keep_log(log_of(self.output.journal_path))
        except OSError as error:
            self.say(f"what the workers printed cannot be kept: {error.filename}: {error.strerror or error}")
            return
        if kept is not None:
            self.say(f"what the workers printed: {kept}")

    def publish(self, config: pytest.Config, write: Write) -> bool:
        """Write the JSON and the reports, and say where they are; return whether all is where it was asked for."""
        self._published = True
        output = self.output
        try:
            path = self._target.publish(lambda: empty_document(config))
            journal = f"  (journal: {output.journal_path})" if output.journal_path.exists() else ""
            self.say(f"results: {path}{journal}")
            self.say(f"{self._write_alone(write)}: {output.folder}")
        except OSError as error:
            self.say(f"{error.filename}: {error.strerror}; what is on disk is in {output.journal_path}")
            return False
        if path != output.json_path:
            self.say(f"they could not be written to {output.json_path}")
        return path == output.json_path

    def _write_alone(self, write: Write) -> str:
        """Write reports, and remove those of an earlier result in the same folder that are not among them.

        Raises:
            OSError: if something cannot be written.
        """
        folder = self.output.folder
        manifest = folder / MANIFEST
        earlier = os.fsdecode(manifest.read_bytes()).splitlines() if manifest.exists() else []
        before = _stamps(folder)
        said = write(folder)
        written = [name for name, stamp in _stamps(folder).items() if before.get(name) != stamp]
        for name in set(earlier) - set(written):
            if "/" not in name and not name.startswith("."):
                (folder / name).unlink(missing_ok=True)
        write_whole(manifest, os.fsencode("".join(f"{name}\n" for name in written)))
        return said

    def rescue(self, config: pytest.Config, write: Write) -> None:
        """Publish what was measured if another plugin broke the end of the session before that was done."""
        if not self._published:
            self.publish(config, write)
            print(*self.messages, sep="\n", file=sys.stderr)

    def show(self, reporter: pytest.TerminalReporter, lines: Sequence[str]) -> None:
        """Write to the terminal where everything lies, and then lines: the last of them are where the eye falls."""
        if lines or self.messages:
            reporter.section("accelbench")
            for line in (*self.messages, *([""] if lines and self.messages else []), *lines):
                reporter.write_line(line, **_find_markup(line))


MARKUP = {
    r"UNSTEADY:|UNPROVEN\b|INCONCLUSIVE\b": "yellow",
    r"REGRESSED\b|FAILED\b": "red",
    r"PASS\b": "green",
}
"""The colour of lines that begin so; the word says the same where there is none."""


def _find_markup(line: str) -> dict[str, bool]:
    """Return how pytest writes a line, which leaves colours out where nobody wants them."""
    for pattern, colour in MARKUP.items():
        if re.match(pattern, line):
            return {colour: True, "bold": True}
    return {}
