"""Which files of a project workers load: asked once, before anything is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.processes.local import LaunchError
from bench.processes.supervisor import Opener, StoppedError, Supervisor
from bench.protocol import Failure
from bench.record.case import DEFAULT_RANKS, Case
from bench.record.conditions import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What workers load of a project.

    Attributes:
        files: fingerprints of the modules' files, by path from the project's folder.
        trouble: why a model cannot be loaded or carried out, such as a module that is not found; None if all can.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None


def find_loaded(opener: Opener, cases: Sequence[Case], settings: Settings, stop: Callable[[], str | None]) -> Loaded:
    """Return what workers load of a project: each model is built once, and its steps are carried out once.

    Args:
        opener: makes the workers; in a gate those of one arm.
        cases: as they run them.
        settings: for timeouts.
        stop: asked between requests; a reason to stop now, None to go on.
    """
    files: dict[str, str] = {}
    troubles: list[str] = []
    supervisor = Supervisor(opener, settings, stop)
    try:
        for case in _list_smallest(cases):
            counted = supervisor.count(case)
            told = supervisor.tell_footprint(case.device, 0)
            troubles += [reply.reason for reply in (counted, told) if isinstance(reply, Failure)]
            files |= {} if isinstance(told, Failure) else told.loaded
            supervisor.forget()
    except (LaunchError, StoppedError) as error:  # whoever needs a worker next says so
        troubles.append(str(error))
    finally:
        supervisor.end()
    return Loaded(files=files, trouble=troubles[0] if troubles else None)


def _list_smallest(cases: Sequence[Case]) -> list[Case]:
    """Return one case of each model and step: the one with the smallest batch, without the compiler, in one process."""
    smallest: dict[tuple[str, str], Case] = {}
    for case in sorted(cases, key=lambda case: case.batch):
        smallest.setdefault((case.model, case.step), replace(case, compile="off", ranks=DEFAULT_RANKS))
    return list(smallest.values())
