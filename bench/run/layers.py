"""The end of a run: what each layer of each network takes, in processes that nothing else is timed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.processes.local import LaunchError
from bench.processes.supervisor import Supervisor
from bench.protocol import Failure
from bench.record.case import Case
from bench.record.layers import Layered

REPLICATES = 6
"""So many fresh processes time the layers of a network: with fewer replicates there is no interval at 95 %."""


def list_layer_cases(cases: Sequence[Case]) -> list[Case]:
    """Return the networks whose layers are timed: each in eager, once for all its steps and compile modes."""
    return list(dict.fromkeys(replace(case, step="forward", compile="off") for case in cases))


def time_layers(cases: Sequence[Case], supervisor: Supervisor, launch: int) -> Iterator[Layered]:
    """Yield what the layers of the cases' networks take, each model's on a device in processes of its own.

    Args:
        cases: that were measured.
        supervisor: asks for it; it has no worker yet.
        launch: the one after the last that was carried out.

    Raises:
        StoppedError: if the run was asked to stop.
    """
    networks = list_layer_cases(cases)
    for replicate in range(1, REPLICATES + 1):
        for owner in dict.fromkeys((case.device, case.model) for case in networks):
            for case in networks:
                if (case.device, case.model) == owner:
                    yield _time(supervisor, case, launch + replicate - 1, replicate)
            supervisor.end()


def _time(supervisor: Supervisor, case: Case, launch: int, replicate: int) -> Layered:
    try:
        reply = supervisor.time_layers(case, launch)
    except LaunchError as error:
        return Layered(case=case, replicate=replicate, layers=None, reason=str(error))
    if isinstance(reply, Failure):
        return Layered(case=case, replicate=replicate, layers=None, reason=reply.reason)
    return Layered(case=case, replicate=replicate, layers=reply, reason=None)
