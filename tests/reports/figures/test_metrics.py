"""Each figure is what it says, and what is absent stays absent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.record.case import Case
from bench.record.run import Outcome, Run
from reports.figures.evidence import CLOCK_COSTS, QUICK, examine
from reports.figures.metrics import METRICS, Direction
from reports.show.units import Unit
from reports.stats.intervals import Summary
from tests.makers.contenders import run_on
from tests.makers.runs import DEFAULT_MATRIX, TWO, hole, made_run, matrix, measured, realistic_run, slices, steady_run

FLOAT, BFLOAT = TWO


def figure(run: Run, case: Case, name: str) -> Summary:
    """Return a metric of a case, which must be there."""
    found = METRICS[name].derive(examine(run)[case])
    assert found is not None
    return found


def steady() -> Run:
    """Return a run in which float32 takes 8 ms and bfloat16 2 ms, in every slice."""
    return steady_run(lambda case, _: [0.008 if case is FLOAT else 0.002] * 3)


@pytest.mark.parametrize(
    ("name", "float_value", "bfloat_value"),
    [
        ("seconds", 0.008, 0.002),
        ("images_per_second", 8000.0, 32000.0),
        ("flops", 1e6, 1e6),
        ("flops_per_second", 1.25e8, 5e8),
        ("share_of_best", 0.25, 1.0),
        ("first_call_seconds", 0.01, 0.01),
        ("yardstick_seconds", 18e-6, 18e-6),
        ("yardstick_spread", 0.0, 0.0),
        ("yardstick_launch_spread", 0.0, 0.0),
        ("clock_share", 1e-9 / 0.08, 1e-9 / 0.02),
    ],
)
def test_figure_follows_from_the_slices(name: str, float_value: float, bfloat_value: float) -> None:
    """Seconds are per iteration already: batch 64 in 8 ms is 8000 images per second, whatever the iterations."""
    assert figure(steady(), FLOAT, name).centre == pytest.approx(float_value)
    assert figure(steady(), BFLOAT, name).centre == pytest.approx(bfloat_value)


@pytest.mark.parametrize(
    ("ending", "unit"),
    [
        ("seconds", Unit.SECONDS),
        ("bytes", Unit.BYTES),
        ("images_per_second", Unit.IMAGES_PER_SECOND),
        ("flops_per_second", Unit.FLOPS_PER_SECOND),
        ("flops", Unit.FLOPS),
    ],
)
def test_name_of_a_metric_tells_its_unit(ending: str, unit: Unit) -> None:
    """Whoever reads the CSV has the name only."""
    units = {metric.unit for name, metric in METRICS.items() if name == ending or name.endswith(f"_{ending}")}
    assert units == {unit}


def test_direction_of_a_metric_is_where_the_faster_run_lies() -> None:
    """A reader of two runs must not take the worse for the better."""
    slow, fast = (run_on("cpu", lambda case, factor=factor: factor * case.batch) for factor in (4e-6, 2e-6))
    moved = {}
    for name, metric in METRICS.items():
        before, after = (metric.derive(examine(run)[run.cases[0]]) for run in (slow, fast))
        if metric.interval and before and after:
            moved[name] = Direction.HIGHER if after.centre > before.centre else Direction.LOWER
    assert moved == {
        "seconds": METRICS["seconds"].direction,
        "images_per_second": METRICS["images_per_second"].direction,
        "latency_seconds": METRICS["latency_seconds"].direction,
        "flops_per_second": METRICS["flops_per_second"].direction,
        "share_of_attainable": METRICS["share_of_attainable"].direction,
    }


def test_exact_metrics_repeat_to_the_last_digit_in_a_noisy_run() -> None:
    """What is exact may be compared by equality, what is not may not."""
    case = DEFAULT_MATRIX[0]
    noisy = [examine(realistic_run(seed=seed))[case] for seed in (1, 2)]
    for metric in METRICS.values():
        first, second = (metric.derive(seen) for seen in noisy)
        if first and second and metric.exact:
            assert first.centre == second.centre
        elif first and second and metric.interval:
            assert first.centre != second.centre


def test_seconds_are_the_median_over_launches_of_the_median_over_slices() -> None:
    """Pooling the slices would let a launch with many of them rule."""
    run = steady_run(lambda _, launch: [1.0, 9.0, 1.0] if launch < 3 else [5.0], launches=3)
    assert figure(run, FLOAT, "seconds").centre == 1.0


def test_cold_compile_is_the_pilots_and_warm_that_of_later_launches() -> None:
    """The two differ by a factor of ten: one must not pass for the other."""
    (case,) = matrix(dtypes=("float32",), compiles=("on",))
    timed = slices([0.001])
    run = made_run(
        [case],
        [
            measured(case, 0, None, warm=False, compile_seconds=30.0),
            measured(case, 1, timed, warm=True, compile_seconds=0.2),
            measured(case, 2, timed, warm=True, compile_seconds=0.4),
        ],
    )
    assert figure(run, case, "compile_cold_seconds") == Summary(centre=30.0, n=1)
    assert figure(run, case, "compile_warm_seconds").centre == pytest.approx(0.3)
    assert figure(run, case, "first_call_seconds").centre == pytest.approx(0.31)


def test_warm_pilot_is_no_cold_compile() -> None:
    """A cache left by an earlier run makes the cold figure absent, not small."""
    (case,) = matrix(dtypes=("float32",), compiles=("on",))
    pilot = measured(case, 0, None, warm=True, compile_seconds=0.2)
    run = made_run([case], [pilot, measured(case, 1, slices([0.001]), warm=True, compile_seconds=0.2)])
    assert METRICS["compile_cold_seconds"].derive(examine(run)[case]) is None


def test_backward_reads_the_clock_in_every_iteration() -> None:
    """Its slice is a sum of separately clocked iterations, so longer slices do not thin the clock's cost."""
    (case,) = matrix(steps=("backward",), dtypes=("float32",))
    run = made_run([case], [measured(case, 1, slices([1e-4], iterations=100, clock_seconds=1e-5))])
    assert figure(run, case, "clock_share").centre == pytest.approx(0.1)
    assert CLOCK_COSTS in examine(run)[case].warnings


