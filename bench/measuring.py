"""One run from the plan to the Run: scratch folder, images, workers, environment, events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Self

import psutil

from bench.case import Case
from bench.crew import Crew
from bench.environment import gather
from bench.journal import Journal
from bench.launch import WorkerDiedError, WorkerTimeoutError
from bench.operator import Operator
from bench.options import Options
from bench.output import ROOT
from bench.read import UnreadableError, read, whole_lines
from bench.record import Run, Scalar
from bench.recorder import Recorder
from bench.resume import Resumption, differences, resumption
from bench.schedule import Event, Schedule
from bench.scratch import scratch_folder
from models import dataset

PROBE_SECONDS = 300.0
"""Limit for a probe process to import torch and try the devices."""


class SetupError(Exception):
    """Nothing can be measured; the message says why and what to do."""


def probe_devices(named: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Ask a fresh process which devices there are.

    Args:
        named: devices to try by name.

    Returns:
        The devices found, and why each named one that cannot be used is refused.

    Raises:
        SetupError: if torch does not come up there.
    """
    command = [sys.executable, "-m", "bench.devices", *named]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise SetupError(f"torch does not come up in a probe process: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise SetupError(f"no probe process answers: {error}") from error
    return answer["found"], answer["refused"]


@dataclass(slots=True)
class StopSwitch:
    """Turned by SIGINT and SIGTERM; asked between requests to a worker."""

    reason: str | None = None

    def __call__(self) -> str | None:
        """Return why the run should stop now, None to go on."""
        return self.reason

    def turn(self, number: int, _frame: FrameType | None) -> None:
        """Ask for an end in order; the second signal ends at once, since the journal has it all."""
        if self.reason is not None:
            os._exit(2)
        self.reason = f"stopped by {signal.Signals(number).name}"


@contextmanager
def stoppable() -> Iterator[StopSwitch]:
    """Turn SIGINT and SIGTERM into a switch for the length of the block."""
    switch = StopSwitch()
    before = {number: signal.signal(number, switch.turn) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Session:
    """What a run needs besides its cases; entered, it owns a scratch folder and workers, and removes both.

    Attributes:
        options: the command line.
        compiled: whether any case compiles.
    """

    options: Options
    compiled: bool
    _stack: ExitStack = field(default_factory=ExitStack)
    _crew: Crew | None = None
    _data_root: str | None = None
    _data: tuple[str, str] = ("", "")

    def __enter__(self) -> Self:
        scratch = self._stack.enter_context(scratch_folder())
        self._data_root, *source = self._locate(scratch)
        self._data = (source[0], source[1])
        settings = self.options.settings
        self._crew = Crew(
            root=ROOT,
            scratch=scratch,
            seed=settings.seed,
            data_root=self._data_root,
            compiled=self.compiled,
            left_out=self.options.unsteady,
            timeout_seconds=settings.timeout_seconds,
            memory_bytes=psutil.virtual_memory().total,
        )
        self._stack.callback(self._crew.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def crew(self) -> Crew:
        """The maker of workers."""
        if self._crew is None:
            raise RuntimeError("the session has not been entered")
        return self._crew

    def refusals(self, cases: Sequence[Case]) -> dict[Case, str]:
        """Return why cases would be skipped, found by trying each device, dtype and compile mode once."""
        operator = Operator(self.crew, self.options.settings, stop=lambda: None)
        refused: dict[Case, str] = {}
        for device in dict.fromkeys(case.device for case in cases):
            for case in cases:
                if case.device == device and (reason := operator.probe(case)) is not None:
                    refused[case] = reason
            operator.end()
        return refused

    def measure(
        self,
        cases: Sequence[Case],
        journal_path: Path,
        show: Callable[[Event], None],
        stop: Callable[[], str | None],
    ) -> Run:
        """Measure the cases and return the run, each event in the journal before it is shown.

        A journal that can no longer be written ends the run, which keeps what it has in memory.

        Raises:
            SetupError: if the run that is to be continued was made elsewhere or otherwise.
            LaunchError: if no worker can be started.
            OSError: if the journal cannot be begun.
        """
        begin = monotonic()
        options = self.options
        environment = gather(
            ROOT,
            data_source=self._data[0],
            data_reason=self._data[1],
            left_out=options.unsteady,
            worker_facts=self._worker_facts(cases),
        )
        begun = Run(environment=environment, settings=options.settings, cases=tuple(cases))
        kept = None
        if options.resume:
            begun, kept = continued(journal_path, begun, retry=options.retry)
        resume_at = whole_lines(journal_path) if options.resume else 0
        with Journal(journal_path, resume_at=resume_at) as journal:
            recorder = Recorder(journal, begun, resumption=kept)
            schedule = Schedule(
                begun.cases,
                options.settings,
                self.crew,
                stop=stop,
                begin=begin,
                interleaved="interleaved" not in options.unsteady,
                resumption=kept,
            )
            for event in schedule.events():
                try:
                    recorder.record(event)
                except OSError as error:
                    where = error.filename or journal_path
                    reason = f"the journal cannot be written: {error.strerror or error} ({where})"
                    recorder.broken_off(schedule.finish(reason, stopped=True))
                    break
                show(event)
            return recorder.run()

    def _worker_facts(self, cases: Sequence[Case]) -> dict[str, Scalar]:
        facts: dict[str, Scalar] = {}
        for device in dict.fromkeys(case.device for case in cases):
            try:
                worker, reason = self.crew.open(device, 0)
                if worker is not None:
                    facts |= worker.ask({"do": "facts"}, self.options.settings.timeout_seconds)["facts"]
                    worker.end()
                    continue
            except (WorkerDiedError, WorkerTimeoutError) as error:
                reason = str(error)
            facts |= {f"device.{device}.description": None, f"device.{device}.description.reason": reason}
        return facts

    def _locate(self, scratch: Path) -> tuple[str | None, str, str]:
        """Return torchvision's root or None, the source's name, and why it was chosen."""
        options = self.options
        if options.data == "random":
            return None, "random", "asked for"
        if options.download:
            download(options.data_root)
        folder = dataset.find(options.data_root)
        if folder is None:
            return None, "random", f"no FashionMNIST files in {options.data_root}"
        root = dataset.torchvision_root(folder, scratch / "data")
        return str(root), "fashion-mnist", f"found in {folder}"


def download(root: Path) -> None:
    """Fetch FashionMNIST in a process of its own, since that imports torch.

    Raises:
        SetupError: if it cannot be fetched.
    """
    command = [sys.executable, "-m", "models", "--download", str(root.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError((done.stderr.strip().splitlines() or ["the download failed"])[-1])


def continued(journal_path: Path, now: Run, *, retry: bool) -> tuple[Run, Resumption]:
    """Return the run that a journal holds and what of it is kept.

    Args:
        journal_path: the journal.
        now: environment, settings and plan of the run that would continue it.
        retry: whether cases with a fault are tried again.

    Raises:
        SetupError: if there is no such journal, or it was made elsewhere or otherwise, naming every difference.
    """
    try:
        earlier = read(journal_path)
    except UnreadableError as error:
        raise SetupError(f"--resume: {error}") from error
    if found := differences(earlier, now.environment, now.settings, now.cases):
        raise SetupError(f"--resume: {journal_path} cannot be continued here: {'; '.join(found)}")
    return replace(now, cases=earlier.cases, environment=earlier.environment, started=earlier.started), resumption(
        earlier, retry=retry
    )
