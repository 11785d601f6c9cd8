"""Any record that may exist, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from bench.record.case import BUILTIN_STEPS, COMPILE_MODES, DTYPES, LAYOUTS, Case
from bench.record.compiling import Compiled, Compiling, Frame, GraphBreak
from bench.record.conditions import Environment, Settings
from bench.record.layers import Layer, Layered, Layers, Pass
from bench.record.observations import LEAST_SECONDS, MOST_SECONDS, Ceiling, Limit, Preparation, Slices
from bench.record.profile import OperatorTime, Place, Profile, Profiled
from bench.record.run import Finish, Measurement, Outcome, Run

texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=10)
finite = st.floats(allow_nan=False, allow_infinity=False)
lengths = st.floats(min_value=0.0, allow_infinity=False)
positive = st.floats(min_value=0.0, exclude_min=True, allow_infinity=False)
sane = st.floats(LEAST_SECONDS, MOST_SECONDS)
counts = st.integers(min_value=0, max_value=2**53)
above_zero = st.integers(min_value=1, max_value=2**53)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | texts

cases = st.builds(
    Case,
    model=names,
    step=st.sampled_from(BUILTIN_STEPS) | st.from_regex(r"\w{1,10}", fullmatch=True),
    batch=st.integers(1, 2**31),
    device=names,
    dtype=st.sampled_from(DTYPES),
    compile=st.sampled_from(COMPILE_MODES) | names.map(lambda name: f"backend:{name}"),
    layout=st.sampled_from(LAYOUTS),
    threads=st.none() | st.integers(1, 2**10),
    ranks=st.just("1") | st.integers(1, 9999).map(lambda number: f"ddp:{number}"),
)


@st.composite
def slices(draw: st.DrawFn) -> Slices:
    """Draw slices whose lists are of equal length."""
    count = draw(st.integers(1, 4))

    def row(values: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(values, min_size=count, max_size=count)))

    return Slices(
        iterations=draw(st.integers(1, 2**31)),
        seconds=row(sane),
        set_index=row(counts),  # type: ignore[arg-type]
        started_seconds=row(lengths),
        yardstick_seconds=row(sane),
        stolen_seconds=row(lengths) if draw(st.booleans()) else None,
        minor_faults=row(counts),  # type: ignore[arg-type]
        involuntary_switches=row(counts),  # type: ignore[arg-type]
        clock_seconds=draw(lengths),
        latency_seconds=row(sane) if draw(st.booleans()) else None,
        event_seconds=row(sane) if draw(st.booleans()) else None,
        local_seconds=row(sane) if draw(st.booleans()) else None,
    )


preparations = st.builds(
    Preparation,
    first_call_seconds=lengths,
    compile_seconds=st.none() | lengths,
    cache_was_warm=st.none() | st.booleans(),
    warmup_seconds=lengths,
    settled=st.booleans(),
    verify_seconds=lengths,
    total_seconds=lengths,
    relative_errors=st.dictionaries(texts, lengths, max_size=3),
    estimate_seconds=sane,
    clock_seconds=lengths,
    queued=st.booleans(),
    clock_pairs_per_iteration=counts,
    flops=st.none() | counts,
    minimal_bytes=st.none() | above_zero,
    peak_bytes=st.none() | above_zero,
    peak_bytes_reason=st.none() | texts,
    graph_breaks=st.none() | counts,
    recompiles=st.none() | counts,
    copy_seconds=st.none() | sane,
)


@st.composite
def ceilings(draw: st.DrawFn) -> Ceiling:
    """Draw what a device did at best, or why it did nothing."""
    dtype = draw(st.none() | names)
    done = draw(st.booleans())
    return Ceiling(
        device=draw(names),
        launch=draw(st.integers(1, 1000)),
        limit=Limit.COPIES if dtype is None else Limit.PRODUCTS,
        dtype=dtype,
        per_second=draw(st.floats(1.0, 1e24)) if done else None,
        size=draw(above_zero) if done else None,
        reason=None if done else draw(texts),
    )


def measurements(case: st.SearchStrategy[Case] = cases, *, most: int = 1000) -> st.SearchStrategy[Measurement]:
    """Return measured and failed ones of the given cases, in at most so many launches."""
    notes = st.lists(texts, max_size=2).map(tuple)
    measured = st.builds(
        Measurement,
        case=case,
        launch=st.integers(1, most),
        outcome=st.just(Outcome.MEASURED),
        preparation=st.none() | preparations,
        slices=slices(),
        notes=notes,
    )
    holes = st.builds(
        Measurement,
        case=case,
        launch=st.integers(0, most),
        outcome=st.sampled_from([outcome for outcome in Outcome if outcome is not Outcome.MEASURED]),
        reason=texts,
        preparation=st.none() | preparations,
        notes=notes,
    )
    return measured | holes


profiles = st.builds(
    Profile,
    iterations=st.integers(1, 1000),
    seconds=sane,
    outside_seconds=lengths,
    device_seconds=st.none() | lengths,
    operators=st.lists(
        st.builds(
            OperatorTime, name=texts, place=st.sampled_from(Place), calls=st.floats(0.25, 1e6), self_seconds=lengths
        ),
        max_size=3,
        unique_by=lambda operator: (operator.place, operator.name),
    ).map(tuple),
    remarks=st.lists(texts, max_size=2).map(tuple),
)


def profiled(case: st.SearchStrategy[Case]) -> st.SearchStrategy[Profiled]:
    """Return cases of a run that were profiled, or could not be."""
    return st.builds(
        lambda case, profile, reason: Profiled(
            case=case, side=None, replicate=1, profile=profile, reason=None if profile else reason
        ),
        case=case,
        profile=st.none() | profiles,
        reason=texts,
    )


passes = st.builds(
    lambda seconds, flops, reason, least_bytes: Pass(
        seconds=seconds, flops=flops, flops_reason=reason if flops is None else None, least_bytes=least_bytes
    ),
    sane,
    st.none() | counts,
    texts,
    counts,
)
layers = st.builds(
    lambda layers, forward, backward, reason, remarks: Layers(
        layers=layers,
        forward_seconds=forward,
        backward_seconds=backward,
        backward_reason=reason if backward is None else None,
        remarks=remarks,
    ),
    st.lists(
        st.builds(
            Layer,
            name=texts,
            kind=texts,
            inputs=texts,
            output=texts,
            parameters=counts,
            forward=st.none() | passes,
            backward=st.none() | passes,
        ),
        max_size=3,
    ).map(tuple),
    sane,
    st.none() | sane,
    texts,
    st.lists(texts, max_size=2).map(tuple),
)


def layered(case: st.SearchStrategy[Case]) -> st.SearchStrategy[Layered]:
    """Return networks that were timed layer by layer, or could not be."""
    return st.builds(
        lambda case, replicate, seen, reason: Layered(
            case=case, replicate=replicate, layers=seen, reason=None if seen else reason
        ),
        case=case,
        replicate=st.integers(1, 6),
        seen=st.none() | layers,
        reason=texts,
    )


frames = st.builds(
    Frame,
    forward=st.none() | st.booleans(),
    dynamo_seconds=st.none() | lengths,
    aot_seconds=st.none() | lengths,
    inductor_seconds=st.none() | lengths,
    code_gen_seconds=st.none() | lengths,
    guards=st.none() | counts,
    recompile_reason=st.none() | texts,
)
compilings = st.builds(
    lambda frames, reason, **fields: Compiling(frames=frames, frames_reason=None if frames else reason, **fields),
    frames=st.lists(frames, max_size=2).map(tuple),
    reason=texts,
    import_seconds=lengths,
    forward_seconds=lengths,
    backward_seconds=st.none() | lengths,
    graphs=counts,
    recompiles=counts,
    kernels=counts,
    cache_hits=counts,
    cache_misses=counts,
    breaks=st.lists(st.builds(GraphBreak, reason=texts, place=st.none() | texts), max_size=2).map(tuple),
)


def compiled(case: st.SearchStrategy[Case]) -> st.SearchStrategy[Compiled]:
    """Return cases that were compiled in a fresh process, or could not be."""
    return st.builds(
        lambda case, replicate, cold, seen, reason: Compiled(
            case=case, replicate=replicate, cold=cold, compiling=seen, reason=None if seen else reason
        ),
        case=case,
        replicate=st.integers(1, 3),
        cold=st.booleans(),
        seen=st.none() | compilings,
        reason=texts,
    )


settings = st.builds(
    Settings,
    launches=st.integers(1, 1000),
    seed=counts,
    quick=st.booleans(),
    case_seconds=positive,
    min_slices=st.integers(1, 1000),
    slice_seconds=positive,
    budget_seconds=st.none() | positive,
    timeout_seconds=positive,
)

finishes = st.builds(
    lambda reason, stopped, **rest: Finish(
        complete=reason is None, stopped=stopped and reason is not None, reason=reason, **rest
    ),
    reason=st.none() | texts,
    stopped=st.booleans(),
    wall_seconds=lengths,
    slice_seconds=lengths,
    warmup_seconds=lengths,
    compile_seconds=lengths,
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Draw a run whose measurements and marks are of planned cases."""
    planned = draw(st.lists(cases, min_size=1, max_size=3, unique=True))
    one_of = st.sampled_from(planned)
    asked = draw(settings)
    some = measurements(one_of, most=asked.launches)
    return Run(
        environment=Environment(facts=draw(st.dictionaries(texts, scalars, max_size=4))),
        settings=asked,
        cases=tuple(planned),
        measurements=tuple(draw(st.lists(some, max_size=4, unique_by=lambda one: (one.launch, one.case)))),
        started=tuple(draw(st.lists(st.tuples(counts, one_of), max_size=3))),
        ceilings=tuple(draw(st.lists(ceilings(), max_size=3))),
        profiles=tuple(draw(st.lists(profiled(one_of), max_size=2, unique_by=lambda one: one.case))),
        compiled=tuple(
            draw(st.lists(compiled(one_of), max_size=2, unique_by=lambda one: (one.case, one.replicate, one.cold)))
        ),
        layers=tuple(draw(st.lists(layered(one_of), max_size=2, unique_by=lambda one: (one.case, one.replicate)))),
        finish=draw(st.none() | finishes),
    )
