"""One run from the plan to the Run: scratch folder, images, workers, environment, events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Self

from bench.files.journal import Journal, whole_lines
from bench.files.parse import UnreadableError
from bench.files.run import read
from bench.host.facts import gather
from bench.host.folders import ROOT, scratch_folder
from bench.plugin.terminal import while_it_can_be_seen
from bench.processes.local import AskedToStopError, LaunchError, WorkerDiedError, WorkerTimeoutError
from bench.processes.pool import Crew
from bench.processes.supervisor import OpenError, Operator
from bench.record.case import Case
from bench.record.conditions import Scalar
from bench.record.run import Run
from bench.request import Options, SetupError
from bench.run.recorder import Recorder
from bench.run.resume import Resumption, differences, resumption
from bench.run.schedule import Event, Schedule
from bench.session import Images, located, opening_of


@dataclass(slots=True)
class Session:
    """What a run needs besides its cases; entered, it owns a scratch folder and workers, and removes both.

    Attributes:
        options: the command line.
        compiled: whether any case compiles.
        wake: a descriptor that becomes readable when the run should stop; None if nobody will ask.
    """

    options: Options
    compiled: bool
    wake: int | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _crew: Crew | None = None
    _images: Images | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # undone if anything below fails
            scratch = stack.enter_context(scratch_folder())
            self._images = located(self.options, scratch)
            self._crew = Crew(
                root=ROOT,
                scratch=scratch,
                opening=opening_of(self.options, self._images),
                compiled=self.compiled,
                wake=self.wake,
            )
            stack.callback(self._crew.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def crew(self) -> Crew:
        """The maker of workers."""
        if self._crew is None:
            raise RuntimeError("the session has not been entered")
        return self._crew

    @property
    def images(self) -> Images:
        """What the network is fed."""
        if self._images is None:
            raise RuntimeError("the session has not been entered")
        return self._images

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
        show = while_it_can_be_seen(show)
        options = self.options
        environment = gather(
            ROOT,
            data_source=self.images.source,
            data_reason=self.images.reason,
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
                begun.settings,
                self.crew,
                stop=stop,
                begin=begin,
                interleaved="interleaved" not in options.unsteady,
                resumption=kept,
            )
            if kept is not None:
                show(kept.kept)
            try:
                for event in schedule.events():
                    if not recorder.keep(event):
                        recorder.broken_off(schedule.finish(recorder.trouble, stopped=True))
                        break
                    show(event)
            except LaunchError as error:
                if not recorder.run().measurements:
                    raise
                finish = schedule.finish(str(error), stopped=True)
                if not recorder.keep(finish):
                    recorder.broken_off(finish)
            return recorder.run()

    def _worker_facts(self, cases: Sequence[Case]) -> dict[str, Scalar]:
        facts: dict[str, Scalar] = {}
        for device in dict.fromkeys(case.device for case in cases):
            told, reason = self._ask_facts(device)
            if told is not None:
                facts |= told
                continue
            facts |= {f"device.{device}.description": None, f"device.{device}.description.reason": reason}
        return facts

    def _ask_facts(self, device: str) -> tuple[dict[str, Scalar] | None, str | None]:
        """Return what a worker knows about torch and a device, or None and why it does not tell."""
        reason = None
        for _ in range(2):  # once more in a fresh worker: a resume is refused where facts are missing
            try:
                worker, reason = self.crew.open(device, 0)
                if worker is None:
                    return None, reason
                told: dict[str, Scalar] = worker.ask({"do": "facts"}, self.options.settings.timeout_seconds)["facts"]
                worker.end()
            except (WorkerDiedError, WorkerTimeoutError, OpenError) as error:
                reason = str(error)
            except AskedToStopError:
                return None, "the run was stopped"
            else:
                return told, None
        return None, reason


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
    return replace(earlier, measurements=(), finish=None), resumption(earlier, retry=retry)
