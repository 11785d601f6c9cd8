"""Asking a worker for the profile of a case: whatever goes wrong is the reason why there is none."""

from __future__ import annotations

import re
from pathlib import Path

from bench.processes.local import LaunchError
from bench.processes.supervisor import Supervisor
from bench.protocol import Failure
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.profile import Profiled

UNFIT = re.compile(r"[^\w.=-]")
"""What some file system has in no name, and a case's id may have."""


def profile_case(
    supervisor: Supervisor,
    case: Case,
    *,
    launch: int,
    replicate: int = 1,
    side: Side | None = None,
    arm: Arm | None = None,
    traces: Path | None = None,
) -> Profiled:
    """Return the profile of a case, or why there is none.

    Args:
        supervisor: asks for it.
        case: which; in a gate as base runs it.
        launch: which launch its worker belongs to.
        replicate: which process this is.
        side: which arm of a gate.
        arm: what that is.
        traces: a folder that takes a trace of all events; None for no trace.

    Raises:
        StoppedError: if everything was asked to stop.
    """
    trace = None if traces is None else str(traces / name_trace(case, side))
    try:
        reply = supervisor.take_profile(case if arm is None else arm.case(case), launch, trace=trace)
    except LaunchError as error:
        return Profiled(case=case, side=side, replicate=replicate, profile=None, reason=str(error))
    if isinstance(reply, Failure):
        return Profiled(case=case, side=side, replicate=replicate, profile=None, reason=reply.reason)
    return Profiled(case=case, side=side, replicate=replicate, profile=reply, reason=None)


def name_trace(case: Case, side: Side | None) -> str:
    """Return what the trace of a case is called."""
    return UNFIT.sub("_", case.id if side is None else f"{case.id}-{side}") + ".json"