def test_yardstick_spread_tells_within_from_between_launches() -> None:
    """A restless machine and one that changed its state between launches need different advice."""
    run = made_run(
        [FLOAT],
        [
            measured(FLOAT, launch, slices([0.001] * 4, yardstick=[launch, launch, launch * 3.0, launch * 3.0]))
            for launch in (1, 2)
        ],
    )
    assert figure(run, FLOAT, "yardstick_seconds").centre == 3.0
    assert figure(run, FLOAT, "yardstick_launch_spread").centre == pytest.approx(1 / 3)
    assert figure(run, FLOAT, "yardstick_spread").centre > 0.5


def test_case_that_went_wrong_once_has_no_figures() -> None:
    """A fast wrong answer has no time, though seven launches were right."""
    run = steady()
    wrong = hole(FLOAT, 9, Outcome.WRONG_RESULT, "logits differ")
    broken = replace(run, settings=replace(run.settings, launches=9), measurements=(*run.measurements, wrong))
    seen = examine(broken)[FLOAT]
    assert seen.outcome is Outcome.WRONG_RESULT
    assert all(metric.derive(seen) is None for metric in METRICS.values())
    assert seen.warnings == ()
    assert figure(broken, BFLOAT, "share_of_best").centre == 1.0


def test_quick_run_has_no_figures_and_says_so() -> None:
    """Not even those that its preparation would give."""
    run = made_run(TWO, [measured(FLOAT, 1, slices([0.001]))], quick=True)
    seen = examine(run)[FLOAT]
    assert seen.outcome is Outcome.MEASURED
    assert all(metric.derive(seen) is None for metric in METRICS.values())
    assert seen.warnings == (QUICK,)


def test_operations_that_are_not_counted_have_no_rate_and_a_warning() -> None:
    """The launches after the first do not ask, and say nothing."""
    reasons = {1: "no formula counts the operations of aten::gru"}
    made = [
        measured(FLOAT, launch, slices([0.001]), flops=None, flops_reason=reasons.get(launch)) for launch in range(1, 9)
    ]
    seen = examine(made_run([FLOAT], made))[FLOAT]
    assert all(METRICS[name].derive(seen) is None for name in ("flops", "flops_per_second", "intensity"))
    assert seen.flops_reason == reasons[1]
    assert f"no FLOP rate: {reasons[1]}" in seen.warnings


