"""Keeps what a run yields: the journal while it lasts, pytest-benchmark's fixture and the final JSON afterwards."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf, nextafter
from pathlib import Path
from typing import Any, assert_never

import pytest

from bench.files.journal import Journal
from bench.files.whole import write_whole
from bench.record.case import Case
from bench.record.observations import Ceiling
from bench.record.run import Finish, Measurement, Outcome, Run
from bench.resume import Resumption
from bench.schedule import Capped, Event, Sliced, Started


class Recorder:
    """Collects a run's events, each on disk before the next is asked for."""

    def __init__(self, journal: Journal, begun: Run, *, resumption: Resumption | None) -> None:
        """Write what is known before anything is measured.

        Args:
            journal: where events go.
            begun: the run so far: environment, settings and plan, and if it is continued, what was measured.
            resumption: what of that is kept; None for a run that starts from nothing.
        """
        self.trouble: str | None = None
        self._path = journal.path
        self._journal = journal
        self._begun = begun
        self._started = list(begun.started)
        self._measurements: list[Measurement] = []
        self._ceilings: list[Ceiling] = list(begun.ceilings)
        self._finish: Finish | None = None
        if resumption is None:
            journal.begin(begun.environment, begun.settings, begun.cases)
        else:
            self._measurements += resumption.kept
            journal.resumed(resumption.dropped)

    def record(self, event: Event) -> None:
        """Write an event to the journal and keep it.

        Raises:
            OSError: if it could not be written.
        """
        match event:
            case Started():
                self._journal.started(event.launch, event.cases)
                self._started += [(event.launch, case) for case in event.cases]
            case tuple():
                self._measurements += event
                self._journal.measured(event)
            case Capped():
                self._ceilings += event.ceilings
                self._journal.ceilings(event.ceilings)
            case Finish():
                self._finish = event
                self._journal.finish(event)
            case Sliced():
                pass
            case _:
                assert_never(event)

    def keep(self, event: Event) -> bool:
        """Record an event; return False, and say in `trouble` why, if it is in memory only."""
        try:
            self.record(event)
        except OSError as error:
            self.trouble = f"the journal cannot be written: {error.strerror or error} ({error.filename or self._path})"
            return False
        return True

    def run(self) -> Run:
        """Return the run as far as it got."""
        return replace(
            self._begun,
            measurements=tuple(self._measurements),
            started=tuple(self._started),
            ceilings=tuple(self._ceilings),
            finish=self._finish,
        )

    def broken_off(self, finish: Finish) -> None:
        """Keep in memory how the run ended, since the journal cannot be written."""
        self._finish = finish


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
    if outcome is Outcome.SKIPPED and any(meets(case.device, name) for name in required):
        pytest.fail(f"{case.device} is required: {reason}", pytrace=False)
    if outcome is not Outcome.MEASURED:
        pytest.skip(f"{outcome}: {reason}" if outcome is not Outcome.SKIPPED else str(reason))
    slices = {one.launch: one.slices for one in run.by_case()[case] if one.slices is not None}
    iterations = next((some.iterations for some in slices.values()), 1)
    record(benchmark, case, iterations, {launch: some.seconds for launch, some in slices.items()}, tape)


def record(benchmark: Any, case: Case, iterations: int, launches: Mapping[int, Sequence[float]], tape: Tape) -> None:
    """Hand slices to pytest-benchmark's fixture.

    Args:
        benchmark: the fixture.
        case: whose slices.
        iterations: of a slice, the same in all.
        launches: the slices' seconds per iteration, by launch.
        tape: the clock that the fixture was given for this test.
    """
    seconds = [value for some in launches.values() for value in some]
    tape.load([whole_seconds(value, iterations) for value in seconds])
    benchmark.extra_info["case"] = case.id
    benchmark.extra_info["launches"] = len(launches)
    benchmark.extra_info["launch_of_round"] = [launch for launch, some in launches.items() for _ in some]
    benchmark.pedantic(_nothing, rounds=max(1, len(seconds)), iterations=iterations)


def meets(device: str, required: str) -> bool:
    """Whether a device is one that is required: ``cuda:1`` is a ``cuda``, but not the other way round."""
    return device == required or device.partition(":")[0] == required


def whole_seconds(seconds: float, iterations: int) -> float:
    """Return the seconds of a slice that, divided by its iterations, are `seconds` to the last digit."""
    whole = seconds * iterations
    for candidate in (whole, nextafter(whole, 0.0), nextafter(whole, inf)):
        if candidate / iterations == seconds:
            return candidate
    return whole


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
