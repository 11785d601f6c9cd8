"""What a device allows at best, from the ceilings that the same run found, and which share of it a case reaches.

The roofline: a computation of so many operations and so many bytes cannot be faster than the device's products allow,
nor faster than its copies do. Source: Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.case import Case, compute_dtype
from bench.record.observations import Limit
from bench.record.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """The two limits of a device in a dtype: the best of the launches that tried.

    Attributes:
        flops_per_second: of matrix products.
        bytes_per_second: of copies, bytes read and bytes written both counted.
    """

    flops_per_second: float
    bytes_per_second: float

    def attainable(self, intensity: float) -> float:
        """Return the FLOP/s that are attainable at an arithmetic intensity in FLOP per byte."""
        return min(self.flops_per_second, self.bytes_per_second * intensity)

    @property
    def ridge(self) -> float:
        """Return the intensity at which both limits meet, in FLOP per byte."""
        return self.flops_per_second / self.bytes_per_second


def roofs(run: Run) -> dict[tuple[str, str], Roof]:
    """Return the limits by device and by the dtype that is computed in; what was not found is not there."""
    best: dict[tuple[str, str | None], float] = {}
    for ceiling in run.ceilings:
        if ceiling.per_second is not None:
            key = (ceiling.device, ceiling.dtype)
            best[key] = max(ceiling.per_second, best.get(key, 0.0))
    return {
        (device, dtype): Roof(flops_per_second=rate, bytes_per_second=best[device, None])
        for (device, dtype), rate in best.items()
        if dtype is not None and (device, None) in best
    }


def roof_of(case: Case, limits: Mapping[tuple[str, str], Roof]) -> Roof | None:
    """Return the limits of a case: of as many devices as it runs on, where each of its ranks has its own."""
    roof = limits.get((case.device, compute_dtype(case.dtype)))
    if roof is None or case.on_cpu:
        return roof
    devices = case.processes
    return Roof(flops_per_second=devices * roof.flops_per_second, bytes_per_second=devices * roof.bytes_per_second)


def attained(flops: float, least_bytes: float, seconds: float, roof: Roof) -> float:
    """Return the share of what is attainable that so many operations and bytes in so many seconds are."""
    return flops / seconds / roof.attainable(flops / least_bytes)


def no_ceiling(run: Run) -> dict[str, str]:
    """Return why a device has no ceiling in a dtype, or for copies, by what that is called."""
    missing = {}
    known = {(ceiling.device, ceiling.dtype) for ceiling in run.ceilings if ceiling.per_second is not None}
    for ceiling in run.ceilings:
        if ceiling.reason is not None and (ceiling.device, ceiling.dtype) not in known:
            what = f"{ceiling.dtype} products" if ceiling.limit is Limit.PRODUCTS else "copies"
            missing[f"{what} on {ceiling.device}"] = ceiling.reason
    return missing