def test_measured_case_without_a_kept_slice_has_no_time() -> None:
    """Absent, and the warning says where it went."""
    first = measured(FLOAT, 1, slices([0.001], stolen=[1.0]), flops=None)
    seen = examine(made_run(TWO, [first, measured(BFLOAT, 1, slices([0.001, 0.001]))]))[FLOAT]
    assert seen.seconds is None
    for name in ("seconds", "images_per_second", "flops", "flops_per_second", "share_of_best", "yardstick_spread"):
        assert METRICS[name].derive(seen) is None
    assert any("dropped" in warning for warning in seen.warnings)


def test_what_a_reader_must_know_is_a_warning() -> None:
    """Unsettled warm-up, missing launches, notes of the worker and separately clocked steps."""
    (case,) = matrix(steps=("backward",), devices=("cuda:1",), dtypes=("float32",))
    some = [
        replace(
            measured(case, launch, slices([0.001]), settled=launch > 2), notes=("odd",) if launch == 1 else ("all",)
        )
        for launch in range(1, 7)
    ]
    assert examine(made_run([case], some))[case].warnings == (
        "measured in 6 of the 8 launches asked for",
        "warm-up did not settle in some launches: the figure may include it",
        "backward is clocked one by one on an accelerator: its rates are those of latency, no pipeline",
        "odd (in some launches)",
        "all (in some launches)",
    )


def test_note_of_every_launch_is_said_once() -> None:
    """It is a property of the case then."""
    run = made_run([FLOAT], [replace(measured(FLOAT, 1, slices([0.001])), notes=("always", "always"))], launches=1)
    assert examine(run)[FLOAT].warnings[-1] == "always"


def on_card(*, events: float | None = None, latency: float | None = None) -> tuple[Run, Case]:
    """Return a run of one forward on a card, slices of a millisecond."""
    (case,) = matrix(devices=("cuda",), dtypes=("float32",))
    timed = slices(
        [1e-3] * 3,
        events=None if events is None else [events] * 3,
        latency=None if latency is None else [latency] * 3,
        clock_seconds=5e-6,
    )
    return made_run([case], [measured(case, launch, timed, peak_bytes=4096) for launch in range(1, 9)]), case


def test_latency_is_of_single_iterations_where_slices_are_queued() -> None:
    """With its interval over launches; elsewhere it is the time itself."""
    run, case = on_card(latency=1.5e-3)
    assert figure(run, case, "latency_seconds").centre == 1.5e-3
    assert figure(run, case, "latency_seconds").low == 1.5e-3
    assert figure(run, case, "seconds").centre == 1e-3
    run, case = on_card()
    assert figure(run, case, "latency_seconds") == figure(run, case, "seconds")


def test_share_of_the_copies_is_of_the_time() -> None:
    """The pilot alone times the copies, and a step that copies nothing has no share."""
    (case,) = matrix(steps=("predict",), devices=("cuda",), dtypes=("float32",))
    timed = [measured(case, launch, slices([1e-3] * 3)) for launch in range(1, 9)]
    run = made_run([case], [measured(case, 0, None, copy_seconds=2.5e-4), *timed])
    assert figure(run, case, "copy_share").centre == pytest.approx(0.25)
    assert METRICS["copy_share"].derive(examine(made_run([case], timed))[case]) is None


@pytest.mark.parametrize(("events", "doubted"), [(0.97e-3, False), (0.5e-3, True), (1.2e-3, True)])
def test_events_that_disagree_are_a_warning(events: float, *, doubted: bool) -> None:
    """Both time the same slice: further apart than 5 %, one of them is wrong."""
    run, case = on_card(events=events)
    assert figure(run, case, "event_share").centre == pytest.approx(events / 1e-3)
    assert any("device events read" in warning for warning in examine(run)[case].warnings) is doubted


def test_memory_and_waiting_are_told() -> None:
    """As they were observed."""
    run, case = on_card()
    assert figure(run, case, "peak_bytes").centre == 4096
    assert figure(run, case, "clock_seconds").centre == 5e-6
    assert METRICS["event_share"].derive(examine(run)[case]) is None
