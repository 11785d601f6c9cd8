"""One run from the plan to the Run: scratch folder, images, workers, environment, events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Self

from bench.case import Case, as_params
from bench.crew import Crew
from bench.environment import gather
from bench.journal import Journal
from bench.options import Options
from bench.output import ROOT
from bench.record import Run, Scalar
from bench.recorder import Recorder
from bench.schedule import Event, Schedule
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
        scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="accelbench-")))
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
        refused: dict[Case, str] = {}
        for device in dict.fromkeys(case.device for case in cases):
            mine = [case for case in cases if case.device == device]
            worker, reason = self.crew.open(device, 0)
            if worker is None:
                refused |= dict.fromkeys(mine, str(reason))
                continue
            for case in mine:
                request = {"do": "probe", "case": as_params(case)}
                reply = worker.ask(request, self.options.settings.timeout_seconds)
                if "outcome" in reply:
                    refused[case] = reply["reason"]
            worker.end()
        return refused

    def measure(
        self,
        cases: Sequence[Case],
        journal: Journal,
        show: Callable[[Event], None],
        stop: Callable[[], str | None],
    ) -> Run:
        """Measure the cases and return the run, each event in the journal before it is shown.

        Raises:
            SetupError: if no worker can be started.
            OSError: if the journal cannot be written; what was written is in it.
        """
        begin = monotonic()
        environment = gather(
            ROOT,
            data_source=self._data[0],
            data_reason=self._data[1],
            left_out=self.options.unsteady,
            worker_facts=self._worker_facts(cases),
        )
        recorder = Recorder(journal, environment, self.options.settings, cases)
        interleaved = "interleaved" not in self.options.unsteady
        schedule = Schedule(cases, self.options.settings, self.crew, stop=stop, begin=begin, interleaved=interleaved)
        for event in schedule.events():
            recorder.record(event)
            show(event)
        return recorder.run()

    def _worker_facts(self, cases: Sequence[Case]) -> dict[str, Scalar]:
        facts: dict[str, Scalar] = {}
        for device in dict.fromkeys(case.device for case in cases):
            worker, reason = self.crew.open(device, 0)
            if worker is None:
                facts |= {f"device.{device}.description": None, f"device.{device}.description.reason": reason}
                continue
            facts |= worker.ask({"do": "facts"}, self.options.settings.timeout_seconds)["facts"]
            worker.end()
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
