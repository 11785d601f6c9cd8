"""Keeps what a run yields: the journal while it lasts, pytest-benchmark's fixture and the final JSON afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, assert_never

import pytest

from bench.case import Case
from bench.journal import Journal, write_whole
from bench.record import Environment, Finish, Measurement, Outcome, Run, Settings
from bench.schedule import Event, Sliced, Started


class Recorder:
    """Collects a run's events, each on disk before the next is asked for."""

    def __init__(self, journal: Journal, environment: Environment, settings: Settings, cases: Sequence[Case]) -> None:
        self._journal = journal
        self._environment = environment
        self._settings = settings
        self._cases = tuple(cases)
        self._measurements: list[Measurement] = []
        self._started: list[tuple[int, Case]] = []
        self._finish: Finish | None = None
        journal.begin(environment, settings, cases)

    def record(self, event: Event) -> None:
        """Write an event to the journal and keep it.

        Raises:
            OSError: if it could not be written.
        """
        match event:
            case Started():
                self._journal.started(event.launch, event.cases)
                self._started += [(event.launch, case) for case in event.cases]
            case Measurement():
                self._measurements.append(event)
                self._journal.measurement(event)
            case Finish():
                self._finish = event
                self._journal.finish(event)
            case Sliced():
                pass
            case _:
                assert_never(event)

    def run(self) -> Run:
        """Return the run as far as it got."""
        return Run(
            environment=self._environment,
            settings=self._settings,
            cases=self._cases,
            measurements=tuple(self._measurements),
            started=tuple(self._started),
            finish=self._finish,
        )


class Tape:
    """A clock for pytest-benchmark that answers 0 and then a slice's seconds, for one slice after the other."""

    __name__ = "device clock of the slice's worker"

    def __init__(self) -> None:
        self._stamps: list[float] = []

    def load(self, seconds: Sequence[float]) -> None:
        """Put slices on the tape, whole seconds of each."""
        self._stamps = [stamp for one in reversed(seconds) for stamp in (one, 0.0)]

    def __call__(self) -> float:
        """Return the next stamp."""
        return self._stamps.pop()


def replay(run: Run, case: Case, benchmark: Any, tape: Tape, *, required: Sequence[str]) -> None:
    """Hand a case's slices to pytest-benchmark's fixture, or end the test the way the case ended.

    Args:
        run: the finished run.
        case: which case.
        benchmark: the fixture.
        tape: the clock that the fixture was given for this test.
        required: devices whose absence is a failure.
    """
    outcome, reason = run.outcomes()[case]
    if outcome.fault:
        pytest.fail(f"{outcome}: {reason}", pytrace=False)
    if outcome is Outcome.SKIPPED and case.device in required:
        pytest.fail(f"{case.device} is required: {reason}", pytrace=False)
    if outcome is not Outcome.MEASURED:
        pytest.skip(f"{outcome}: {reason}" if outcome is not Outcome.SKIPPED else str(reason))
    slices = [(one.launch, one.slices) for one in run.by_case()[case] if one.slices is not None]
    seconds = [value for _, some in slices for value in some.seconds]
    iterations = slices[0][1].iterations if slices else 1
    tape.load([value * iterations for value in seconds])
    benchmark.extra_info["case"] = case.id
    benchmark.extra_info["launches"] = len(slices)
    benchmark.extra_info["launch_of_round"] = [launch for launch, some in slices for _ in some.seconds]
    benchmark.pedantic(_nothing, rounds=max(1, len(seconds)), iterations=iterations)


def _nothing() -> None:
    """Take the place of the function that was timed in a worker."""


class JsonTarget(os.PathLike[str]):
    """Where pytest-benchmark writes its JSON: aside, while it shows the name of the file that we replace at the end."""

    def __init__(self, final: Path, aside: Path) -> None:
        self.final = final
        self.aside = aside

    def __fspath__(self) -> str:
        return str(self.aside)

    def __str__(self) -> str:
        return str(self.final)

    def publish(self, empty_document: Callable[[], dict[str, Any]]) -> None:
        """Write the final JSON whole: the document that pytest-benchmark wrote aside.

        Args:
            empty_document: makes the same document without a benchmark, for when it wrote none.

        Raises:
            OSError: if it cannot be written; an earlier file is then untouched.
        """
        content = self.aside.read_bytes() if self.aside.exists() else json.dumps(empty_document(), indent=1).encode()
        write_whole(self.final, content)
        self.aside.unlink(missing_ok=True)
