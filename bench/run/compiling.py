"""The end of a run: what compiling each case takes, from empty caches and from full ones, in fresh processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.processes.local import LaunchError
from bench.processes.supervisor import Opener, Supervisor, Workers
from bench.protocol import Failure
from bench.record.case import Case
from bench.record.compiling import Compiled
from bench.record.conditions import Settings

REPLICATES = 3
"""So many pairs of fresh processes compile a case: it takes seconds each time, and scatters less than what it saves."""


def watch_compiling(
    cases: Sequence[Case], workers: Workers, settings: Settings, stop: Callable[[], str | None], launch: int
) -> Iterator[Compiled]:
    """Yield what compiling takes, of every case that compiles: in a process with empty caches, then in one with full.

    Args:
        cases: that were measured.
        workers: makes the processes; none of its workers lives.
        settings: for the timeout.
        stop: asked between requests; a reason to stop now, None to go on.
        launch: the one after the last that was carried out.

    Raises:
        StoppedError: if the run was asked to stop.
    """
    for replicate in range(1, REPLICATES + 1):
        for case in cases:
            if not case.compiled:
                continue
            with workers.own_caches() as fresh:
                for cold in (True, False):
                    with fresh() as opener:
                        yield _watch(opener, settings, stop, case, launch, replicate, cold=cold)


def _watch(
    opener: Opener,
    settings: Settings,
    stop: Callable[[], str | None],
    case: Case,
    launch: int,
    replicate: int,
    *,
    cold: bool,
) -> Compiled:
    supervisor = Supervisor(opener, settings, stop)
    try:
        reply = supervisor.watch_compiling(case, launch)
    except LaunchError as error:
        return Compiled(case=case, replicate=replicate, cold=cold, compiling=None, reason=str(error))
    finally:
        supervisor.end()
    if isinstance(reply, Failure):
        return Compiled(case=case, replicate=replicate, cold=cold, compiling=None, reason=reply.reason)
    return Compiled(case=case, replicate=replicate, cold=cold, compiling=reply, reason=None)
