"""Runs that were never measured: made up from a seed, so that tests and pictures have something to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from bench.record.case import Case, select
from bench.record.conditions import Environment, Scalar, Settings
from bench.record.observations import Ceiling, Preparation, Slices
from bench.record.run import Finish, Measurement, Outcome, Run

FACTS: dict[str, Scalar] = {
    "program.version": "0.1.0",
    "commit.id": "0123456789abcdef0123456789abcdef01234567",
    "commit.dirty": False,
    "python.version": "3.11.7",
    "torch.version": "2.14.1",
    "torchvision.version": "0.29.1",
    "os.name": "Linux 6.1",
    "machine.cpu": "Imaginary Processor",
    "machine.cores": 2,
    "machine.memory_bytes": 8 << 30,
    "torch.threads": 2,
    "data.source": "random",
    "data.reason": "no FashionMNIST in data",
    "device.cpu.description": "Imaginary Processor, AVX-512",
    "steady.bound_threads": True,
    "steady.fixed_allocator": True,
    "steady.no_gc": True,
    "run.started": "2030-01-01T00:00:00Z",
}
FINISH = Finish(
    complete=True,
    stopped=False,
    reason=None,
    wall_seconds=200.0,
    slice_seconds=100.0,
    warmup_seconds=40.0,
    compile_seconds=30.0,
)
YARDSTICK = 18e-6


def matrix(
    *,
    steps: Sequence[str] = ("forward",),
    batches: Sequence[int] = (64,),
    devices: Sequence[str] = ("cpu",),
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    compiles: Sequence[str] = ("off",),
    layouts: Sequence[str] = ("contiguous",),
    threads: Sequence[int | None] = (None,),
    ranks: Sequence[str] = ("1",),
) -> tuple[Case, ...]:
    """Return the cases of a small matrix of the model mlp."""
    return select(
        models=("mlp",),
        steps=steps,
        batches=lambda _: batches,
        devices=devices,
        dtypes=lambda _: dtypes,
        compiles=compiles,
        layouts=layouts,
        threads=lambda _: threads,
        ranks=ranks,
    )


DEFAULT_MATRIX = matrix(steps=("forward", "backward"), batches=(1, 64, 1024), compiles=("off", "on"))
TWO = matrix()


def slices(
    seconds: Sequence[float],
    *,
    iterations: int = 10,
    stolen: Sequence[float] | None = (),
    yardstick: Sequence[float] = (),
    clock_seconds: float = 1e-9,
    set_index: Sequence[int] = (),
    latency: Sequence[float] | None = None,
    events: Sequence[float] | None = None,
    local: Sequence[float] | None = None,
) -> Slices:
    """Return slices of equal length; an empty argument is filled with the unremarkable, None stolen is unknown."""
    count = len(seconds)
    return Slices(
        iterations=iterations,
        seconds=tuple(seconds),
        set_index=tuple(set_index) or tuple(range(count)),
        started_seconds=tuple(float(position) for position in range(count)),
        yardstick_seconds=tuple(yardstick) or (YARDSTICK,) * count,
        stolen_seconds=None if stolen is None else tuple(stolen) or (0.0,) * count,
        minor_faults=(0,) * count,
        involuntary_switches=(0,) * count,
        clock_seconds=clock_seconds,
        latency_seconds=None if latency is None else tuple(latency),
        event_seconds=None if events is None else tuple(events),
        local_seconds=None if local is None else tuple(local),
    )


def preparation(
    *,
    step: str = "forward",
    warm: bool | None = None,
    compile_seconds: float | None = None,
    settled: bool = True,
    flops: int | None = 1_000_000,
    flops_reason: str | None = None,
    minimal_bytes: int | None = None,
    peak_bytes: int | None = None,
    copy_seconds: float | None = None,
    remarks: tuple[str, ...] = (),
) -> Preparation:
    """Return a preparation of an eager case, or of a compiled one with a warm or cold cache."""
    return Preparation(
        first_call_seconds=0.01 + (compile_seconds or 0.0),
        compile_seconds=compile_seconds,
        cache_was_warm=warm,
        warmup_seconds=0.1,
        settled=settled,
        verify_seconds=0.05,
        total_seconds=0.2 + (compile_seconds or 0.0),
        relative_errors={"logits": 1e-7},
        estimate_seconds=1e-3,
        clock_seconds=1e-7,
        queued=step not in {"backward", "predict"},
        clock_pairs_per_iteration=int(step == "backward"),
        flops=flops,
        flops_reason=flops_reason,
        minimal_bytes=minimal_bytes,
        peak_bytes=peak_bytes,
        peak_bytes_reason=None if peak_bytes else "nobody tells",
        copy_seconds=copy_seconds,
        remarks=remarks,
    )


def measured(case: Case, launch: int, timed: Slices | None, **changes: object) -> Measurement:
    """Return a measured case."""
    made = preparation(step=case.step, **changes)  # type: ignore[arg-type]
    return Measurement(case=case, launch=launch, outcome=Outcome.MEASURED, preparation=made, slices=timed)


def hole(case: Case, launch: int, outcome: Outcome, reason: str) -> Measurement:
    """Return a case that was not measured."""
    return Measurement(case=case, launch=launch, outcome=outcome, reason=reason)


def made_run(
    cases: Sequence[Case],
    measurements: Sequence[Measurement],
    *,
    facts: dict[str, Scalar] | None = None,
    launches: int = 8,
    quick: bool = False,
    finish: Finish | None = FINISH,
    ceilings: Sequence[Ceiling] = (),
) -> Run:
    """Return a run of these measurements."""
    return Run(
        environment=Environment(facts=FACTS if facts is None else facts),
        settings=Settings(launches=launches, quick=quick),
        cases=tuple(cases),
        measurements=tuple(measurements),
        ceilings=tuple(ceilings),
        finish=finish,
        source="out.json",
    )


def steady_run(
    seconds: Callable[[Case, int], Sequence[float]], *, cases: Sequence[Case] = TWO, launches: int = 8
) -> Run:
    """Return a run in which each case shows the given slices in each launch."""
    return made_run(
        cases,
        [measured(case, launch, slices(seconds(case, launch))) for launch in range(1, launches + 1) for case in cases],
        launches=launches,
    )


def realistic_run(*, cases: Sequence[Case] = DEFAULT_MATRIX, launches: int = 8, sets: int = 12, seed: int = 1) -> Run:
    """Return a run as a shared two-core machine makes it, with a skipped, a wrong and a disturbed case."""
    random = Random(seed)
    measurements: list[Measurement] = []
    measurements += [
        measured(case, 0, None, warm=False, compile_seconds=random.uniform(2, 4), flops=_flops(case))
        for case in cases
        if case.compiled
    ]
    for launch in range(1, launches + 1):
        state = 1.4 if random.random() < 0.2 else 1.0
        state *= random.gauss(1, 0.02)
        for case in cases:
            match case:
                case Case(step="backward", batch=64, dtype="bfloat16", compile="on"):
                    made = hole(case, launch, Outcome.SKIPPED, "torch.compile found no C++ compiler: install g++")
                case Case(step="forward", batch=1024, dtype="bfloat16", compile="on"):
                    made = hole(case, launch, Outcome.WRONG_RESULT, "logits differ by 3.1e-02, tolerance 1.6e-02")
                case _:
                    compiling = {"warm": True, "compile_seconds": random.uniform(0.1, 0.3)} if case.compiled else {}
                    made = measured(case, launch, _noisy(case, state, sets, random), flops=_flops(case), **compiling)
            measurements.append(made)
    return made_run(cases, measurements, launches=launches)


def _flops(case: Case) -> int:
    forward = 2 * case.batch * (784 * 512 + 512 * 512 + 512 * 10)
    return forward if case.step == "forward" else 2 * forward


def _noisy(case: Case, state: float, sets: int, random: Random) -> Slices:
    fast = {"float32": 180e9, "bfloat16": 700e9}.get(case.dtype, 40e9)
    typical = state * (50e-6 * (0.9 if case.compiled else 1.0) + _flops(case) / fast)
    seconds = [typical * random.gauss(1, 0.01) * (1.3 if random.random() < 0.02 else 1.0) for _ in range(sets)]
    yardstick = [YARDSTICK * state * random.gauss(1, 0.01) for _ in range(sets)]
    iterations = max(1, round(0.01 / typical))
    stolen = [0.01 if index == 3 and case.batch == 64 and case.dtype == "float32" else 0.0 for index in range(sets)]
    return slices(seconds, iterations=iterations, yardstick=yardstick, stolen=stolen, clock_seconds=5e-8)
