"""One run from the plan to the Run: workers, environment, events, the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from bench.files.journal import Journal, whole_lines
from bench.files.log import JournalError, read_log
from bench.files.parse_json import UnreadableError
from bench.files.run import RUN_FORMAT, RunLog
from bench.host.code import CodeWatch, code_facts, digest_listed
from bench.host.folders import ROOT
from bench.processes.loaded import find_loaded
from bench.processes.local import LaunchError
from bench.processes.pool import WorkerPool
from bench.processes.supervisor import Supervisor, Workers
from bench.record.case import Case
from bench.record.conditions import Scalar, find_differences
from bench.record.run import Measured, Resumed, Run, RunEvent
from bench.request import RunQuestion, SetupError
from bench.run.resume import Resumption, resumption
from bench.run.schedule import Event, Schedule, Sliced
from bench.session import Session

LAUNCHES_PER_LAUNCHER = 4
"""This is a compromise: executing a launcher costs seconds, and a median over launches should see several of them."""


@contextmanager
def run_workers(session: Session, cases: Sequence[Case], *, wake: int | None = None) -> Iterator[Workers]:
    """Make what makes the workers of a run, and end every worker with the block.

    Args:
        session: the run's.
        cases: what is to be measured.
        wake: a descriptor that becomes readable when the run should stop; None if nobody will ask.
    """
    pool = WorkerPool(
        root=ROOT,
        scratch=session.scratch,
        setup=session.worker_setup,
        compiled=any(case.compiled for case in cases),
        launches_per_launcher=LAUNCHES_PER_LAUNCHER,
        ranks={case.ranks for case in cases if case.distributed},
        wake=wake,
    )
    with closing(pool):
        yield pool


def refusals(session: Session, workers: Workers, cases: Sequence[Case]) -> dict[Case, str]:
    """Return why cases would be skipped, found by trying each device, dtype and compile mode once."""
    supervisor = Supervisor(workers.open, session.request.settings, stop=lambda: None)
    refused: dict[Case, str] = {}
    for device in dict.fromkeys(case.device for case in cases):
        for case in cases:
            if case.device == device and (failure := supervisor.probe(case)) is not None:
                refused[case] = failure.reason
        supervisor.end()
    return refused


def measure(
    session: Session,
    workers: Workers,
    question: RunQuestion,
    cases: Sequence[Case],
    journal_path: Path,
    *,
    show: Callable[[Event], None],
    stop: Callable[[], str | None],
) -> Run:
    """Measure the cases and return the run, each event in the journal before it is shown.

    A journal that can no longer be written ends the run, which keeps what it has in memory.

    Args:
        session: what the run needs besides its cases.
        workers: makes them.
        question: whether this is another part of a run that was cut off.
        cases: what is measured.
        journal_path: where events go.
        show: takes every event.
        stop: asked between requests to a worker; a reason to stop now, None to go on.

    Raises:
        SetupError: if the run that is to be continued was made elsewhere or otherwise.
        LaunchError: if no worker can be started.
        OSError: if the journal cannot be begun.
    """
    begin = monotonic()
    request = session.request
    watch = CodeWatch(root=ROOT, own=session.own, others=[spec.file for spec in request.own_steps])
    facts = session.worker_facts(workers.open, (case.device for case in cases))
    environment = session.environment({**facts, **project_facts(session, workers, cases, watch, stop)})
    begun = Run(environment=environment, settings=request.settings, cases=tuple(cases))
    earlier: Earlier | None = None
    if question.resume:
        begun, earlier = continued(journal_path, begun, retry=question.retry)
    resume_at = whole_lines(journal_path) if question.resume else 0
    with Journal(journal_path, resume_at=resume_at) as journal:
        log = RunLog(RUN_FORMAT, begun, journal, earlier=earlier.events if earlier else (), stands=earlier is not None)
        schedule = Schedule(
            begun.cases,
            begun.settings,
            workers,
            stop=stop,
            begin=begin,
            find_change=watch.find_change,
            interleaved="interleaved" not in request.unsteady,
            resumption=earlier.resumption if earlier else None,
            operators=question.operators,
            layers=question.layers,
            compiling=question.compiling,
            traces=question.traces,
        )
        try:
            if earlier is not None:
                log.add(Resumed(dropped=earlier.resumption.dropped))
                show(Measured(measurements=earlier.resumption.kept))
            for event in schedule.events():
                if not isinstance(event, Sliced):
                    log.add(event)
                show(event)
        except JournalError as error:
            log.keep(schedule.finish(str(error), stopped=True))
        except LaunchError as error:
            if not log.record().measurements:
                raise
            log.keep(schedule.finish(str(error), stopped=True))
        return log.record()


def project_facts(
    session: Session, workers: Workers, cases: Sequence[Case], watch: CodeWatch, stop: Callable[[], str | None]
) -> dict[str, Scalar]:
    """Return the fingerprints of a project's files that its models load, and of its data; have them watched.

    Args:
        session: the run's.
        workers: makes them.
        cases: what is measured.
        watch: tells from now on of changes in these files.
        stop: asked between requests to a worker; a reason to stop now, None to go on.
    """
    project, names = session.request.project, {spec.id for spec in session.request.models if spec.is_own}
    if not names:
        return {}
    own = [case for case in cases if case.model in names]
    loaded = find_loaded(workers.open, own, session.request.settings, stop)
    if loaded.trouble is not None:
        return {"code.project": None, "code.project.reason": loaded.trouble}
    data = [path for pattern in project.data for path in sorted(project.folder.glob(pattern)) if path.is_file()]
    files = {**loaded.files, **digest_listed(project.folder, data, session.own)}
    watch.watch(project.folder, files)
    return code_facts("code.project", files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A part of a run that is continued.

    Attributes:
        events: what its journal holds.
        resumption: what of it is kept.
    """

    events: tuple[RunEvent, ...]
    resumption: Resumption


def continued(journal_path: Path, now: Run, *, retry: bool) -> tuple[Run, Earlier]:
    """Return the run that a journal began, and its part so far.

    Args:
        journal_path: the journal.
        now: environment, settings and plan of the run that would continue it.
        retry: whether cases with a fault are tried again.

    Raises:
        SetupError: if there is no such journal, or it was made elsewhere or otherwise, naming every difference.
    """
    try:
        earlier, events = read_log(RUN_FORMAT, journal_path)
    except UnreadableError as error:
        raise SetupError(f"--resume: {error}") from error
    if differences := find_differences(earlier, now):
        raise SetupError(f"--resume: {journal_path} cannot be continued here: {'; '.join(differences)}")
    return replace(earlier, source=""), Earlier(events=events, resumption=resumption(earlier, retry=retry))
