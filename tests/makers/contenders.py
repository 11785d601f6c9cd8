"""Result files of several machines, made up: a fast card with a long way to it, and a processor that is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.files.parse_json import SECTION
from bench.files.run import make_run_section
from bench.record.case import Case
from bench.record.observations import Ceiling, Limit
from bench.record.run import Measurement, Outcome, Run
from tests.makers.runs import FACTS, hole, made_run, matrix, measured, slices

LAUNCHES = 8
JITTER = (0.97, 1.02, 1.0, 0.99, 1.03, 0.98, 1.01, 1.0)
"""Of the launches of a case, so that there are intervals."""


def on_cpu(case: Case) -> float:
    """Seconds of a processor: ten microseconds an image, and bfloat16 in half of that."""
    return (20e-6 + 10e-6 * case.batch) / (2 if case.dtype == "bfloat16" else 1)


def on_card(case: Case) -> float:
    """Seconds of a card: a tenth of a microsecond an image, and two hundred to get there."""
    return 200e-6 + 0.1e-6 * case.batch


def run_on(
    device: str,
    seconds: Callable[[Case], float],
    *,
    batches: Sequence[int] = (1, 64, 1024),
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    launches: int = LAUNCHES,
    missing: Sequence[str] = (),
    quick: bool = False,
    description: str = "",
) -> Run:
    """Return a run on one device; cases whose dtype is in `missing` are skipped with a reason."""
    cases = matrix(batches=batches, devices=(device,), dtypes=dtypes)
    made: list[Measurement] = []
    for case in cases:
        if case.dtype in missing:
            made.append(hole(case, 0, Outcome.SKIPPED, "torch has no such kernel"))
            continue
        flops = 1_337_344 * case.batch
        for launch in range(1, launches + 1):
            per_iteration = seconds(case) * JITTER[(launch - 1) % len(JITTER)]
            latency = None if device == "cpu" else [1.5 * per_iteration] * 3
            timed = slices([per_iteration] * 3, latency=latency)
            made.append(measured(case, launch, timed, flops=flops, minimal_bytes=2_700_000 + 3000 * case.batch))
    ceilings = [
        Ceiling(device=device, launch=1, limit=Limit.PRODUCTS, dtype=dtype, per_second=2e12, size=1024, reason=None)
        for dtype in dtypes
    ]
    copies = Ceiling(
        device=device, launch=1, limit=Limit.COPIES, dtype=None, per_second=1e12, size=1 << 20, reason=None
    )
    facts = {**FACTS, f"device.{device}.description": description or f"Imaginary {device}"}
    return made_run(cases, made, facts=facts, launches=launches, quick=quick, ceilings=[*ceilings, copies])


def stored(run: Run, path: Path) -> Path:
    """Write a run as `pytest bench` would."""
    path.write_text(json.dumps({SECTION: make_run_section(run)}))
    return path
