"""Profiles that no profiler saw: made up, so that what they explain can be told to the letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.profile import ModuleTime, OperatorTime, Place, Profile, Profiled

ADDMM = {"aten::addmm": (3.0, 30e-6)}
"""What the tutorial's network does most."""


def made_profile(
    operators: Mapping[str, tuple[float, float]] = ADDMM,
    *,
    outside: float = 20e-6,
    kernels: Mapping[str, tuple[float, float]] | None = None,
    more: float = 0.0,
    remarks: tuple[str, ...] = (),
    modules: Mapping[str, float] | None = None,
) -> Profile:
    """Return a profile.

    Args:
        operators: calls and own seconds per iteration, by name.
        outside: seconds in no operator.
        kernels: of a device, likewise; None where there is no device.
        more: seconds in which the host waits and nothing of its own runs.
        remarks: on it.
        modules: seconds per iteration of the forward of each, by name; None where they are not told apart.
    """
    times = [
        OperatorTime(name=name, place=place, calls=calls, self_seconds=seconds)
        for place, some in ((Place.HOST, operators), (Place.DEVICE, kernels or {}))
        for name, (calls, seconds) in some.items()
    ]
    host = sum(time.self_seconds for time in times if time.place is Place.HOST)
    return Profile(
        iterations=50,
        seconds=host + outside + more,
        outside_seconds=outside + more,
        device_seconds=None if kernels is None else sum(seconds for _, seconds in kernels.values()),
        operators=tuple(times),
        remarks=remarks,
        modules=tuple(
            ModuleTime(name=name, kind="Linear", backward=False, host_seconds=seconds, device_seconds=0.0)
            for name, seconds in (modules or {}).items()
        ),
    )


def profiled(case: Case, profile: Profile, *, side: Side | None = None, replicate: int = 1) -> Profiled:
    """Return a case that was profiled."""
    return Profiled(case=case, side=side, replicate=replicate, profile=profile, reason=None)


def paired(
    case: Case,
    base: Mapping[str, tuple[float, float]],
    head: Mapping[str, tuple[float, float]],
    *,
    pairs: int = 6,
    scatter: float = 0.01,
    outside: Sequence[float] = (20e-6, 20e-6),
    modules: Sequence[Mapping[str, float]] = ({}, {}),
    seed: int = 0,
) -> tuple[Profiled, ...]:
    """Return profiles of both arms in pairs of processes, whose times scatter by a share."""
    random = Random(seed)

    def scattered(operators: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        return {
            name: (calls, seconds * (1 + random.gauss(0.0, scatter))) for name, (calls, seconds) in operators.items()
        }

    return tuple(
        profiled(
            case,
            made_profile(
                scattered(operators),
                outside=beside,
                modules={name: seconds * (1 + random.gauss(0.0, scatter)) for name, seconds in own.items()},
            ),
            side=side,
            replicate=replicate,
        )
        for replicate in range(1, pairs + 1)
        for side, operators, beside, own in zip(Side, (base, head), outside, modules, strict=True)
    )
